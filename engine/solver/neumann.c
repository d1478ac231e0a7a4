/* neumann.c: K + 1 summands of the Neumann series, with α fixed or estimated, or preconditioned by
 * M (MATH §4). */
#include <math.h>
#include <string.h>

#include "engine/core/vector.h"
#include "engine/solver/kinds.h"
#include "engine/solver/power.h"
#include "engine/solver/system.h"

enum { P, HP, INVERSE };

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

/* q = Σ_{k=0..K} (I − M⁻¹H)ᵏ M⁻¹v. Without preconditioner M⁻¹ is αI: α Σ (I − αH)ᵏ v. */
static void sum_terms(const struct iml_solver *self, const struct iml_system *system,
                      const struct iml_inverse *inverse, double v_norm, iml_real *q)
{
    const size_t n = self->size;
    struct iml_report *report = system->report;
    iml_real *p = self->vectors[P], *hp = self->vectors[HP];
    for (unsigned k = 0; k < self->options.terms; k++) {
        if (!iml_system_apply(system, p, hp)) return;
        iml_inverse_subtract(inverse, hp, p);
        const double residual = iml_inverse_norm(inverse, p) / v_norm;
        if (!isfinite(residual)) { /* |1 − αμ| > 1 for too long, or H is not finite */
            report->end = IML_END_NOT_FINITE;
            return;
        }
        report->residual = residual; /* v − Hq_{k−1} = Mp_k, and q is about to become q_k */
        iml_axpy(n, 1, p, q);
    }
}

static void neumann_solve(struct iml_solver *self, const struct iml_curvature *curvature,
                          const iml_real *v, iml_real *q, struct iml_report *report)
{
    const size_t n = self->size;
    const struct iml_system system = {curvature, self->options.damping, report};
    const enum iml_part part = is_preconditioned(self) ? IML_PART_DATA : IML_PART_WHOLE;
    iml_real *p = self->vectors[P], *hp = self->vectors[HP];
    double alpha = 0;
    if (!iml_step_size(self, &system, part, hp, &alpha)) return;
    const struct iml_inverse inverse =
        is_preconditioned(self) ? iml_system_precondition(&system, alpha, self->vectors[INVERSE])
                                : (struct iml_inverse){.scalar = alpha, .size = n};

    const double scale = iml_scale_of(n, v);
    iml_scaled_copy(n, scale, v, hp);
    iml_inverse_apply(&inverse, hp, p);
    memcpy(q, p, n * sizeof *q);
    report->residual = 1; /* of the sum without a term, q = 0 */
    report->residual_kind = IML_RESIDUAL_PREVIOUS;
    sum_terms(self, &system, &inverse, sqrt(iml_norm_squared(n, hp)), q);
    const bool is_unscaled = self->options.is_unscaled && !is_preconditioned(self);
    iml_scale(n, is_unscaled ? 1 / (scale * alpha) : 1 / scale, q);
}

const struct iml_solver_kind iml_neumann = {
    .name = "neumann",
    .layout = neumann_layout,
    .solve = neumann_solve,
};
