/* test_same_bits.c: gradient, product, loss and loss tangents are the same bytes for any number of
 * threads, after a cancelled step, and beside another run (MATH §7.6). */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "../check.h"
#include "imld/random.h"
#include "net_fixture.h"

enum { ROWS = 203, INPUTS = 37, OUTPUTS = 10 };

/* A net in one stage, and one whose stages end at batch norm. */
static const struct iml_net_options nets[] = {
    {.inputs = INPUTS,
     .hidden = {150, 33},
     .hidden_count = 2,
     .outputs = OUTPUTS,
     .activation = IML_ACTIVATION_TANH,
     .loss = IML_LOSS_CROSS_ENTROPY,
     .has_bias = true},
    {.inputs = INPUTS,
     .hidden = {150, 33},
     .hidden_count = 2,
     .outputs = OUTPUTS,
     .activation = IML_ACTIVATION_LEAKY_RELU,
     .loss = IML_LOSS_CROSS_ENTROPY,
     .has_bias = true,
     .slope = 0.1,
     .has_batch_norm = true,
     .epsilon = 1e-3,
     .dropout = 0.2},
};
enum { NETS = sizeof nets / sizeof nets[0] };

/* What one step computes. */
struct outcome {
    size_t size;
    iml_real *gradient, *product, *gauss_newton; /* P each */
    iml_real statistics[2 * (150 + 33)];
    iml_real tangents[ROWS], losses[ROWS];
    double loss, loss_sum;
    size_t correct;
};

struct run {
    struct net_fixture fixture;
    iml_real *theta, *u, *diagonal;
    iml_real inputs[ROWS * INPUTS], weights[ROWS];
    uint32_t labels[ROWS];
    struct iml_batch batch;
};

static iml_real *draw(uint32_t index, double low, double high, size_t count)
{
    const struct iml_stream stream = {.seed = 2, .purpose = IML_PURPOSE_PROBE, .index = index};
    iml_real *numbers = malloc(count * sizeof *numbers);
    assert_non_null(numbers);
    iml_stream_uniform(&stream, low, high, count, numbers);
    return numbers;
}

static struct run *run_open(size_t net, unsigned threads, const atomic_bool *cancel)
{
    struct run *self = calloc(1, sizeof *self);
    assert_non_null(self);
    self->fixture = net_fixture_open(&nets[net], ROWS, threads, cancel);
    const size_t size = iml_net_parameters(self->fixture.net);
    self->theta = draw(0, -0.3, 0.3, size);
    self->u = draw(1, -1, 1, size);
    self->diagonal = draw(2, 0, 0.1, size);
    const struct iml_stream stream = {.seed = 2, .purpose = IML_PURPOSE_PROBE, .index = 3};
    iml_stream_normal(&stream, 1, (size_t)ROWS * INPUTS, self->inputs);
    for (uint32_t i = 0; i < ROWS; i++) {
        self->labels[i] = iml_word_below(iml_stream_word(&stream, 100000 + i), OUTPUTS);
        self->weights[i] = (iml_real)(i % 5) / 4;
    }
    self->batch = (struct iml_batch){.rows = ROWS,
                                     .inputs = self->inputs,
                                     .labels = self->labels,
                                     .weights = self->weights,
                                     .divisor = ROWS,
                                     .mode = {.batch_norm = IML_BATCH_NORM_BATCH,
                                              .dropout = {.is_on = true, .seed = 6, .pass = 1}}};
    return self;
}

static void run_close(struct run *self)
{
    net_fixture_close(&self->fixture);
    free(self->theta);
    free(self->u);
    free(self->diagonal);
    free(self);
}

static struct outcome *outcome_new(const struct run *run)
{
    struct outcome *self = calloc(1, sizeof *self);
    assert_non_null(self);
    self->size = iml_net_parameters(run->fixture.net);
    self->gradient = calloc(self->size, sizeof *self->gradient);
    self->product = calloc(self->size, sizeof *self->product);
    self->gauss_newton = calloc(self->size, sizeof *self->gauss_newton);
    assert_true(self->gradient && self->product && self->gauss_newton);
    return self;
}

static void outcome_free(struct outcome *self)
{
    free(self->gradient);
    free(self->product);
    free(self->gauss_newton);
    free(self);
}

