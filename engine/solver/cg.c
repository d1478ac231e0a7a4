/* cg.c: conjugate gradients on H_δ, plain or preconditioned by M; ends at negative curvature
 * (MATH §4). */
#include <assert.h>
#include <math.h>

#include "engine/core/chunks.h"
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
    const iml_real *v;
    iml_real *r, *p, *hp, *q;
    double scale;                           /* of v: iml_scale_of_norm */
    double v_squared, r_squared, p_squared; /* ‖sv‖², ‖r‖², ‖p‖² */
    double rz;                              /* rᵀM⁻¹r */
    double alpha, beta;                     /* of the step at hand */
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

/* --- passes over the vectors, in chunks by the team --- */

static double in_chunks(struct cg *cg, iml_chunk *chunk)
{
    return iml_in_chunks(cg->system.curvature->team, cg->solver->size, chunk, cg);
}

/* r = sv, p = M⁻¹r; ‖r‖² */
static double start_chunk(void *context, size_t first, size_t count)
{
    const struct cg *cg = context;
    const struct iml_inverse inverse = iml_inverse_part(&cg->inverse, first, count);
    iml_scaled_copy(count, cg->scale, cg->v + first, cg->r + first);
    iml_inverse_apply(&inverse, cg->r + first, cg->p + first);
    return iml_norm_squared(count, cg->r + first);
}

/* q ← q + αp, r ← r − αHp; ‖r‖² */
static double move_chunk(void *context, size_t first, size_t count)
{
    const struct cg *cg = context;
    iml_axpy(count, cg->alpha, cg->p + first, cg->q + first);
    iml_axpy(count, -cg->alpha, cg->hp + first, cg->r + first);
    return iml_norm_squared(count, cg->r + first);
}

static double rz_chunk(void *context, size_t first, size_t count)
{
    const struct cg *cg = context;
    const struct iml_inverse inverse = iml_inverse_part(&cg->inverse, first, count);
    return iml_inverse_dot(&inverse, cg->r + first, cg->r + first);
}

/* p ← M⁻¹r + βp; ‖p‖² */
static double turn_chunk(void *context, size_t first, size_t count)
{
    const struct cg *cg = context;
    const struct iml_inverse inverse = iml_inverse_part(&cg->inverse, first, count);
    iml_inverse_xpby(&inverse, cg->r + first, cg->beta, cg->p + first);
    return iml_norm_squared(count, cg->p + first);
}

static double finish_chunk(void *context, size_t first, size_t count)
{
    const struct cg *cg = context;
    iml_scale(count, 1 / cg->scale, cg->q + first);
    return 0;
}

/* rᵀM⁻¹r, where ‖r‖² is known */
static double find_rz(struct cg *cg)
{
    return cg->inverse.vector ? in_chunks(cg, rz_chunk) : cg->inverse.scalar * cg->r_squared;
}

/* --- one solve --- */

/* Keeps residual k with rᵀM⁻¹r = 1, before the step changes it. */
static void keep_residual(const struct cg *cg, size_t k)
{
    const size_t n = cg->solver->size;
    if (k >= iml_basis_rows(cg->solver)) return;
    iml_scaled_copy(n, 1 / sqrt(cg->rz), cg->r, cg->solver->basis + k * n);
}

/* Makes r orthogonal in M⁻¹ to all residuals up to k, as it is without rounding; twice is enough.
 */
static void reorthogonalize(struct cg *cg, size_t k)
{
    const size_t n = cg->solver->size, kept = iml_basis_rows(cg->solver);
    if (kept == 0) return;
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i <= k && i < kept; i++) {
            const iml_real *r_i = cg->solver->basis + i * n;
            iml_axpy(n, -iml_inverse_dot(&cg->inverse, r_i, cg->r), r_i, cg->r);
        }
    }
    cg->r_squared = iml_norm_squared(n, cg->r);
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
    const double php = iml_dot_in_chunks(cg->system.curvature->team, n, cg->p, cg->hp);
    cg->alpha = cg->rz / php;
    if (!isfinite(php) || (php > 0 && !isfinite(cg->alpha))) {
        report->end = IML_END_NOT_FINITE;
        return false;
    }
    report->smallest_curvature =
        fmin(report->smallest_curvature, php / cg->p_squared); /* fmin passes NaN over */
    if (php <= 0) {
        end_at_negative_curvature(cg, k == 0);
        return false;
    }
    keep_residual(cg, k);
    cg->r_squared = in_chunks(cg, move_chunk);
    reorthogonalize(cg, k);
    const double target = fmax(cg->solver->options.target_residual, smallest_target);
    if (cg->r_squared <= target * target * cg->v_squared) { /* also r = 0, where p would become 0 */
        report->end = IML_END_TARGET;
        return false;
    }
    /* the direction from the new residual; with the old one more steps make q worse (the mistake of
     * two public libraries) */
    const double rz_next = find_rz(cg);
    if (!isfinite(rz_next)) {
        report->end = IML_END_NOT_FINITE;
        return false;
    }
    cg->beta = rz_next / cg->rz;
    cg->p_squared = in_chunks(cg, turn_chunk);
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
    struct cg cg = {.solver = self,
                    .system = {curvature, self->options.damping, report},
                    .scale = iml_scale_of_norm(self->v_norm),
                    .v = v,
                    .r = self->vectors[R],
                    .p = self->vectors[P],
                    .hp = self->vectors[HP]};
    cg.q = q;
    if (!find_inverse(self, &cg)) return;

    cg.v_squared = cg.r_squared = in_chunks(&cg, start_chunk);
    cg.rz = find_rz(&cg);
    cg.p_squared = iml_norm_squared_in_chunks(curvature->team, self->size, cg.p);
    for (unsigned k = 0; k < self->options.terms; k++) {
        if (!step(&cg, k)) break;
    }
    report->residual = sqrt(cg.r_squared / cg.v_squared);
    report->residual_kind = IML_RESIDUAL_EXACT;
    (void)in_chunks(&cg, finish_chunk);
    if (iml_curvature_is_cancelled(curvature)) report->end = IML_END_CANCELLED; /* also in chunks */
}

const struct iml_solver_kind iml_cg = {
    .name = "cg",
    .layout = cg_layout,
    .solve = cg_solve,
};
