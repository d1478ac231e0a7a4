/* gauss_newton.c: Gu = JᵀH_ℓJu + Du by one tangent pass up, ż̄ at the loss, and one ordinary
 * backward pass down on ż̄, MATH §2: no second derivatives of layers. */
#include <assert.h>

#include "engine/curvature/products.h"
#include "engine/net/evaluator.h"

void iml_gauss_newton_apply(const struct iml_curvature *self, const iml_real *u, iml_real *gu)
{
    /* the curvature is the first member */
    const struct iml_evaluator *evaluator =
        ((const struct iml_matrix *)(const void *)self)->evaluator;
    assert(evaluator->is_linearized);
    struct iml_pass pass = {.evaluator = evaluator,
                            .batch = &evaluator->batch,
                            .theta = evaluator->theta,
                            .u = u,
                            .diagonal = evaluator->diagonal};
    pass.out = gu;
    /* a cancelled product is noticed by iml_curvature_is_cancelled: the flag stays set */
    if (iml_pass_gauss_newton_rows(&pass)) (void)iml_pass_gauss_newton_weights(&pass);
}
