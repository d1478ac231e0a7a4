/* products.h: products with the matrices of a linearized loss (MATH §2). */
#ifndef IMLD_ENGINE_CURVATURE_PRODUCTS_H
#define IMLD_ENGINE_CURVATURE_PRODUCTS_H

#include "imld/curvature.h"

/* hu = Hu: tangent upwards, tangent_backward downwards; self is a linearized evaluator's. */
void iml_hessian_apply(const struct iml_curvature *self, const iml_real *u, iml_real *hu);

/* gu = Gu: tangent upwards, the ordinary backward downwards. */
void iml_gauss_newton_apply(const struct iml_curvature *self, const iml_real *u, iml_real *gu);

#endif
