/* gemm_plain.c: products by plain loops, which sanitizers see into; see gemm.h. */
#include "engine/core/gemm.h"

#include "engine/core/watch.h"
#include "imld/trainer.h"

IML_UNWATCHED static void scale_row(size_t n, double beta, iml_real *c)
{
    for (size_t j = 0; j < n; j++) c[j] = beta == 0 ? 0 : (iml_real)beta * c[j];
}

/* A rows × columns operand, one row every `stride` elements. */
static void watch(const iml_real *operand, size_t rows, size_t columns, size_t stride,
                  bool is_written)
{
    iml_watch(operand, rows, columns * sizeof *operand, stride * sizeof *operand, is_written);
}

/* NOLINTBEGIN(readability-function-size): ten parameters, as every BLAS has them */
IML_UNWATCHED void iml_gemm_nn(size_t m, size_t n, size_t k, const iml_real *a, size_t lda,
                               const iml_real *b, size_t ldb, double beta, iml_real *c, size_t ldc)
{
    watch(a, m, k, lda, false);
    watch(b, k, n, ldb, false);
    watch(c, m, n, ldc, true);
    for (size_t i = 0; i < m; i++) {
        scale_row(n, beta, c + i * ldc);
        for (size_t l = 0; l < k; l++) {
            const iml_real factor = a[i * lda + l];
            for (size_t j = 0; j < n; j++) c[i * ldc + j] += factor * b[l * ldb + j];
        }
    }
}

IML_UNWATCHED void iml_gemm_nt(size_t m, size_t n, size_t k, const iml_real *a, size_t lda,
                               const iml_real *b, size_t ldb, double beta, iml_real *c, size_t ldc)
{
    watch(a, m, k, lda, false);
    watch(b, n, k, ldb, false);
    watch(c, m, n, ldc, true);
    for (size_t i = 0; i < m; i++) {
        scale_row(n, beta, c + i * ldc);
        for (size_t j = 0; j < n; j++) {
            iml_real sum = 0;
            for (size_t l = 0; l < k; l++) sum += a[i * lda + l] * b[j * ldb + l];
            c[i * ldc + j] += sum;
        }
    }
}

IML_UNWATCHED void iml_gemm_tn(size_t m, size_t n, size_t k, const iml_real *a, size_t lda,
                               const iml_real *b, size_t ldb, double beta, iml_real *c, size_t ldc)
{
    watch(a, k, m, lda, false);
    watch(b, k, n, ldb, false);
    watch(c, m, n, ldc, true);
    for (size_t i = 0; i < m; i++) {
        scale_row(n, beta, c + i * ldc);
        for (size_t l = 0; l < k; l++) {
            const iml_real factor = a[l * lda + i];
            for (size_t j = 0; j < n; j++) c[i * ldc + j] += factor * b[l * ldb + j];
        }
    }
}

/* NOLINTEND(readability-function-size) */

void iml_gemm_prepare(void)
{
}

const char *iml_cpu_kernel(void)
{
    return "plain loops";
}
