/* gemm.h: products of row-major matrices, each computed by its caller's thread alone.
 *
 * C (m × n) ← op(A)·op(B) + βC with inner dimension k; β is 0 (C need not be set) or 1. lda, ldb
 * and ldc are the distances between the starts of two rows in memory, in elements. C overlaps
 * neither A nor B. All sizes are ≤ INT_MAX: checked when a net is planned. The bits of an element
 * depend on the whole call (m, n, k, which kernel): callers fix their tiles by the problem alone.
 *
 * Three implementations: gemm_dnnl.c (oneDNN, and OpenBLAS for some shapes; float), gemm_blas.c
 * (OpenBLAS; double, or without IMLD_DNNL) and gemm_plain.c (loops that sanitizers see into;
 * IMLD_PLAIN_GEMM). iml_cpu_kernel (imld/trainer.h) is there as well. */
#ifndef IMLD_ENGINE_CORE_GEMM_H
#define IMLD_ENGINE_CORE_GEMM_H

#include <stddef.h>

#include "imld/real.h"

/* C = AB + βC: A is m × k, B is k × n. */
void iml_gemm_nn(size_t m, size_t n, size_t k, const iml_real *a, size_t lda, const iml_real *b,
                 size_t ldb, double beta, iml_real *c, size_t ldc);

/* C = ABᵀ + βC: A is m × k, B is n × k. */
void iml_gemm_nt(size_t m, size_t n, size_t k, const iml_real *a, size_t lda, const iml_real *b,
                 size_t ldb, double beta, iml_real *c, size_t ldc);

/* C = AᵀB + βC: A is k × m, B is k × n. */
void iml_gemm_tn(size_t m, size_t n, size_t k, const iml_real *a, size_t lda, const iml_real *b,
                 size_t ldb, double beta, iml_real *c, size_t ldc);

/* To be called before the first product, from any thread, as often as one likes: makes the BLAS run
 * single-threaded inside a call. */
void iml_gemm_prepare(void);

#endif
