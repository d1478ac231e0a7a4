/* test_trainer_solvers.c: every solver in a whole run: its rows, the same bits for any number of
 * threads and across a resume, what it refuses (MATH §4, §7.6). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/trainer/run.h"
#include "tests/unit/check.h"
#include "tests/unit/engine/trainer_case.h"

enum { FOREVER = 100 };

/* A form of a solver that the table's plain rows don't have. */
struct form {
    const char *kind;
    struct iml_solver_options options; /* without kind */
};

static const struct form forms[] = {
    {"neumann", {.terms = 3, .damping = 0.1, .is_unscaled = true}},
    {"cg", {.terms = 4, .precondition = IML_PRECONDITION_L2}},
    {"cg", {.terms = 4, .precondition = IML_PRECONDITION_L2, .step_size = 0.5}},
    {"minres", {.terms = 4, .damping = 0.1, .reorthogonalize = true}},
    {"auto", {.terms = 20, .target_residual = 0.05, .reorthogonalize = true}},
};
enum { FORMS = sizeof forms / sizeof forms[0] };

/* Two updates of a small net. */
static struct iml_trainer_options job(const struct sets *sets)
{
    struct iml_trainer_options options = case_iml(sets);
    options.model.hidden_count = 1;
    options.model.hidden[0] = 4;
    options.inner.batch = 90; /* more than one row tile */
    options.meta.curvature_batch = 100;
    options.meta.updates = 2;
    options.meta.solver =
        (struct iml_solver_options){.terms = 4, .damping = 0.05, .rank = 5, .target_residual = 0};
    return options;
}

/* The i-th solver: all kinds in their plainest form, then the forms. false: there is none. */
static bool set_solver(size_t i, struct iml_trainer_options *options)
{
    size_t kinds = 0;
    while (iml_solver_kinds[kinds]) kinds++;
    if (i < kinds) {
        options->meta.solver.kind = iml_solver_kinds[i];
        return true;
    }
    if (i - kinds >= FORMS) return false;
    options->meta.solver = forms[i - kinds].options;
    options->meta.solver.kind = iml_solver_kind_find(forms[i - kinds].kind);
    return true;
}

/* A run from state `from` (NULL: the beginning) to its end. */
struct outcome {
    struct case_log log;
    void *state; /* owned */
    size_t bytes;
};

static struct outcome *run(const struct iml_trainer_options *options, const void *from,
                           size_t bytes)
{
    struct outcome *outcome = calloc(1, sizeof *outcome);
    assert_non_null(outcome);
    struct iml_trainer *trainer = case_open(options, NULL);
    if (from) {
        struct iml_error error = {0};
        iml_trainer_poison(trainer, 0xFF);
        iml_registry_import(iml_trainer_registry(trainer), from, bytes);
        assert_int_equal(iml_trainer_restored(trainer, &error), IML_OK);
    }
    (void)case_finish(trainer, &outcome->log, FOREVER);
    assert_true(iml_trainer_progress(trainer).is_finished);
    outcome->state = case_export(trainer, &outcome->bytes);
    iml_trainer_close(trainer);
    return outcome;
}

static void outcome_free(struct outcome *outcome)
{
    free(outcome->state);
    free(outcome);
}

static size_t rows_of(const struct case_log *log, const char *metric)
{
    size_t count = 0;
    for (size_t i = 0; i < log->count; i++)
        count += log->entries[i].metric && strcmp(log->entries[i].metric, metric) == 0;
    return count;
}

static void test_the_same_bits_for_any_number_of_threads(void **state)
{
    struct iml_trainer_options options = job(*state);
    size_t solvers = 0;
    for (; set_solver(solvers, &options); solvers++) {
        options.threads = 1;
        struct outcome *one = run(&options, NULL, 0);
        assert_int_equal(rows_of(&one->log, "meta/skipped"), 2);
        assert_false(case_has(&one->log, "meta/skipped", 1));
        for (options.threads = 2; options.threads <= 4; options.threads += 2) {
            struct outcome *more = run(&options, NULL, 0);
            case_assert_same(&one->log, 0, &more->log);
            assert_int_equal(one->bytes, more->bytes);
            assert_memory_equal(one->state, more->state, one->bytes);
            outcome_free(more);
        }
        outcome_free(one);
    }
    assert_true(solvers >= 7 + FORMS);
}

