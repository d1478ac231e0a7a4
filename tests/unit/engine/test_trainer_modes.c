/* test_trainer_modes.c: batch norm and dropout in whole runs: what moves the running statistics,
 * what each choice of the curvature pass changes (MATH §2), same bits. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/check.h"
#include "tests/unit/engine/trainer_case.h"

enum { STATISTICS = 2 * (12 + 9), ACTIONS_MAX = 128 };

/* All running statistics, as bytes. */
struct statistics {
    iml_real values[STATISTICS];
};

static struct statistics statistics_of(const struct iml_trainer *trainer)
{
    static const char *const names[] = {
        "parameters/batch_norm1.running_mean", "parameters/batch_norm1.running_var",
        "parameters/batch_norm2.running_mean", "parameters/batch_norm2.running_var"};
    struct statistics result = {0};
    size_t count = 0;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const struct iml_item *item = iml_registry_find(iml_trainer_registry(trainer), names[i]);
        assert_non_null(item);
        assert_true(count + item->shape[0] <= STATISTICS);
        memcpy(result.values + count, item->data, item->shape[0] * sizeof *result.values);
        count += item->shape[0];
    }
    assert_int_equal(count, STATISTICS);
    return result;
}

static bool are_equal(const struct statistics *a, const struct statistics *b)
{
    /* equality of bits is meant */
    /* NOLINTNEXTLINE(bugprone-suspicious-memory-comparison,cert-exp42-c,cert-flp37-c) */
    return memcmp(a, b, sizeof *a) == 0;
}

/* Each inner step moves them; no update of λ and no evaluation does. */
static void test_only_a_training_step_moves_statistics(void **state)
{
    const struct iml_trainer_options options = case_iml_normalized(*state);
    struct iml_trainer *trainer = case_open(&options, NULL);
    struct case_log *log = calloc(1, sizeof *log);
    assert_non_null(log);
    size_t still = 0;
    for (size_t n = 0; n < ACTIONS_MAX; n++) {
        const struct statistics before = statistics_of(trainer);
        const uint64_t step = iml_trainer_progress(trainer).step;
        const bool goes_on = case_act(trainer, log);
        const struct statistics after = statistics_of(trainer);
        const bool is_step = iml_trainer_progress(trainer).step > step;
        assert_int_equal(are_equal(&before, &after), !is_step);
        still += !is_step;
        if (!goes_on) break;
    }
    assert_true(still > 4); /* four updates and some evaluations */
    struct iml_rows rows = {0};
    struct iml_error error = {0};
    const struct statistics before = statistics_of(trainer);
    assert_int_equal(iml_trainer_evaluate_state(trainer, &rows, &error), IML_OK);
    const struct statistics after = statistics_of(trainer);
    assert_true(are_equal(&before, &after));
    free(log);
    iml_trainer_close(trainer);
}

static struct case_log *log_of(const struct iml_trainer_options *options)
{
    struct case_log *log = calloc(1, sizeof *log);
    assert_non_null(log);
    struct iml_trainer *trainer = case_open(options, NULL);
    (void)case_finish(trainer, log, ACTIONS_MAX);
    iml_trainer_close(trainer);
    return log;
}

static void test_same_bits_for_any_number_of_threads(void **state)
{
    struct iml_trainer_options options = case_iml_normalized(*state);
    struct case_log *one = log_of(&options);
    const unsigned threads[] = {2, 4};
    for (size_t i = 0; i < 2; i++) {
        options.threads = threads[i];
        struct case_log *other = log_of(&options);
        case_assert_same(one, 0, other);
        free(other);
    }
    free(one);
}

/* The first value of a metric. */
static double first_of(const struct case_log *log, const char *metric)
{
    for (size_t i = 0; i < log->count; i++) {
        const struct case_entry *entry = &log->entries[i];
        if (entry->metric && strcmp(entry->metric, metric) == 0) return entry->value;
    }
    fail_msg("no row of %s", metric);
    return 0;
}

static void take_hessian(struct iml_trainer_options *options)
{
    options->meta.curvature_kind = IML_CURVATURE_HESSIAN;
}

static void take_batch(struct iml_trainer_options *options)
{
    options->meta.curvature_batch_norm = IML_CURVATURE_NORM_BATCH;
}

static void take_no_dropout(struct iml_trainer_options *options)
{
    options->meta.curvature_dropout = IML_CURVATURE_DROPOUT_OFF;
}

/* Each choice changes the first hypergradient, and nothing before it: v is that of evaluation mode
 * whatever the curvature pass is. */
static void test_each_choice_of_the_curvature_pass_matters(void **state)
{
    void (*const changes[])(struct iml_trainer_options *) = {take_hessian, take_batch,
                                                             take_no_dropout};
    const struct iml_trainer_options options = case_iml_normalized(*state);
    struct case_log *log = log_of(&options);
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        struct iml_trainer_options changed = options;
        changes[i](&changed);
        struct case_log *other = log_of(&changed);
        const double norm = first_of(log, "meta/gradient_norm");
        assert_true(isfinite(norm) && norm > 0);
        assert_true(fabs(first_of(other, "meta/gradient_norm") / norm - 1) > 1e-3);
        assert_true(first_of(other, "meta/validation_loss") ==
                    first_of(log, "meta/validation_loss"));
        free(other);
    }
    free(log);
}

/* The loss of step 0's batch before that step is what the first step itself finds: the same mask,
 * the same means. */
static void test_the_first_batch_is_evaluated_as_it_is_trained(void **state)
{
    const struct iml_trainer_options options = case_iml_normalized(*state);
    struct iml_trainer *trainer = case_open(&options, NULL);
    struct case_log *log = calloc(1, sizeof *log);
    assert_non_null(log);
    assert_true(case_act(trainer, log)); /* the evaluation of step 0 */
    assert_true(case_act(trainer, log));
    assert_true(first_of(log, "train/loss") == iml_trainer_progress(trainer).first_loss);
    free(log);
    iml_trainer_close(trainer);
}

static void test_it_learns(void **state)
{
    struct iml_trainer_options options = case_iml_normalized(*state);
    options.kind = iml_trainer_kind_find("supervised");
    options.inner.steps = 60;
    options.evaluation_every = 60;
    struct case_log *log = log_of(&options);
    assert_true(case_last(log, "validation/loss") < 0.7 * first_of(log, "validation/loss"));
    free(log);
}

static void test_a_batch_of_one_is_refused(void **state)
{
    struct iml_trainer_options options = case_iml_normalized(*state);
    struct iml_trainer *trainer = NULL;
    struct iml_error error = {0};
    options.inner.batch = 1;
    assert_int_equal(iml_trainer_open(&options, NULL, &trainer, &error), IML_ERROR_ARGUMENT);
    assert_null(trainer);
    assert_string_equal(error.where, "/inner/batch");
    options.model.has_batch_norm = false;
    assert_int_equal(iml_trainer_open(&options, NULL, &trainer, &error), IML_OK);
    iml_trainer_close(trainer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_a_training_step_moves_statistics),
        cmocka_unit_test(test_same_bits_for_any_number_of_threads),
        cmocka_unit_test(test_each_choice_of_the_curvature_pass_matters),
        cmocka_unit_test(test_the_first_batch_is_evaluated_as_it_is_trained),
        cmocka_unit_test(test_it_learns),
        cmocka_unit_test(test_a_batch_of_one_is_refused),
    };
    return cmocka_run_group_tests(tests, case_set_up, case_tear_down);
}
