/* cg.c: conjugate gradients on H_δ, plain or preconditioned by M; ends at negative curvature
 * (MATH §4). */
#include <assert.h>
#include <math.h>

#include "engine/core/vector.h"
#include "engine/solver/kinds.h"
#include "engine/solver/power.h"
#include "engine/solver/system.h"

enum { R, P, HP, INVERSE };

static const double smallest_target = 1e-14; /* of ‖v‖: below it the recurrence is rounding alone */

/* A solve in progress; the vectors are the solver's own. */
struct cg {
    const struct iml_solver *solver;
    struct iml_system system;
    struct iml_inverse inverse; /* M⁻¹ */
    iml_real *r, *p, *hp, *q;
    double v_squared, r_squared; /* ‖v‖², ‖r‖² */
    double rz;                   /* rᵀM⁻¹r */
};

static bool is_preconditioned(const struct iml_solver *self)
{
    return self->options.precondition == IML_PRECONDITION_L2;
}

static void cg_layout(struct iml_solver *self, struct iml_arena *arena)
{
    const int vectors = is_preconditioned(self) ? INVERSE + 1 : HP + 1;
    for (int i = 0; i < vectors; i++)
        self->vectors[i] = iml_arena_take(arena, self->size, sizeof *self->vectors[i]);
    self->basis = iml_basis_take(self, arena, iml_basis_rows(self));
    if (is_preconditioned(self)) iml_power_layout(self, arena);
}

/* Keeps residual k with rᵀM⁻¹r = 1, before the step changes it. */
static void keep_residual(const struct cg *cg, size_t k)
{
    const size_t n = cg->solver->size;
    if (k >= iml_basis_rows(cg->solver)) return;
    iml_scaled_copy(n, 1 / sqrt(cg->rz), cg->r, cg->solver->basis + k * n);
}

/* Makes r orthogonal in M⁻¹ to all residuals up to k, as it is without rounding; twice is enough.
 */
static void reorthogonalize(const struct cg *cg, size_t k)
{
    const size_t n = cg->solver->size, kept = iml_basis_rows(cg->solver);
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i <= k && i < kept; i++) {
            const iml_real *r_i = cg->solver->basis + i * n;
            iml_axpy(n, -iml_inverse_dot(&cg->inverse, r_i, cg->r), r_i, cg->r);
        }
    }
}

/* No minimum along p: q stays; from q = 0 it becomes p‖v‖/‖Hp‖, or p where Hp = 0. */
static void end_at_negative_curvature(struct cg *cg, bool is_first)
{
    const size_t n = cg->solver->size;
    cg->system.report->end = IML_END_NEGATIVE_CURVATURE;
    if (!is_first) return;
    const double hp_squared = iml_norm_squared(n, cg->hp);
    const double c = hp_squared > 0 ? sqrt(cg->v_squared / hp_squared) : 1;
    iml_axpy(n, c, cg->p, cg->q);
    iml_axpy(n, -c, cg->hp, cg->r); /* r is v here */
    cg->r_squared = iml_norm_squared(n, cg->r);
}

/* q and r one step along p; p, r, rz for the next one. false: the solve is at its end. */
static bool step(struct cg *cg, unsigned k)
{
    const size_t n = cg->solver->size;
    struct iml_report *report = cg->system.report;
    if (!iml_system_apply(&cg->system, cg->p, cg->hp)) return false;
    const double php = iml_dot(n, cg->p, cg->hp);
    const double alpha = cg->rz / php;
    if (!isfinite(php) || (php > 0 && !isfinite(alpha))) {
        report->end = IML_END_NOT_FINITE;
        return false;
    }
    report->smallest_curvature = fmin(report->smallest_curvature,
                                      php / iml_norm_squared(n, cg->p)); /* fmin passes NaN over */
    if (php <= 0) {
        end_at_negative_curvature(cg, k == 0);
        return false;
    }
    keep_residual(cg, k);
    iml_axpy(n, alpha, cg->p, cg->q);
    iml_axpy(n, -alpha, cg->hp, cg->r);
    reorthogonalize(cg, k);
    cg->r_squared = iml_norm_squared(n, cg->r);
    const double target = fmax(cg->solver->options.target_residual, smallest_target);
    if (cg->r_squared <= target * target * cg->v_squared) { /* also r = 0, where p would become 0 */
        report->end = IML_END_TARGET;
        return false;
    }
    /* the direction from the new residual; with the old one more steps make q worse (the mistake of
     * two public libraries) */
    const double rz_next = cg->inverse.vector ? iml_inverse_dot(&cg->inverse, cg->r, cg->r)
                                              : cg->inverse.scalar * cg->r_squared;
    if (!isfinite(rz_next)) {
        report->end = IML_END_NOT_FINITE;
        return false;
    }
    iml_inverse_xpby(&cg->inverse, cg->r, rz_next / cg->rz, cg->p);
    cg->rz = rz_next;
    return true;
}

/* M⁻¹; the identity without preconditioner. false: its norm could not be estimated. */
static bool find_inverse(struct iml_solver *self, struct cg *cg)
{
    cg->inverse = (struct iml_inverse){.scalar = 1, .size = self->size};
    if (!is_preconditioned(self)) return true;
    double alpha = 0;
    if (!iml_step_size(self, &cg->system, IML_PART_DATA, cg->hp, &alpha)) return false;
    cg->inverse = iml_system_precondition(&cg->system, alpha, self->vectors[INVERSE]);
    return true;
}

static void cg_solve(struct iml_solver *self, const struct iml_curvature *curvature,
                     const iml_real *v, iml_real *q, struct iml_report *report)
{
    const size_t n = self->size;
    struct cg cg = {.solver = self,
                    .system = {curvature, self->options.damping, report},
                    .r = self->vectors[R],
                    .p = self->vectors[P],
                    .hp = self->vectors[HP],
                    .q = q};
    if (!find_inverse(self, &cg)) return;

    const double scale = iml_scale_of_norm(self->v_norm);
    iml_scaled_copy(n, scale, v, cg.r);
    iml_inverse_apply(&cg.inverse, cg.r, cg.p);
    cg.rz = iml_inverse_dot(&cg.inverse, cg.r, cg.r);
    cg.v_squared = cg.r_squared = iml_norm_squared(n, cg.r);
    for (unsigned k = 0; k < self->options.terms; k++) {
        if (!step(&cg, k)) break;
    }
    report->residual = sqrt(cg.r_squared / cg.v_squared);
    report->residual_kind = IML_RESIDUAL_EXACT;
    iml_scale(n, 1 / scale, q);
}

const struct iml_solver_kind iml_cg = {
    .name = "cg",
    .layout = cg_layout,
    .solve = cg_solve,
};
