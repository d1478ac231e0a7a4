/* hessian.c: Hu by one tangent pass up and one tangent_backward pass down over what the
 * linearization stored [Pe], MATH §2. */
#include "engine/curvature/products.h"
#include "engine/net/evaluator.h"

const struct iml_product_passes iml_hessian_passes = {
    .rows = iml_pass_product_rows,
    .weights = iml_pass_product_weights,
};
