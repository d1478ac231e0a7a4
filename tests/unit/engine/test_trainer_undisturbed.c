/* test_trainer_undisturbed.c: looks at the estimates of a run change nothing else, can be
 * cancelled, have the same bits after a restart, and are in the plan (MATH §5, §7.6). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/trainer/run.h"
#include "tests/unit/check.h"
#include "tests/unit/engine/trainer_case.h"

enum { FOREVER = 1000, UPDATES = 6, EVERY = 3 };

static size_t without_looks(struct case_log *log)
{
    size_t kept = 0;
    for (size_t i = 0; i < log->count; i++)
        if (!case_is_a_look(log->entries[i].metric)) log->entries[kept++] = log->entries[i];
    const size_t dropped = log->count - kept;
    log->count = kept;
    return dropped;
}

/* A pull that needs the linearization of its own batch, with q and with v in its place: 8 updates.
 */
static struct iml_trainer_options weighing_job(const struct sets *sets, bool goes_through)
{
    struct iml_trainer_options options =
        goes_through ? case_confidence_through(sets) : case_confidence(sets);
    options.inner.steps_per_update = 1;
    options.meta.on_failure = IML_ON_FAILURE_IDENTITY;
    options.meta.residual_below = (struct iml_bound){true, 1e-9};
    return options;
}

/* Solvers that keep or draw something, nets with dropout and batch norm in the curvature. */
static struct iml_trainer_options form(size_t i, const struct sets *sets)
{
    struct iml_trainer_options options =
        i == 1 ? case_iml_normalized(sets) : case_iml_small(sets, UPDATES);
    if (i >= 4) return weighing_job(sets, i == 5);
    options.meta.updates = UPDATES;
    if (i == 2)
        options.meta.solver = (struct iml_solver_options){
            .kind = iml_solver_kind_find("nystrom"), .rank = 4, .damping = 0.1};
    if (i == 3)
        options.meta.solver =
            (struct iml_solver_options){.kind = iml_solver_kind_find("cg"), .terms = 5};
    if (i == 3) options.meta.on_failure = IML_ON_FAILURE_IDENTITY;
    if (i == 3) options.meta.norm_below = (struct iml_bound){true, 1.02};
    return options;
}
enum { FORMS = 6 };

static void test_the_same_bits_with_looks_and_without(void **state)
{
    struct case_log *plain = calloc(1, sizeof *plain), *looking = calloc(1, sizeof *looking);
    assert_non_null(plain);
    assert_non_null(looking);
    for (size_t i = 0; i < FORMS; i++) {
        struct iml_trainer_options options = form(i, *state);
        plain->count = 0;
        struct iml_trainer *trainer = case_open(&options, NULL);
        (void)case_finish(trainer, plain, FOREVER);
        size_t bytes = 0;
        void *end = case_export(trainer, &bytes);
        iml_trainer_close(trainer);
        options.diagnostics = case_looks(EVERY);
        for (options.threads = 1; options.threads <= 4; options.threads *= 2) {
            looking->count = 0;
            trainer = case_open(&options, NULL);
            (void)case_finish(trainer, looking, FOREVER);
            assert_true(without_looks(looking) > 30);
            case_assert_same(plain, 0, looking);
            size_t looking_bytes = 0;
            void *looking_end = case_export(trainer, &looking_bytes);
            assert_int_equal(looking_bytes, bytes); /* a look keeps nothing for later */
            assert_memory_equal(looking_end, end, bytes);
            free(looking_end);
            iml_trainer_close(trainer);
        }
        free(end);
    }
    free(plain);
    free(looking);
}

/* Looks of their own are the same for any number of threads, and after all memory but the
 * registry's was lost before each action. */
static void test_looks_have_the_same_bits_too(void **state)
{
    struct case_log *one = calloc(1, sizeof *one), *other = calloc(1, sizeof *other);
    assert_non_null(one);
    assert_non_null(other);
    for (size_t i = 0; i < FORMS; i++) {
        struct iml_trainer_options options = form(i, *state);
        options.diagnostics = case_looks(EVERY);
        one->count = 0;
        struct iml_trainer *trainer = case_open(&options, NULL);
        (void)case_finish(trainer, one, FOREVER);
        iml_trainer_close(trainer);
        options.threads = 2;
        other->count = 0;
        trainer = case_open(&options, NULL);
        do {
            size_t bytes = 0;
            struct iml_error error = {0};
            void *saved = case_export(trainer, &bytes);
            iml_trainer_poison(trainer, 0xFF);
            iml_registry_import(iml_trainer_registry(trainer), saved, bytes);
            assert_int_equal(iml_trainer_restored(trainer, &error), IML_OK);
            free(saved);
        } while (case_act(trainer, other));
        case_assert_same(one, 0, other);
        iml_trainer_close(trainer);
    }
    free(one);
    free(other);
}

