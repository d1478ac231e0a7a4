/* gauss_newton.c: Gu = JᵀH_ℓJu + Du by one tangent pass up, ż̄ at the loss, and one ordinary
 * backward pass down on ż̄, MATH §2: no second derivatives of layers. */
#include "engine/curvature/products.h"
#include "engine/net/evaluator.h"

const struct iml_product_passes iml_gauss_newton_passes = {
    .rows = iml_pass_gauss_newton_rows,
    .weights = iml_pass_gauss_newton_weights,
};
