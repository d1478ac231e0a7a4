/* test_gemm_dnnl.c: oneDNN's products against OpenBLAS's and the plain loops' (test_gemm.c judges
 * those), and what they ask OpenMP for. */
#include <float.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "../check.h"
#include "gemm_variants.h"

void omp_set_num_threads(int threads);
int omp_get_max_threads(void);

enum { PAD = 3, FORMS = 3 };

struct forms {
    gemm *of[FORMS];
};

static const struct forms plain = {{plain_gemm_nn, plain_gemm_nt, plain_gemm_tn}};
static const struct forms onednn = {{dnnl_gemm_nn, dnnl_gemm_nt, dnnl_gemm_tn}};

/* m, n, k: tiny ones and TN of the last (rows 512 elements apart) are OpenBLAS's. */
static const size_t shapes[][3] = {{1, 1, 1},      {7, 5, 3},      {31, 32, 33},
                                   {63, 128, 100}, {64, 10, 128},  {57, 31, 500},
                                   {1, 500, 90},   {128, 10, 500}, {509, 12, 128}};

static iml_real *matrix(size_t count, size_t salt)
{
    iml_real *a = malloc(count * sizeof *a);
    assert_non_null(a);
    for (size_t i = 0; i < count; i++) a[i] = (iml_real)sin(0.7 + 12.9898 * (double)(i * 7 + salt));
    return a;
}

/* Both from the same C; sums of k products of numbers below 1 differ by at most 2(k + 1)·ε·k/2. */
static void check(size_t form, const size_t shape[3], double beta)
{
    const size_t m = shape[0], n = shape[1], k = shape[2], ldc = n + PAD;
    const size_t lda = (form == 2 ? m : k) + PAD, ldb = (form == 1 ? k : n) + PAD;
    iml_real *a = matrix((form == 2 ? k : m) * lda, 1), *b = matrix((form == 1 ? n : k) * ldb, 2);
    iml_real *c = matrix(m * ldc, 3), *expected = matrix(m * ldc, 3);
    const double bound = (double)FLT_EPSILON * (double)(k + 1) * (double)(k + 1);
    plain.of[form](m, n, k, a, lda, b, ldb, beta, expected, ldc);
    for (size_t i = 0; beta == 0 && i < m; i++) {
        for (size_t j = 0; j < n; j++) c[i * ldc + j] = (iml_real)NAN;
    }
    onednn.of[form](m, n, k, a, lda, b, ldb, beta, c, ldc);
    for (size_t i = 0; i < m; i++) {
        for (size_t j = 0; j < n; j++)
            assert_true(fabs((double)c[i * ldc + j] - (double)expected[i * ldc + j]) <= bound);
        assert_memory_equal(&c[i * ldc + n], &expected[i * ldc + n], PAD * sizeof *c);
    }
    free(a);
    free(b);
    free(c);
    free(expected);
}

static void test_forms_shapes_and_beta(void **state)
{
    (void)state;
    dnnl_gemm_prepare();
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++) {
        for (size_t form = 0; form < FORMS; form++) {
            for (int beta = 0; beta < 2; beta++) check(form, shapes[s], beta);
        }
    }
}

enum { M = 64, N = 500, K = 300 };

/* A thread that was told of two threads multiplies in one; c receives the product. */
static void *multiply(void *c)
{
    iml_real *a = matrix(M * K, 1), *b = matrix(K * N, 2);
    omp_set_num_threads(2);
    dnnl_gemm_nn(M, N, K, a, K, b, N, 0, c, N);
    const int threads = omp_get_max_threads();
    free(a);
    free(b);
    return threads == 1 ? c : NULL; /* cmocka asserts only in its own thread */
}

static void test_one_thread_and_the_same_bits_in_each(void **state)
{
    (void)state;
    iml_real *c[2] = {matrix(M * N, 4), matrix(M * N, 5)};
    pthread_t threads[2];
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, multiply, c[i]), 0);
    for (size_t i = 0; i < 2; i++) {
        void *answer = NULL;
        assert_int_equal(pthread_join(threads[i], &answer), 0);
        assert_non_null(answer);
    }
    assert_memory_equal(c[0], c[1], M * N * sizeof *c[0]);
    free(c[0]);
    free(c[1]);
}

static void test_kernel_name(void **state)
{
    (void)state;
    assert_memory_equal(dnnl_cpu_kernel(), "oneDNN ", 7);
    assert_non_null(strstr(dnnl_cpu_kernel(), ", OpenBLAS "));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms_shapes_and_beta),
        cmocka_unit_test(test_one_thread_and_the_same_bits_in_each),
        cmocka_unit_test(test_kernel_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