static void test_each_look_can_be_cancelled(void **state)
{
    for (size_t look = 0; look < 5; look++) {
        struct iml_trainer_options options = case_iml_small(*state, UPDATES);
        const struct iml_diagnostics_options all = case_looks(EVERY);
        struct iml_diagnostics_options *asked = &options.diagnostics;
        if (look == 0) asked->residual = all.residual;
        if (look == 1) asked->lens = all.lens;
        if (look == 2) asked->spectrum = all.spectrum;
        if (look == 3) asked->reference = all.reference;
        if (look == 4) asked->variance = all.variance;
        atomic_bool cancel = false;
        struct iml_trainer *trainer = case_open(&options, &cancel);
        struct case_log *log = calloc(1, sizeof *log);
        assert_non_null(log);
        const struct iml_curvature *curvature = NULL;
        struct iml_report report;
        struct iml_rows rows = {0};
        struct iml_error error = {0};
        double loss = 0;
        while (trainer->state->step < 6) assert_true(case_act(trainer, log));
        assert_int_equal(iml_find_v(trainer, 0, trainer->v, &loss, &error), IML_OK);
        assert_int_equal(iml_find_curvature(trainer, 0, NULL, &curvature, &error), IML_OK);
        iml_solver_solve(&trainer->solver, curvature, trainer->v, trainer->q, &report);
        atomic_store(&cancel, true);
        assert_int_equal(iml_diagnose(trainer, curvature, &report, &rows, &error),
                         IML_ERROR_CANCELLED);
        assert_int_equal(rows.count, 0);
        free(log);
        iml_trainer_close(trainer);
    }
}

/* λ whose coefficients are beyond float: nothing finite is there to look at. */
static void test_a_run_that_is_not_finite_is_looked_at_without_harm(void **state)
{
    struct iml_trainer_options options = case_iml_looking(*state, UPDATES, EVERY);
    options.inner.optimizer.learning_rate = sizeof(iml_real) == sizeof(float) ? 1e20 : 1e200;
    struct iml_trainer *trainer = case_open(&options, NULL);
    struct case_log *log = calloc(1, sizeof *log);
    assert_non_null(log);
    (void)case_finish(trainer, log, FOREVER);
    assert_true(case_has(log, "meta/skipped", 1));
    free(log);
    iml_trainer_close(trainer);
}

static void fill_with_nan(const struct iml_curvature *self, const iml_real *u, iml_real *hu)
{
    (void)u;
    for (size_t j = 0; j < self->size; j++) hu[j] = (iml_real)nan("");
}

static double give_nan(const struct iml_curvature *self, const iml_real *u, iml_real *hu,
                       const struct iml_consumer *consumer)
{
    double sum = 0;
    for (size_t j = 0; j < self->size; j++) {
        iml_real part = (iml_real)nan("");
        (void)u;
        sum += consumer->take(consumer->context, j, 1, hu ? hu + j : &part);
    }
    return sum;
}

/* v is finite and H is not: only variance, which finds matrices of its own, has something to tell.
 */
static void test_a_matrix_that_is_not_finite_gives_no_rows(void **state)
{
    struct iml_trainer_options options = case_iml_looking(*state, UPDATES, EVERY);
    options.diagnostics.variance.every_updates = 0;
    struct iml_trainer *trainer = case_open(&options, NULL);
    const struct iml_curvature curvature = {
        .size = iml_net_parameters(trainer->net), .apply = fill_with_nan, .consume = give_nan};
    struct iml_report report;
    struct iml_rows rows = {0};
    struct iml_error error = {0};
    double loss = 0;
    assert_int_equal(iml_find_v(trainer, 0, trainer->v, &loss, &error), IML_OK);
    iml_solver_solve(&trainer->solver, &curvature, trainer->v, trainer->q, &report);
    assert_int_equal(report.end, IML_END_NOT_FINITE);
    assert_int_equal(iml_diagnose(trainer, &curvature, &report, &rows, &error), IML_OK);
    assert_int_equal(rows.count, 0);
    assert_int_equal(trainer->artifact_count, 0);
    iml_trainer_close(trainer);
}

static void test_the_plan_shows_what_looks_take(void **state)
{
    const struct sets *sets = *state;
    struct iml_set_facts facts;
    struct iml_error error = {0};
    struct iml_plan without, with;
    struct iml_trainer_options options = case_iml_small(sets, UPDATES);
    assert_int_equal(iml_set_inspect(&sets->roots, "small", &facts, &error), IML_OK);
    assert_int_equal(iml_trainer_plan(&options, &facts, &without, &error), IML_OK);
    options.diagnostics.lens = (struct iml_lens_look){.every_updates = 1, .steps = 12};
    assert_int_equal(iml_trainer_plan(&options, &facts, &with, &error), IML_OK);
    const size_t more = with.total_bytes - without.total_bytes;
    struct iml_trainer *trainer = case_open(&options, NULL);
    const size_t vectors = (12 + 1 + 3) * iml_net_parameters(trainer->net) * sizeof(iml_real);
    assert_true(more > vectors && more < vectors + 20000);
    bool is_shown = false;
    for (size_t i = 0; i < with.count; i++)
        is_shown = is_shown ||
                   (strcmp(with.parts[i].name, "diagnostics") == 0 && with.parts[i].bytes == more);
    assert_true(is_shown);
    for (size_t i = 0; i < without.count; i++)
        if (strcmp(without.parts[i].name, "diagnostics") == 0)
            assert_int_equal(without.parts[i].bytes, 0);
    iml_trainer_close(trainer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_same_bits_with_looks_and_without),
        cmocka_unit_test(test_looks_have_the_same_bits_too),
        cmocka_unit_test(test_each_look_can_be_cancelled),
        cmocka_unit_test(test_a_run_that_is_not_finite_is_looked_at_without_harm),
        cmocka_unit_test(test_a_matrix_that_is_not_finite_gives_no_rows),
        cmocka_unit_test(test_the_plan_shows_what_looks_take),
    };
    return cmocka_run_group_tests(tests, case_set_up, case_tear_down);
}
