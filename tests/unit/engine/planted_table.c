/* planted_table.c: which settings find the wrong half of planted_case.h, on many seeds, and whether
 * it hurts: the table of docs/results/confidence.md, in minutes. No test: it asserts nothing. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/check.h"
#include "tests/unit/engine/planted_case.h"

enum { SEEDS = 24, IMAGE_SEEDS = 5 };
static const double thresholds[] = {0.6, 0.95};

static void slowly(struct iml_trainer_options *options)
{
    options->meta.optimizer.learning_rate = 0.002;
}

static void of_most_rows(struct iml_trainer_options *options)
{
    options->meta.curvature_batch = 324;
}

static void by_identity(struct iml_trainer_options *options)
{
    options->meta.solver.kind = iml_solver_kind_find("identity");
}

static void by_image(struct iml_trainer_options *options)
{
    options->confidence = (struct iml_weigher_options){.input = IML_WEIGHER_IMAGE};
}

static void by_image_signs(struct iml_trainer_options *options)
{
    by_image(options);
    planted_signs(options);
    options->confidence.normalize = IML_WEIGHER_PLAIN;
    options->meta.optimizer.learning_rate = 0.003;
}

typedef void (*change)(struct iml_trainer_options *options);

static const struct row {
    const char *name;
    change changes[3]; /* of planted_job, in this order */
    uint32_t seeds;
} rows[] = {
    {"shared: defaults", {NULL}, SEEDS},
    {"… 48 updates of 180 rows", {planted_more_updates}, SEEDS},
    {"shared: signs of 0.01, batch_mean", {planted_signs}, SEEDS},
    {"… 48 updates of 180 rows", {planted_signs, planted_more_updates}, SEEDS},
    {"… … by identity", {planted_signs, planted_more_updates, by_identity}, SEEDS},
    {"… 48 updates of 324 rows", {planted_signs, planted_more_updates, of_most_rows}, SEEDS},
    {"shared: signs of 0.002, batch_mean", {planted_signs, slowly}, SEEDS},
    {"separate: defaults", {by_image}, IMAGE_SEEDS},
    {"separate: signs of 0.003", {by_image_signs}, IMAGE_SEEDS},
};

static void tell_row(const struct sets *sets, const struct row *row)
{
    struct iml_set_facts wrong;
    struct iml_trainer_options options = planted_job(sets, &wrong);
    for (size_t i = 0; i < 3 && row->changes[i]; i++) row->changes[i](&options);
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
