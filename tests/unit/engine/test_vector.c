/* test_vector.c: sums against long double, at the lengths where their shape changes; elementwise
 * operations against their formulas. */
#include "engine/core/vector.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../check.h"

enum { N = 3 * 4096 + 7 };

static iml_real a[N], b[N], d[N];

static void fill(void)
{
    for (size_t i = 0; i < N; i++) {
        a[i] = (iml_real)sin((double)i);
        b[i] = (iml_real)cos(3.1 * (double)i);
        d[i] = (iml_real)fabs(sin(0.3 * (double)i));
    }
}

/* n additions in any order err by at most n·ε/2 of the sum of sizes; blocks and lanes make it far
 * less: 4096/8 + 3 + levels of the tree. */
static void check_sum(double got, long double sum, long double sizes)
{
    assert_true(fabsl((long double)got - sum) <= 600 * (long double)DBL_EPSILON * sizes);
}

static void test_sums(void **state)
{
    (void)state;
    static const size_t lengths[] = {0, 1, 7, 8, 9, 4095, 4096, 4097, 8192, 8193, 12288, N};
    fill();
    for (size_t k = 0; k < sizeof lengths / sizeof lengths[0]; k++) {
        long double dots = 0, sizes = 0, squares = 0, weighted = 0;
        for (size_t i = 0; i < lengths[k]; i++) {
            const long double product = (long double)a[i] * (long double)b[i];
            dots += product;
            sizes += fabsl(product);
            squares += (long double)a[i] * (long double)a[i];
            weighted += (long double)d[i] * product;
        }
        check_sum(iml_dot(lengths[k], a, b), dots, sizes);
        check_sum(iml_norm_squared(lengths[k], a), squares, squares);
        check_sum(iml_dot_weighted(lengths[k], d, a, b), weighted, sizes);
    }
}

/* The bits depend on n and the elements alone, not on where they lie. */
static void test_bits_do_not_depend_on_the_address(void **state)
{
    (void)state;
    fill();
    iml_real *elsewhere = malloc((N + 1) * sizeof *elsewhere);
    assert_non_null(elsewhere);
    memcpy(elsewhere + 1, a, sizeof a);
    const double here = iml_dot(N, a, b), there = iml_dot(N, elsewhere + 1, b);
    assert_memory_equal(&here, &there, sizeof here);
    free(elsewhere);
}

/* A sum of squares that a float can't hold. */
static void test_sums_are_double(void **state)
{
    (void)state;
    const iml_real x[2] = {(iml_real)1e30, (iml_real)1e30};
    check_close(iml_norm_squared(2, x), 2e60, 1e-6);
}

static void test_elementwise(void **state)
{
    (void)state;
    const iml_real x[3] = {1, 2, 3}, w[3] = {2, 0, -1};
    iml_real y[3] = {10, 20, 30};
    iml_axpy(3, 0.5, x, y);
    assert_memory_equal(y, ((const iml_real[3]){10.5, 21, 31.5}), sizeof y);
    iml_xpby(3, x, 2, y);
    assert_memory_equal(y, ((const iml_real[3]){22, 44, 66}), sizeof y);
    iml_scale(3, 0.25, y);
    assert_memory_equal(y, ((const iml_real[3]){5.5, 11, 16.5}), sizeof y);
    iml_add_product(3, w, x, y);
    assert_memory_equal(y, ((const iml_real[3]){7.5, 11, 13.5}), sizeof y);
    iml_scaled_copy(3, -2, x, y);
    assert_memory_equal(y, ((const iml_real[3]){-2, -4, -6}), sizeof y);
    iml_axpy(0, 1, x, y);
    assert_true(y[0] == -2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sums),
        cmocka_unit_test(test_bits_do_not_depend_on_the_address),
        cmocka_unit_test(test_sums_are_double),
        cmocka_unit_test(test_elementwise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
