/* test_trainer_gate.c: a job's gate and failure policy in whole runs (MATH §5.6). */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/check.h"
#include "tests/unit/engine/trainer_case.h"

enum { ACTIONS_MAX = 128 };

/* Eight updates whose every estimate misses its residual. */
static struct iml_trainer_options failing(const struct sets *sets, enum iml_on_failure on_failure)
{
    struct iml_trainer_options options = case_iml(sets);
    options.meta.updates = 8;
    options.meta.on_failure = on_failure;
    options.meta.residual_below = (struct iml_bound){.is_asked = true, .value = 1e-12};
    return options;
}

/* λ and its optimizer's state at the end of a run, and all that it told. */
struct outcome {
    struct case_log log;
    void *lambda; /* owned */
    size_t bytes;
};

static struct outcome *run(const struct iml_trainer_options *options)
{
    struct outcome *outcome = calloc(1, sizeof *outcome);
    assert_non_null(outcome);
    struct iml_trainer *trainer = case_open(options, NULL);
    (void)case_finish(trainer, &outcome->log, ACTIONS_MAX);
    const struct iml_registry *registry = iml_trainer_registry(trainer);
    outcome->lambda = malloc(iml_registry_bytes(registry));
    assert_non_null(outcome->lambda);
    for (size_t i = 0; i < registry->count; i++) {
        const struct iml_item *item = &registry->items[i];
        if (!strstr(item->name, "knowledge/")) continue;
        const size_t bytes = iml_item_bytes(item);
        iml_item_export(item, (char *)outcome->lambda + outcome->bytes, bytes);
        outcome->bytes += bytes;
    }
    assert_true(outcome->bytes > 0);
    iml_trainer_close(trainer);
    return outcome;
}

static void outcome_free(struct outcome *outcome)
{
    free(outcome->lambda);
    free(outcome);
}

static size_t count(const struct case_log *log, const char *metric, double value)
{
    size_t found = 0;
    for (size_t i = 0; i < log->count; i++) {
        const struct case_entry *entry = &log->entries[i];
        if (entry->metric && strcmp(entry->metric, metric) == 0)
            found += entry->value >= value && entry->value <= value;
    }
    return found;
}

static void test_a_failure_that_is_used_changes_nothing_but_its_row(void **state)
{
    struct iml_trainer_options options = failing(*state, IML_ON_FAILURE_USE);
    struct outcome *gated = run(&options);
    options.meta.residual_below.is_asked = false;
    struct outcome *free_run = run(&options);
    assert_int_equal(count(&gated->log, "meta/failed", IML_FAILURE_RESIDUAL), 8);
    assert_int_equal(count(&gated->log, "meta/skipped", 0), 8);
    assert_int_equal(count(&free_run->log, "meta/failed", IML_FAILURE_NONE), 8);
    assert_int_equal(gated->bytes, free_run->bytes);
    assert_memory_equal(gated->lambda, free_run->lambda, gated->bytes);
    outcome_free(gated);
    outcome_free(free_run);
}

static void test_a_skip_leaves_lambda_and_its_optimizer(void **state)
{
    struct iml_trainer_options options = failing(*state, IML_ON_FAILURE_SKIP);
    struct outcome *skipped = run(&options);
    options.meta.updates = 1;
    struct outcome *once = run(&options);
    assert_int_equal(count(&skipped->log, "meta/skipped", 1), 8);
    assert_memory_equal(skipped->lambda, once->lambda, once->bytes);
    check_close(case_last(&skipped->log, "knowledge/mean_coefficient"), 1e-3, 1e-6);
    outcome_free(skipped);
    outcome_free(once);
}

static void test_identity_takes_q_as_v(void **state)
{
    struct iml_trainer_options options = failing(*state, IML_ON_FAILURE_IDENTITY);
    struct outcome *replaced = run(&options);
    options = failing(*state, IML_ON_FAILURE_USE);
    options.meta.solver = (struct iml_solver_options){.kind = iml_solver_kind_find("identity")};
    struct outcome *identity = run(&options);
    assert_int_equal(count(&replaced->log, "meta/failed", IML_FAILURE_RESIDUAL), 8);
    assert_int_equal(count(&replaced->log, "meta/skipped", 0), 8);
    assert_int_equal(count(&identity->log, "meta/failed", 0), 8); /* it knows no residual */
    assert_int_equal(replaced->bytes, identity->bytes);
    assert_memory_equal(replaced->lambda, identity->lambda, identity->bytes);
    outcome_free(replaced);
    outcome_free(identity);
}

