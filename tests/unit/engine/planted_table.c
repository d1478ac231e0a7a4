/* planted_table.c: which settings find the wrong half of planted_case.h, on many seeds, and whether
 * it hurts: the table of docs/results/confidence.md, in minutes. No test: it asserts nothing. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/check.h"
#include "tests/unit/engine/planted_case.h"

enum { SEEDS = 24, IMAGE_SEEDS = 5 };
static const double thresholds[] = {0.6, 0.95};

static struct iml_trainer_options by_default(const struct sets *sets, struct iml_set_facts *wrong)
{
    return planted_job(sets, wrong);
}

static struct iml_trainer_options more_updates(const struct sets *sets, struct iml_set_facts *wrong)
{
    struct iml_trainer_options options = planted_job(sets, wrong);
    options.inner.steps_per_update = 5;
    options.meta.curvature_batch = 180;
    return options;
}

static struct iml_trainer_options signs(const struct sets *sets, struct iml_set_facts *wrong)
{
    struct iml_trainer_options options = planted_recipe(sets, wrong);
    options.inner.steps_per_update = 10;
    options.meta.curvature_batch = 0;
    return options;
}

static struct iml_trainer_options slow_signs(const struct sets *sets, struct iml_set_facts *wrong)
{
    struct iml_trainer_options options = signs(sets, wrong);
    options.meta.optimizer.learning_rate = 0.002;
    return options;
}

static struct iml_trainer_options most_rows(const struct sets *sets, struct iml_set_facts *wrong)
{
    struct iml_trainer_options options = planted_recipe(sets, wrong);
    options.meta.curvature_batch = 324;
    return options;
}

static struct iml_trainer_options identity(const struct sets *sets, struct iml_set_facts *wrong)
{
    struct iml_trainer_options options = planted_recipe(sets, wrong);
    options.meta.solver.kind = iml_solver_kind_find("identity");
    return options;
}

static struct iml_trainer_options images(const struct sets *sets, struct iml_set_facts *wrong)
{
    struct iml_trainer_options options = planted_job(sets, wrong);
    options.confidence = (struct iml_weigher_options){.input = IML_WEIGHER_IMAGE};
    return options;
}

static struct iml_trainer_options image_signs(const struct sets *sets, struct iml_set_facts *wrong)
{
    struct iml_trainer_options options = images(sets, wrong);
    options.meta.optimizer.kind = iml_optimizer_kind_find("rmsprop");
    options.meta.optimizer.rho = 0;
    options.meta.optimizer.learning_rate = 0.003;
    return options;
}

static const struct row {
    const char *name;
    struct iml_trainer_options (*make)(const struct sets *sets, struct iml_set_facts *wrong);
    uint32_t seeds;
} rows[] = {
    {"defaults, form shared", by_default, SEEDS},
    {"… 48 updates of 180 rows", more_updates, SEEDS},
    {"signs of 0.01, batch_mean", signs, SEEDS},
    {"… signs of 0.002", slow_signs, SEEDS},
    {"… 48 updates of 180 rows: the recipe", planted_recipe, SEEDS},
    {"… of 324 rows", most_rows, SEEDS},
    {"… of 180 rows, identity", identity, SEEDS},
    {"defaults, form separate", images, IMAGE_SEEDS},
    {"… signs of 0.003", image_signs, IMAGE_SEEDS},
};

static void tell_row(const struct sets *sets, const struct row *row)
{
    struct iml_set_facts wrong;
    struct iml_trainer_options options = row->make(sets, &wrong);
    (void)printf("| %s |", row->name);
    for (size_t i = 0; i < sizeof thresholds / sizeof *thresholds; i++) {
        options.consistency.threshold = thresholds[i];
        unsigned good = 0;
        double sum = 0;
        for (options.seed = 1; options.seed <= row->seeds; options.seed++) {
            const double auroc = planted_last(&options, "weight/auroc");
            good += auroc > 0.9;
            sum += auroc;
        }
        (void)printf(" %u of %u | %.2f |", good, (unsigned)row->seeds, sum / row->seeds);
    }
    (void)printf("\n");
    (void)fflush(stdout);
}

/* Mean validation loss of plain training: λ's rate is 0, so each weight stays 1. */
static void tell_harm(const struct sets *sets, const char *name, bool has_wrong)
{
    struct iml_set_facts wrong;
    struct iml_trainer_options options = planted_job(sets, &wrong);
    options.meta.optimizer.learning_rate = 0;
    if (!has_wrong) options.data.pool.extra = NULL;
    if (!has_wrong) options.data.pool.extra_count = 0;
    (void)printf("| %s |", name);
    for (size_t i = 0; i < sizeof thresholds / sizeof *thresholds; i++) {
        options.consistency.threshold = thresholds[i];
        double sum = 0;
        for (options.seed = 1; options.seed <= SEEDS; options.seed++)
            sum += planted_last(&options, "validation/loss");
        (void)printf(" %.4f |", sum / SEEDS);
    }
    (void)printf("\n");
}

static void tell(void **state)
{
    (void)printf("| setting | AUROC above 0.9, τ 0.6 | mean | τ 0.95 | mean |\n| --- | --- | --- | "
                 "--- | --- |\n");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) tell_row(*state, &rows[i]);
    (void)printf("\n| pool, weights 1 | validation loss, τ 0.6 | τ 0.95 |\n| --- | --- | --- |\n");
    tell_harm(*state, "with the wrong half", true);
    tell_harm(*state, "without it", false);
}

int main(void)
{
    const struct CMUnitTest table[] = {cmocka_unit_test(tell)};
    return cmocka_run_group_tests(table, planted_set_up, sets_tear_down);
}
