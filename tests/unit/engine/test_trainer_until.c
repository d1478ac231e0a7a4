/* test_trainer_until.c: inner loops that a bound ends (MATH §6, strategy 2): when they are looked
 * at, what ends them, what they tell. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/check.h"
#include "tests/unit/engine/trainer_case.h"

enum { FOREVER = 100000, LOOPS_MAX = 64 };

/* One inner loop as its rows and the progress tell it. */
struct loop {
    uint64_t steps;     /* as the steps themselves count */
    double told, value; /* inner/steps, and the bound's row; NaN: no such row */
    size_t rows;        /* of the bound */
};

struct loops {
    struct loop loops[LOOPS_MAX];
    size_t count;
};

static struct loops watch(const struct iml_trainer_options *options, const char *metric)
{
    struct loops loops = {0};
    struct iml_trainer *trainer = case_open(options, NULL);
    struct case_log *log = calloc(1, sizeof *log);
    assert_non_null(log);
    uint64_t update = 0, first = 0;
    for (bool goes_on = true; goes_on;) {
        log->count = 0;
        goes_on = case_act(trainer, log);
        const struct iml_progress progress = iml_trainer_progress(trainer);
        if (progress.update > update) {
            assert_true(loops.count < LOOPS_MAX);
            loops.loops[loops.count++] = (struct loop){.told = nan(""), .value = nan("")};
            update = progress.update;
            first = progress.step;
        }
        if (update == 0) continue;
        struct loop *loop = &loops.loops[loops.count - 1];
        loop->steps = progress.step - first;
        for (size_t i = 0; i < log->count; i++) {
            const struct case_entry *entry = &log->entries[i];
            if (!entry->metric) continue;
            if (strcmp(entry->metric, "inner/steps") == 0) loop->told = entry->value;
            if (strcmp(entry->metric, metric) != 0) continue;
            loop->value = entry->value;
            loop->rows++;
        }
    }
    assert_int_equal(loops.count, options->meta.updates);
    iml_trainer_close(trainer);
    free(log);
    return loops;
}

/* Laws of every loop; how many were ended by max_steps alone. */
static size_t check_loops(const struct iml_until *until, const struct loops *loops, double bound)
{
    size_t at_most = 0;
    for (size_t i = 0; i < loops->count; i++) {
        const struct loop *loop = &loops->loops[i];
        check_close(loop->told, (double)loop->steps, 0);
        assert_int_equal(loop->rows, 1); /* of the look that ended it, of no other */
        assert_true(loop->steps >= until->min_steps && loop->steps <= until->max_steps);
        if (loop->steps == until->max_steps) {
            at_most++;
            continue;
        }
        assert_int_equal((loop->steps - until->min_steps) % until->check_every, 0);
        assert_true(loop->value < bound);
    }
    return at_most;
}

static void test_a_norm_ends_the_loops(void **state)
{
    struct iml_trainer_options options = case_iml_until_norm(*state);
    struct iml_until *until = &options.inner.until;
    *until = (struct iml_until){
        .gradient_norm = 0.15, .min_steps = 2, .max_steps = 400, .check_every = 5};
    struct loops loops = watch(&options, "inner/gradient_norm");
    assert_int_equal(check_loops(until, &loops, until->gradient_norm), 0);
    until->gradient_norm = 1e-20; /* never */
    until->max_steps = 9;
    loops = watch(&options, "inner/gradient_norm");
    assert_int_equal(check_loops(until, &loops, until->gradient_norm), options.meta.updates);
    until->gradient_norm = 1e20; /* at once */
    loops = watch(&options, "inner/gradient_norm");
    (void)check_loops(until, &loops, until->gradient_norm);
    for (size_t i = 0; i < loops.count; i++) assert_int_equal(loops.loops[i].steps, 2);
}

static void test_a_relative_norm_is_that_of_the_update(void **state)
{
    struct iml_trainer_options options = case_iml_until_norm(*state);
    struct iml_until *until = &options.inner.until;
    /* any norm is below a large share of itself, none below a tiny one */
    until->gradient_norm = 1e6;
    struct loops loops = watch(&options, "inner/gradient_norm");
    for (size_t i = 0; i < loops.count; i++)
        assert_int_equal(loops.loops[i].steps, until->min_steps);
    until->gradient_norm = 1e-6;
    loops = watch(&options, "inner/gradient_norm");
    for (size_t i = 0; i < loops.count; i++)
        assert_int_equal(loops.loops[i].steps, until->max_steps);
}

static void test_a_remaining_ratio_ends_the_loops(void **state)
{
    struct iml_trainer_options options = case_iml_until_ratio(*state);
    struct iml_until *until = &options.inner.until;
    struct loops loops = watch(&options, "inner/end_ratio");
    const size_t at_most = check_loops(until, &loops, until->remaining_ratio);
    assert_true(at_most > 0 && at_most < loops.count);
    until->remaining_ratio = 1e-12;
    loops = watch(&options, "inner/end_ratio");
    assert_int_equal(check_loops(until, &loops, until->remaining_ratio), loops.count);
}

