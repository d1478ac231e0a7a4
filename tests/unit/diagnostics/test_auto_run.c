/* test_auto_run.c: `auto` over whole runs with a lens at each update: it reaches its target with at
 * most one product more than the best (solver, K) in hindsight, in at least 90 % of the updates
 * (MATH §4, §5.1). On a made set, and on Fashion-MNIST where that is installed. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/check.h"
#include "tests/unit/engine/trainer_case.h"

enum { LENS_STEPS = 60 };

/* Updates by what the lens says of them. */
struct tally {
    unsigned updates;
    unsigned judged; /* some solver reaches the target within the lens */
    unsigned within; /* auto does with at most one product more */
};

static double value_of(const struct iml_rows *rows, const char *metric)
{
    for (size_t i = 0; i < rows->count; i++)
        if (strcmp(rows->rows[i].metric, metric) == 0) return rows->rows[i].value;
    return nan("");
}

static void count(const struct iml_rows *rows, double target, struct tally *tally)
{
    const double products = value_of(rows, "solver/products");
    const double best = value_of(rows, "lens/best_products");
    if (isnan(products)) return; /* no update */
    tally->updates++;
    if (isnan(best)) return;
    const bool is_reached = value_of(rows, "solver/residual") <= target;
    tally->judged++;
    tally->within += is_reached && products <= best + 1;
}

static struct tally run(struct iml_trainer_options options)
{
    struct tally tally = {0};
    struct iml_rows rows = {0};
    struct iml_error error = {0};
    options.diagnostics.lens = (struct iml_lens_look){.every_updates = 1, .steps = LENS_STEPS};
    struct iml_trainer *trainer = case_open(&options, NULL);
    while (!iml_trainer_progress(trainer).is_finished) {
        if (iml_trainer_progress(trainer).is_evaluation_due) {
            assert_int_equal(iml_trainer_evaluate(trainer, &rows, &error), IML_OK);
            continue;
        }
        assert_int_equal(iml_trainer_step(trainer, &rows, &error), IML_OK);
        count(&rows, options.meta.solver.target_residual, &tally);
    }
    iml_trainer_close(trainer);
    return tally;
}

static void check(const char *what, const struct iml_trainer_options *options)
{
    const struct tally tally = run(*options);
    print_message("%s, target %g: %u updates, %u judged, %u within one product\n", what,
                  options->meta.solver.target_residual, tally.updates, tally.judged, tally.within);
    assert_int_equal(tally.updates, options->meta.updates);
    assert_true(tally.judged >= tally.updates / 2);
    assert_true(10 * tally.within >= 9 * tally.judged);
}

static struct iml_trainer_options job(const struct sets *sets, double target)
{
    struct iml_trainer_options options = case_iml(sets);
    options.meta.updates = 40;
    options.meta.solver = (struct iml_solver_options){.kind = iml_solver_kind_find("auto"),
                                                      .terms = LENS_STEPS + 1,
                                                      .target_residual = target,
                                                      .reorthogonalize = true};
    return options;
}

static void test_auto_is_within_one_product_of_the_best_over_a_run(void **state)
{
    struct iml_trainer_options options = job(*state, 0.5);
    check("made set", &options);
    options.meta.knowledge.kind = iml_knowledge_kind_find("l2_per_layer");
    options.meta.solver.damping = 0.1;
    static const double targets[] = {0.3, 0.1, 0.03, 0.01};
    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
        options.meta.solver.target_residual = targets[i];
        check("made set, per layer, damped", &options);
    }
}

/* The job of studies/a_solvers.json, smaller and shorter. */
static void test_auto_on_fashion_mnist(void **state)
{
    static const char *const folders[] = {"/usr/share/datasets"};
    struct iml_set_facts facts;
    struct iml_error error = {0};
    struct iml_trainer_options options = job(*state, 0.3);
    options.roots = (struct iml_set_roots){.paths = folders, .count = 1};
    if (iml_set_inspect(&options.roots, "fashion-mnist", &facts, &error) != IML_OK) {
        print_message("not run: fashion-mnist is not in /usr/share/datasets\n");
        skip();
    }
    options.data = (struct iml_data_options){.set = "fashion-mnist",
                                             .train = 200,
                                             .validation = 200,
                                             .test = 100,
                                             .pixels = IML_PIXELS_UNIT};
    options.model.hidden[0] = options.model.hidden[1] = 32;
    options.inner.optimizer.learning_rate = 1e-3;
    options.inner.batch = 128;
    options.inner.warmup_steps = 300;
    options.inner.steps_per_update = 10;
    options.meta.validation_batch = options.meta.curvature_batch = 200;
    options.meta.updates = 20;
    check("fashion-mnist", &options);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_auto_is_within_one_product_of_the_best_over_a_run),
        cmocka_unit_test(test_auto_on_fashion_mnist),
    };
    return cmocka_run_group_tests(tests, case_set_up, case_tear_down);
}
