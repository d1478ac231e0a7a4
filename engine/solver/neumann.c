/* neumann.c: K + 1 summands of the Neumann series, with α fixed or estimated, or preconditioned by
 * M (MATH §4), by Horner's rule: q ← q + M⁻¹(v − Hq), K times. So q is the only vector of the solve
 * (docs/decisions/0108-neumann-by-horner.md). */
#include <math.h>
#include <string.h>

#include "engine/core/chunks.h"
#include "engine/core/clones.h"
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

/* A few elements of r = sv − H_δq = sv − Aq − (d + δ)∘q, in place of Aq, and q ← q + M⁻¹r. false: q
 * is not finite. One loop, since q, v and d come from the third cache (docs/results/speed.md has
 * what loops of one operation each cost). */
IML_CLONES static bool add_residual(const struct series *s, size_t first, size_t count,
                                    iml_real *restrict r)
{
    const iml_real scale = (iml_real)s->scale, delta = (iml_real)s->system.damping;
    const iml_real alpha = (iml_real)s->inverse.scalar, *m = s->inverse.vector;
    const iml_real *d = s->system.curvature->diagonal, *v = s->v + first;
    iml_real *restrict q = s->q + first;
    if (d) d += first;
    if (m) m += first;
    int lost = 0; /* not a bool, with which gcc takes one element at a time */
    for (size_t j = 0; j < count; j++) {
        r[j] = scale * v[j] - (r[j] + ((d ? d[j] : 0) + delta) * q[j]);
        q[j] += (m ? m[j] : alpha) * r[j];
        lost |= !isfinite(q[j]);
    }
    return lost == 0;
}

/* The end of a few elements: q ← cq. */
static double finish_chunk(void *context, size_t first, size_t count)
{
    const struct series *s = context;
    iml_scale(count, s->result, s->q + first);
    return 0;
}

/* ‖r‖² of a part of the last product, 0 of those before; NaN where q is not finite. In blocks, so
 * that what the end reads is still in L1. */
static double take_part(void *context, size_t first, size_t count, iml_real *part)
{
    const struct series *s = context;
    double r_squared = 0;
    for (size_t i = 0; i < count; i += BLOCK) {
        const size_t n = count - i < BLOCK ? count - i : BLOCK;
        if (!add_residual(s, first + i, n, part + i)) return nan("");
        if (!s->is_last) continue;
        r_squared += iml_norm_squared(n, part + i);
        (void)finish_chunk(context, first + i, n);
    }
    return r_squared;
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
        if (s->is_last) report->residual = residual; /* of the q that the product was taken of */
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
