/* test_trainer_memory.c: after open nothing allocates (DESIGN §3). */
#include <stdlib.h>

#include "tests/unit/check.h"
#include "tests/unit/engine/allocations.h"
#include "tests/unit/engine/report_case.h"

static void test_the_counter_counts(void **state)
{
    (void)state;
    const size_t before = allocations_count();
    void *volatile block = malloc(10);
    free(block);
    block = calloc(1, 10);
    free(block);
    block = realloc(NULL, 10);
    free(block);
    /* not aligned_alloc, which the hook of clang's thread sanitizer does not see */
    assert_int_equal(allocations_count() - before, 3);
}

/* 50 inner steps, 3 updates and the evaluations between them. */
static void count_steps(struct iml_trainer_options options, const struct sets *sets)
{
    options.roots = sets->roots;
    options.threads = 2;
    struct iml_trainer *trainer = case_open(&options, NULL);
    struct case_log *log = calloc(1, sizeof *log);
    assert_non_null(log);
    /* after the first action the helper has started: under a sanitizer its thread allocates then */
    assert_true(case_act(trainer, log));
    const size_t before = allocations_count();
    const size_t actions = 1 + case_finish(trainer, log, 1000);
    const size_t after = allocations_count();
    assert_true(actions >= 53);
    assert_int_equal(after - before, 0);
    iml_trainer_close(trainer);
    free(log);
}

static void test_steps_updates_and_evaluations_allocate_nothing(void **state)
{
    const struct sets *sets = *state;
    struct iml_trainer_options options = case_iml(sets);
    options.inner.warmup_steps = 20;
    options.inner.steps_per_update = 10;
    options.meta.updates = 3;
    count_steps(options, sets);
    options = case_iml_until(sets);
    options.inner.warmup_until.gradient_norm = 1e-30; /* 40 steps, each with its monitored norm */
    options.inner.steps_per_update = 10;
    options.meta.updates = 3;
    count_steps(options, sets);
    options = case_iml(sets); /* every look, at every update */
    options.inner.warmup_steps = 20;
    options.inner.steps_per_update = 10;
    options.meta.updates = 3;
    options.diagnostics = case_looks(1);
    count_steps(options, sets);
    options.diagnostics.reference.max_parameters = 1; /* by minres */
    options.diagnostics.reference.max_products = 30;
    count_steps(options, sets);
    options = case_iml_until_ratio(sets); /* 8 updates, 12 steps each, looked at on the way */
    options.inner.until.remaining_ratio = 1e-30;
    options.inner.until.max_steps = 12;
    count_steps(options, sets);
    options = case_iml_synthetic(sets);
    options.inner.warmup_steps = 20;
    options.inner.steps_per_update = 10;
    count_steps(options, sets);
    options = case_supervised(sets);
    options.inner.steps = 50;
    count_steps(options, sets);
    options = case_fixmatch(sets);
    options.inner.steps = 50;
    count_steps(options, sets);
    options = case_few_labels(sets);
    options.inner.steps = 50;
    count_steps(options, sets);
    struct iml_trainer_options weighed[] = {case_confidence(sets), case_confidence_through(sets),
                                            case_confidence_free(sets)};
    for (size_t i = 0; i < sizeof weighed / sizeof weighed[0]; i++) {
        weighed[i].inner.steps = 50;
        weighed[i].inner.steps_per_update = 15;
        count_steps(weighed[i], sets);
    }
}

/* Reports, from their first step to the artifact. */
static void count_report(struct iml_trainer_options options)
{
    options.threads = 2;
    struct iml_trainer *trainer = case_open(&options, NULL);
    struct case_log *log = calloc(1, sizeof *log);
    assert_non_null(log);
    assert_true(case_act(trainer, log));
    const size_t before = allocations_count();
    const size_t actions = case_finish(trainer, log, 1000);
    const size_t after = allocations_count();
    assert_true(actions >= 4);
    assert_int_equal(after - before, 0);
    iml_trainer_close(trainer);
    free(log);
}

static void test_reports_allocate_nothing(void **state)
{
    const struct iml_trainer_options trained = case_iml(*state);
    count_report(report_options(&trained, "verify"));
    struct iml_trainer_options options = report_options(&trained, "compare");
    static const char *const kinds[] = {"identity", "neumann", "cg", "nystrom"};
    options.compare = (struct iml_compare_options){
        .count = 4, .max_parameters = 100, .max_products = 20, .target_residual = 1e-6};
    for (size_t i = 0; i < 4; i++)
        options.compare.solvers[i] = (struct iml_compared){
            .name = kinds[i],
            .solver = {
                .kind = iml_solver_kind_find(kinds[i]), .terms = 4, .rank = 3, .damping = 0.01}};
    count_report(options);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_counter_counts),
        cmocka_unit_test(test_steps_updates_and_evaluations_allocate_nothing),
        cmocka_unit_test(test_reports_allocate_nothing),
    };
    return cmocka_run_group_tests(tests, case_set_up, case_tear_down);
}
