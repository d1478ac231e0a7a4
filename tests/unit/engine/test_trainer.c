/* test_trainer.c: what trainers do: learn, refuse, diverge without harm, and give the same bits for
 * any number of threads and beside another run. */
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/check.h"
#include "tests/unit/engine/trainer_case.h"

typedef struct iml_trainer_options (*case_maker)(const struct sets *sets);
static const case_maker cases[] = {case_supervised, case_iml, case_iml_until, case_iml_until_norm,
                                   case_iml_until_ratio};
enum { CASES = sizeof cases / sizeof cases[0], FOREVER = 100000 };

/* A run from beginning to end: its log and its last state. */
struct outcome {
    struct case_log log;
    void *state; /* owned */
    size_t bytes;
};

static struct outcome *run(const struct iml_trainer_options *options)
{
    struct outcome *outcome = calloc(1, sizeof *outcome);
    assert_non_null(outcome);
    struct iml_trainer *trainer = case_open(options, NULL);
    (void)case_finish(trainer, &outcome->log, FOREVER);
    outcome->state = case_export(trainer, &outcome->bytes);
    iml_trainer_close(trainer);
    return outcome;
}

static void outcome_free(struct outcome *outcome)
{
    free(outcome->state);
    free(outcome);
}

static void assert_same_outcome(const struct outcome *a, const struct outcome *b)
{
    case_assert_same(&a->log, 0, &b->log);
    assert_int_equal(a->bytes, b->bytes);
    assert_memory_equal(a->state, b->state, a->bytes);
}

static void test_supervised_learns(void **state)
{
    struct iml_trainer_options options = case_supervised(*state);
    options.data.train = 160;
    options.inner.steps = 300;
    options.evaluation_every = 100;
    struct outcome *outcome = run(&options);
    const struct case_entry *first = &outcome->log.entries[1]; /* after the progress before it */
    assert_string_equal(first->metric, "train/loss");
    assert_true(case_last(&outcome->log, "train/loss") < 0.1 * first->value);
    assert_true(case_last(&outcome->log, "train/accuracy") > 0.99);
    assert_true(case_last(&outcome->log, "validation/accuracy") > 0.75); /* chance: 0.25 */
    assert_true(case_last(&outcome->log, "test/accuracy") > 0.75);
    outcome_free(outcome);
}

static void test_iml_lowers_the_validation_loss_against_frozen(void **state)
{
    struct iml_trainer_options options = case_iml(*state);
    options.data.train = 24; /* few and noisy: something is left for λ to learn */
    options.inner.warmup_steps = 60;
    options.inner.steps_per_update = 5;
    options.meta.curvature_batch = 24;
    options.meta.validation_batch = 40;
    options.meta.updates = 100;
    options.evaluation_every = 50;
    struct outcome *learned = run(&options);
    options.meta.optimizer.learning_rate = 0;
    struct outcome *frozen = run(&options);
    const double a = case_last(&learned->log, "validation/loss");
    const double b = case_last(&frozen->log, "validation/loss");
    if (!(a < 0.7 * b)) fail_msg("validation loss %g learned, %g frozen", a, b);
    /* λ itself has not moved when frozen */
    check_close(case_last(&frozen->log, "knowledge/mean_coefficient"), 1e-3, 1e-5);
    assert_true(case_last(&learned->log, "knowledge/mean_coefficient") > 1.1e-3);
    outcome_free(learned);
    outcome_free(frozen);
}

static void test_the_rows_of_an_update(void **state)
{
    static const char *const names[] = {"meta/gradient_norm", "meta/validation_loss",
                                        "meta/skipped",       "solver/products",
                                        "solver/q_norm",      "inner/remaining",
                                        "solver/residual",    "knowledge/mean_coefficient",
                                        "meta/stalled"};
    for (size_t i = 1; i < CASES; i++) {
        const struct iml_trainer_options options = cases[i](*state);
        struct outcome *outcome = run(&options);
        for (size_t j = 0; j < sizeof names / sizeof names[0]; j++)
            assert_true(isfinite(case_last(&outcome->log, names[j])));
        assert_true(isfinite(case_last(&outcome->log, i == 2 ? "solver/smallest_curvature"
                                                             : "solver/largest_curvature")));
        outcome_free(outcome);
    }
}

static void test_when_evaluations_are_due(void **state)
{
    const struct iml_trainer_options options = case_iml(*state);
    struct outcome *outcome = run(&options);
    static const uint64_t steps[] = {0, 6, 12, 18}; /* start, warm-up's end, updates 2 and 4 */
    size_t n = 0;
    for (size_t i = 0; i < outcome->log.count; i++) {
        const struct case_entry *entry = &outcome->log.entries[i];
        if (!entry->metric || strcmp(entry->metric, "test/loss") != 0) continue;
        assert_true(n < 4);
        assert_int_equal(entry->step, steps[n++]);
    }
    assert_int_equal(n, 4);
    const struct case_entry *last = &outcome->log.entries[outcome->log.count - 1];
    assert_int_equal(last->update, 4);
    assert_int_equal(last->flags, 2); /* finished, nothing due */
    outcome_free(outcome);
}

