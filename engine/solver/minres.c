/* minres.c: the minimizer of ‖v − H_δq‖ over span{v, …, H^{K−1}v} by the recurrences of Paige and
 * Saunders 1975; H may be indefinite, the residual never grows (MATH §4). */
#include <float.h>
#include <math.h>

#include "engine/core/clones.h"
#include "engine/core/vector.h"
#include "engine/solver/kinds.h"
#include "engine/solver/system.h"

enum { V_BEFORE, V, W, D_BEFORE, D, VECTORS };

static const double smallest_target = 1e-14; /* of ‖v‖: below it the recurrence is rounding alone */

#ifdef IML_REAL_DOUBLE
static const double rounding = DBL_EPSILON;
#else
static const double rounding = (double)FLT_EPSILON;
#endif

/* A solve in progress. T = VᵀH_δV is tridiagonal with diagonal α and off-diagonal β; Givens
 * rotations (c, s) turn it into R with diagonal γ, above it δ, above that ε. */
struct minres {
    const struct iml_solver *solver;
    struct iml_system system;
    iml_real *v_before, *v, *w; /* Lanczos vectors k − 1, k, and k + 1 in the making */
    iml_real *d_before, *d;     /* columns k − 2 and k − 1 of VR⁻¹ */
    iml_real *q;
    double beta; /* of the step before; 0 at first */
    double c, s, delta_bar, epsilon;
    double phi_bar; /* the residual's norm, for ‖v‖ = 1 */
    double t_norm;  /* ‖T‖ so far, within a factor of √3 */
};

static void minres_layout(struct iml_solver *self, struct iml_arena *arena)
{
    for (int i = 0; i < VECTORS; i++)
        self->vectors[i] = iml_arena_take(arena, self->size, sizeof *self->vectors[i]);
    self->basis = iml_basis_take(self, arena, iml_basis_rows(self));
}

/* Makes w orthogonal to all Lanczos vectors so far, as it is without rounding; twice is enough. */
static void reorthogonalize(const struct minres *m, unsigned k)
{
    const size_t n = m->solver->size, rows = iml_basis_rows(m->solver);
    if (k < rows) iml_scaled_copy(n, 1, m->v, m->solver->basis + k * n);
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i <= k && i < rows; i++) {
            const iml_real *v_i = m->solver->basis + i * n;
            iml_axpy(n, -iml_dot(n, v_i, m->w), v_i, m->w);
        }
    }
}

/* w = Hv − αv − βv_before, of norm *beta. false: the report's end says why. */
static bool lanczos_step(struct minres *m, unsigned k, double *alpha, double *beta)
{
    const size_t n = m->solver->size;
    struct iml_report *report = m->system.report;
    if (!iml_system_apply(&m->system, m->v, m->w)) return false;
    iml_axpy(n, -m->beta, m->v_before, m->w); /* 0 at first */
    *alpha = iml_dot(n, m->v, m->w);
    iml_axpy(n, -*alpha, m->v, m->w);
    reorthogonalize(m, k);
    *beta = sqrt(iml_norm_squared(n, m->w));
    if (!isfinite(*alpha) || !isfinite(*beta)) {
        report->end = IML_END_NOT_FINITE;
        return false;
    }
    report->smallest_curvature =
        fmin(report->smallest_curvature, *alpha); /* fmin passes NaN over */
    m->t_norm = fmax(m->t_norm, fabs(*alpha) + *beta + m->beta);
    return true;
}

/* The scalars of a column of VR⁻¹. */
struct column {
    double delta, epsilon, gamma;
};

IML_CLONES static void make_column(size_t n, const struct column *column, const iml_real *v,
                                   const iml_real *d, iml_real *next)
{
    const struct column k = *column;
    for (size_t j = 0; j < n; j++) {
        const double rest = (double)v[j] - k.epsilon * (double)next[j] - k.delta * (double)d[j];
        next[j] = (iml_real)(rest / k.gamma);
    }
}

