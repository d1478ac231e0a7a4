/* test_variance.c: spread of vectors, cosines, running windows (MATH §5.3), by hand. */
#include <math.h>

#include "imld/diagnostics.h"
#include "tests/unit/check.h"

static void test_spread_by_hand(void **state)
{
    (void)state;
    /* mean (2, 1): distances² 1 + 1, 1, 1 + 4 … */
    const iml_real g[] = {1, 2, 2, 2, 3, -1};
    const struct iml_spread spread = iml_spread_of(2, 3, g);
    check_close(spread.relative_variance, (2 + 1 + 5) / (2 * 5.0), 1e-14);
    const double c12 = 6 / (sqrt(5) * sqrt(8)), c13 = 1 / (sqrt(5) * sqrt(10)),
                 c23 = 4 / (sqrt(8) * sqrt(10));
    check_close(spread.mean_cosine, (c12 + c13 + c23) / 3, 1e-14);
}

static void test_equal_vectors_have_no_spread(void **state)
{
    (void)state;
    const iml_real g[] = {3, -4, 3, -4, 3, -4, 3, -4};
    const struct iml_spread spread = iml_spread_of(2, 4, g);
    assert_true(spread.relative_variance == 0);
    check_close(spread.mean_cosine, 1, 1e-14);
}

/* A mean of 1 and a deviation of 1e-6: Σ‖g‖² − r‖ḡ‖² would have lost it in float. */
static void test_small_spread_is_not_cancelled(void **state)
{
    (void)state;
    const double step = ldexp(1, -20);
    const iml_real g[] = {1, (iml_real)(1 + step), (iml_real)(1 - step)};
    const struct iml_spread spread = iml_spread_of(1, 3, g);
    check_close(spread.relative_variance, step * step, 1e-9);
}

static void test_one_vector_has_no_spread_to_tell(void **state)
{
    (void)state;
    const iml_real g[] = {1, 2};
    assert_true(isnan(iml_spread_of(2, 1, g).relative_variance));
    assert_true(isnan(iml_spread_of(2, 1, g).mean_cosine));
}

static void test_cosine(void **state)
{
    (void)state;
    const iml_real a[] = {1, 0}, b[] = {-2, 2}, zero[] = {0, 0}, none[] = {(iml_real)nan(""), 1};
    check_close(iml_cosine(2, a, b), -sqrt(0.5), 1e-14);
    check_close(iml_cosine(2, a, a), 1, 1e-14);
    assert_true(isnan(iml_cosine(2, a, zero)));
    assert_true(isnan(iml_cosine(2, a, none)));
    const iml_real small[] = {(iml_real)1e-25, 0}, large[] = {(iml_real)1e25, (iml_real)1e25};
    check_close(iml_cosine(2, small, large), sqrt(0.5), 1e-6);
}

static void test_window_keeps_the_last_twenty(void **state)
{
    (void)state;
    struct iml_recent recent = {0};
    assert_true(isnan(iml_recent_median(&recent)));
    const double values[] = {5, 1, 4};
    const double medians[] = {5, 3, 4};
    for (size_t i = 0; i < 3; i++) {
        iml_recent_add(&recent, values[i]);
        check_close(iml_recent_median(&recent), medians[i], 0);
    }
    for (int i = 1; i <= 40; i++) iml_recent_add(&recent, i); /* 21 … 40 */
    check_close(iml_recent_median(&recent), 30.5, 0);
}

static void test_variance_of_the_last_few(void **state)
{
    (void)state;
    struct iml_recent recent = {0};
    assert_true(isnan(iml_recent_relative_variance(&recent, 10)));
    iml_recent_add(&recent, 1e9);
    assert_true(isnan(iml_recent_relative_variance(&recent, 10)));
    const double values[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
    for (size_t i = 0; i < 10; i++) iml_recent_add(&recent, values[i]);
    check_close(iml_recent_relative_variance(&recent, 10), 55.0 / 6 / (5.5 * 5.5), 1e-14);
    check_close(iml_recent_relative_variance(&recent, 2), 0.5 / (9.5 * 9.5), 1e-14);
    for (size_t i = 0; i < 20; i++) iml_recent_add(&recent, 7);
    assert_true(iml_recent_relative_variance(&recent, 20) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spread_by_hand),
        cmocka_unit_test(test_equal_vectors_have_no_spread),
        cmocka_unit_test(test_small_spread_is_not_cancelled),
        cmocka_unit_test(test_one_vector_has_no_spread_to_tell),
        cmocka_unit_test(test_cosine),
        cmocka_unit_test(test_window_keeps_the_last_twenty),
        cmocka_unit_test(test_variance_of_the_last_few),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
