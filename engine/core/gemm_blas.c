/* gemm_blas.c: products by OpenBLAS; see gemm.h. */
#include "engine/core/gemm.h"

#include <cblas.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "imld/trainer.h"

/* NOLINTBEGIN(readability-function-size): ten parameters, as every BLAS has them */
static void multiply(CBLAS_TRANSPOSE a_form, CBLAS_TRANSPOSE b_form, size_t m, size_t n, size_t k,
                     const iml_real *a, size_t lda, const iml_real *b, size_t ldb, double beta,
                     iml_real *c, size_t ldc)
{
#ifdef IML_REAL_DOUBLE
    cblas_dgemm(CblasRowMajor, a_form, b_form, (int)m, (int)n, (int)k, 1, a, (int)lda, b, (int)ldb,
                beta, c, (int)ldc);
#else
    cblas_sgemm(CblasRowMajor, a_form, b_form, (int)m, (int)n, (int)k, 1, a, (int)lda, b, (int)ldb,
                (float)beta, c, (int)ldc);
#endif
}

void iml_gemm_nn(size_t m, size_t n, size_t k, const iml_real *a, size_t lda, const iml_real *b,
                 size_t ldb, double beta, iml_real *c, size_t ldc)
{
    multiply(CblasNoTrans, CblasNoTrans, m, n, k, a, lda, b, ldb, beta, c, ldc);
}

void iml_gemm_nt(size_t m, size_t n, size_t k, const iml_real *a, size_t lda, const iml_real *b,
                 size_t ldb, double beta, iml_real *c, size_t ldc)
{
    multiply(CblasNoTrans, CblasTrans, m, n, k, a, lda, b, ldb, beta, c, ldc);
}

void iml_gemm_tn(size_t m, size_t n, size_t k, const iml_real *a, size_t lda, const iml_real *b,
                 size_t ldb, double beta, iml_real *c, size_t ldc)
{
    multiply(CblasTrans, CblasNoTrans, m, n, k, a, lda, b, ldb, beta, c, ldc);
}

/* NOLINTEND(readability-function-size) */

/* The one setting of the whole process: a BLAS with threads of its own would take the cores of the
 * run's team (neumann(3) then took 1.5–1.9 × as long). */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static char kernel[128];

static void prepare(void)
{
    openblas_set_num_threads(1);
    const char *config = openblas_get_config(); /* "OpenBLAS 0.3.21 DYNAMIC_ARCH …" */
    const size_t name = strcspn(config, " ");
    const size_t both = name + (config[name] ? 1 + strcspn(config + name + 1, " ") : 0);
    (void)snprintf(kernel, sizeof kernel, "%.*s %.40s", both < 64 ? (int)both : 64, config,
                   openblas_get_corename());
}

void iml_gemm_prepare(void)
{
    (void)pthread_once(&once, prepare);
}

const char *iml_cpu_kernel(void)
{
    iml_gemm_prepare();
    return kernel;
}
