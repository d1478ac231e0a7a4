/* neumann.c: K + 1 summands of the Neumann series, with α fixed or estimated, or preconditioned by
 * M (MATH §4), by Horner's rule: q ← q + M⁻¹(v − Hq), K times. So q is the only vector of the solve
 * (docs/decisions/0108-neumann-by-horner.md). */
#include <math.h>
#include <string.h>

#include "engine/core/chunks.h"
#include "engine/core/vector.h"
#include "engine/solver/kinds.h"
#include "engine/solver/power.h"
#include "engine/solver/system.h"

enum { INVERSE };

enum { BLOCK = 2048 }; /* elements: three vectors of them fit in L1 */

static bool is_preconditioned(const struct iml_solver *self)
{
    return self->options.precondition == IML_PRECONDITION_L2;
}

static void neumann_layout(struct iml_solver *self, struct iml_arena *arena)
{
    if (is_preconditioned(self))
        self->vectors[INVERSE] = iml_arena_take(arena, self->size, sizeof *self->vectors[INVERSE]);
    iml_power_layout(self, arena);
}

/* A solve in progress: q is the sum of the summands so far. */
struct series {
    const struct iml_solver *solver;
    struct iml_system system;
    struct iml_inverse inverse; /* M⁻¹; without preconditioner αI */
    const iml_real *v;
    iml_real *q;
    double scale;  /* of v: iml_scale_of_norm */
    double result; /* factor of q at the end */
    bool is_last;  /* the product at hand is the solve's last: its parts are the end */
};

/* q = M⁻¹(sv), the first summand */
static double start_chunk(void *context, size_t first, size_t count)
{
    const struct series *s = context;
    const struct iml_inverse inverse = iml_inverse_part(&s->inverse, first, count);
    iml_real *q = s->q + first;
    iml_scaled_copy(count, s->scale, s->v + first, q);
    iml_inverse_apply(&inverse, q, q);
    return 0;
}

/* ‖q‖², q ← cq on a few elements: in the last product's parts, or of the first summand. */
static double finish_block(const struct series *s, size_t count, iml_real *q)
{
    const double squared = iml_norm_squared(count, q);
    iml_scale(count, s->result, q);
    return squared;
}

/* r = sv − H_δq in place of Hq, q ← q + M⁻¹r on a few elements; ‖r‖² of them, NaN where q is not
 * finite at the end. */
static double take_block(const struct series *s, size_t first, size_t count, iml_real *hq)
{
    const struct iml_inverse inverse = iml_inverse_part(&s->inverse, first, count);
    iml_real *q = s->q + first;
    if (s->system.damping != 0) iml_axpy(count, s->system.damping, q, hq);
    iml_axmy(count, s->scale, s->v + first, hq);
    iml_inverse_add(&inverse, hq, q);
    const double r_squared = iml_norm_squared(count, hq);
    if (!s->is_last || isfinite(finish_block(s, count, q))) return r_squared;
    return nan("");
}

/* A part of Hq: in blocks, so that what one operation reads the one before has left in L1. */
static double take_part(void *context, size_t first, size_t count, iml_real *hq)
{
    double sum = 0;
    for (size_t i = 0; i < count; i += BLOCK)
        sum += take_block(context, first + i, count - i < BLOCK ? count - i : BLOCK, hq + i);
    return sum;
}

static double finish_chunk(void *context, size_t first, size_t count)
{
    const struct series *s = context;
    return finish_block(s, count, s->q + first);
}

/* Makes K products. false: cancelled, or |1 − αμ| > 1 for too long, or H is not finite. */
static bool sum_terms(struct series *s, double v_norm)
{
    struct iml_report *report = s->system.report;
    const struct iml_consumer consumer = {take_part, s};
    for (unsigned k = 0; k < s->solver->options.terms; k++) {
        double r_squared = 0;
        s->is_last = k + 1 == s->solver->options.terms;
        if (!iml_system_consume(&s->system, s->q, &consumer, &r_squared)) return false;
        const double residual = sqrt(r_squared) / v_norm;
        if (!isfinite(residual)) return false;
        report->residual = residual; /* of the q that the product was taken of */
    }
    return true;
}

/* The first summand alone, which is finite, with what is known of it: a q that has left the range
 * of numbers is lost, since each sum takes the place of the one before. */
static void start_again(struct series *s)
{
    struct iml_team *team = s->system.curvature->team;
    s->system.report->end = IML_END_NOT_FINITE;
    s->system.report->residual = 1;
    (void)iml_in_chunks(team, s->solver->size, start_chunk, s);
    (void)iml_in_chunks(team, s->solver->size, finish_chunk, s);
}

/* q = Σ_{k=0..K} (I − M⁻¹H)ᵏ M⁻¹v. Without preconditioner M⁻¹ is αI: α Σ (I − αH)ᵏ v. */
static void neumann_solve(struct iml_solver *self, const struct iml_curvature *curvature,
                          const iml_real *v, iml_real *q, struct iml_report *report)
{
    const size_t n = self->size;
    struct series s = {
        .solver = self, .system = {curvature, self->options.damping, report}, .v = v};
    s.q = q;
    const enum iml_part part = is_preconditioned(self) ? IML_PART_DATA : IML_PART_WHOLE;
    double alpha = 0;
    if (!iml_step_size(self, &s.system, part, q, &alpha)) {
        memset(q, 0, n * sizeof *q); /* it was the estimate's work vector */
        return;
    }
    s.inverse = is_preconditioned(self)
                    ? iml_system_precondition(&s.system, alpha, self->vectors[INVERSE])
                    : (struct iml_inverse){.scalar = alpha, .size = n};

    const bool is_unscaled = self->options.is_unscaled && !is_preconditioned(self);
    s.scale = iml_scale_of_norm(self->v_norm);
    s.result = is_unscaled ? 1 / (s.scale * alpha) : 1 / s.scale;
    (void)iml_in_chunks(curvature->team, n, start_chunk, &s);
    report->residual = 1; /* of the sum without a term, q = 0 */
    report->residual_kind = IML_RESIDUAL_PREVIOUS;
    const bool is_whole = sum_terms(&s, s.scale * self->v_norm);
    if (self->options.terms == 0) (void)iml_in_chunks(curvature->team, n, finish_chunk, &s);
    if (!is_whole && report->end != IML_END_CANCELLED) start_again(&s);
}

const struct iml_solver_kind iml_neumann = {
    .name = "neumann",
    .layout = neumann_layout,
    .solve = neumann_solve,
};
