/* test_confidence.c: the trainer confidence (FIXMATCH §6), rule by rule. That weights, products,
 * influences and dL_V/dω are PyTorch's: tests/oracle/confidence_oracle.py. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/trainer/run.h"
#include "tests/unit/check.h"
#include "tests/unit/engine/trainer_case.h"

enum { FOREVER = 1000 };

static struct case_log *new_log(void)
{
    struct case_log *log = calloc(1, sizeof *log);
    assert_non_null(log);
    return log;
}

static void step(struct iml_trainer *trainer, struct iml_rows *rows)
{
    struct iml_error error = {0};
    assert_int_equal(iml_trainer_step(trainer, rows, &error), IML_OK);
}

/* A cnn_small that sees the images, on a base net that is an mlp. */
static struct iml_trainer_options case_image(const struct sets *sets)
{
    struct iml_trainer_options options = case_confidence(sets);
    options.confidence = (struct iml_weigher_options){.input = IML_WEIGHER_IMAGE};
    options.inner.steps = 9;
    return options;
}

static struct iml_trainer_options case_probabilities(const struct sets *sets)
{
    struct iml_trainer_options options = case_confidence(sets);
    options.confidence.input = IML_WEIGHER_PROBABILITIES;
    options.confidence.output = IML_WEIGHER_LINEAR;
    options.confidence.start = IML_WEIGHER_PRETRAINED;
    return options;
}

/* --- MATH §3.4: outputs and normalization by differences --- */

enum { N = 7 };

struct weighing {
    double a[N], w[N];
    struct iml_weights weights;
};

static void weigh_at(struct weighing *self, enum iml_weigher_output output,
                     enum iml_weigher_normalize normalize, const double *a, double h,
                     const double *a_dot)
{
    for (size_t i = 0; i < N; i++) self->a[i] = a[i] + h * a_dot[i];
    self->weights = (struct iml_weights){.output = &iml_weight_outputs[output],
                                         .normalize = normalize,
                                         .count = N,
                                         .a = self->a,
                                         .w = self->w};
    iml_weights_find(&self->weights);
}

static void check_weights(enum iml_weigher_output output, enum iml_weigher_normalize normalize)
{
    static const double a[N] = {0.3, -0.2, 1.1, 0.7, 2.4, 0.05, 0.9};
    static const double a_dot[N] = {0.5, 1, -0.3, 0.2, -1, 0.8, 0.1};
    static const double w_bar[N] = {1, -2, 0.3, 0.1, 0.7, -0.4, 0.2};
    static const double w_bar_dot[N] = {0.2, 0.1, -0.6, 1, -1, 0.3, 0.5};
    const double h = 1e-5;
    struct weighing here, above, below;
    double w_dot[N], a_bar[N], a_bar_dot[N], a_bars[2][N], difference[N], bar_difference[N];
    weigh_at(&here, output, normalize, a, 0, a_dot);
    weigh_at(&above, output, normalize, a, h, a_dot);
    weigh_at(&below, output, normalize, a, -h, a_dot);
    iml_weights_tangent(&here.weights, a_dot, w_dot);
    iml_weights_adjoint(&here.weights, w_bar, a_bar);
    iml_weights_adjoint_tangent(&here.weights, w_bar, w_bar_dot, a_dot, w_dot, a_bar_dot);
    for (size_t k = 0; k < 2; k++) {
        double moved[N];
        const double sign = k == 0 ? 1 : -1;
        for (size_t i = 0; i < N; i++) moved[i] = w_bar[i] + sign * h * w_bar_dot[i];
        iml_weights_adjoint(k == 0 ? &above.weights : &below.weights, moved, a_bars[k]);
    }
    double forward = 0, backward = 0;
    for (size_t i = 0; i < N; i++) {
        difference[i] = (above.w[i] - below.w[i]) / (2 * h);
        bar_difference[i] = (a_bars[0][i] - a_bars[1][i]) / (2 * h);
        forward += w_bar[i] * w_dot[i];
        backward += a_bar[i] * a_dot[i];
    }
    check_vectors_close(N, w_dot, difference, 1e-8);
    check_vectors_close(N, a_bar_dot, bar_difference, 1e-8);
    check_close(forward, backward, 1e-12);
}

static void test_weights_and_their_derivatives(void **state)
{
    (void)state;
    for (unsigned output = 0; output < IML_WEIGHER_OUTPUTS; output++) {
        check_weights(output, IML_WEIGHER_PLAIN);
        check_weights(output, IML_WEIGHER_BATCH_MEAN);
    }
}

