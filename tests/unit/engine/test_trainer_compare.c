/* test_trainer_compare.c: compare as a run on a trained job (MATH §5.4, §5.7): its numbers against
 * what they must be for solvers that are known to be right or wrong, and its going on. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/check.h"
#include "tests/unit/engine/report_case.h"

enum { SOLVERS = 5, REFERENCE = SOLVERS, COUNT = SOLVERS + 1 };
static const char *const names[COUNT] = {"v itself",       "cg, to the end", "cg, one step",
                                         "exact, by name", "nystrom",        "reference"};

static struct iml_compared solver(const char *name, const char *kind, unsigned terms)
{
    return (struct iml_compared){
        .name = name,
        .solver = {.kind = iml_solver_kind_find(kind), .terms = terms, .reorthogonalize = true}};
}

/* The Gauss–Newton matrix with coefficients of 0.1 is positive definite and well conditioned: cg is
 * right at its end. */
static struct iml_trainer_options trained_job(const struct sets *sets)
{
    struct iml_trainer_options options = case_iml(sets);
    options.meta.knowledge.initial = 0.1;
    options.meta.curvature_kind = IML_CURVATURE_GAUSS_NEWTON;
    return options;
}

static struct iml_trainer_options options_of(const struct iml_trainer_options *trained)
{
    struct iml_trainer_options options = report_options(trained, "compare");
    options.compare = (struct iml_compare_options){
        .solvers = {solver(names[0], "identity", 0), solver(names[1], "cg", 300),
                    solver(names[2], "cg", 1), solver(names[3], "exact", 0),
                    solver(names[4], "nystrom", 0)},
        .count = SOLVERS,
        .max_parameters = 2000,
        .max_products = 400,
        .target_residual = 1e-6};
    options.compare.solvers[4].solver.rank = 4;
    options.compare.solvers[4].solver.damping = 0.01;
    return options;
}

static double value(const struct iml_trainer *trainer, const char *entry, size_t i)
{
    const struct iml_entry *found = report_entry(trainer, entry);
    assert_int_equal(found->rows, COUNT);
    return found->values[i];
}

static void check_report(const struct iml_trainer *trainer)
{
    static const double rounding = sizeof(iml_real) == sizeof(double) ? 1e-9 : 1e-4;
    const size_t whole = 1, one = 2, exact = 3;
    for (size_t i = 0; i < COUNT; i++) {
        assert_string_equal(report_entry(trainer, "solver")->texts[i], names[i]);
        assert_true(value(trainer, "vq", i) > 0); /* all are of a positive matrix */
        assert_true(value(trainer, "q_norm", i) > 0 && value(trainer, "seconds", i) >= 0);
        assert_true(value(trainer, "cosine", i) <= 1 + 1e-12);
    }
    assert_string_equal(report_entry(trainer, "kind")->texts[REFERENCE], "exact");
    assert_true(value(trainer, "residual", REFERENCE) <= rounding);
    assert_true(value(trainer, "residual", whole) <= rounding);
    assert_true(value(trainer, "relative_error", whole) <= 10 * rounding);
    assert_true(value(trainer, "q_relative_error", whole) <= 10 * rounding);
    assert_true(value(trainer, "relative_error", exact) == 0);
    assert_true(value(trainer, "products", 0) == 0 && value(trainer, "products", one) == 1);
    assert_true(value(trainer, "residual", one) > value(trainer, "residual", whole));
    assert_true(value(trainer, "relative_error", one) > 1e-3);
    /* cg knows its own residual, and is right */
    check_close(value(trainer, "residual", one), value(trainer, "residual_reported", one),
                rounding);
    assert_true(value(trainer, "bytes", exact) > value(trainer, "bytes", one));
    assert_true(report_entry(trainer, "reference_residual")->values[0] ==
                value(trainer, "residual", REFERENCE));
}

static void check_cosines(const struct iml_trainer *trainer)
{
    static const char *const matrices[] = {"q_cosines", "hypergradient_cosines"};
    static const char *const columns[] = {"q_cosine", "cosine"};
    for (size_t k = 0; k < 2; k++) {
        const struct iml_entry *matrix = report_entry(trainer, matrices[k]);
        assert_true(matrix->rows == COUNT && matrix->columns == COUNT);
        for (size_t i = 0; i < COUNT; i++) {
            check_close(matrix->values[i * COUNT + i], 1, 1e-12);
            check_close(matrix->values[i * COUNT + REFERENCE], value(trainer, columns[k], i),
                        1e-12);
            for (size_t j = 0; j < i; j++)
                assert_true(matrix->values[i * COUNT + j] == matrix->values[j * COUNT + i]);
        }
    }
}

