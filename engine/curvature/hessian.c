/* hessian.c: Hu by one tangent pass up and one tangent_backward pass down over what the
 * linearization stored [Pe], MATH §2. */
#include <assert.h>

#include "engine/curvature/products.h"
#include "engine/net/evaluator.h"

void iml_hessian_apply(const struct iml_curvature *self, const iml_real *u, iml_real *hu)
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
    pass.out = hu;
    /* a cancelled product is noticed by iml_curvature_is_cancelled: the flag stays set */
    if (iml_pass_product_rows(&pass)) (void)iml_pass_product_weights(&pass);
}
