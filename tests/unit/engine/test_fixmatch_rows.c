/* test_fixmatch_rows.c: what fixmatch tells (FIXMATCH §5, 1.13), and what `divergence` sees of it.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/trainer/run.h"
#include "tests/unit/check.h"
#include "tests/unit/engine/trainer_case.h"

enum { FOREVER = 1000 };

/* FIXMATCH §5: shares from their counts, and what an evaluation tells of the task's classes. */
static void test_rows(void **state)
{
    const struct iml_trainer_options options = case_fixmatch(*state);
    struct iml_trainer *trainer = case_open(&options, NULL);
    struct case_log *log = case_new_log();
    (void)case_finish(trainer, log, FOREVER);
    const double images = case_last(log, "consistency/images");
    const double inside = case_last(log, "consistency/images_in_distribution");
    const double masked = case_last(log, "consistency/masked");
    const double masked_inside = case_last(log, "consistency/masked_in_distribution");
    assert_true(images == 4 * 27 && inside < images && inside > 0);
    assert_true(masked > 0 && masked < images && masked_inside < masked);
    check_close(case_last(log, "consistency/mask"), masked / images, 1e-15);
    check_close(case_last(log, "consistency/mask_in_distribution"), masked_inside / inside, 1e-15);
    check_close(case_last(log, "consistency/mask_out_of_distribution"),
                (masked - masked_inside) / (images - inside), 1e-15);
    const double confidence = case_last(log, "consistency/confidence");
    assert_true(confidence > 1.0 / 3 && confidence < 1);
    const double entropy = case_last(log, "consistency/class_entropy");
    assert_true(entropy >= 0 && entropy <= 1);
    assert_true(case_last(log, "consistency/loss") >= 0);
    check_close(case_last(log, "inner/learning_rate"), iml_recipe_rate(&options.inner, 11), 1e-15);
    assert_true(case_last(log, "inner/gradient_norm") > 0);
    assert_true(case_last(log, "ema/distance") > 0);
    (void)case_last(log, "validation/accuracy_raw");
    (void)case_last(log, "test/accuracy_raw");
    /* of 4 evaluations: the mean of the two in the middle, each of 45 images of known classes */
    const double median = case_last(log, "test/accuracy_median20");
    check_close(median * 90, round(median * 90), 1e-9);
    assert_int_equal(trainer->test.count, 45);
    free(log);
    iml_trainer_close(trainer);
}

/* A mean over no image is no number. */
static void test_a_mean_over_nothing_is_null(void **state)
{
    struct iml_trainer_options options = case_fixmatch(*state);
    options.data.pool.share = 0;
    options.consistency.threshold = 1.01; /* above any confidence */
    struct iml_trainer *trainer = case_open(&options, NULL);
    struct case_log *log = case_new_log();
    (void)case_finish(trainer, log, FOREVER);
    assert_true(isnan(case_last(log, "consistency/mask_out_of_distribution")));
    assert_true(isnan(case_last(log, "consistency/masked_accuracy")));
    assert_true(isnan(case_last(log, "consistency/class_entropy")));
    assert_true(case_last(log, "consistency/mask") == 0);
    assert_true(case_last(log, "consistency/loss") == 0); /* the divisor is μB */
    free(log);
    iml_trainer_close(trainer);
}

/* FIXMATCH §5: train/loss and train/accuracy are of the labeled rows alone. */
static void test_training_rows_are_of_labeled_images(void **state)
{
    enum { STEPS = 3, B = 9 };
    const struct iml_trainer_options options = case_fixmatch(*state);
    struct iml_trainer *trainer = case_open(&options, NULL);
    struct iml_rows rows = {0};
    struct iml_error error = {0};
    double loss = 0, correct = 0;
    for (int k = 0; k < STEPS; k++) {
        case_step(trainer);
        loss += iml_consistency_labeled_loss(&trainer->consistency) / STEPS;
        correct += (double)trainer->consistency.correct / (STEPS * B);
    }
    assert_int_equal(iml_trainer_evaluate(trainer, &rows, &error), IML_OK);
    assert_string_equal(rows.rows[0].metric, "train/loss");
    check_close(rows.rows[0].value, loss, 1e-12);
    assert_string_equal(rows.rows[1].metric, "train/accuracy");
    check_close(rows.rows[1].value, correct, 1e-12);
    iml_trainer_close(trainer);
}

static int compare_numbers(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* FIXMATCH 1.13: of the last 20 evaluations, not of all. */
static void test_the_median_is_of_the_last_20(void **state)
{
    enum { LAST = 20 };
    struct iml_trainer_options options = case_fixmatch(*state);
    options.inner.steps = 26;
    options.evaluation_every = 1;
    options.inner.optimizer.learning_rate = 0.3; /* so that accuracies differ */
    struct iml_trainer *trainer = case_open(&options, NULL);
    struct case_log *log = case_new_log();
    (void)case_finish(trainer, log, FOREVER);
    double accuracies[LAST];
    size_t count = 0;
    for (size_t i = log->count; i > 0 && count < LAST; i--) {
        const struct case_entry *entry = &log->entries[i - 1];
        if (entry->metric && strcmp(entry->metric, "test/accuracy") == 0)
            accuracies[count++] = entry->value;
    }
    assert_int_equal(count, LAST);
    qsort(accuracies, LAST, sizeof *accuracies, compare_numbers);
    assert_true(accuracies[0] < accuracies[LAST - 1]);
    check_close(case_last(log, "test/accuracy_median20"),
                (accuracies[LAST / 2 - 1] + accuracies[LAST / 2]) / 2, 1e-15);
    free(log);
    iml_trainer_close(trainer);
}

/* What `divergence` compares is train/loss, whatever λ_u is; a pool row that is no number shows. */
static void test_the_last_loss_is_the_labeled_rows(void **state)
{
    struct iml_trainer_options options = case_fixmatch(*state);
    options.consistency.weight = 1e9;
    options.consistency.threshold = 0;
    options.inner.optimizer.learning_rate = 1e-12;
    options.model.has_batch_norm = false; /* then no row sees another */
    struct iml_trainer *trainer = case_open(&options, NULL);
    for (int k = 0; k < 3; k++) {
        case_step(trainer);
        assert_true(trainer->state->last_loss ==
                    iml_consistency_labeled_loss(&trainer->consistency));
        assert_true(trainer->state->last_loss < 1000 * trainer->state->first_loss);
    }
    const size_t pixels = (size_t)IDX_PIXELS;
    for (size_t i = 0; i < trainer->train.count * pixels; i++) trainer->train.pixels[i] &= 127;
    memset(trainer->pool.pixels, 255, trainer->pool.count * pixels);
    trainer->table.values[255] = (iml_real)nan("");
    case_step(trainer);
    assert_true(isfinite(iml_consistency_labeled_loss(&trainer->consistency)));
    assert_true(isnan(trainer->state->last_loss));
    iml_trainer_close(trainer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_a_mean_over_nothing_is_null),
        cmocka_unit_test(test_training_rows_are_of_labeled_images),
        cmocka_unit_test(test_the_median_is_of_the_last_20),
        cmocka_unit_test(test_the_last_loss_is_the_labeled_rows),
    };
    return cmocka_run_group_tests(tests, case_set_up, case_tear_down);
}
