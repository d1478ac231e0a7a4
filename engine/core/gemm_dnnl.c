/* gemm_dnnl.c: products by oneDNN, and by OpenBLAS where that is faster; see gemm.h. */
#include "engine/core/gemm.h"

#include <assert.h>
#include <cblas.h>
#include <dnnl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "imld/trainer.h"

#ifdef IML_REAL_DOUBLE
#error "oneDNN has no dgemm: gemm_blas.c serves the engine in double"
#endif

/* Of libgomp, whose header only gcc has. */
void omp_set_num_threads(int threads);

/* oneDNN asks OpenMP for threads, and that is a setting of each thread: forgotten in one of two
 * neumann(3) took 1.5–1.9 × as long. */
static _Thread_local bool is_single;

static void make_single(void)
{
    if (is_single) return;
    omp_set_num_threads(1);
    is_single = true;
}

/* Where OpenBLAS is faster: a call of oneDNN costs half a microsecond before it computes; and with
 * AVX2 it reads a transposed A in place, whose columns share a few cache sets where a row's stride
 * is a multiple of 2 KiB (measured on Zen 3, 64 × 500 × 500, GFLOP/s, OpenBLAS / oneDNN: stride
 * 1024 72 / 35, 1536 77 / 55, 3072 83 / 38; but 1000 81 / 90, 3000 83 / 90). A function of the
 * call's shape alone, since the bits of an element depend on which library computes it. */
static bool is_for_openblas(char a_form, size_t m, size_t n, size_t k, size_t lda)
{
    return m * n * k < (size_t)32 * 32 * 32 || (a_form == 'T' && lda % 512 == 0);
}

/* NOLINTBEGIN(readability-function-size): ten parameters, as every BLAS has them */
static void multiply(char a_form, char b_form, size_t m, size_t n, size_t k, const iml_real *a,
                     size_t lda, const iml_real *b, size_t ldb, double beta, iml_real *c,
                     size_t ldc)
{
    if (is_for_openblas(a_form, m, n, k, lda)) {
        cblas_sgemm(CblasRowMajor, a_form == 'T' ? CblasTrans : CblasNoTrans,
                    b_form == 'T' ? CblasTrans : CblasNoTrans, (int)m, (int)n, (int)k, 1, a,
                    (int)lda, b, (int)ldb, (float)beta, c, (int)ldc);
        return;
    }
    make_single();
    const dnnl_status_t status =
        dnnl_sgemm(a_form, b_form, (int64_t)m, (int64_t)n, (int64_t)k, 1, a, (int64_t)lda, b,
                   (int64_t)ldb, (float)beta, c, (int64_t)ldc);
    assert(status == dnnl_success); /* it refuses only sizes and forms that are wrong */
    (void)status;
}

void iml_gemm_nn(size_t m, size_t n, size_t k, const iml_real *a, size_t lda, const iml_real *b,
                 size_t ldb, double beta, iml_real *c, size_t ldc)
{
    multiply('N', 'N', m, n, k, a, lda, b, ldb, beta, c, ldc);
}

void iml_gemm_nt(size_t m, size_t n, size_t k, const iml_real *a, size_t lda, const iml_real *b,
                 size_t ldb, double beta, iml_real *c, size_t ldc)
{
    multiply('N', 'T', m, n, k, a, lda, b, ldb, beta, c, ldc);
}

void iml_gemm_tn(size_t m, size_t n, size_t k, const iml_real *a, size_t lda, const iml_real *b,
                 size_t ldb, double beta, iml_real *c, size_t ldc)
{
    multiply('T', 'N', m, n, k, a, lda, b, ldb, beta, c, ldc);
}

/* NOLINTEND(readability-function-size) */

/* As in gemm_blas.c: the one setting of the whole process. */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static char kernel[128];

static void prepare(void)
{
    openblas_set_num_threads(1);
    const dnnl_version_t *version = dnnl_version();
    const char *config = openblas_get_config(); /* "OpenBLAS 0.3.21 DYNAMIC_ARCH …" */
    const size_t name = strcspn(config, " ");
    const size_t both = name + (config[name] ? 1 + strcspn(config + name + 1, " ") : 0);
    (void)snprintf(kernel, sizeof kernel, "oneDNN %d.%d.%d isa %#x, %.*s %.32s", version->major,
                   version->minor, version->patch, (unsigned)dnnl_get_effective_cpu_isa(),
                   both < 32 ? (int)both : 32, config, openblas_get_corename());
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
