/* test_weighed.c: what is told of the pool's weights (FIXMATCH 6.6): numbers, histograms, the
 * images at both ends. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/trainer/run.h"
#include "tests/unit/check.h"
#include "tests/unit/engine/trainer_case.h"

enum { FOREVER = 1000 };

static void test_sorting_and_auroc(void **state)
{
    (void)state;
    enum { MANY = 500 };
    static const double w[] = {0.5, 0.1, 0.9, 0.5, 0.2};
    static const uint8_t positive[] = {1, 0, 1, 0, 0}, all[] = {1, 1, 1, 1, 1};
    static double many[MANY];
    static uint32_t sorted[MANY];
    iml_weighed_sort(5, w, sorted);
    const uint32_t expected[] = {1, 4, 0, 3, 2};
    assert_memory_equal(sorted, expected, sizeof expected);
    /* 6 pairs: 0.9 above three, 0.5 above two and beside one */
    check_close(iml_weighed_auroc(5, w, sorted, positive), 5.5 / 6, 1e-15);
    assert_true(isnan(iml_weighed_auroc(5, w, sorted, all)));
    for (size_t i = 0; i < MANY; i++) many[i] = (double)(i * 7919 % 101);
    iml_weighed_sort(MANY, many, sorted);
    for (size_t i = 1; i < MANY; i++) assert_true(many[sorted[i - 1]] <= many[sorted[i]]);
}

/* Rows and artifacts of an evaluation. */
static void test_what_is_told_of_weights(void **state)
{
    const struct iml_trainer_options options = case_confidence(*state);
    struct iml_trainer *trainer = case_open(&options, NULL);
    struct case_log *log = case_new_log();
    (void)case_finish(trainer, log, FOREVER);
    const double mean = case_last(log, "weight/mean");
    const double inside = case_last(log, "weight/in_distribution");
    const double outside = case_last(log, "weight/out_of_distribution");
    assert_true((mean - inside) * (mean - outside) <= 0); /* it lies between the two */
    assert_true(case_last(log, "weight/deviation") > 0);
    assert_true(case_last(log, "weight/auroc") >= 0 && case_last(log, "weight/auroc") <= 1);
    const double size = case_last(log, "weight/effective_size");
    assert_true(size > 0 && size < 1);
    assert_true(fabs(case_last(log, "weight/correlation_confidence")) <= 1);
    assert_true(fabs(case_last(log, "weight/correlation_correct")) <= 1);
    assert_true(case_last(log, "weight/oscillation") > 0);
    assert_true(case_last(log, "weight/low") == 0 && case_last(log, "weight/high") == 0);
    assert_true(case_has(log, "weight/effective_size", 1)); /* all equal at step 0 */
    size_t count = 0;
    const struct iml_artifact *artifacts = iml_trainer_artifacts(trainer, &count);
    assert_int_equal(count, 2);
    assert_string_equal(artifacts[0].name, "weights");
    assert_string_equal(artifacts[1].name, "weighed_images");
    double all = 0, split = 0, by_class = 0;
    const struct iml_weighed *weighed = &trainer->weighed;
    for (size_t b = 0; b < IML_WEIGHED_BINS; b++) {
        all += weighed->all[b];
        split += weighed->in_distribution[b] + weighed->out_of_distribution[b];
        for (size_t c = 0; c < 4; c++) by_class += weighed->by_class[c * IML_WEIGHED_BINS + b];
    }
    assert_true(all == (double)trainer->pool.count && split == all && by_class == all);
    for (size_t k = 0; k < IML_WEIGHED_EXTREMES && k < weighed->count / 2; k++)
        assert_true(weighed->least.weights[k] <= weighed->most.weights[k]);
    free(log);
    iml_trainer_close(trainer);
}

/* Weights over their mean, of a job of `test` test images: rows weight/… of it alone. */
static struct case_log *weight_rows(const struct sets *sets, size_t test)
{
    struct iml_trainer_options options = case_confidence(sets);
    struct case_log *log = case_new_log();
    size_t kept = 0;
    options.confidence.normalize = IML_WEIGHER_BATCH_MEAN;
    options.data.validation = options.meta.validation_batch = 4;
    options.data.test = test;
    struct iml_trainer *trainer = case_open(&options, NULL);
    (void)case_finish(trainer, log, FOREVER);
    for (size_t i = 0; i < log->count; i++) {
        const char *metric = log->entries[i].metric;
        if (metric && strncmp(metric, "weight/", 7) == 0) log->entries[kept++] = log->entries[i];
    }
    log->count = kept;
    assert_true(case_last(log, "weight/deviation") > 0);
    check_close(case_last(log, "weight/mean"), 1, 1e-12); /* over all images that are looked at */
    iml_trainer_close(trainer);
    return log;
}

/* Images are looked at in chunks, as large as the other sets that are evaluated ask for: that is no
 * matter. */
static void test_other_sets_change_nothing_of_the_weights(void **state)
{
    struct case_log *one = weight_rows(*state, 2), *other = weight_rows(*state, 36);
    assert_true(one->count > 0);
    case_assert_same(one, 0, other);
    free(one);
    free(other);
}

/* A pool of fewer images than an artifact shows, or a batch has. */
static void test_a_pool_that_is_smaller_than_a_batch(void **state)
{
    struct iml_trainer_options options = case_confidence(*state);
    options.data.pool.unlabeled = 12;
    struct iml_trainer *trainer = case_open(&options, NULL);
    struct case_log *log = case_new_log();
    size_t count = 0;
    assert_int_equal(trainer->pool.count, 12);
    assert_true(trainer->consistency.unlabeled > 12);
    assert_true(trainer->curvature_consistency.unlabeled > 12);
    (void)case_finish(trainer, log, FOREVER);
    (void)iml_trainer_artifacts(trainer, &count);
    assert_int_equal(count, 2);
    const struct iml_weighed *weighed = &trainer->weighed;
    double seen[2] = {0, 0};
    for (size_t k = 0; k < 12; k++) {
        seen[0] += weighed->least.indices[k];
        seen[1] += weighed->most.indices[k];
        assert_true(weighed->least.weights[k] == weighed->most.weights[11 - k]);
    }
    assert_true(seen[0] == seen[1]); /* both show all of them */
    free(log);
    iml_trainer_close(trainer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sorting_and_auroc),
        cmocka_unit_test(test_what_is_told_of_weights),
        cmocka_unit_test(test_other_sets_change_nothing_of_the_weights),
        cmocka_unit_test(test_a_pool_that_is_smaller_than_a_batch),
    };
    return cmocka_run_group_tests(tests, case_set_up, case_tear_down);
}