/* λ frozen: it gains nothing, so no inner training is enough. */
static void test_max_steps_ends_the_loops_of_a_frozen_lambda(void **state)
{
    struct iml_trainer_options options = case_iml_until_ratio(*state);
    options.meta.optimizer.learning_rate = 0;
    const struct loops loops = watch(&options, "inner/end_ratio");
    for (size_t i = 0; i < loops.count; i++) {
        assert_int_equal(loops.loops[i].steps, options.inner.until.max_steps);
        assert_true(isinf(loops.loops[i].value));
    }
}

/* The look after no step that counts (θ frozen) sees the update's own q·g and gain. */
static void test_the_ratio_is_that_of_the_update(void **state)
{
    struct iml_trainer_options options = case_iml_until_ratio(*state);
    options.inner.optimizer.learning_rate = 0;
    options.meta.updates = 1;
    options.inner.until.min_steps = options.inner.until.max_steps = 1;
    options.meta.optimizer = (struct iml_optimizer_options){.kind = iml_optimizer_kind_find("sgd"),
                                                            .learning_rate = 1e-6};
    struct iml_trainer *trainer = case_open(&options, NULL);
    struct case_log *log = calloc(1, sizeof *log);
    assert_non_null(log);
    (void)case_finish(trainer, log, FOREVER);
    const double norm = case_last(log, "meta/gradient_norm");
    const double gain = 1e-6 * norm * norm; /* of a step −lr·g: lr ‖g‖² */
    /* e^λ has moved by lr·g·e^λ, some 1e-9; float's Δλ is known to some 1 % */
    check_close(case_last(log, "inner/end_ratio"), fabs(case_last(log, "inner/remaining")) / gain,
                2e-2);
    iml_trainer_close(trainer);
    free(log);
}

static void test_both_bounds_and_the_first_that_is_met(void **state)
{
    struct iml_trainer_options options = case_iml_until_ratio(*state);
    struct iml_until *until = &options.inner.until;
    until->remaining_ratio = 1e-12;
    until->gradient_norm = 1e20;
    const struct loops ratios = watch(&options, "inner/end_ratio");
    const struct loops norms = watch(&options, "inner/gradient_norm");
    for (size_t i = 0; i < ratios.count; i++) {
        assert_int_equal(ratios.loops[i].steps, until->min_steps);
        assert_int_equal(ratios.loops[i].rows, 1);
        assert_int_equal(norms.loops[i].rows, 1);
    }
}

static void test_a_loop_by_a_bound_has_no_known_end(void **state)
{
    const struct iml_trainer_options options = case_iml_until_norm(*state);
    struct iml_trainer *trainer = case_open(&options, NULL);
    assert_int_equal(iml_trainer_progress(trainer).steps_of, 0);
    iml_trainer_close(trainer);
}

/* A q that nothing asks for after its update is no state. */
static void test_q_is_state_only_where_it_is_asked(void **state)
{
    for (int asked = 0; asked < 2; asked++) {
        const struct iml_trainer_options options =
            asked ? case_iml_until_ratio(*state) : case_iml_until_norm(*state);
        struct iml_trainer *trainer = case_open(&options, NULL);
        const struct iml_registry *registry = iml_trainer_registry(trainer);
        size_t found = 0;
        for (size_t i = 0; i < registry->count; i++)
            found += strncmp(registry->items[i].name, "state/q/", 8) == 0;
        assert_int_equal(found, asked ? 6 : 0); /* weight and bias of three layers */
        iml_trainer_close(trainer);
    }
}

static void test_a_loop_that_can_not_end_is_refused(void **state)
{
    struct iml_trainer_options options = case_iml_until_ratio(*state);
    options.inner.until.min_steps = 13;
    struct iml_trainer *trainer = NULL;
    struct iml_error error = {0};
    assert_int_equal(iml_trainer_open(&options, NULL, &trainer, &error), IML_ERROR_ARGUMENT);
    assert_string_equal(error.where, "/inner/until/max_steps");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_norm_ends_the_loops),
        cmocka_unit_test(test_a_relative_norm_is_that_of_the_update),
        cmocka_unit_test(test_a_remaining_ratio_ends_the_loops),
        cmocka_unit_test(test_max_steps_ends_the_loops_of_a_frozen_lambda),
        cmocka_unit_test(test_the_ratio_is_that_of_the_update),
        cmocka_unit_test(test_both_bounds_and_the_first_that_is_met),
        cmocka_unit_test(test_a_loop_by_a_bound_has_no_known_end),
        cmocka_unit_test(test_q_is_state_only_where_it_is_asked),
        cmocka_unit_test(test_a_loop_that_can_not_end_is_refused),
    };
    return cmocka_run_group_tests(tests, case_set_up, case_tear_down);
}