/* The first failure is an event, the third skip in a row (as the job asks) another, and no more. */
static void test_the_first_failure_and_a_locked_gate_are_told_once(void **state)
{
    struct iml_trainer_options options = failing(*state, IML_ON_FAILURE_SKIP);
    options.meta.stalled_after = 3;
    struct iml_trainer *trainer = case_open(&options, NULL);
    struct case_log *log = calloc(1, sizeof *log);
    assert_non_null(log);
    size_t failures = 0, warnings = 0;
    while (case_act(trainer, log)) {
        size_t notes = 0;
        const struct iml_note *note = iml_trainer_notes(trainer, &notes);
        const uint64_t update = iml_trainer_progress(trainer).update;
        for (size_t i = 0; i < notes; i++) {
            const bool is_warning = note[i].kind == IML_NOTE_WARNING;
            if (!is_warning) assert_int_equal(note[i].kind, IML_NOTE_ESTIMATE_FAILED);
            assert_int_equal(update, is_warning ? 3 : 1);
            assert_non_null(strstr(note[i].what, is_warning ? "3 updates in a row" : "residual"));
            failures += !is_warning;
            warnings += is_warning;
            if (!is_warning) continue;
            assert_non_null(strstr(note[i].mend, "precondition"));
            assert_non_null(strstr(note[i].mend, "auto"));
            assert_non_null(strstr(note[i].mend, "clamp"));
        }
    }
    assert_int_equal(failures, 1);
    assert_int_equal(warnings, 1);
    free(log);
    iml_trainer_close(trainer);
}

static void test_a_run_that_does_not_fail_tells_nothing(void **state)
{
    const struct iml_trainer_options options = case_iml(*state);
    struct iml_trainer *trainer = case_open(&options, NULL);
    struct case_log *log = calloc(1, sizeof *log);
    assert_non_null(log);
    while (case_act(trainer, log)) {
        size_t notes = 0;
        (void)iml_trainer_notes(trainer, &notes);
        assert_int_equal(notes, 0);
    }
    free(log);
    iml_trainer_close(trainer);
}

/* Each bound of the state is one that some updates miss and some meet. */
static void test_a_poisoned_gated_run_goes_on_with_the_same_bits(void **state)
{
    struct iml_trainer_options options = failing(*state, IML_ON_FAILURE_SKIP);
    options.meta.residual_below.is_asked = false;
    struct case_log *log = calloc(1, sizeof *log);
    assert_non_null(log);
    for (int asks_cosine = 0; asks_cosine < 2; asks_cosine++) {
        options.meta.norm_below = (struct iml_bound){!asks_cosine, 1.1};
        options.meta.cosine_above = (struct iml_bound){asks_cosine, 0.8};
        const double failure = asks_cosine ? IML_FAILURE_COSINE : IML_FAILURE_NORM;
        struct outcome *whole = run(&options);
        const size_t failures = count(&whole->log, "meta/failed", failure);
        const size_t judged = asks_cosine ? 7 : 3; /* of 8: after the first; after 5 norms */
        if (failures == 0 || failures >= judged) fail_msg("%zu of %zu fail", failures, judged);
        struct iml_trainer *trainer = case_open(&options, NULL);
        log->count = 0;
        do { /* between any two actions all memory is lost but the registry's */
            size_t bytes = 0;
            void *saved = case_export(trainer, &bytes);
            struct iml_error error = {0};
            iml_trainer_poison(trainer, 0xFF);
            iml_registry_import(iml_trainer_registry(trainer), saved, bytes);
            assert_int_equal(iml_trainer_restored(trainer, &error), IML_OK);
            free(saved);
        } while (case_act(trainer, log));
        case_assert_same(&whole->log, 0, log);
        iml_trainer_close(trainer);
        outcome_free(whole);
    }
    free(log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_failure_that_is_used_changes_nothing_but_its_row),
        cmocka_unit_test(test_a_skip_leaves_lambda_and_its_optimizer),
        cmocka_unit_test(test_identity_takes_q_as_v),
        cmocka_unit_test(test_the_first_failure_and_a_locked_gate_are_told_once),
        cmocka_unit_test(test_a_run_that_does_not_fail_tells_nothing),
        cmocka_unit_test(test_a_poisoned_gated_run_goes_on_with_the_same_bits),
    };
    return cmocka_run_group_tests(tests, case_set_up, case_tear_down);
}
