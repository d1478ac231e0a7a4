/* test_modes.c: training mode, evaluation mode and what lies between: dropout masks, running
 * statistics, their names and their state (MATH §2). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../check.h"
#include "allocations.h"
#include "engine/net/convolution.h"
#include "imld/random.h"
#include "net_fixture.h"

enum {
    ROWS = 150,
    INPUTS = MODAL_INPUTS,
    WIDTH = MODAL_WIDTH,
    OUTPUTS = MODAL_OUTPUTS,
    P_MAX = MODAL_PARAMETERS
};

#ifdef IML_REAL_DOUBLE
static const double tolerance = 1e-12;
#else
static const double tolerance = 1e-5;
#endif

struct problem {
    struct net_fixture fixture;
    iml_real theta[P_MAX], inputs[ROWS * INPUTS], statistics[2 * WIDTH];
    uint32_t labels[ROWS];
    struct iml_batch batch;
};

static void problem_open(struct problem *self, const struct iml_net_options *of)
{
    memset(self, 0, sizeof *self);
    self->fixture = net_fixture_open(of, ROWS, 2, NULL);
    assert_true(iml_net_parameters(self->fixture.net) <= P_MAX);
    iml_net_initialize(self->fixture.net, 1, self->theta);
    iml_net_initialize_statistics(self->fixture.net, self->statistics);
    const struct iml_stream stream = {.seed = 1, .purpose = IML_PURPOSE_PROBE};
    iml_stream_normal(&stream, 1, (size_t)ROWS * INPUTS, self->inputs);
    for (uint32_t i = 0; i < ROWS; i++) self->labels[i] = i % OUTPUTS;
    self->batch = (struct iml_batch){.rows = ROWS,
                                     .inputs = self->inputs,
                                     .labels = self->labels,
                                     .divisor = ROWS,
                                     .mode = {.statistics = self->statistics}};
}

static double evaluate(struct problem *self, iml_real *logits)
{
    struct iml_batch_result result;
    struct iml_error error = {0};
    assert_int_equal(iml_evaluate(self->fixture.evaluator, self->theta, &self->batch, &result, NULL,
                                  logits, &error),
                     IML_OK);
    return result.loss;
}

/* --- dropout --- */

/* The mask as the contract says: word j of row i's stream below rate·2³² is 0. */
static double multiplier(const struct iml_dropout_key *key, uint32_t row, size_t j)
{
    const struct iml_stream stream = {.seed = key->seed,
                                      .purpose = IML_PURPOSE_DROPOUT,
                                      .index = key->first_index + row,
                                      .pass = key->pass};
    return (double)iml_stream_word(&stream, j) < 0.25 * 4294967296.0 ? 0 : 1 / 0.75;
}

/* A net whose hidden values are all tanh(1) and whose first output sums them: z₀ counts those kept.
 */
static void make_counting(struct problem *self)
{
    const struct iml_block *bias = iml_net_block(self->fixture.net, 1);
    const struct iml_block *weight = iml_net_block(self->fixture.net, 2);
    memset(self->theta, 0, sizeof self->theta);
    for (size_t j = 0; j < WIDTH; j++) {
        self->theta[bias->offset + j] = 1;
        self->theta[weight->offset + j * OUTPUTS] = 1; /* inside: in × out */
    }
}

static void test_masks(void **state)
{
    (void)state;
    static struct problem problem;
    static iml_real logits[ROWS * OUTPUTS];
    struct iml_net_options plain = net_fixture_modal;
    plain.has_batch_norm = false;
    problem_open(&problem, &plain);
    make_counting(&problem);
    problem.batch.mode.dropout =
        (struct iml_dropout_key){.is_on = true, .seed = 3, .first_index = 7, .pass = 11};
    (void)evaluate(&problem, logits);
    double sum = 0;
    for (uint32_t i = 0; i < ROWS; i++) {
        double expected = 0;
        for (size_t j = 0; j < WIDTH; j++)
            expected += tanh(1) * multiplier(&problem.batch.mode.dropout, i, j);
        check_close((double)logits[i * OUTPUTS], expected, tolerance);
        sum += expected / (tanh(1) * WIDTH * ROWS);
    }
    assert_true(fabs(sum - 1) < 0.05); /* the scaling keeps the mean */
    problem.batch.mode.dropout.is_on = false;
    (void)evaluate(&problem, logits);
    for (uint32_t i = 0; i < ROWS; i++)
        check_close((double)logits[i * OUTPUTS], WIDTH * tanh(1), tolerance);
    net_fixture_close(&problem.fixture);
}

