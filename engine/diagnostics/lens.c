/* lens.c: one Lanczos decomposition from v gives the residual curves of neumann, cg and minres
 * without another product (MATH §5.1).
 *
 * In the basis V of the Krylov space v is e₁ and H is T, with β_m leading to the vector after the
 * last: an iterate of degree k < m is what the same recurrence gives on T. */
#include <assert.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "engine/core/vector.h"
#include "engine/diagnostics/lanczos.h"

const char *iml_lens_solver_name(enum iml_lens_solver solver)
{
    static const char *const names[IML_LENS_SOLVERS] = {
        [IML_LENS_NEUMANN] = "neumann", [IML_LENS_CG] = "cg", [IML_LENS_MINRES] = "minres"};
    assert(solver < IML_LENS_SOLVERS);
    return names[solver];
}

void iml_lens_layout(struct iml_lens *self, unsigned steps, double damping, size_t size,
                     struct iml_arena *arena)
{
    const size_t before = arena->plan.total_bytes;
    assert(steps >= 2 && damping >= 0);
    *self = (struct iml_lens){.damping = damping};
    iml_lanczos_layout(&self->lanczos, steps, size, arena);
    self->bytes = arena->plan.total_bytes - before;
}

void iml_lens_look(struct iml_lens *self, const struct iml_curvature *curvature, const iml_real *v)
{
    assert(curvature->size == self->lanczos.size);
    self->v_norm = sqrt(iml_norm_squared(self->lanczos.size, v));
    assert(self->v_norm > 0 && isfinite(self->v_norm));
    iml_lanczos_run(&self->lanczos, curvature, self->damping, v);
}

size_t iml_lens_known(const struct iml_lens *self, enum iml_lens_solver solver)
{
    if (self->lanczos.is_complete) return SIZE_MAX;
    return (size_t)self->lanczos.reached + (solver != IML_LENS_NEUMANN);
}

/* p ← p − αTp on m + 1 places: of the vector after the last only the β that leads to it is known.
 */
static void neumann_step(const struct iml_lanczos *t, double step_size, double *p)
{
    const size_t m = t->reached;
    double before = 0; /* p of the place before, as it was */
    for (size_t i = 0; i <= m; i++) {
        const double own = p[i];
        double tp = i < m ? t->alpha[i] * own : 0;
        if (i > 0) tp += t->beta[i - 1] * before;
        if (i + 1 < m) tp += t->beta[i] * p[i + 1];
        p[i] = own - step_size * tp;
        before = own;
    }
}

/* ‖(I − αT)^{K+1}e₁‖ */
static void neumann_curve(const struct iml_lanczos *t, double step_size, size_t count,
                          double *residuals)
{
    double *p = t->scratch;
    memset(p, 0, ((size_t)t->reached + 1) * sizeof *p);
    p[0] = 1;
    for (size_t k = 0; k < count; k++) {
        double sum = 0;
        neumann_step(t, step_size, p);
        for (size_t i = 0; i <= t->reached; i++) sum += p[i] * p[i];
        residuals[k] = sqrt(sum);
    }
}

/* T = LDLᵀ: the pivots d are the curvatures of cg's directions up to a positive factor, and the
 * residual shrinks by β/d a step. */
static void cg_curve(const struct iml_lanczos *t, size_t count, double *residuals)
{
    double residual = 1, d = 0;
    bool has_ended = false;
    for (size_t k = 0; k < count; k++) {
        residuals[k] = residual;
        if (k >= t->reached || has_ended) continue;
        d = t->alpha[k] - (k > 0 ? t->beta[k - 1] * t->beta[k - 1] / d : 0);
        has_ended = !(d > 0);
        if (!has_ended) {
            residual *= t->beta[k] / d;
            has_ended = residual == 0;
        } else if (k == 0) { /* q = v‖v‖/‖Hv‖, or v where Hv = 0 */
            const double hv = hypot(t->alpha[0], t->beta[0]);
            residual = hv > 0 ? sqrt(2 - 2 * t->alpha[0] / hv) : 1;
        }
    }
}

/* The rotations of minres.c on T. */
static void minres_curve(const struct iml_lanczos *t, size_t count, double *residuals)
{
    double residual = 1, c = -1, s = 0, delta_bar = 0;
    for (size_t k = 0; k < count; k++) {
        residuals[k] = residual;
        if (k >= t->reached) continue;
        const double gamma_bar = s * delta_bar - c * t->alpha[k];
        const double gamma = hypot(gamma_bar, t->beta[k]);
        if (!(gamma > 0)) continue; /* complete, and v not in H's range */
        delta_bar = -c * t->beta[k];
        c = gamma_bar / gamma;
        s = t->beta[k] / gamma;
        residual *= s;
    }
}

void iml_lens_curve(const struct iml_lens *self, enum iml_lens_solver solver, double step_size,
                    size_t count, double *residuals)
{
    const size_t known = iml_lens_known(self, solver), n = known < count ? known : count;
    assert(solver < IML_LENS_SOLVERS);
    if (solver == IML_LENS_NEUMANN) neumann_curve(&self->lanczos, step_size, n, residuals);
    if (solver == IML_LENS_CG) cg_curve(&self->lanczos, n, residuals);
    if (solver == IML_LENS_MINRES) minres_curve(&self->lanczos, n, residuals);
    for (size_t k = n; k < count; k++) residuals[k] = nan("");
}

/* a reached target before none, then fewer products, or else a smaller residual */
static bool is_better(const struct iml_lens_best *a, const struct iml_lens_best *b)
{
    if (a->is_reached != b->is_reached) return a->is_reached;
    return a->is_reached ? a->terms < b->terms : a->residual < b->residual;
}

struct iml_lens_best iml_lens_find_best(const struct iml_lens *self, double step_size,
                                        double target_residual, unsigned max_products)
{
    /* behind the place that neumann_curve works in; m + 1 numbers are known of each curve, and of a
     * complete one no more are looked at */
    double *curve = self->lanczos.scratch + self->lanczos.reached + 1;
    const size_t room = (size_t)self->lanczos.reached + 1, asked = (size_t)max_products + 1;
    struct iml_lens_best best = {.residual = HUGE_VAL};
    for (int solver = 0; solver < IML_LENS_SOLVERS; solver++) {
        iml_lens_curve(self, (enum iml_lens_solver)solver, step_size, room, curve);
        for (size_t k = 0; k < room && k < asked && !isnan(curve[k]); k++) {
            const struct iml_lens_best candidate = {.solver = (enum iml_lens_solver)solver,
                                                    .terms = (unsigned)k,
                                                    .residual = curve[k],
                                                    .is_reached = curve[k] <= target_residual};
            if (is_better(&candidate, &best)) best = candidate;
        }
    }
    return best;
}

struct iml_lens_estimates iml_lens_estimate(const struct iml_lens *self, double step_size)
{
    const struct iml_lanczos *t = &self->lanczos;
    if (t->reached == 0)
        return (struct iml_lens_estimates){nan(""), nan(""), nan(""), nan(""), nan("")};
    struct iml_lens_estimates estimates = {.smallest = t->values[0],
                                           .largest = t->values[t->reached - 1],
                                           .alpha_mu_max = step_size * t->values[t->reached - 1]};
    for (unsigned i = 0; i < t->reached; i++) {
        if (t->values[i] < 0) estimates.negative_share += t->firsts[i];
        estimates.v_inverse_v += self->v_norm * self->v_norm * t->firsts[i] / t->values[i];
    }
    return estimates;
}
