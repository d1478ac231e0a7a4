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

static int set_up(void **state)
{
    struct sets *sets = calloc(1, sizeof *sets);
    assert_non_null(sets);
    sets_open(sets);
    case_write_set(sets);
    *state = sets;
    return 0;
}

static int tear_down(void **state)
{
    sets_close(*state);
    free(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_remains_is_compared_with_the_last_move_of_lambda),
        cmocka_unit_test(test_a_frozen_lambda_has_no_ratio),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