/* FIXMATCH 6.1: outputs at a = 0; a mean below 1e-3. */
static void test_weights_at_rest_and_without_a_mean(void **state)
{
    (void)state;
    static const double zero[N] = {0}, low[N] = {-1, 1, -1, 1, -1, 1, 0};
    struct weighing weighing;
    double a_bar[N];
    weigh_at(&weighing, IML_WEIGHER_TWO_SIGMOID, IML_WEIGHER_PLAIN, zero, 0, zero);
    for (size_t i = 0; i < N; i++) assert_true(weighing.w[i] == 1);
    weigh_at(&weighing, IML_WEIGHER_SIGMOID, IML_WEIGHER_PLAIN, zero, 0, zero);
    for (size_t i = 0; i < N; i++) assert_true(weighing.w[i] == 0.5);
    weigh_at(&weighing, IML_WEIGHER_LINEAR, IML_WEIGHER_BATCH_MEAN, low, 0, zero);
    iml_weights_adjoint(&weighing.weights, low, a_bar);
    assert_false(weighing.weights.is_unequal);
    for (size_t i = 0; i < N; i++) assert_true(weighing.w[i] == 1 && a_bar[i] == 0);
    static const double broken[N] = {1, 1, 1, (double)NAN, 1, 1, 1};
    weigh_at(&weighing, IML_WEIGHER_LINEAR, IML_WEIGHER_BATCH_MEAN, broken, 0, zero);
    for (size_t i = 0; i < N; i++) assert_true(isnan(weighing.w[i])); /* it is not hidden by a 1 */
}

/* --- a run --- */

/* Runs two jobs side by side to their end and compares θ and θ̄ after each step. */
static void check_same_theta(const struct iml_trainer_options *a,
                             const struct iml_trainer_options *b)
{
    struct iml_trainer *one = case_open(a, NULL), *other = case_open(b, NULL);
    const size_t bytes = iml_net_parameters(one->net) * sizeof(iml_real);
    struct iml_rows rows;
    while (!other->methods->is_finished(other)) {
        const uint64_t k = other->state->step;
        step(other, &rows);
        if (other->state->step > k) step(one, &rows); /* else it was an update */
        assert_memory_equal(one->theta, other->theta, bytes);
        assert_memory_equal(one->average, other->average, bytes);
    }
    assert_int_equal(one->state->step, other->state->step);
    assert_int_equal(other->state->update, other->options.meta.updates);
    iml_trainer_close(one);
    iml_trainer_close(other);
}

/* Equal weights of 1 are fixmatch, to the bit: a zero last layer that does not move, or weights
 * that are not used while C learns. */
static void test_weights_of_one_are_fixmatch(void **state)
{
    const struct iml_trainer_options plain = case_fixmatch(*state);
    struct iml_trainer_options still = case_confidence(*state), ones = case_confidence(*state);
    still.meta.optimizer.learning_rate = 0;
    ones.confidence.used = IML_WEIGHER_ONES;
    check_same_theta(&plain, &still);
    check_same_theta(&plain, &ones);
}

/* FIXMATCH 6.1: the first update after the warm-up, then one every steps_per_update; nothing of an
 * update is in θ, θ̄ or a running statistic of the base net. */
static void test_when_lambda_moves_and_what_does_not(void **state)
{
    const struct iml_trainer_options options = case_image(*state);
    struct iml_trainer *trainer = case_open(&options, NULL);
    const size_t statistics = iml_net_statistics(trainer->net);
    const size_t size = trainer->knowledge.size, own = iml_net_statistics(trainer->weigher->net);
    iml_real *r = calloc(statistics, sizeof *r), *omega = calloc(size, sizeof *omega);
    iml_real *s = calloc(own, sizeof *s);
    assert_true(r && omega && s);
    struct iml_rows rows = {0};
    uint64_t updates[8] = {0}, count = 0;
    step(trainer, &rows); /* C's statistics are made before it */
    while (!trainer->methods->is_finished(trainer)) {
        const uint64_t k = trainer->state->step;
        memcpy(r, trainer->statistics, statistics * sizeof *r);
        memcpy(s, trainer->weigher->statistics, own * sizeof *s);
        memcpy(omega, trainer->knowledge.lambda, size * sizeof *omega);
        step(trainer, &rows);
        const bool is_update = trainer->state->step == k;
        if (is_update) updates[count++] = k;
        /* base statistics move in steps alone, ω and C's statistics in updates alone */
        assert_int_equal(memcmp(r, trainer->statistics, statistics * sizeof *r) == 0, is_update);
        assert_int_equal(memcmp(omega, trainer->knowledge.lambda, size * sizeof *omega) != 0,
                         is_update);
        assert_true(is_update || memcmp(s, trainer->weigher->statistics, own * sizeof *s) == 0);
    }
    assert_int_equal(count, 2);
    assert_true(updates[0] == 4 && updates[1] == 8);
    free(r);
    free(s);
    free(omega);
    iml_trainer_close(trainer);
}

