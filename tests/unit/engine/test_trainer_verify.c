/* test_trainer_verify.c: verify as a run on a trained job (MATH §5.7): it passes, its report says
 * so check by check, and it goes on from each of its states with the same bits. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/check.h"
#include "tests/unit/engine/report_case.h"

typedef struct iml_trainer_options (*case_maker)(const struct sets *sets);
static const case_maker cases[] = {case_iml, case_iml_until, case_iml_normalized, case_supervised};
enum { CASES = sizeof cases / sizeof cases[0], STEPS = 5 };

static struct iml_trainer_options options_of(const struct iml_trainer_options *trained)
{
    struct iml_trainer_options options = report_options(trained, "verify");
    options.meta.validation_batch = 32;
    options.meta.curvature_batch = 50;
    return options;
}

static const char *const names[] = {"gradient",         "symmetry",       "product",
                                    "mixed_derivative", "float_gradient", "float_product",
                                    "float_neumann",    "float_cg"};

/* A net without λ is not asked for its mixed derivative. */
static void check_report(const struct iml_trainer *trainer, bool has_knowledge)
{
    const struct iml_entry *checks = report_entry(trainer, "check"),
                           *errors = report_entry(trainer, "error"),
                           *bounds = report_entry(trainer, "bound"),
                           *passed = report_entry(trainer, "is_passed");
    double worst = 0;
    size_t row = 0;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (!has_knowledge && strcmp(names[i], "mixed_derivative") == 0) continue;
        assert_true(row < checks->rows);
        assert_string_equal(checks->texts[row], names[i]);
        assert_true(errors->values[row] <= bounds->values[row] && passed->values[row] == 1);
        worst = fmax(worst, errors->values[row] / bounds->values[row]);
        row++;
    }
    assert_int_equal(row, checks->rows);
    assert_true(report_entry(trainer, "passed")->values[0] == 1);
    check_close(report_entry(trainer, "worst")->values[0], worst, 1e-15);
    assert_non_null(strstr(report_entry(trainer, "headline")->text, "checks passed"));
}

static void test_a_trained_net_verifies(void **state)
{
    struct case_log *log = calloc(1, sizeof *log);
    assert_non_null(log);
    for (size_t i = 0; i < CASES; i++) {
        const struct iml_trainer_options trained = cases[i](*state);
        const struct iml_trainer_options options = options_of(&trained);
        struct iml_trainer *trainer = report_open(&trained, &options);
        const struct iml_progress before = iml_trainer_progress(trainer);
        assert_int_equal(before.steps_of, STEPS);
        assert_false(before.is_evaluation_due);
        log->count = 0;
        assert_int_equal(case_finish(trainer, log, 100), STEPS + 1);
        check_report(trainer, options.meta.knowledge.kind != NULL);
        assert_true(case_last(log, "verify/passed") == 1);
        assert_true(case_last(log, "verify/worst") <= 1);
        const struct iml_progress after = iml_trainer_progress(trainer);
        assert_true(after.is_finished && after.step == STEPS && isfinite(after.last_loss));
        iml_trainer_close(trainer);
    }
    free(log);
}

/* θ that is not finite has no derivative: nothing passes, and nothing breaks. */
static void test_a_broken_point_does_not_pass(void **state)
{
    const struct iml_trainer_options trained = case_iml(*state);
    const struct iml_trainer_options options = options_of(&trained);
    struct iml_trainer *trainer = report_open(&trained, &options);
    struct case_log *log = calloc(1, sizeof *log);
    assert_non_null(log);
    const struct iml_item *weight =
        iml_registry_find(iml_trainer_registry(trainer), "parameters/linear2.weight");
    ((iml_real *)weight->data)[3] = (iml_real)nan("");
    (void)case_finish(trainer, log, 100);
    assert_true(case_last(log, "verify/passed") == 0);
    assert_true(isinf(case_last(log, "verify/worst")));
    assert_true(report_entry(trainer, "passed")->values[0] == 0);
    free(log);
    iml_trainer_close(trainer);
}

static void test_a_poisoned_run_goes_on_to_the_same_report(void **state)
{
    struct case_log *whole = calloc(1, sizeof *whole), *log = calloc(1, sizeof *log);
    assert_true(whole && log);
    const struct iml_trainer_options trained = case_iml_normalized(*state);
    struct iml_trainer_options options = options_of(&trained);
    struct iml_trainer *trainer = report_open(&trained, &options);
    (void)case_finish(trainer, whole, 100);
    iml_trainer_close(trainer);
    options.threads = 2;
    trainer = report_open(&trained, &options);
    bool has_more = true;
    while (has_more) {
        size_t bytes = 0;
        void *saved = case_export(trainer, &bytes);
        struct iml_error error = {0};
        iml_trainer_poison(trainer, 0xFF);
        iml_registry_import(iml_trainer_registry(trainer), saved, bytes);
        assert_int_equal(iml_trainer_restored(trainer, &error), IML_OK);
        free(saved);
        has_more = case_act(trainer, log);
    }
    case_assert_same(whole, 0, log);
    iml_trainer_close(trainer);
    free(log);
    free(whole);
}

static void test_a_cancelled_run_ends(void **state)
{
    const struct iml_trainer_options trained = case_iml(*state);
    const struct iml_trainer_options options = options_of(&trained);
    atomic_bool cancel;
    atomic_init(&cancel, true);
    struct iml_trainer *trainer = case_open(&options, &cancel);
    struct iml_rows rows;
    struct iml_error error = {0};
    assert_int_equal(iml_trainer_step(trainer, &rows, &error), IML_ERROR_CANCELLED);
    iml_trainer_close(trainer);
}

static void test_what_cannot_be_looked_at_is_refused(void **state)
{
    const struct iml_trainer_options trained = case_iml(*state);
    struct iml_trainer_options options = options_of(&trained);
    struct iml_trainer *trainer = NULL;
    struct iml_error error = {0};
    options.meta.curvature_batch = 101;
    assert_int_equal(iml_trainer_open(&options, NULL, &trainer, &error), IML_ERROR_LIMIT);
    assert_string_equal(error.where, "/verify/curvature/batch");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_trained_net_verifies),
        cmocka_unit_test(test_a_broken_point_does_not_pass),
        cmocka_unit_test(test_a_poisoned_run_goes_on_to_the_same_report),
        cmocka_unit_test(test_a_cancelled_run_ends),
        cmocka_unit_test(test_what_cannot_be_looked_at_is_refused),
    };
    return cmocka_run_group_tests(tests, case_set_up, case_tear_down);
}
