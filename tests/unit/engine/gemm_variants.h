/* gemm_variants.h: the implementations of engine/core/gemm.h under names of their own, so that one
 * test can compare them in every preset; each is the product's source compiled once more. */
#ifndef IMLD_TESTS_GEMM_VARIANTS_H
#define IMLD_TESTS_GEMM_VARIANTS_H

#include <stddef.h>

#include "imld/real.h"

typedef void gemm(size_t m, size_t n, size_t k, const iml_real *a, size_t lda, const iml_real *b,
                  size_t ldb, double beta, iml_real *c, size_t ldc);

gemm plain_gemm_nn, plain_gemm_nt, plain_gemm_tn;
gemm dnnl_gemm_nn, dnnl_gemm_nt, dnnl_gemm_tn;
gemm blas_gemm_nn, blas_gemm_nt, blas_gemm_tn;
void blas_gemm_prepare(void);
void dnnl_gemm_prepare(void);
const char *dnnl_cpu_kernel(void);
const char *blas_cpu_kernel(void);
const char *plain_cpu_kernel(void);

#endif
