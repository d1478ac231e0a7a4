/* test_activations.c: values of the activations (MATH §2). The checker of test_layers.c compares
 * their kernels with each other, so it can't see another function that is right in itself. */
#include <math.h>

#include "../check.h"
#include "engine/net/layer.h"

enum { COUNT = 5 };

static const iml_real x[COUNT] = {-2, -0.25, 0, 0.5, 3};

static void check_values(const struct iml_layer_kind *kind, double slope, const double *expected)
{
    iml_real y[COUNT];
    const struct iml_layer layer = {.kind = kind, .in = COUNT, .out = COUNT, .slope = slope};
    const struct iml_row_pass pass = {.rows = 1, .x = x, .y = y};
    kind->forward(&layer, &pass);
    for (size_t i = 0; i < COUNT; i++) check_close((double)y[i], expected[i], 1e-6);
}

static void test_values_of_the_activations(void **state)
{
    (void)state;
    double expected[COUNT];
    for (size_t i = 0; i < COUNT; i++) expected[i] = fmax((double)x[i], 0);
    check_values(&iml_relu, 0, expected);
    for (size_t i = 0; i < COUNT; i++) expected[i] = tanh((double)x[i]);
    check_values(&iml_tanh, 0, expected);
    for (size_t i = 0; i < COUNT; i++) expected[i] = (double)x[i] * (x[i] > 0 ? 1 : 0.1);
    check_values(&iml_leaky_relu, 0.1, expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_values_of_the_activations)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
