/* products.h: products with the matrices of a linearized loss (MATH §2): the two ways that a kind
 * of matrix goes. */
#ifndef IMLD_ENGINE_CURVATURE_PRODUCTS_H
#define IMLD_ENGINE_CURVATURE_PRODUCTS_H

#include <stdbool.h>

#include "imld/curvature.h"

struct iml_pass;

/* Both as in evaluator.h: false where the team was cancelled. */
struct iml_product_passes {
    bool (*rows)(const struct iml_pass *pass);
    bool (*weights)(const struct iml_pass *pass);
};

extern const struct iml_product_passes iml_hessian_passes, iml_gauss_newton_passes;

/* The operations of struct iml_curvature; self is a linearized evaluator's. */
void iml_product_apply(const struct iml_curvature *self, const iml_real *u, iml_real *hu);
double iml_product_consume(const struct iml_curvature *self, const iml_real *u, iml_real *au,
                           const struct iml_consumer *consumer);

#endif