/* The code of the first call that did not end well. */
static enum iml_code compute(struct run *run, struct outcome *out)
{
    struct iml_error error = {0};
    struct iml_batch_result result;
    const struct iml_curvature *curvature = NULL;
    struct iml_evaluator *evaluator = run->fixture.evaluator;
    enum iml_code code =
        iml_evaluate(evaluator, run->theta, &run->batch, &result, out->losses, NULL, &error);
    if (code == IML_OK)
        code = iml_linearize(evaluator, run->theta, &run->batch, run->diagonal, out->gradient,
                             &result, &curvature, &error);
    if (code != IML_OK) return code;
    curvature->apply(curvature, run->u, out->product);
    curvature = iml_linearized(evaluator, IML_CURVATURE_GAUSS_NEWTON);
    curvature->apply(curvature, run->u, out->gauss_newton);
    if (iml_curvature_is_cancelled(curvature)) return IML_ERROR_CANCELLED;
    memset(out->statistics, 0, sizeof out->statistics);
    iml_update_statistics(evaluator, 0.1, out->statistics);
    code = iml_loss_tangents(evaluator, run->u, out->tangents, &error);
    out->loss = result.loss;
    out->loss_sum = result.loss_sum;
    out->correct = result.correct;
    return code;
}

static void check_same(const struct outcome *a, const struct outcome *b)
{
    assert_memory_equal(a->gradient, b->gradient, a->size * sizeof *a->gradient);
    assert_memory_equal(a->product, b->product, a->size * sizeof *a->product);
    assert_memory_equal(a->gauss_newton, b->gauss_newton, a->size * sizeof *a->gauss_newton);
    assert_memory_equal(a->statistics, b->statistics, sizeof a->statistics);
    assert_memory_equal(a->tangents, b->tangents, sizeof a->tangents);
    assert_memory_equal(a->losses, b->losses, sizeof a->losses);
    assert_memory_equal(&a->loss, &b->loss, sizeof a->loss);
    assert_memory_equal(&a->loss_sum, &b->loss_sum, sizeof a->loss_sum);
    assert_int_equal(a->correct, b->correct);
}

static struct outcome *with_threads(size_t net, unsigned threads)
{
    struct run *run = run_open(net, threads, NULL);
    struct outcome *out = outcome_new(run);
    assert_int_equal(compute(run, out), IML_OK);
    run_close(run);
    return out;
}

static void test_any_number_of_threads(void **state)
{
    (void)state;
    const unsigned teams[] = {2, 3, 4};
    for (size_t net = 0; net < NETS; net++) {
        struct outcome *one = with_threads(net, 1);
        for (size_t i = 0; i < 3; i++) {
            struct outcome *other = with_threads(net, teams[i]);
            check_same(one, other);
            outcome_free(other);
        }
        outcome_free(one);
    }
}

/* Raises the flag from outside while steps are computed, until one was cut short. */
static void *raise_flag(void *argument)
{
    atomic_store((atomic_bool *)argument, true);
    return NULL;
}

static void cancel_and_redo(size_t net)
{
    struct outcome *undisturbed = with_threads(net, 1);
    atomic_bool cancel = false;
    struct run *run = run_open(net, 2, &cancel);
    struct outcome *out = outcome_new(run);
    pthread_t other;
    assert_int_equal(pthread_create(&other, NULL, raise_flag, &cancel), 0);
    while (compute(run, out) != IML_ERROR_CANCELLED) {
    }
    assert_int_equal(pthread_join(other, NULL), 0);
    /* every later call says so too, until the flag is taken down */
    struct iml_batch_result result;
    struct iml_error error = {0};
    assert_int_equal(iml_gradient(run->fixture.evaluator, run->theta, &run->batch, NULL,
                                  out->gradient, &result, &error),
                     IML_ERROR_CANCELLED);
    assert_true(error.what[0] != '\0');
    atomic_store(&cancel, false);
    assert_int_equal(compute(run, out), IML_OK);
    check_same(undisturbed, out);
    outcome_free(out);
    outcome_free(undisturbed);
    run_close(run);
}

static void test_cancel_and_redo(void **state)
{
    (void)state;
    for (size_t net = 0; net < NETS; net++) cancel_and_redo(net);
}

struct beside {
    struct run *run;
    struct outcome *out;
    enum iml_code code;
};

static void *compute_often(void *argument)
{
    struct beside *self = argument;
    for (int i = 0; i < 5 && self->code == IML_OK; i++) self->code = compute(self->run, self->out);
    return NULL;
}

static void test_two_runs_side_by_side(void **state)
{
    (void)state;
    struct outcome *alone = with_threads(1, 1);
    struct beside runs[2];
    pthread_t threads[2];
    for (unsigned i = 0; i < 2; i++) {
        runs[i].run = run_open(1, i + 1, NULL);
        runs[i].out = outcome_new(runs[i].run);
        runs[i].code = IML_OK;
        assert_int_equal(pthread_create(&threads[i], NULL, compute_often, &runs[i]), 0);
    }
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(runs[i].code, IML_OK);
        check_same(alone, runs[i].out);
        outcome_free(runs[i].out);
        run_close(runs[i].run);
    }
    outcome_free(alone);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_number_of_threads),
        cmocka_unit_test(test_cancel_and_redo),
        cmocka_unit_test(test_two_runs_side_by_side),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