/* What an update of a zero last layer reaches: that layer alone. */
static void test_the_first_update_reaches_the_last_layer(void **state)
{
    struct iml_trainer_options options = case_confidence(*state);
    options.confidence.decay = 0;
    struct iml_trainer *trainer = case_open(&options, NULL);
    struct iml_rows rows;
    while (trainer->state->update == 0) step(trainer, &rows);
    const size_t blocks = iml_net_block_count(trainer->weigher->net);
    for (size_t b = 0; b < blocks; b++) {
        const struct iml_block *block = iml_net_block(trainer->weigher->net, b);
        double sum = 0;
        for (size_t j = 0; j < block->count; j++)
            sum += fabs((double)trainer->hypergradient[block->offset + j]);
        assert_int_equal(sum > 0, b + 2 >= blocks);
    }
    iml_trainer_close(trainer);
}

/* weights_per_example: images with an influence move, into [0, 2]. */
static void test_free_weights(void **state)
{
    struct iml_trainer_options options = case_confidence_free(*state);
    options.meta.optimizer.learning_rate = 1.5;
    struct iml_trainer *trainer = case_open(&options, NULL);
    struct iml_rows rows;
    while (trainer->state->update == 0) step(trainer, &rows);
    size_t moved = 0, at_bounds = 0;
    for (size_t i = 0; i < trainer->knowledge.size; i++) {
        const double w = (double)trainer->knowledge.lambda[i];
        assert_true(w >= 0 && w <= 2);
        assert_int_equal(w != 1, trainer->hypergradient[i] != 0);
        assert_int_equal(trainer->knowledge.steps[i], w != 1);
        moved += w != 1;
        at_bounds += w == 0 || w == 2;
    }
    assert_true(moved > 0 && moved <= 15 && at_bounds == moved);
    iml_trainer_close(trainer);
}

static int compare_numbers(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* The same weights of the batch, at other images. */
static void test_permuted_weights(void **state)
{
    enum { U = 27 };
    struct iml_trainer_options options = case_confidence(*state);
    options.confidence.used = IML_WEIGHER_PERMUTED;
    options.consistency.threshold = 0; /* all count */
    struct iml_trainer *trainer = case_open(&options, NULL);
    struct iml_rows rows;
    while (trainer->state->update < 2) step(trainer, &rows);
    step(trainer, &rows);
    double used[U], found[U];
    size_t moved = 0;
    for (size_t i = 0; i < U; i++) {
        found[i] = (double)(iml_real)(trainer->weigher->weights.w[i] * trainer->consistency.weight);
        used[i] = (double)trainer->consistency.weights[9 + U + i];
        moved += used[i] != found[i];
    }
    assert_true(moved > U / 2);
    qsort(used, U, sizeof *used, compare_numbers);
    qsort(found, U, sizeof *found, compare_numbers);
    assert_memory_equal(used, found, sizeof used);
    iml_trainer_close(trainer);
}

/* C is fitted to w = 1 before the first step. */
static void test_a_pretrained_network_begins_near_one(void **state)
{
    const struct iml_trainer_options options = case_probabilities(*state);
    struct iml_trainer *trainer = case_open(&options, NULL);
    struct iml_rows rows = {0};
    struct iml_error error = {0};
    assert_int_equal(iml_trainer_evaluate(trainer, &rows, &error), IML_OK);
    for (size_t i = 0; i < rows.count; i++)
        if (strcmp(rows.rows[i].metric, "weight/mean") == 0)
            assert_true(fabs(rows.rows[i].value - 1) < 0.1);
    iml_trainer_close(trainer);
}

/* The fit is of C's own numbers: over their mean they have the mean 1 without it, or, as that of a
 * linear C is as often below 0 as not, w = 1 and no gradient. */
static void test_normalized_weights_are_fitted_before_they_are_divided(void **state)
{
    struct iml_trainer_options options = case_probabilities(*state);
    options.confidence.normalize = IML_WEIGHER_BATCH_MEAN;
    for (options.seed = 1; options.seed <= 4; options.seed++) {
        struct iml_trainer *trainer = case_open(&options, NULL);
        struct iml_rows rows = {0};
        struct iml_error error = {0};
        assert_int_equal(iml_trainer_evaluate(trainer, &rows, &error), IML_OK);
        const struct iml_weights *weights = &trainer->weigher->weights;
        for (size_t i = 0; i < weights->count; i++) assert_true(fabs(weights->a[i] - 1) < 0.2);
        iml_trainer_close(trainer);
    }
}

static void test_same_bits_for_any_number_of_threads(void **state)
{
    static struct iml_trainer_options (*const cases[])(const struct sets *) = {
        case_confidence, case_confidence_through, case_confidence_free, case_image,
        case_probabilities};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct case_log *logs[2] = {new_log(), new_log()};
        struct iml_trainer_options options = cases[i](*state);
        for (unsigned threads = 1; threads <= 4; threads *= 2) {
            struct case_log *log = logs[threads > 1];
            log->count = 0;
            options.threads = threads;
            struct iml_trainer *trainer = case_open(&options, NULL);
            (void)case_finish(trainer, log, FOREVER);
            iml_trainer_close(trainer);
            if (threads > 1) case_assert_same(logs[0], 0, log);
        }
        free(logs[0]);
        free(logs[1]);
    }
}