/* d ← (v − εd_before − δd)/γ, the next column; d_before ← d. */
static void next_direction(struct minres *m, const struct column *column)
{
    iml_real *next = m->d_before;
    make_column(m->solver->size, column, m->v, m->d, next);
    m->d_before = m->d;
    m->d = next;
}

/* ‖H_δd‖ = 1, so 1/‖d‖ is curvature met. Below ‖H‖ε^⅔ it is rounding: v is not in H's range and the
 * least residual is reached, but further steps would follow the null space (measured at 40 × 40
 * with four zeros, 80 steps: ‖v − Hq‖ = 6e13 where 0.19 was reported; with this end 0.288 in both).
 */
static bool is_above_rounding(const struct minres *m)
{
    const double d_norm = sqrt(iml_norm_squared(m->solver->size, m->d));
    return d_norm * m->t_norm <= pow(rounding, -2.0 / 3);
}

/* v_before ← v, v ← w/β. */
static void next_vector(struct minres *m, double beta)
{
    iml_real *spare = m->v_before;
    m->v_before = m->v;
    m->v = m->w;
    m->w = spare;
    iml_scale(m->solver->size, 1 / beta, m->v);
    m->beta = beta;
}

/* One product, one dimension more. false: the solve is at its end. */
static bool step(struct minres *m, unsigned k)
{
    double alpha = 0, beta = 0;
    if (!lanczos_step(m, k, &alpha, &beta)) return false;
    const double delta = m->c * m->delta_bar + m->s * alpha;
    const double gamma_bar = m->s * m->delta_bar - m->c * alpha;
    const double epsilon = m->epsilon;
    const double gamma = hypot(gamma_bar, beta);
    if (!(gamma > 0)) return false;
    m->epsilon = m->s * beta;
    m->delta_bar = -m->c * beta;
    m->c = gamma_bar / gamma;
    m->s = beta / gamma;
    next_direction(m, &(struct column){.delta = delta, .epsilon = epsilon, .gamma = gamma});
    if (!is_above_rounding(m)) return false;
    iml_axpy(m->solver->size, m->c * m->phi_bar, m->d, m->q);
    m->phi_bar *= m->s;
    if (m->phi_bar <= fmax(m->solver->options.target_residual, smallest_target)) {
        m->system.report->end = IML_END_TARGET; /* also β = 0, where no further vector exists */
        return false;
    }
    next_vector(m, beta);
    return true;
}

static void minres_solve(struct iml_solver *self, const struct iml_curvature *curvature,
                         const iml_real *v, iml_real *q, struct iml_report *report)
{
    const size_t n = self->size;
    struct minres m = {.solver = self,
                       .system = {curvature, self->options.damping, report},
                       .v_before = self->vectors[V_BEFORE],
                       .v = self->vectors[V],
                       .w = self->vectors[W],
                       .d_before = self->vectors[D_BEFORE],
                       .d = self->vectors[D],
                       .q = q,
                       .c = -1,
                       .phi_bar = 1};
    const double scale = iml_scale_of_norm(self->v_norm);
    iml_scaled_copy(n, scale, v, m.v);
    const double v_norm = sqrt(iml_norm_squared(n, m.v));
    iml_scale(n, 1 / v_norm, m.v);
    iml_scaled_copy(n, 0, m.v, m.v_before);
    iml_scaled_copy(n, 0, m.v, m.d_before);
    iml_scaled_copy(n, 0, m.v, m.d);
    for (unsigned k = 0; k < self->options.terms; k++) {
        if (!step(&m, k)) break;
    }
    report->residual = m.phi_bar;
    report->residual_kind = IML_RESIDUAL_EXACT;
    iml_scale(n, v_norm / scale, q);
}

const struct iml_solver_kind iml_minres = {
    .name = "minres",
    .layout = minres_layout,
    .solve = minres_solve,
};
