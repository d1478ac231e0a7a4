/* neumann.c: K + 1 summands of the Neumann series, with α fixed or estimated, or preconditioned by
 * M (MATH §4). */
#include <math.h>
#include <string.h>

#include "engine/core/chunks.h"
#include "engine/core/vector.h"
#include "engine/solver/kinds.h"
#include "engine/solver/power.h"
#include "engine/solver/system.h"

enum { P, HP, INVERSE };

enum { BLOCK = 2048 }; /* elements: three vectors of them fit in L1 */

static bool is_preconditioned(const struct iml_solver *self)
{
    return self->options.precondition == IML_PRECONDITION_L2;
}

static void neumann_layout(struct iml_solver *self, struct iml_arena *arena)
{
    const int vectors = is_preconditioned(self) ? INVERSE + 1 : HP + 1;
    for (int i = 0; i < vectors; i++)
        self->vectors[i] = iml_arena_take(arena, self->size, sizeof *self->vectors[i]);
    iml_power_layout(self, arena);
}

/* A solve in progress. p is the summand of M⁻¹v at hand, and enters q one product later than it is
 * made: while its part is in cache anyway, and only once it is known to be finite. */
struct series {
    const struct iml_solver *solver;
    struct iml_system system;
    struct iml_inverse inverse; /* M⁻¹; without preconditioner αI */
    const iml_real *v;
    iml_real *p, *hp, *q;
    double scale;    /* of v: iml_scale_of */
    double result;   /* factor of q at the end */
    bool is_started; /* q holds the summands before p, not p itself */
};

/* p = q = M⁻¹(sv) */
static double start_chunk(void *context, size_t first, size_t count)
{
    const struct series *s = context;
    const struct iml_inverse inverse = iml_inverse_part(&s->inverse, first, count);
    iml_real *p = s->p + first, *hp = s->hp + first;
    iml_scaled_copy(count, s->scale, s->v + first, hp);
    iml_inverse_apply(&inverse, hp, p);
    memcpy(s->q + first, p, count * sizeof *p);
    return 0;
}

/* q ← q + p, p ← p − M⁻¹Hp on a few elements; ‖Mp‖² of them. */
static double take_block(const struct series *s, size_t first, size_t count, iml_real *hp)
{
    const struct iml_inverse inverse = iml_inverse_part(&s->inverse, first, count);
    iml_real *p = s->p + first;
    if (s->is_started) iml_axpy(count, 1, p, s->q + first);
    if (s->system.damping != 0) iml_axpy(count, s->system.damping, p, hp);
    iml_inverse_subtract(&inverse, hp, p);
    return iml_inverse_norm_squared(&inverse, p);
}

/* A part of Hp: in blocks, so that what one operation reads the one before has left in L1. */
static double take_part(void *context, size_t first, size_t count, iml_real *hp)
{
    double sum = 0;
    for (size_t i = 0; i < count; i += BLOCK)
        sum += take_block(context, first + i, count - i < BLOCK ? count - i : BLOCK, hp + i);
    return sum;
}

/* q ← c(q + p) */
static double finish_chunk(void *context, size_t first, size_t count)
{
    const struct series *s = context;
    if (s->is_started) iml_axpy(count, 1, s->p + first, s->q + first);
    iml_scale(count, s->result, s->q + first);
    return 0;
}

/* p runs through (I − M⁻¹H)ᵏ M⁻¹v, k = 1 … K. false: the solve ended early, p is not a summand. */
static bool sum_terms(struct series *s, double v_norm)
{
    struct iml_report *report = s->system.report;
    const struct iml_consumer consumer = {take_part, s};
    for (unsigned k = 0; k < s->solver->options.terms; k++) {
        double mp_squared = 0;
        s->is_started = k > 0;
        if (!iml_system_consume(&s->system, s->p, s->hp, &consumer, &mp_squared)) return false;
        const double residual = sqrt(mp_squared) / v_norm;
        if (!isfinite(residual)) { /* |1 − αμ| > 1 for too long, or H is not finite */
            report->end = IML_END_NOT_FINITE;
            return false;
        }
        report->residual = residual; /* v − Hq_{k−1} = Mp_k, and q is about to become q_k */
    }
    return true;
}

/* q = Σ_{k=0..K} (I − M⁻¹H)ᵏ M⁻¹v. Without preconditioner M⁻¹ is αI: α Σ (I − αH)ᵏ v. */
static void neumann_solve(struct iml_solver *self, const struct iml_curvature *curvature,
                          const iml_real *v, iml_real *q, struct iml_report *report)
{
    const size_t n = self->size;
    struct series s = {.solver = self,
                       .system = {curvature, self->options.damping, report},
                       .v = v,
                       .p = self->vectors[P],
                       .hp = self->vectors[HP]};
    s.q = q;
    const enum iml_part part = is_preconditioned(self) ? IML_PART_DATA : IML_PART_WHOLE;
    double alpha = 0;
    if (!iml_step_size(self, &s.system, part, s.hp, &alpha)) return;
    s.inverse = is_preconditioned(self)
                    ? iml_system_precondition(&s.system, alpha, self->vectors[INVERSE])
                    : (struct iml_inverse){.scalar = alpha, .size = n};

    const double v_norm = sqrt(iml_norm_squared_in_chunks(curvature->team, n, v));
    s.scale = iml_scale_of_norm(v_norm);
    (void)iml_in_chunks(curvature->team, n, start_chunk, &s);
    report->residual = 1; /* of the sum without a term, q = 0 */
    report->residual_kind = IML_RESIDUAL_PREVIOUS;
    s.is_started = sum_terms(&s, s.scale * v_norm) && self->options.terms > 0;
    const bool is_unscaled = self->options.is_unscaled && !is_preconditioned(self);
    s.result = is_unscaled ? 1 / (s.scale * alpha) : 1 / s.scale;
    (void)iml_in_chunks(curvature->team, n, finish_chunk, &s);
}

const struct iml_solver_kind iml_neumann = {
    .name = "neumann",
    .layout = neumann_layout,
    .solve = neumann_solve,
};