static void test_solvers_beside_each_other(void **state)
{
    const struct iml_trainer_options trained = trained_job(*state), options = options_of(&trained);
    struct iml_trainer *trainer = report_open(&trained, &options);
    struct case_log *log = calloc(1, sizeof *log);
    assert_non_null(log);
    assert_int_equal(iml_trainer_progress(trainer).steps_of, COUNT);
    assert_int_equal(case_finish(trainer, log, 100), COUNT + 1);
    check_report(trainer);
    check_cosines(trainer);
    check_close(case_last(log, "compare/best_cosine"), 1, 1e-12);
    assert_true(case_has(log, "compare/residual", value(trainer, "residual", 2)));
    const char *headline = report_entry(trainer, "headline")->text;
    assert_true(strstr(headline, names[3]) || strstr(headline, names[1])); /* both to rounding */
    iml_trainer_close(trainer);
    free(log);
}

/* Where the net is too large for exact, minres is the reference, and its residual is stated. */
static void test_minres_is_the_reference_of_large_nets(void **state)
{
    const struct iml_trainer_options trained = trained_job(*state);
    struct iml_trainer_options options = options_of(&trained);
    options.compare.max_parameters = 100;
    options.compare.target_residual = 1e-3;
    struct iml_trainer *trainer = report_open(&trained, &options);
    struct case_log *log = calloc(1, sizeof *log);
    assert_non_null(log);
    (void)case_finish(trainer, log, 100);
    assert_string_equal(report_entry(trainer, "kind")->texts[REFERENCE], "minres");
    assert_true(value(trainer, "residual", REFERENCE) <= 1.01e-3);
    assert_true(value(trainer, "products", REFERENCE) > 1);
    assert_true(value(trainer, "relative_error", 3) <= 1e-2);
    iml_trainer_close(trainer);
    free(log);
}

/* All of the artifact but the seconds, which tell of another time. */
static void assert_same_report(const struct iml_trainer *a, const struct iml_trainer *b)
{
    size_t count = 0;
    const struct iml_artifact *artifact = iml_trainer_artifacts(a, &count);
    for (size_t i = 0; i < artifact->count; i++) {
        const struct iml_entry *x = &artifact->entries[i], *y = report_entry(b, x->name);
        if (!x->values || strcmp(x->name, "seconds") == 0) continue;
        const size_t rows = x->rows > 0 ? x->rows : 1, columns = x->columns > 0 ? x->columns : 1;
        assert_memory_equal(x->values, y->values, rows * columns * sizeof *x->values);
    }
}

static void test_a_poisoned_run_goes_on_to_the_same_report(void **state)
{
    struct case_log *log = calloc(1, sizeof *log);
    assert_non_null(log);
    const struct iml_trainer_options trained = trained_job(*state);
    struct iml_trainer_options options = options_of(&trained);
    struct iml_trainer *whole = report_open(&trained, &options);
    (void)case_finish(whole, log, 100);
    options.threads = 2;
    struct iml_trainer *trainer = report_open(&trained, &options);
    for (size_t i = 0; i < COUNT + 1; i++) {
        size_t bytes = 0;
        void *saved = case_export(trainer, &bytes);
        struct iml_error error = {0};
        iml_trainer_poison(trainer, 0xFF);
        iml_registry_import(iml_trainer_registry(trainer), saved, bytes);
        assert_int_equal(iml_trainer_restored(trainer, &error), IML_OK);
        free(saved);
        log->count = 0;
        assert_true(case_act(trainer, log));
    }
    assert_same_report(whole, trainer);
    iml_trainer_close(trainer);
    iml_trainer_close(whole);
    free(log);
}

static void test_what_cannot_be_compared_is_refused(void **state)
{
    const struct iml_trainer_options trained = trained_job(*state);
    struct iml_trainer_options options = options_of(&trained);
    struct iml_trainer *trainer = NULL;
    struct iml_error error = {0};
    options.compare.solvers[3].solver.max_parameters = 10;
    assert_int_equal(iml_trainer_open(&options, NULL, &trainer, &error), IML_ERROR_LIMIT);
    assert_string_equal(error.where, "/compare/solvers/3");
    options = options_of(&trained);
    options.meta.knowledge.kind = NULL;
    error = (struct iml_error){0};
    assert_int_equal(iml_trainer_open(&options, NULL, &trainer, &error), IML_ERROR_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_solvers_beside_each_other),
        cmocka_unit_test(test_minres_is_the_reference_of_large_nets),
        cmocka_unit_test(test_a_poisoned_run_goes_on_to_the_same_report),
        cmocka_unit_test(test_what_cannot_be_compared_is_refused),
    };
    return cmocka_run_group_tests(tests, case_set_up, case_tear_down);
}