static void test_train_loss_at_step_0_is_the_first_batch(void **state)
{
    const struct iml_trainer_options options = case_supervised(*state);
    struct outcome *outcome = run(&options);
    const struct case_entry *last = &outcome->log.entries[outcome->log.count - 1];
    assert_true(case_has(&outcome->log, "train/loss", last->first_loss));
    outcome_free(outcome);
}

static void test_the_warm_up_ends_at_the_gradient_norm(void **state)
{
    struct iml_trainer_options options = case_iml_until(*state);
    struct iml_trainer *trainer = case_open(&options, NULL);
    struct case_log *log = calloc(1, sizeof *log);
    assert_non_null(log);
    while (iml_trainer_progress(trainer).update == 0) assert_true(case_act(trainer, log));
    const uint64_t step = iml_trainer_progress(trainer).step;
    assert_true(step >= options.inner.warmup_until.min_steps);
    assert_int_equal(iml_trainer_progress(trainer).steps_of, 0); /* not known */
    iml_trainer_close(trainer);
    options.inner.warmup_until.gradient_norm = 1e-30; /* never: max_steps ends it */
    trainer = case_open(&options, NULL);
    log->count = 0;
    while (iml_trainer_progress(trainer).update == 0) assert_true(case_act(trainer, log));
    assert_int_equal(iml_trainer_progress(trainer).step, 40);
    assert_true(step < 40);
    iml_trainer_close(trainer);
    free(log);
}

static void test_the_same_bits_for_any_number_of_threads(void **state)
{
    for (size_t i = 0; i < CASES; i++) {
        struct iml_trainer_options options = cases[i](*state);
        options.inner.batch = 90; /* more than one row tile */
        options.meta.curvature_batch = 100;
        struct outcome *one = run(&options);
        for (unsigned threads = 2; threads <= 4; threads += 2) {
            options.threads = threads;
            struct outcome *more = run(&options);
            assert_same_outcome(one, more);
            outcome_free(more);
        }
        outcome_free(one);
    }
}

static void *run_in_thread(void *argument)
{
    return run(argument);
}

static void test_the_same_bits_beside_another_run(void **state)
{
    struct iml_trainer_options a = case_iml(*state), b = case_iml_until(*state);
    a.threads = b.threads = 2;
    b.seed = 2;
    struct outcome *a_alone = run(&a), *b_alone = run(&b);
    pthread_t threads[2];
    void *beside[2];
    assert_int_equal(pthread_create(&threads[0], NULL, run_in_thread, &a), 0);
    assert_int_equal(pthread_create(&threads[1], NULL, run_in_thread, &b), 0);
    for (size_t i = 0; i < 2; i++) assert_int_equal(pthread_join(threads[i], &beside[i]), 0);
    assert_same_outcome(a_alone, beside[0]);
    assert_same_outcome(b_alone, beside[1]);
    outcome_free(a_alone);
    outcome_free(b_alone);
    outcome_free(beside[0]);
    outcome_free(beside[1]);
}

static void test_another_seed_gives_other_bits(void **state)
{
    struct iml_trainer_options options = case_iml(*state);
    struct outcome *a = run(&options);
    options.seed = 2;
    struct outcome *b = run(&options);
    assert_memory_not_equal(a->state, b->state, a->bytes);
    outcome_free(a);
    outcome_free(b);
}

static void test_divergence_harms_nobody_and_never_reaches_lambda(void **state)
{
    struct iml_trainer_options options = case_iml(*state);
    options.inner.optimizer = (struct iml_optimizer_options){.kind = iml_optimizer_kind_find("sgd"),
                                                             .learning_rate = 1e6};
    struct iml_trainer *trainer = case_open(&options, NULL);
    struct case_log *log = calloc(1, sizeof *log);
    assert_non_null(log);
    (void)case_finish(trainer, log, FOREVER);
    const struct iml_progress progress = iml_trainer_progress(trainer);
    assert_true(progress.is_finished);
    assert_true(isfinite(progress.first_loss));
    assert_true(!(progress.last_loss <= 1000 * progress.first_loss)); /* NaN too */
    assert_true(case_has(log, "meta/skipped", 1));
    const struct iml_registry *registry = iml_trainer_registry(trainer);
    size_t seen = 0;
    for (size_t i = 0; i < registry->count; i++) {
        const struct iml_item *item = &registry->items[i];
        if (strncmp(item->name, "knowledge/", 10) != 0 &&
            strncmp(item->name, "optimizer/knowledge/", 20) != 0)
            continue;
        if (item->type != IML_ITEM_REAL) continue;
        const iml_real *values = item->data;
        for (size_t j = 0; j < iml_item_bytes(item) / sizeof(iml_real); j++, seen++)
            assert_true(isfinite((double)values[j]));
    }
    assert_true(seen > 0);
    iml_trainer_close(trainer);
    free(log);
}

