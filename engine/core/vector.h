/* vector.h: the few vector operations of solvers and optimizers, on contiguous memory.
 *
 * Sums accumulate in double over fixed blocks of 4096 elements that are added by a fixed tree, so
 * the bits of a sum depend on n and the elements alone. Elementwise operations round once to
 * iml_real; their scalar factors are rounded to iml_real first. Vectors don't overlap unless they
 * are the same. */
#ifndef IMLD_ENGINE_CORE_VECTOR_H
#define IMLD_ENGINE_CORE_VECTOR_H

#include <stddef.h>

#include "imld/real.h"

/* Σ aᵢbᵢ */
double iml_dot(size_t n, const iml_real *a, const iml_real *b);

/* Σ dᵢaᵢbᵢ */
double iml_dot_weighted(size_t n, const iml_real *d, const iml_real *a, const iml_real *b);

/* Σ xᵢ² */
double iml_norm_squared(size_t n, const iml_real *x);

/* y ← y + αx */
void iml_axpy(size_t n, double alpha, const iml_real *x, iml_real *y);

/* y ← x + βy */
void iml_xpby(size_t n, const iml_real *x, double beta, iml_real *y);

/* y ← αx − y */
void iml_axmy(size_t n, double alpha, const iml_real *x, iml_real *y);

/* x ← αx */
void iml_scale(size_t n, double alpha, iml_real *x);

/* y ← αx */
void iml_scaled_copy(size_t n, double alpha, const iml_real *x, iml_real *y);

/* y ← x/divisor, divided in double */
void iml_divide(size_t n, double divisor, const iml_real *x, iml_real *y);

/* y ← y + d∘x: the diagonal of a regularizer */
void iml_add_product(size_t n, const iml_real *d, const iml_real *x, iml_real *y);

#endif
