/* auto.c: minres until target_residual, with max_products at most (MATH §4): no polynomial method
 * reaches a smaller residual with the same products in the same Krylov space. */
#include "engine/solver/kinds.h"

static void auto_layout(struct iml_solver *self, struct iml_arena *arena)
{
    iml_minres.layout(self, arena);
}

static void auto_solve(struct iml_solver *self, const struct iml_curvature *curvature,
                       const iml_real *v, iml_real *q, struct iml_report *report)
{
    iml_minres.solve(self, curvature, v, q, report);
}

const struct iml_solver_kind iml_auto = {
    .name = "auto",
    .layout = auto_layout,
    .solve = auto_solve,
};
