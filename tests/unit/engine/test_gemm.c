/* test_gemm.c: the plain loops against OpenBLAS, and both against a sum in long double; built
 * twice, for float and for double. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../check.h"
#include "gemm_variants.h"

enum { PAD = 3 }; /* elements between a row's end and the next row: must stay as they are */

static const double epsilon =
    sizeof(iml_real) == sizeof(double) ? DBL_EPSILON : (double)FLT_EPSILON;

enum form { NN, NT, TN, FORMS };

static gemm *const plain[FORMS] = {plain_gemm_nn, plain_gemm_nt, plain_gemm_tn};
static gemm *const blas[FORMS] = {blas_gemm_nn, blas_gemm_nt, blas_gemm_tn};

static const size_t shapes[][3] = {
    /* m, n, k */
    {1, 1, 1},    {1, 10, 128},  {7, 5, 3}, {63, 128, 100},
    {64, 10, 33}, {57, 31, 500}, {2, 1, 9}, {5, 65, 1},
};

/* Numbers in (−1, 1) that need no generator of the engine. */
static double number(size_t i)
{
    return sin(0.7 + 12.9898 * (double)i);
}

static iml_real *matrix(size_t rows, size_t stride, size_t salt)
{
    iml_real *a = malloc(rows * stride * sizeof *a);
    assert_non_null(a);
    for (size_t i = 0; i < rows * stride; i++) a[i] = (iml_real)number(i * 7 + salt);
    return a;
}

struct operands {
    size_t m, n, k, lda, ldb, ldc;
    iml_real *a, *b, *c;
    enum form form;
    double beta;
};

/* Element (i, j), and the sum of its terms' sizes, which bounds its rounding: in whatever order k +
 * 1 terms are added, the error is at most (k + 1)·ε/2 of it to first order. */
struct element {
    double value, bound;
};

static struct element exact(const struct operands *o, size_t i, size_t j)
{
    const long double c = (long double)o->beta * (long double)o->c[i * o->ldc + j];
    long double sum = c, sizes = fabsl(c);
    for (size_t l = 0; l < o->k; l++) {
        const iml_real a = o->form == TN ? o->a[l * o->lda + i] : o->a[i * o->lda + l];
        const iml_real b = o->form == NT ? o->b[j * o->ldb + l] : o->b[l * o->ldb + j];
        sum += (long double)a * (long double)b;
        sizes += fabsl((long double)a * (long double)b);
    }
    return (struct element){(double)sum, (double)sizes * (double)(o->k + 2) * epsilon};
}

/* Runs one implementation on a copy of C and compares. C's content counts only where β is not 0. */
static void check_one(const struct operands *o, gemm *multiply)
{
    const size_t elements = o->m * o->ldc;
    iml_real *c = malloc(elements * sizeof *c);
    assert_non_null(c);
    memcpy(c, o->c, elements * sizeof *c);
    for (size_t i = 0; o->beta == 0 && i < o->m; i++) {
        for (size_t j = 0; j < o->n; j++) c[i * o->ldc + j] = (iml_real)NAN;
    }
    multiply(o->m, o->n, o->k, o->a, o->lda, o->b, o->ldb, o->beta, c, o->ldc);
    for (size_t i = 0; i < o->m; i++) {
        for (size_t j = 0; j < o->n; j++) {
            const struct element expected = exact(o, i, j);
            assert_true(fabs((double)c[i * o->ldc + j] - expected.value) <= expected.bound);
        }
        assert_memory_equal(&c[i * o->ldc + o->n], &o->c[i * o->ldc + o->n], PAD * sizeof *c);
    }
    free(c);
}

static void test_forms_shapes_and_beta(void **state)
{
    (void)state;
    blas_gemm_prepare();
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++) {
        for (int form = 0; form < FORMS; form++) {
            for (int beta = 0; beta < 2; beta++) {
                struct operands o = {.m = shapes[s][0], .n = shapes[s][1], .k = shapes[s][2]};
                o.form = (enum form)form;
                o.beta = beta;
                o.lda = (form == TN ? o.m : o.k) + PAD;
                o.ldb = (form == NT ? o.k : o.n) + PAD;
                o.ldc = o.n + PAD;
                o.a = matrix(form == TN ? o.k : o.m, o.lda, 1);
                o.b = matrix(form == NT ? o.n : o.k, o.ldb, 2);
                o.c = matrix(o.m, o.ldc, 3);
                check_one(&o, plain[form]);
                check_one(&o, blas[form]);
                free(o.a);
                free(o.b);
                free(o.c);
            }
        }
    }
}

static void test_kernel_names(void **state)
{
    (void)state;
    assert_string_equal(plain_cpu_kernel(), "plain loops");
    assert_memory_equal(blas_cpu_kernel(), "OpenBLAS ", 9);
    assert_true(strlen(blas_cpu_kernel()) > strlen("OpenBLAS 0.3.21"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms_shapes_and_beta),
        cmocka_unit_test(test_kernel_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