static void test_the_same_bits_across_a_resume(void **state)
{
    struct iml_trainer_options options = job(*state);
    for (size_t i = 0; set_solver(i, &options); i++) {
        struct outcome *whole = run(&options, NULL, 0);
        struct case_log *log = calloc(1, sizeof *log);
        assert_non_null(log);
        struct iml_trainer *trainer = case_open(&options, NULL);
        while (iml_trainer_progress(trainer).update == 0) assert_true(case_act(trainer, log));
        size_t bytes = 0;
        void *saved = case_export(trainer, &bytes); /* between the two updates */
        iml_trainer_close(trainer);
        struct outcome *resumed = run(&options, saved, bytes);
        case_assert_same(&whole->log, log->count, &resumed->log);
        assert_memory_equal(whole->state, resumed->state, whole->bytes);
        outcome_free(resumed);
        outcome_free(whole);
        free(saved);
        free(log);
    }
}

static void test_only_exact_tells_eigenvalues(void **state)
{
    static const char *const names[] = {"solver/smallest_eigenvalue", "solver/largest_eigenvalue",
                                        "solver/condition"};
    struct iml_trainer_options options = job(*state);
    for (size_t i = 0; set_solver(i, &options); i++) {
        const bool is_exact = strcmp(options.meta.solver.kind->name, "exact") == 0;
        struct outcome *outcome = run(&options, NULL, 0);
        for (size_t j = 0; j < 3; j++)
            assert_int_equal(rows_of(&outcome->log, names[j]), is_exact ? 2 : 0);
        if (is_exact) {
            const double smallest = case_last(&outcome->log, names[0]);
            const double largest = case_last(&outcome->log, names[1]);
            assert_true(smallest < largest && largest > 0);
            assert_true(case_last(&outcome->log, names[2]) >= largest / fabs(smallest) * 0.999);
            assert_true(case_last(&outcome->log, "solver/residual") < 1e-2);
        }
        outcome_free(outcome);
    }
}

/* nystrom's coordinates come from the job's seed and the update at hand. */
static void test_each_solve_draws_from_seed_and_update(void **state)
{
    struct iml_trainer_options options = job(*state);
    options.seed = 7;
    options.meta.solver.kind = iml_solver_kind_find("nystrom");
    struct iml_trainer *trainer = case_open(&options, NULL);
    struct case_log *log = calloc(1, sizeof *log);
    assert_non_null(log);
    uint32_t drawn[2][5];
    for (uint32_t update = 0; update < 2; update++) {
        while (iml_trainer_progress(trainer).update == update) assert_true(case_act(trainer, log));
        assert_int_equal(trainer->solver.seed, 7);
        assert_int_equal(trainer->solver.update, update);
        memcpy(drawn[update], trainer->solver.coordinates, sizeof drawn[update]);
    }
    assert_memory_not_equal(drawn[0], drawn[1], sizeof drawn[0]);
    iml_trainer_close(trainer);
    free(log);
}

static void test_what_a_solver_refuses_is_refused_while_planning(void **state)
{
    const struct sets *sets = *state;
    const struct iml_solver_options refused[] = {
        {.kind = iml_solver_kind_find("exact"), .max_parameters = 10},
        {.kind = iml_solver_kind_find("nystrom"), .rank = 0, .damping = 0.1},
        {.kind = iml_solver_kind_find("nystrom"), .rank = 3},
    };
    static const char *const whats[] = {"would take", "rank", "damping"};
    struct iml_set_facts facts;
    struct iml_error error = {0};
    assert_int_equal(iml_set_inspect(&sets->roots, "small", &facts, &error), IML_OK);
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        struct iml_trainer_options options = job(sets);
        struct iml_plan plan;
        struct iml_trainer *trainer = NULL;
        options.meta.solver = refused[i];
        error = (struct iml_error){0};
        assert_int_not_equal(iml_trainer_plan(&options, &facts, &plan, &error), IML_OK);
        assert_string_equal(error.where, "/meta/solver");
        if (!strstr(error.what, whats[i]))
            fail_msg("\"%s\" is not in \"%s\"", whats[i], error.what);
        error = (struct iml_error){0};
        assert_int_not_equal(iml_trainer_open(&options, NULL, &trainer, &error), IML_OK);
        assert_string_equal(error.where, "/meta/solver");
        options.kind = iml_trainer_kind_find("supervised"); /* has no solver to refuse */
        options.inner.steps = 5;
        assert_int_equal(iml_trainer_plan(&options, &facts, &plan, &error), IML_OK);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_same_bits_for_any_number_of_threads),
        cmocka_unit_test(test_the_same_bits_across_a_resume),
        cmocka_unit_test(test_only_exact_tells_eigenvalues),
        cmocka_unit_test(test_each_solve_draws_from_seed_and_update),
        cmocka_unit_test(test_what_a_solver_refuses_is_refused_while_planning),
    };
    return cmocka_run_group_tests(tests, case_set_up, case_tear_down);
}
