/* test_influences.c: dL_V/dwᵢ of the pool images of a curvature batch (MATH §3.3, FIXMATCH 6.1)
 * against differences of the training loss as the pages define it. The loss is this file's own, in
 * double in every preset: only θ, q, and the views of the batch are the engine's. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/trainer/run.h"
#include "tests/unit/check.h"
#include "tests/unit/engine/trainer_case.h"

enum { LABELED = 5, UNLABELED = 15, COUNTING_FROM = 8, HIDDEN = 7, CLASSES_MAX = 10 };

static const double weight = 1.7; /* λ_u */
static const double tolerance = sizeof(iml_real) == sizeof(double) ? 1e-8 : 2e-4;

/* A net whose formula is short: inputs – 7 tanh – classes. */
static struct iml_trainer_options short_net(struct iml_trainer_options options)
{
    options.model = (struct iml_model_options){
        .hidden = {HIDDEN}, .hidden_count = 1, .activation = IML_ACTIVATION_TANH};
    options.consistency.weight = weight;
    return options;
}

/* θ + h q in the outside's order. */
struct point {
    size_t inputs, classes;
    double *w1, *b1, *w2, *b2;
    double *theta; /* owned: all of them */
};

static struct point point_at(const struct iml_trainer *trainer, const iml_real *q, double h)
{
    const size_t n = iml_net_parameters(trainer->net);
    iml_real *theta = calloc(2 * n, sizeof *theta), *direction = theta + n;
    struct point point = {.inputs = iml_net_inputs(trainer->net),
                          .classes = iml_net_outputs(trainer->net),
                          .theta = calloc(n, sizeof *point.theta)};
    assert_true(theta && point.theta);
    iml_net_export(trainer->net, trainer->theta, theta);
    iml_net_export(trainer->net, q, direction);
    for (size_t j = 0; j < n; j++) point.theta[j] = (double)theta[j] + h * (double)direction[j];
    point.w1 = point.theta;
    point.b1 = point.w1 + HIDDEN * point.inputs;
    point.w2 = point.b1 + HIDDEN;
    point.b2 = point.w2 + point.classes * HIDDEN;
    assert_true(point.b2 + point.classes == point.theta + n);
    free(theta);
    return point;
}

/* log softmax of one image's logits. */
static void forward(const struct point *point, const iml_real *x, double *log_p)
{
    double y[HIDDEN], sum = 0;
    for (size_t o = 0; o < HIDDEN; o++) {
        double z = point->b1[o];
        for (size_t i = 0; i < point->inputs; i++)
            z += point->w1[o * point->inputs + i] * (double)x[i];
        y[o] = tanh(z);
    }
    for (size_t c = 0; c < point->classes; c++) {
        log_p[c] = point->b2[c];
        for (size_t o = 0; o < HIDDEN; o++) log_p[c] += point->w2[c * HIDDEN + o] * y[o];
        sum += exp(log_p[c]);
    }
    for (size_t c = 0; c < point->classes; c++) log_p[c] -= log(sum);
}

static size_t first_largest(const double *log_p, size_t n)
{
    size_t best = 0;
    for (size_t c = 1; c < n; c++)
        if (log_p[c] > log_p[best]) best = c;
    return best;
}

/* ∂L_T/∂wᵢ = λ_u mᵢ CE(ŷᵢ, strong view i)/u at θ + h q; mᵢ and ŷᵢ are those of θ. */
static double loss_of(const struct iml_trainer *trainer, const iml_real *q, double h, size_t i)
{
    const struct point here = point_at(trainer, q, 0), there = point_at(trainer, q, h);
    const iml_real *weak = trainer->maker.values + (LABELED + i) * here.inputs;
    const iml_real *strong = weak + UNLABELED * here.inputs;
    double log_p[CLASSES_MAX], log_q[CLASSES_MAX];
    forward(&here, weak, log_p);
    forward(&there, strong, log_q);
    const size_t label = first_largest(log_p, here.classes);
    const bool counts = exp(log_p[label]) >= trainer->curvature_consistency.threshold;
    free(here.theta);
    free(there.theta);
    return counts ? -weight * log_q[label] / UNLABELED : 0;
}

/* −q·∇θ of it, by Richardson's rule on two central differences: their error is of fourth order. */
static double expected_influence(const struct iml_trainer *trainer, const iml_real *q, size_t i)
{
    double slope[2];
    for (size_t k = 0; k < 2; k++) {
        const double h = k == 0 ? 2e-3 : 1e-3;
        slope[k] = (loss_of(trainer, q, h, i) - loss_of(trainer, q, -h, i)) / (2 * h);
    }
    return -(4 * slope[1] - slope[0]) / 3;
}