/* A network with statistics, one that has been fitted, and one that is learned from through the
 * features go on from a checkpoint of any moment. */
static void test_a_restart_of_each_network(void **state)
{
    const struct iml_trainer_options cases[] = {case_image(*state), case_probabilities(*state),
                                                case_confidence_through(*state)};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct case_log *whole = new_log(), *rest = new_log();
        struct iml_trainer *trainer = case_open(&cases[i], NULL);
        size_t bytes = 0;
        struct iml_error error = {0};
        (void)case_finish(trainer, whole, 1); /* step 0 has been evaluated: C is ready */
        void *early = case_export(trainer, &bytes);
        const size_t first = whole->count;
        (void)case_finish(trainer, whole, FOREVER);
        struct iml_trainer *again = case_open(&cases[i], NULL);
        iml_trainer_poison(again, 0xFF);
        iml_registry_import(iml_trainer_registry(again), early, bytes);
        assert_int_equal(iml_trainer_restored(again, &error), IML_OK);
        (void)case_finish(again, rest, FOREVER);
        case_assert_same(whole, first, rest);
        iml_trainer_close(trainer);
        iml_trainer_close(again);
        free(early);
        free(whole);
        free(rest);
    }
}

static void test_refusals(void **state)
{
    struct iml_trainer_options options = case_confidence(*state);
    options.inner.steps_per_update = 0;
    case_assert_refused(&options, "/inner/steps_per_update");
    options = case_confidence(*state);
    options.meta.validation_batch = 31;
    case_assert_refused(&options, "/meta/validation_batch");
    options = case_confidence(*state);
    options.meta.curvature_batch = 6;
    case_assert_refused(&options, "/meta/curvature/batch");
    options = case_confidence(*state);
    options.confidence.output = IML_WEIGHER_SIGMOID;
    options.confidence.start = IML_WEIGHER_PRETRAINED;
    case_assert_refused(&options, "/confidence/last_layer");
    options = case_confidence(*state);
    options.model.hidden_count = 0;
    case_assert_refused(&options, "/confidence");
    options = case_confidence_through(*state);
    options.confidence.input = IML_WEIGHER_PROBABILITIES;
    case_assert_refused(&options, "/confidence/through_features");
    options = case_confidence_through(*state);
    options.confidence.used = IML_WEIGHER_ONES;
    case_assert_refused(&options, "/confidence/weights");
    options = case_confidence_through(*state);
    options.meta.curvature_kind = IML_CURVATURE_GAUSS_NEWTON;
    case_assert_refused(&options, "/meta/curvature/kind");
    options = case_confidence_free(*state);
    options.meta.optimizer.kind = iml_optimizer_kind_find("sgd");
    case_assert_refused(&options, "/meta/optimizer/kind");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_weights_and_their_derivatives),
        cmocka_unit_test(test_weights_at_rest_and_without_a_mean),
        cmocka_unit_test(test_weights_of_one_are_fixmatch),
        cmocka_unit_test(test_when_lambda_moves_and_what_does_not),
        cmocka_unit_test(test_the_first_update_reaches_the_last_layer),
        cmocka_unit_test(test_free_weights),
        cmocka_unit_test(test_permuted_weights),
        cmocka_unit_test(test_a_pretrained_network_begins_near_one),
        cmocka_unit_test(test_normalized_weights_are_fitted_before_they_are_divided),
        cmocka_unit_test(test_same_bits_for_any_number_of_threads),
        cmocka_unit_test(test_a_restart_of_each_network),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, case_set_up, case_tear_down);
}
