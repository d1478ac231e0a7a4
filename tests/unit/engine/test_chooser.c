/* test_chooser.c: labels and weights that depend on a batch's own outputs (imld/net.h): the same
 * bits as the same labels and weights given beforehand, in loss, gradient and products. */
#include <string.h>

#include "../check.h"
#include "imld/random.h"
#include "net_fixture.h"

enum {
    ROWS = 150,
    INPUTS = MODAL_INPUTS,
    WIDTH = MODAL_WIDTH,
    OUTPUTS = MODAL_OUTPUTS,
    P = MODAL_PARAMETERS
};

struct problem {
    struct net_fixture fixture;
    iml_real theta[P], u[P], inputs[ROWS * INPUTS], statistics[2 * WIDTH];
    uint32_t labels[ROWS];
    iml_real weights[ROWS], losses[ROWS], logits[ROWS * OUTPUTS];
    struct iml_batch batch;
    struct iml_chooser chooser;
    int calls;
};

/* A row's label is its smallest output; every third row weighs nothing. */
static void choose(void *context, const struct iml_evaluator *evaluator, size_t rows,
                   const iml_real *logits)
{
    (void)evaluator;
    struct problem *self = context;
    assert_int_equal(rows, ROWS);
    self->calls++;
    memcpy(self->logits, logits, sizeof self->logits);
    for (size_t r = 0; r < rows; r++) {
        const iml_real *z = logits + r * OUTPUTS;
        uint32_t least = 0;
        for (uint32_t c = 1; c < OUTPUTS; c++)
            if (z[c] < z[least]) least = c;
        self->labels[r] = least;
        self->weights[r] = (iml_real)(r % 3);
    }
}

static void problem_open(struct problem *self, enum iml_batch_norm batch_norm, unsigned threads)
{
    memset(self, 0, sizeof *self);
    self->fixture = net_fixture_open(&net_fixture_modal, ROWS, threads, NULL);
    assert_int_equal(iml_net_parameters(self->fixture.net), P);
    iml_net_initialize(self->fixture.net, 1, self->theta);
    iml_net_initialize_statistics(self->fixture.net, self->statistics);
    struct iml_stream stream = {.seed = 1, .purpose = IML_PURPOSE_PROBE};
    iml_stream_normal(&stream, 1, (size_t)ROWS * INPUTS, self->inputs);
    stream.index = 1;
    iml_stream_normal(&stream, 1, P, self->u);
    self->chooser = (struct iml_chooser){.choose = choose, .context = self, .losses = self->losses};
    self->batch = (struct iml_batch){.rows = ROWS,
                                     .inputs = self->inputs,
                                     .labels = self->labels,
                                     .weights = self->weights,
                                     .divisor = ROWS,
                                     .mode = {.batch_norm = batch_norm,
                                              .statistics = self->statistics,
                                              .dropout = {.is_on = true, .seed = 3}},
                                     .chooser = &self->chooser};
}

static void problem_close(struct problem *self)
{
    net_fixture_close(&self->fixture);
}

struct outcome {
    struct iml_batch_result evaluated, result;
    iml_real gradient[P], product[P];
};

static void evaluate(struct problem *self, struct outcome *outcome)
{
    struct iml_evaluator *evaluator = self->fixture.evaluator;
    struct iml_error error = {0};
    const struct iml_curvature *curvature = NULL;
    assert_int_equal(
        iml_evaluate(evaluator, self->theta, &self->batch, &outcome->evaluated, NULL, NULL, &error),
        IML_OK);
    assert_int_equal(iml_gradient(evaluator, self->theta, &self->batch, NULL, outcome->gradient,
                                  &outcome->result, &error),
                     IML_OK);
    assert_int_equal(iml_linearize(evaluator, self->theta, &self->batch, NULL, NULL,
                                   &outcome->result, &curvature, &error),
                     IML_OK);
    curvature->apply(curvature, self->u, outcome->product);
}

static void test_a_choice_is_as_good_as_given(void **state)
{
    (void)state;
    static struct problem problem;
    static struct outcome chosen, given;
    for (enum iml_batch_norm mode = IML_BATCH_NORM_RUNNING; mode <= IML_BATCH_NORM_BATCH; mode++) {
        for (unsigned threads = 1; threads <= 2; threads++) {
            problem_open(&problem, mode, threads);
            evaluate(&problem, &chosen);
            assert_int_equal(problem.calls, 3); /* evaluate, gradient, linearize; not the product */
            double loss = 0;
            for (size_t r = 0; r < ROWS; r++)
                loss += (double)problem.weights[r] * (double)problem.losses[r];
            check_close(loss / ROWS, chosen.result.loss, 1e-6);
            problem.batch.chooser = NULL;
            evaluate(&problem, &given);
            assert_int_equal(problem.calls, 3);
            assert_memory_equal(&chosen.evaluated, &given.evaluated, sizeof given.evaluated);
            assert_memory_equal(&chosen.result, &given.result, sizeof given.result);
            assert_memory_equal(chosen.gradient, given.gradient, sizeof given.gradient);
            assert_memory_equal(chosen.product, given.product, sizeof given.product);
            problem_close(&problem);
        }
    }
}

/* The chooser sees what iml_evaluate answers. */
static void test_the_chooser_sees_the_logits(void **state)
{
    (void)state;
    static struct problem problem;
    static iml_real logits[ROWS * OUTPUTS];
    struct iml_batch_result result;
    struct iml_error error = {0};
    problem_open(&problem, IML_BATCH_NORM_BATCH, 2);
    assert_int_equal(iml_evaluate(problem.fixture.evaluator, problem.theta, &problem.batch, &result,
                                  NULL, logits, &error),
                     IML_OK);
    assert_memory_equal(logits, problem.logits, sizeof logits);
    problem_close(&problem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_choice_is_as_good_as_given),
        cmocka_unit_test(test_the_chooser_sees_the_logits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