static void test_each_part_of_the_key_matters(void **state)
{
    (void)state;
    static struct problem problem;
    static iml_real logits[5][ROWS * OUTPUTS];
    problem_open(&problem, &net_fixture_modal);
    const struct iml_dropout_key keys[] = {
        {true, 0, 0, 0}, {true, 1, 0, 0}, {true, 0, 1, 0}, {true, 0, 0, 1}, {false, 0, 0, 0}};
    for (size_t i = 0; i < 5; i++) {
        problem.batch.mode.dropout = keys[i];
        (void)evaluate(&problem, logits[i]);
        for (size_t k = 0; k < i; k++)
            assert_memory_not_equal(logits[k], logits[i], sizeof logits[i]);
    }
    problem.batch.mode.dropout = keys[0];
    (void)evaluate(&problem, logits[1]);
    assert_memory_equal(logits[1], logits[0], sizeof logits[0]);
    net_fixture_close(&problem.fixture);
}

/* --- running statistics --- */

/* Mean and unbiased variance of each unit of x·W + b over the batch, in double. */
static void find_statistics(const struct problem *self, double *mean, double *variance)
{
    const iml_real *weight = self->theta, *bias = self->theta + (size_t)INPUTS * WIDTH;
    for (size_t j = 0; j < WIDTH; j++) {
        double values[ROWS], sum = 0, squares = 0;
        for (size_t i = 0; i < ROWS; i++) {
            values[i] = (double)bias[j];
            for (size_t k = 0; k < INPUTS; k++)
                values[i] += (double)self->inputs[i * INPUTS + k] * (double)weight[k * WIDTH + j];
            sum += values[i];
        }
        mean[j] = sum / ROWS;
        for (size_t i = 0; i < ROWS; i++) squares += pow(values[i] - mean[j], 2);
        variance[j] = squares / (ROWS - 1);
    }
}

static void test_running_statistics(void **state)
{
    (void)state;
    static struct problem problem;
    double mean[WIDTH], variance[WIDTH], got[2 * WIDTH], expected[2 * WIDTH];
    problem_open(&problem, &net_fixture_modal);
    const double momentum = 0.2;
    find_statistics(&problem, mean, variance);
    for (size_t j = 0; j < WIDTH; j++) { /* two updates from 0 and 1 */
        expected[j] = (1 - momentum) * momentum * mean[j] + momentum * mean[j];
        expected[WIDTH + j] =
            (1 - momentum) * (1 - momentum + momentum * variance[j]) + momentum * variance[j];
    }
    problem.batch.mode.batch_norm = IML_BATCH_NORM_BATCH;
    for (int i = 0; i < 2; i++) {
        (void)evaluate(&problem, NULL);
        iml_update_statistics(problem.fixture.evaluator, momentum, problem.statistics);
    }
    for (size_t j = 0; j < 2 * WIDTH; j++) got[j] = (double)problem.statistics[j];
    check_vectors_close(2 * WIDTH, got, expected, tolerance);
    net_fixture_close(&problem.fixture);
}

/* With the batch's own (biased) statistics as running ones both modes are one function. */
static void test_modes_agree_on_equal_statistics(void **state)
{
    (void)state;
    static struct problem problem;
    double mean[WIDTH], variance[WIDTH];
    problem_open(&problem, &net_fixture_modal);
    find_statistics(&problem, mean, variance);
    for (size_t j = 0; j < WIDTH; j++) {
        problem.statistics[j] = (iml_real)mean[j];
        problem.statistics[WIDTH + j] = (iml_real)(variance[j] * (ROWS - 1) / ROWS);
    }
    const double running = evaluate(&problem, NULL);
    problem.batch.mode.batch_norm = IML_BATCH_NORM_BATCH;
    check_close(evaluate(&problem, NULL), running, tolerance);
    net_fixture_close(&problem.fixture);
}

/* In evaluation mode a row's result does not depend on the others; in training mode it does. */
static void test_rows_are_independent_in_evaluation(void **state)
{
    (void)state;
    static struct problem problem;
    static iml_real all[ROWS * OUTPUTS], few[ROWS * OUTPUTS];
    problem_open(&problem, &net_fixture_modal);
    (void)evaluate(&problem, all);
    problem.batch.rows = 1;
    (void)evaluate(&problem, few);
    for (size_t c = 0; c < OUTPUTS; c++) check_close((double)few[c], (double)all[c], tolerance);
    problem.batch.mode.batch_norm = IML_BATCH_NORM_BATCH;
    (void)evaluate(&problem, few);
    assert_true(fabs((double)few[0] - (double)all[0]) > 1e-3);
    net_fixture_close(&problem.fixture);
}

