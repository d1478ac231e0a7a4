/* test_residuals.c: plain and scaled residuals against dense algebra (MATH §5.6), in double. */
#include <math.h>

#include "imld/diagnostics.h"
#include "tests/unit/check.h"
#include "tests/unit/engine/dense.h"

enum { SIZE = SPECTRUM_SIZE };

static void test_residuals_are_those_of_dense_algebra(void **state)
{
    (void)state;
    static struct dense matrix;
    unsigned products = 0;
    iml_real v[SIZE], q[SIZE], r[SIZE];
    double d[SIZE], wide[SIZE] = {0}, hq[SIZE], r_squared = 0, v_squared = 0;
    const double damping = 0.25, mu = 3;
    spread_diagonal(1e-2, 1e3, d);
    dense_from_spectrum(&matrix, INDEFINITE, &products);
    dense_add_diagonal(&matrix, d);
    random_vector(SIZE, 5, v);
    random_vector(SIZE, 6, q);
    const struct iml_residuals got = iml_residuals_measure(&matrix.curvature, damping, mu, v, q, r);
    widen(SIZE, q, wide);
    dense_multiply(&matrix, damping, wide, hq);
    for (size_t j = 0; j < SIZE; j++) {
        const double m = mu + d[j] + damping, rest = v[j] - hq[j];
        assert_true(fabs(r[j] - rest) <= 1e-12 * (1 + fabs(hq[j])));
        r_squared += rest * rest / m;
        v_squared += v[j] * v[j] / m;
    }
    check_close(got.plain, dense_residual(&matrix, damping, v, q), 1e-12);
    check_close(got.scaled, sqrt(r_squared / v_squared), 1e-12);
    assert_int_equal(got.products, *matrix.products);
    assert_int_equal(got.end, IML_END_TERMS);
    check_close(iml_residual_scaled(SIZE, NULL, 0, mu, v, v), 1, 1e-15);
}

/* One stiff coordinate, unsolved, with the rest solved: it rules the plain residual alone. */
static void test_scaled_residual_sees_past_a_stiff_coordinate(void **state)
{
    (void)state;
    static struct dense matrix;
    unsigned products = 0;
    const double h[] = {1, 0, 0, 1}, d[] = {1e6, 0};
    const iml_real v[] = {1, 1}, q[] = {1, 1};
    iml_real r[2];
    dense_from_elements(&matrix, 2, h, &products);
    dense_add_diagonal(&matrix, d);
    const struct iml_residuals got = iml_residuals_measure(&matrix.curvature, 0, 1, v, q, r);
    check_close(got.plain, 1e6 / sqrt(2), 1e-6);
    check_close(got.scaled, 1e3, 1e-3);
}

static void test_product_that_is_not_finite_is_noted(void **state)
{
    (void)state;
    static struct dense matrix;
    unsigned products = 0;
    iml_real v[SIZE], r[SIZE];
    random_vector(SIZE, 5, v);
    dense_from_spectrum(&matrix, POSITIVE, &products);
    matrix.fault = DENSE_NOT_FINITE;
    matrix.fault_at = 1;
    const struct iml_residuals got = iml_residuals_measure(&matrix.curvature, 0, 1, v, v, r);
    assert_int_equal(got.end, IML_END_NOT_FINITE);
    assert_true(isnan(got.plain) && isnan(got.scaled));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_residuals_are_those_of_dense_algebra),
        cmocka_unit_test(test_scaled_residual_sees_past_a_stiff_coordinate),
        cmocka_unit_test(test_product_that_is_not_finite_is_noted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
