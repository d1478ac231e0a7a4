/* test_trainer_rows.c: what an update tells without another product, against the same numbers by
 * hand from the run's own vectors (MATH §5.3, §5.5, §6). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/trainer/run.h"
#include "tests/unit/check.h"
#include "tests/unit/engine/trainer_case.h"

/* Acts until update number `update` has been made. */
static void go_to_update(struct iml_trainer *trainer, uint64_t update, struct case_log *log)
{
    while (iml_trainer_progress(trainer).update < update) assert_true(case_act(trainer, log));
}

static size_t count(const struct case_log *log, const char *metric)
{
    size_t found = 0;
    for (size_t i = 0; i < log->count; i++)
        found += log->entries[i].metric && strcmp(log->entries[i].metric, metric) == 0;
    return found;
}

static iml_real *copy_lambda(const struct iml_trainer *trainer)
{
    const size_t bytes = trainer->knowledge.size * sizeof(iml_real);
    iml_real *copy = malloc(bytes);
    assert_non_null(copy);
    memcpy(copy, trainer->knowledge.lambda, bytes);
    return copy;
}

/* With a clamp that holds some of λ: what counts is how far λ has moved, not how far it would. */
static void test_what_remains_is_compared_with_the_last_move_of_lambda(void **state)
{
    struct iml_trainer_options options = case_iml(*state);
    options.meta.knowledge.clamp_low = 0.97e-3; /* an RMSprop step goes further */
    struct iml_trainer *trainer = case_open(&options, NULL);
    struct case_log *log = calloc(1, sizeof *log);
    assert_non_null(log);
    go_to_update(trainer, 1, log);
    assert_int_equal(count(log, "inner/remaining_ratio"), 0); /* λ has not moved before it */
    const double first_gain = trainer->state->last_gain;
    while (!(iml_trainer_progress(trainer).update == 1 && trainer->state->steps_left == 0 &&
             trainer->state->is_evaluation_due == 0))
        assert_true(case_act(trainer, log));
    iml_real *before = copy_lambda(trainer);
    go_to_update(trainer, 2, log);
    check_close(case_last(log, "inner/remaining_ratio"),
                fabs(case_last(log, "inner/remaining")) / first_gain, 1e-12);
    double gain = 0;
    size_t held = 0;
    for (size_t m = 0; m < trainer->knowledge.size; m++) {
        const double change = (double)trainer->knowledge.lambda[m] - (double)before[m];
        held += change >= 0 && change <= 0; /* exactly none */
        gain += change * (double)trainer->hypergradient[m];
    }
    assert_true(held > 0 && held < trainer->knowledge.size);
    assert_true(gain < 0); /* RMSprop goes down in every coordinate */
    check_close(trainer->state->last_gain, -gain, 1e-5);
    free(before);
    free(log);
    iml_trainer_close(trainer);
}

/* Cosine of successive hypergradients; ‖q‖ of the last 10 updates against their mean. */
static void test_updates_are_compared_with_those_before(void **state)
{
    enum { UPDATES = 13, LAST = 10 };
    struct iml_trainer_options options = case_iml(*state);
    options.meta.updates = UPDATES;
    struct iml_trainer *trainer = case_open(&options, NULL);
    struct case_log *log = calloc(1, sizeof *log);
    const size_t size = trainer->knowledge.size;
    iml_real *before = calloc(size, sizeof *before);
    assert_non_null(log);
    assert_non_null(before);
    double norms[UPDATES];
    for (size_t u = 0; u < UPDATES; u++) {
        go_to_update(trainer, u + 1, log);
        norms[u] = case_last(log, "solver/q_norm");
        assert_int_equal(count(log, "meta/cosine"), u);
        assert_int_equal(count(log, "solver/q_norm_variance"), u);
        if (u > 0)
            check_close(case_last(log, "meta/cosine"),
                        iml_cosine(size, trainer->hypergradient, before), 1e-12);
        memcpy(before, trainer->hypergradient, size * sizeof *before);
    }
    double mean = 0, variance = 0;
    for (size_t u = UPDATES - LAST; u < UPDATES; u++) mean += norms[u] / LAST;
    for (size_t u = UPDATES - LAST; u < UPDATES; u++)
        variance += (norms[u] - mean) * (norms[u] - mean) / (LAST - 1);
    check_close(case_last(log, "solver/q_norm_variance"), variance / (mean * mean), 1e-9);
    free(before);
    free(log);
    iml_trainer_close(trainer);
}

static double value_of(const struct iml_rows *rows, const char *metric)
{
    for (size_t i = 0; i < rows->count; i++)
        if (strcmp(rows->rows[i].metric, metric) == 0) return rows->rows[i].value;
    return nan("");
}

/* Times and bytes; the share is known once the inner steps before an update were all seen. */
static void test_what_an_update_costs(void **state)
{
    const struct iml_trainer_options options = case_iml(*state);
    struct iml_trainer *trainer = case_open(&options, NULL);
    struct iml_rows rows = {0};
    struct iml_error error = {0};
    uint64_t update = 0;
    while (!iml_trainer_progress(trainer).is_finished) {
        const bool is_evaluation = iml_trainer_progress(trainer).is_evaluation_due;
        assert_int_equal(is_evaluation ? iml_trainer_evaluate(trainer, &rows, &error)
                                       : iml_trainer_step(trainer, &rows, &error),
                         IML_OK);
        if (iml_trainer_progress(trainer).update == update) continue;
        update++;
        const double share = value_of(&rows, "meta/share_of_step");
        const double seconds = value_of(&rows, "meta/seconds");
        assert_true(seconds > 0 && value_of(&rows, "solver/seconds") <= seconds);
        assert_true(value_of(&rows, "solver/bytes") >= (double)trainer->solver.bytes);
        assert_true(value_of(&rows, "solver/bytes") <= (double)trainer->solver.bytes);
        if (update == 2) assert_int_equal(iml_trainer_restored(trainer, &error), IML_OK);
        /* before the first update lies a warm-up; after a restart not all steps were seen */
        if (update == 1 || update == 3)
            assert_true(isnan(share));
        else
            assert_true(share > 0 && share < 1);
    }
    assert_int_equal(update, 4);
    iml_trainer_close(trainer);
}

/* A λ that stays where it is gives nothing to compare with. */
static void test_a_frozen_lambda_has_no_ratio(void **state)
{
    struct iml_trainer_options options = case_iml(*state);
    options.meta.optimizer.learning_rate = 0;
    struct iml_trainer *trainer = case_open(&options, NULL);
    struct case_log *log = calloc(1, sizeof *log);
    assert_non_null(log);
    (void)case_finish(trainer, log, 1000);
    assert_int_equal(count(log, "inner/remaining"), 4);
    assert_int_equal(count(log, "inner/remaining_ratio"), 0);
    free(log);
    iml_trainer_close(trainer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_remains_is_compared_with_the_last_move_of_lambda),
        cmocka_unit_test(test_updates_are_compared_with_those_before),
        cmocka_unit_test(test_what_an_update_costs),
        cmocka_unit_test(test_a_frozen_lambda_has_no_ratio),
    };
    return cmocka_run_group_tests(tests, case_set_up, case_tear_down);
}