static void test_names(void **state)
{
    (void)state;
    static struct problem problem;
    struct iml_registry registry;
    struct iml_error error = {0};
    struct iml_net_options two = net_fixture_modal;
    two.hidden_count = 2;
    two.hidden[0] = 3;
    two.hidden[1] = 5;
    problem_open(&problem, &two);
    assert_int_equal(iml_net_statistics(problem.fixture.net), 16);
    assert_int_equal(iml_registry_open(&registry, &error), IML_OK);
    assert_int_equal(
        iml_net_register(problem.fixture.net, &registry, "parameters/", "", problem.theta, &error),
        IML_OK);
    assert_int_equal(iml_net_register_statistics(problem.fixture.net, &registry, "parameters/",
                                                 problem.statistics, &error),
                     IML_OK);
    static const struct {
        const char *name;
        size_t count;
    } expected[] = {
        {"parameters/linear1.weight", 18},          {"parameters/linear1.bias", 3},
        {"parameters/batch_norm1.weight", 3},       {"parameters/batch_norm1.bias", 3},
        {"parameters/linear2.weight", 15},          {"parameters/linear2.bias", 5},
        {"parameters/batch_norm2.weight", 5},       {"parameters/batch_norm2.bias", 5},
        {"parameters/linear3.weight", 15},          {"parameters/linear3.bias", 3},
        {"parameters/batch_norm1.running_mean", 3}, {"parameters/batch_norm1.running_var", 3},
        {"parameters/batch_norm2.running_mean", 5}, {"parameters/batch_norm2.running_var", 5}};
    assert_int_equal(registry.count, sizeof expected / sizeof *expected);
    for (size_t i = 0; i < registry.count; i++) {
        assert_string_equal(registry.items[i].name, expected[i].name);
        assert_int_equal(iml_item_bytes(&registry.items[i]), expected[i].count * sizeof(iml_real));
    }
    /* means 0, variances 1, each in its place */
    for (size_t i = 10; i < 14; i++) {
        const iml_real *data = registry.items[i].data;
        for (size_t c = 0; c < expected[i].count; c++) assert_true(data[c] == (i % 2 ? 1 : 0));
    }
    iml_registry_close(&registry);
    net_fixture_close(&problem.fixture);
}

/* --- what is refused, what is not allocated --- */

static void test_refused_numbers(void **state)
{
    (void)state;
    struct iml_net_options wrong[6];
    for (size_t i = 0; i < 6; i++) wrong[i] = net_fixture_modal;
    wrong[0].dropout = 1;
    wrong[1].dropout = -0.1;
    wrong[2].dropout = (double)NAN;
    wrong[3].epsilon = 0;
    wrong[4].activation = IML_ACTIVATION_LEAKY_RELU;
    wrong[4].slope = -0.1;
    wrong[5].epsilon = (double)NAN;
    for (size_t i = 0; i < 6; i++) {
        struct iml_net *net = NULL;
        struct iml_error error = {0};
        assert_int_equal(iml_net_new(&wrong[i], &net, &error), IML_ERROR_ARGUMENT);
        assert_null(net);
        assert_true(error.what[0] != '\0');
    }
}

/* Allocations of a gradient, its statistics, a linearization and both products. gradient, product:
 * working vectors. */
static size_t count_allocations(struct iml_evaluator *evaluator, const iml_real *theta,
                                const struct iml_batch *batch, iml_real *statistics,
                                iml_real *gradient, iml_real *product)
{
    struct iml_batch_result result;
    struct iml_error error = {0};
    const struct iml_curvature *curvature = NULL;
    (void)allocations_count(); /* counting begins, */
    enum iml_code code = iml_evaluate(evaluator, theta, batch, &result, NULL, NULL, &error);
    /* and the helper has started: what its thread allocates is past */
    const size_t before = allocations_count();
    if (code == IML_OK)
        code = iml_gradient(evaluator, theta, batch, NULL, gradient, &result, &error);
    iml_update_statistics(evaluator, 0.1, statistics);
    if (code == IML_OK)
        code = iml_linearize(evaluator, theta, batch, NULL, NULL, &result, &curvature, &error);
    if (code == IML_OK) {
        curvature->apply(curvature, gradient, product);
        curvature = iml_linearized(evaluator, IML_CURVATURE_GAUSS_NEWTON);
        curvature->apply(curvature, gradient, product);
    }
    const size_t after = allocations_count();
    assert_int_equal(code, IML_OK);
    return after - before;
}

