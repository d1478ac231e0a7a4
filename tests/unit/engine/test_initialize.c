/* test_initialize.c: the schemes of initial values by their bounds and moments; see
 * include/imld/net.h. */
#include <math.h>
#include <stdlib.h>

#include "../check.h"
#include "net_fixture.h"

enum { INPUTS = 90, HIDDEN = 160, OUTPUTS = 40 };

static const struct iml_net_options options = {
    .inputs = INPUTS,
    .hidden = {HIDDEN},
    .hidden_count = 1,
    .outputs = OUTPUTS,
    .activation = IML_ACTIVATION_LEAKY_RELU,
    .has_bias = true,
    .slope = 0.2,
    .has_batch_norm = true,
    .epsilon = 1e-5,
};

/* What a scheme promises of a weight. */
struct promise {
    enum iml_initialization scheme;
    enum iml_activation activation;
    bool is_normal;
    double deviation[2]; /* of linear1.weight and linear2.weight */
};

/* Mean, deviation, largest size and fourth moment over the squared second one (uniform: 9/5,
 * normal: 3). */
struct moments {
    double mean, deviation, largest, kurtosis;
};

static struct moments moments_of(size_t n, const iml_real *x)
{
    struct moments result = {0};
    double fourth = 0;
    for (size_t i = 0; i < n; i++) {
        result.mean += (double)x[i] / (double)n;
        result.largest = fmax(result.largest, fabs((double)x[i]));
    }
    for (size_t i = 0; i < n; i++) {
        const double square = pow((double)x[i] - result.mean, 2);
        result.deviation += square / (double)n;
        fourth += square * square / (double)n;
    }
    result.kurtosis = fourth / pow(result.deviation, 2);
    result.deviation = sqrt(result.deviation);
    return result;
}

/* Sampling errors of n draws: deviation/√n of the mean, below deviation/√n of the deviation; five
 * of them. */
static void check_weight(size_t n, const iml_real *x, bool is_normal, double deviation)
{
    const struct moments got = moments_of(n, x);
    const double noise = 5 * deviation / sqrt((double)n);
    assert_true(fabs(got.mean) < noise);
    assert_true(fabs(got.deviation - deviation) < noise);
    assert_true(fabs(got.kurtosis - (is_normal ? 3 : 1.8)) < 0.3);
    if (is_normal) {
        assert_true(got.largest > 3 * deviation); /* not truncated */
        return;
    }
    const double bound = sqrt(3) * deviation;
    assert_true(got.largest <= bound && got.largest > 0.99 * bound);
}

static void check_constant(size_t n, const iml_real *x, double value)
{
    for (size_t i = 0; i < n; i++) assert_true((double)x[i] == value);
}

static void check_scheme(const struct promise *promise)
{
    struct iml_net_options of = options;
    of.initialization = promise->scheme;
    of.activation = promise->activation;
    struct iml_net *net = NULL;
    struct iml_error error = {0};
    assert_int_equal(iml_net_new(&of, &net, &error), IML_OK);
    iml_real *theta = calloc(iml_net_parameters(net), sizeof *theta);
    assert_non_null(theta);
    iml_net_initialize(net, 5, theta);
    const bool draws_bias = promise->scheme == IML_INITIALIZATION_PYTORCH;
    size_t weights = 0;
    for (size_t i = 0; i < iml_net_block_count(net); i++) {
        const struct iml_block *block = iml_net_block(net, i);
        const iml_real *x = theta + block->offset;
        const bool is_of_linear = block->layer != 1;
        if (block->is_kernel)
            check_weight(block->count, x, promise->is_normal, promise->deviation[weights++]);
        else if (is_of_linear && draws_bias)
            check_weight(block->count, x, false, promise->deviation[weights - 1]);
        else
            check_constant(block->count, x, block->is_scale ? 1 : 0);
    }
    assert_int_equal(weights, 2);
    free(theta);
    iml_net_free(net);
}

static void test_each_scheme(void **state)
{
    (void)state;
    const double first = 1 / sqrt(INPUTS), second = 1 / sqrt(HIDDEN); /* 1/√fan_in */
    const double leaky = sqrt(2 / 1.04), relu = sqrt(2);
    const double xavier[2] = {sqrt(2.0 / (INPUTS + HIDDEN)), sqrt(2.0 / (HIDDEN + OUTPUTS))};
    const struct promise promises[] = {
        {IML_INITIALIZATION_PYTORCH,
         IML_ACTIVATION_RELU,
         false,
         {first / sqrt(3), second / sqrt(3)}},
        {IML_INITIALIZATION_KAIMING_UNIFORM, IML_ACTIVATION_RELU, false, {relu * first, second}},
        {IML_INITIALIZATION_KAIMING_NORMAL,
         IML_ACTIVATION_LEAKY_RELU,
         true,
         {leaky * first, second}},
        {IML_INITIALIZATION_KAIMING_NORMAL, IML_ACTIVATION_TANH, true, {5 * first / 3, second}},
        {IML_INITIALIZATION_XAVIER_UNIFORM, IML_ACTIVATION_TANH, false, {xavier[0], xavier[1]}},
        {IML_INITIALIZATION_XAVIER_NORMAL, IML_ACTIVATION_RELU, true, {xavier[0], xavier[1]}},
    };
    for (size_t i = 0; i < sizeof promises / sizeof *promises; i++) check_scheme(&promises[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_each_scheme)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