static void test_a_cancelled_step_goes_on_from_the_last_state(void **state)
{
    const struct iml_trainer_options options = case_iml(*state);
    struct outcome *whole = run(&options);
    atomic_bool cancel = false;
    struct iml_trainer *trainer = case_open(&options, &cancel);
    struct case_log *log = calloc(1, sizeof *log);
    assert_non_null(log);
    for (size_t action = 0;; action++) {
        size_t bytes = 0;
        void *saved = case_export(trainer, &bytes);
        struct iml_rows rows;
        struct iml_error error = {0};
        atomic_store(&cancel, true);
        if (!iml_trainer_progress(trainer).is_finished)
            assert_int_equal(iml_trainer_step(trainer, &rows, &error), IML_ERROR_CANCELLED);
        error = (struct iml_error){0};
        assert_int_equal(iml_trainer_evaluate(trainer, &rows, &error), IML_ERROR_CANCELLED);
        atomic_store(&cancel, false);
        iml_registry_import(iml_trainer_registry(trainer), saved, bytes);
        error = (struct iml_error){0};
        assert_int_equal(iml_trainer_restored(trainer, &error), IML_OK);
        free(saved);
        if (!case_act(trainer, log)) break;
    }
    case_assert_same(&whole->log, 0, log);
    iml_trainer_close(trainer);
    outcome_free(whole);
    free(log);
}

static void test_evaluating_the_state_changes_nothing(void **state)
{
    const struct iml_trainer_options options = case_iml(*state);
    struct iml_trainer *trainer = case_open(&options, NULL);
    struct case_log *log = calloc(1, sizeof *log);
    assert_non_null(log);
    (void)case_finish(trainer, log, 5);
    size_t bytes = 0;
    void *before = case_export(trainer, &bytes);
    struct iml_rows rows;
    struct iml_error error = {0};
    assert_int_equal(iml_trainer_evaluate_state(trainer, &rows, &error), IML_OK);
    assert_int_equal(rows.count, 4); /* loss and accuracy of validation and test */
    void *after = case_export(trainer, &bytes);
    assert_memory_equal(before, after, bytes);
    iml_trainer_close(trainer);
    free(before);
    free(after);
    free(log);
}

/* A change of a good job that must be refused, and where. */
struct refusal {
    void (*spoil)(struct iml_trainer_options *options);
    const char *where;
    const char *what;
};

static void too_much_validation(struct iml_trainer_options *o)
{
    o->data.validation = 201;
}
static void too_much_validation_of_a_class(struct iml_trainer_options *o)
{
    o->data.validation = 150; /* 100 remain to be asked of 50 */
}
static void too_much_training(struct iml_trainer_options *o)
{
    o->data.train = 161;
}
static void too_much_test(struct iml_trainer_options *o)
{
    o->data.test = 61;
}
static void no_validation(struct iml_trainer_options *o)
{
    o->data.validation = 0;
}
static void all_validation(struct iml_trainer_options *o)
{
    o->data.validation = 200;
    o->data.train = 0;
}
static void too_large_validation_batch(struct iml_trainer_options *o)
{
    o->meta.validation_batch = 41;
}
static void too_large_curvature_batch(struct iml_trainer_options *o)
{
    o->meta.curvature_batch = 101;
}
static void no_batch(struct iml_trainer_options *o)
{
    o->inner.batch = 0;
}
static void no_steps_per_update(struct iml_trainer_options *o)
{
    o->inner.steps_per_update = 0;
}

static void test_counts_beyond_the_set_are_refused_with_their_pointer(void **state)
{
    static const struct refusal refusals[] = {
        {too_much_validation, "/data/validation", "201 asked, 200 images"},
        {too_much_validation_of_a_class, "/data/train", "100 asked, 50 images"},
        {too_much_training, "/data/train", "161 asked, 160 images"},
        {too_much_test, "/data/test", "61 asked, 60 images"},
        {no_validation, "/data/validation", "at least one"},
        {all_validation, "/data/train", "no training image remains"},
        {too_large_validation_batch, "/meta/validation_batch", "41 asked, 1 to 40 possible"},
        {too_large_curvature_batch, "/meta/curvature/batch", "101 asked, 1 to 100 possible"},
        {no_batch, "/inner/batch", "a batch needs an image"},
        {no_steps_per_update, "/inner/steps_per_update", "θ must move"},
    };
    const struct sets *sets = *state;
    struct iml_set_facts facts;
    struct iml_error error = {0};
    assert_int_equal(iml_set_inspect(&sets->roots, "small", &facts, &error), IML_OK);
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        struct iml_trainer_options options = case_iml(sets);
        struct iml_plan plan;
        refusals[i].spoil(&options);
        error = (struct iml_error){0};
        assert_int_not_equal(iml_trainer_plan(&options, &facts, &plan, &error), IML_OK);
        assert_string_equal(error.where, refusals[i].where);
        if (!strstr(error.what, refusals[i].what))
            fail_msg("\"%s\" is not in \"%s\"", refusals[i].what, error.what);
        struct iml_trainer *trainer = NULL;
        error = (struct iml_error){0};
        assert_int_not_equal(iml_trainer_open(&options, NULL, &trainer, &error), IML_OK);
        assert_null(trainer);
        assert_string_equal(error.where, refusals[i].where);
    }
}