static void test_a_step_allocates_nothing(void **state)
{
    (void)state;
    static struct problem problem;
    iml_real gradient[P_MAX], product[P_MAX];
    problem_open(&problem, &net_fixture_modal);
    problem.batch.mode.batch_norm = IML_BATCH_NORM_BATCH;
    problem.batch.mode.dropout.is_on = true;
    assert_int_equal(count_allocations(problem.fixture.evaluator, problem.theta, &problem.batch,
                                       problem.statistics, gradient, product),
                     0);
    net_fixture_close(&problem.fixture);
}

/* By the loops: in each call oneDNN takes a few hundred bytes of its own (convolution.h). */
static void test_a_step_on_images_allocates_nothing(void **state)
{
    (void)state;
    if (iml_convolution_compiled) skip(); /* the builds on plain loops look */
    enum { IMAGES = 18, PIXELS = 25, PARAMETERS = 77174, MEANS = 500 };
    static iml_real theta[PARAMETERS], gradient[PARAMETERS], product[PARAMETERS];
    static iml_real inputs[IMAGES * PIXELS], statistics[MEANS];
    static const uint32_t labels[IMAGES];
    const struct iml_net_options wrn = {.model = iml_model_kind_find("wrn"),
                                        .inputs = PIXELS,
                                        .channels = 1,
                                        .height = 5,
                                        .width = 5,
                                        .outputs = OUTPUTS,
                                        .depth = 10,
                                        .widening = 1,
                                        .epsilon = 1e-3};
    struct net_fixture fixture = net_fixture_open(&wrn, IMAGES, 2, NULL);
    assert_true(iml_net_parameters(fixture.net) <= PARAMETERS);
    assert_true(iml_net_statistics(fixture.net) <= MEANS);
    iml_net_initialize(fixture.net, 1, theta);
    iml_net_initialize_statistics(fixture.net, statistics);
    const struct iml_stream stream = {.seed = 1, .purpose = IML_PURPOSE_PROBE};
    iml_stream_normal(&stream, 1, sizeof inputs / sizeof *inputs, inputs);
    const struct iml_batch batch = {
        .rows = IMAGES,
        .inputs = inputs,
        .labels = labels,
        .divisor = IMAGES,
        .mode = {.batch_norm = IML_BATCH_NORM_BATCH, .statistics = statistics}};
    assert_int_equal(
        count_allocations(fixture.evaluator, theta, &batch, statistics, gradient, product), 0);
    net_fixture_close(&fixture);
}

/* FIXMATCH 1.9: running statistics follow the unbiased variance, normalization takes the other; of
 * images over batch and pixels. */
static void test_variances_of_images(void **state)
{
    (void)state;
    static const iml_real x[4] = {1, 2, 4, 9}; /* mean 4, squares 9 + 4 + 0 + 25 */
    const struct iml_layer layer = {.kind = &iml_batch_norm_2d,
                                    .in = 2,
                                    .out = 2,
                                    .channels = 1,
                                    .from = {1, 1, 2, 1},
                                    .to = {1, 1, 2, 1}};
    const struct iml_row_pass pass = {.rows = 2, .x = x};
    double sums[2];
    iml_real means[2], variance[1];
    const struct iml_settling settling = {.phase = IML_PHASE_FORWARD,
                                          .rows = 2,
                                          .tiles = 1,
                                          .sums = sums,
                                          .means = means,
                                          .variance = variance};
    layer.kind->sums->gather[IML_PHASE_FORWARD](&layer, &pass, sums);
    layer.kind->sums->settle(&layer, &settling);
    check_close((double)means[0], 4, 1e-6);
    check_close((double)means[1], 1 / sqrt(38.0 / 4), 1e-6);
    check_close((double)variance[0], 38.0 / 3, 1e-6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_masks),
        cmocka_unit_test(test_each_part_of_the_key_matters),
        cmocka_unit_test(test_running_statistics),
        cmocka_unit_test(test_modes_agree_on_equal_statistics),
        cmocka_unit_test(test_rows_are_independent_in_evaluation),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_refused_numbers),
        cmocka_unit_test(test_a_step_allocates_nothing),
        cmocka_unit_test(test_a_step_on_images_allocates_nothing),
        cmocka_unit_test(test_variances_of_images),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