static int compare_numbers(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* τ in the middle of the batch at hand: of seven images the pseudo label counts. */
static double middle_of(const struct iml_consistency *consistency)
{
    double sorted[UNLABELED];
    memcpy(sorted, consistency->confidences, sizeof sorted);
    qsort(sorted, UNLABELED, sizeof *sorted, compare_numbers);
    return (sorted[COUNTING_FROM - 1] + sorted[COUNTING_FROM]) / 2;
}

static void linearize(struct iml_trainer *trainer)
{
    const struct iml_curvature *curvature = NULL;
    struct iml_error error = {0};
    assert_int_equal(iml_find_curvature(trainer, 77, NULL, &curvature, &error), IML_OK);
    assert_int_equal(curvature->size, iml_net_parameters(trainer->net));
    assert_int_equal(trainer->weigher->weighed.count, UNLABELED);
}

/* Some steps into a run, at a curvature batch of its own; a q that is no gradient of anything. */
static struct iml_trainer *open_at_a_batch(const struct iml_trainer_options *options, iml_real **q)
{
    struct iml_trainer *trainer = case_open(options, NULL);
    const size_t n = iml_net_parameters(trainer->net);
    for (size_t k = 0; k < 3; k++) case_step(trainer);
    linearize(trainer);
    trainer->curvature_consistency.threshold = middle_of(&trainer->curvature_consistency);
    linearize(trainer);
    *q = calloc(n, sizeof **q);
    assert_non_null(*q);
    for (size_t j = 0; j < n; j++) (*q)[j] = (iml_real)(0.1 * sin(3 * (double)j + 1));
    return trainer;
}

/* Fills expected; both kinds of image are there. */
static void expect_influences(const struct iml_trainer *trainer, const iml_real *q,
                              double *expected)
{
    size_t counting = 0;
    for (size_t i = 0; i < UNLABELED; i++) {
        expected[i] = expected_influence(trainer, q, i);
        counting += expected[i] != 0;
    }
    assert_int_equal(counting, UNLABELED - COUNTING_FROM);
}

static void test_influences_are_differences_of_the_loss(void **state)
{
    const struct iml_trainer_options options = short_net(case_confidence(*state));
    iml_real *q = NULL;
    struct iml_trainer *trainer = open_at_a_batch(&options, &q);
    struct iml_error error = {0};
    double expected[UNLABELED];
    expect_influences(trainer, q, expected);
    assert_int_equal(iml_weigher_influences(trainer->weigher, q, &error), IML_OK);
    check_vectors_close(UNLABELED, trainer->weigher->influences, expected, tolerance);
    for (size_t i = 0; i < UNLABELED; i++) /* exactly: Adam an image moves what is not 0 */
        assert_int_equal(trainer->weigher->influences[i] != 0, expected[i] != 0);
    free(q);
    iml_trainer_close(trainer);
}

/* A weight an image: its influence is its derivative, and whoever is not met has none. The
 * network's is one backward pass from the same numbers. */
static void test_free_weights_are_pulled_by_their_influences(void **state)
{
    const struct iml_trainer_options options = short_net(case_confidence_free(*state));
    iml_real *q = NULL;
    struct iml_trainer *trainer = open_at_a_batch(&options, &q);
    const struct iml_knowledge *knowledge = &trainer->knowledge;
    const size_t pool = knowledge->size;
    double influences[UNLABELED], *expected = calloc(2 * pool, sizeof *expected);
    iml_real *pulled = calloc(pool, sizeof *pulled);
    assert_true(expected && pulled);
    double *const found = expected + pool;
    expect_influences(trainer, q, influences);
    for (size_t i = 0; i < UNLABELED; i++)
        expected[trainer->maker.places[LABELED + i]] += influences[i];
    knowledge->options.kind->pull(knowledge, trainer->theta, q, pulled);
    for (size_t m = 0; m < pool; m++) found[m] = (double)pulled[m];
    check_vectors_close(pool, found, expected, tolerance);
    free(expected);
    free(pulled);
    free(q);
    iml_trainer_close(trainer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_influences_are_differences_of_the_loss),
        cmocka_unit_test(test_free_weights_are_pulled_by_their_influences),
    };
    return cmocka_run_group_tests(tests, case_set_up, case_tear_down);
}
