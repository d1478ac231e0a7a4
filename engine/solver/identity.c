/* identity.c: q = v, no product (MATH §4): the hypergradient as if H were I. */
#include <string.h>

#include "engine/solver/kinds.h"

static void identity_layout(struct iml_solver *self, struct iml_arena *arena)
{
    (void)self;
    (void)arena;
}

static void identity_solve(struct iml_solver *self, const struct iml_curvature *curvature,
                           const iml_real *v, iml_real *q, struct iml_report *report)
{
    (void)curvature;
    (void)report;
    memcpy(q, v, self->size * sizeof *q);
}

const struct iml_solver_kind iml_identity = {
    .name = "identity",
    .layout = identity_layout,
    .solve = identity_solve,
};
