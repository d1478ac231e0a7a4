/* test_size.c: products and sums at and over the edge. */
#include "base/size.h"

#include "../check.h"

static void test_multiply(void **state)
{
    (void)state;
    size_t product = 0;
    assert_true(iml_size_multiply(6, 7, &product));
    assert_int_equal(product, 42);
    assert_true(iml_size_multiply(SIZE_MAX, 1, &product));
    assert_true(product == SIZE_MAX);
    assert_true(iml_size_multiply(SIZE_MAX, 0, &product));
    assert_int_equal(product, 0);
    assert_false(iml_size_multiply(SIZE_MAX / 2 + 1, 2, &product));
    assert_true(product == SIZE_MAX);
    assert_false(iml_size_multiply(SIZE_MAX, SIZE_MAX, &product));
    assert_true(product == SIZE_MAX);
}

static void test_add(void **state)
{
    (void)state;
    size_t sum = 0;
    assert_true(iml_size_add(SIZE_MAX - 5, 5, &sum));
    assert_true(sum == SIZE_MAX);
    assert_true(iml_size_add(2, 3, &sum));
    assert_int_equal(sum, 5);
    assert_false(iml_size_add(SIZE_MAX, 1, &sum));
    assert_true(sum == SIZE_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_multiply), cmocka_unit_test(test_add)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