static void test_a_set_without_a_train_split_is_refused(void **state)
{
    const struct sets *sets = *state;
    sets_write_idx(sets, "test-only", 0, 8);
    struct iml_trainer_options options = case_supervised(sets);
    options.data.set = "test-only";
    struct iml_trainer *trainer = NULL;
    struct iml_error error = {0};
    assert_int_equal(iml_trainer_open(&options, NULL, &trainer, &error), IML_ERROR_LIMIT);
    assert_string_equal(error.where, "/data/set");
    options.data.set = "../small";
    error = (struct iml_error){0};
    assert_int_equal(iml_trainer_open(&options, NULL, &trainer, &error), IML_ERROR_NOT_FOUND);
}

static void test_sizes_that_overflow_are_an_error(void **state)
{
    const struct sets *sets = *state;
    struct iml_set_facts facts;
    struct iml_plan plan;
    struct iml_error error = {0};
    assert_int_equal(iml_set_inspect(&sets->roots, "small", &facts, &error), IML_OK);
    struct iml_trainer_options options = case_iml(sets);
    options.inner.batch = SIZE_MAX / 2;
    assert_int_not_equal(iml_trainer_plan(&options, &facts, &plan, &error), IML_OK);
    options = case_iml(sets);
    options.model.hidden[0] = SIZE_MAX / 8;
    error = (struct iml_error){0};
    assert_int_not_equal(iml_trainer_plan(&options, &facts, &plan, &error), IML_OK);
}

static void test_the_plan_is_what_open_takes(void **state)
{
    const struct sets *sets = *state;
    struct iml_set_facts facts;
    struct iml_error error = {0};
    assert_int_equal(iml_set_inspect(&sets->roots, "small", &facts, &error), IML_OK);
    for (size_t i = 0; i < CASES; i++) {
        const struct iml_trainer_options options = cases[i](sets);
        struct iml_plan plan;
        assert_int_equal(iml_trainer_plan(&options, &facts, &plan, &error), IML_OK);
        struct iml_trainer *trainer = case_open(&options, NULL);
        assert_int_equal(iml_trainer_memory(trainer)->total_bytes, plan.total_bytes);
        size_t sum = 0;
        for (size_t j = 0; j < plan.count; j++) sum += plan.parts[j].bytes;
        assert_int_equal(sum, plan.total_bytes);
        const struct iml_split_view split = iml_trainer_split(trainer);
        assert_int_equal(split.train_count, 100);
        assert_int_equal(split.validation_count, 40);
        assert_int_equal(split.test_count, 60);
        iml_trainer_close(trainer);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_supervised_learns),
        cmocka_unit_test(test_iml_lowers_the_validation_loss_against_frozen),
        cmocka_unit_test(test_the_rows_of_an_update),
        cmocka_unit_test(test_when_evaluations_are_due),
        cmocka_unit_test(test_train_loss_at_step_0_is_the_first_batch),
        cmocka_unit_test(test_the_warm_up_ends_at_the_gradient_norm),
        cmocka_unit_test(test_the_same_bits_for_any_number_of_threads),
        cmocka_unit_test(test_the_same_bits_beside_another_run),
        cmocka_unit_test(test_another_seed_gives_other_bits),
        cmocka_unit_test(test_divergence_harms_nobody_and_never_reaches_lambda),
        cmocka_unit_test(test_a_cancelled_step_goes_on_from_the_last_state),
        cmocka_unit_test(test_evaluating_the_state_changes_nothing),
        cmocka_unit_test(test_counts_beyond_the_set_are_refused_with_their_pointer),
        cmocka_unit_test(test_a_set_without_a_train_split_is_refused),
        cmocka_unit_test(test_sizes_that_overflow_are_an_error),
        cmocka_unit_test(test_the_plan_is_what_open_takes),
    };
    return cmocka_run_group_tests(tests, case_set_up, case_tear_down);
}
