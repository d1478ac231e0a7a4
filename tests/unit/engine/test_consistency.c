/* test_consistency.c: pseudo labels, mask, weights, losses and tallies (FIXMATCH 1.3, 1.4, §5) on
 * logits made by hand; that a run uses them so: test_fixmatch.c and tests/oracle. */
#include <math.h>
#include <string.h>

#include "engine/trainer/consistency.h"
#include "engine/trainer/metrics.h"
#include "tests/unit/check.h"

enum { LABELED = 2, RATIO = 2, UNLABELED = 4, ROWS = 10, CLASSES = 3, WEAK = 2, STRONG = 6 };

/* A batch of two labeled images, the first answered rightly; weak rows: sure of class 2, a tie of 0
 * and 1, sure of class 1, even over all; strong rows that say otherwise. */
static const iml_real logits[ROWS * CLASSES] = {
    2, 1, 0, 0, 0, 0,                   /* */
    0, 0, 9, 3, 3, 0, 0, 8, 1, 0, 0, 0, /* */
    7, 0, 0, 0, 7, 0, 7, 0, 0, 0, 0, 7, /* */
};

struct run {
    struct iml_arena arena;
    struct iml_consistency consistency;
    uint32_t labels[ROWS];
    struct iml_batch batch;
};

static void open_run(struct run *run, double threshold)
{
    const struct iml_consistency_options options = {
        .ratio = RATIO, .threshold = threshold, .weight = 3};
    struct iml_error error = {0};
    *run = (struct run){.labels = {0, 1}};
    iml_arena_measure(&run->arena);
    iml_arena_part(&run->arena, "batches");
    iml_consistency_layout(&run->consistency, &options, LABELED, UNLABELED, CLASSES, run->labels,
                           &run->arena);
    const struct iml_plan plan = run->arena.plan;
    assert_int_equal(iml_arena_open(&run->arena, &plan, &error), IML_OK);
    iml_consistency_layout(&run->consistency, &options, LABELED, UNLABELED, CLASSES, run->labels,
                           &run->arena);
    iml_consistency_ask(&run->consistency, &(struct iml_consistency_images){0}, &run->batch);
    run->batch.chooser->choose(run->batch.chooser->context, NULL, ROWS, logits);
}

static void check_masks(const struct run *run, const uint8_t masks[UNLABELED])
{
    assert_memory_equal(run->consistency.masks, masks, UNLABELED);
    for (size_t r = 0; r < ROWS; r++) {
        const double strong = r >= STRONG && masks[r - STRONG] ? 3.0 / RATIO : 0;
        assert_true((double)run->batch.weights[r] == (r < LABELED ? 1 : strong));
    }
}

static void test_pseudo_labels_and_mask(void **state)
{
    (void)state;
    struct run run;
    open_run(&run, 0.9);
    static const uint32_t labels[ROWS] = {0, 1, 2, 0, 1, 0, 2, 0, 1, 0}; /* of equals the lowest */
    assert_memory_equal(run.batch.labels, labels, sizeof labels);
    check_masks(&run, (const uint8_t[]){1, 0, 1, 0});
    assert_true(run.batch.divisor == LABELED);
    assert_int_equal(run.consistency.correct, 1);
    check_close(run.consistency.confidences[0], 1 / (1 + 2 * exp(-9)), 1e-15);
    check_close(run.consistency.confidences[1], 1 / (2 + exp(-3)), 1e-15);
    check_close(run.consistency.confidences[3], 1.0 / 3, 1e-15);
    iml_arena_close(&run.arena);
}

/* max q ≥ τ counts, τ itself included. */
static void test_the_threshold_counts(void **state)
{
    (void)state;
    struct run run;
    open_run(&run, 0);
    const double tie = run.consistency.confidences[1];
    check_masks(&run, (const uint8_t[]){1, 1, 1, 1});
    iml_arena_close(&run.arena);
    open_run(&run, tie);
    check_masks(&run, (const uint8_t[]){1, 1, 1, 0});
    iml_arena_close(&run.arena);
    open_run(&run, nextafter(tie, 1));
    check_masks(&run, (const uint8_t[]){1, 0, 1, 0});
    iml_arena_close(&run.arena);
}

/* Losses of the two sums: weak rows' are nothing's, the divisors are B and μB. */
static void set_losses(struct run *run)
{
    static const iml_real losses[ROWS] = {1, 3, 1000, 1000, 1000, 1000, 5, 70, 7, 90};
    memcpy(run->consistency.losses, losses, sizeof losses);
}

static void test_losses(void **state)
{
    (void)state;
    struct run run;
    open_run(&run, 0.9);
    set_losses(&run);
    assert_true(iml_consistency_labeled_loss(&run.consistency) == 2);
    assert_true(iml_consistency_loss(&run.consistency) == 3);
    iml_arena_close(&run.arena);
    open_run(&run, 1.01);
    set_losses(&run);
    assert_true(iml_consistency_loss(&run.consistency) == 0);
    iml_arena_close(&run.arena);
}

static double told(const struct iml_rows *rows, enum iml_metric metric)
{
    for (size_t i = 0; i < rows->count; i++)
        if (rows->rows[i].metric == iml_metrics[metric].name) return rows->rows[i].value;
    fail_msg("no row of %s", iml_metrics[metric].name);
    return 0;
}

/* Pool places 5, 0, 3, 1; classes 4, 7, 6 of the set are the task's 0, 1, 2, class 9 is none. */
static void test_tallies(void **state)
{
    (void)state;
    static const uint32_t places[UNLABELED] = {5, 0, 3, 1};
    static const struct iml_origin origins[6] = {
        [5] = {.is_in_distribution = true, .class_number = 6},  /* right, counts */
        [0] = {.is_in_distribution = true, .class_number = 7},  /* wrong, does not count */
        [3] = {.is_in_distribution = false, .class_number = 9}, /* counts */
        [1] = {.is_in_distribution = true, .class_number = 4},  /* right, does not count */
    };
    static const struct iml_known known = {.has = {[4] = true, [7] = true, [6] = true},
                                           .label = {[4] = 0, [7] = 1, [6] = 2}};
    struct run run;
    struct iml_consistency_tally tally = {0};
    struct iml_rows rows = {0};
    open_run(&run, 0.9);
    set_losses(&run);
    const double *q = run.consistency.confidences;
    for (int k = 0; k < 2; k++)
        iml_consistency_count(&run.consistency, places, origins, &known, &tally);
    iml_consistency_tell(&tally, CLASSES, &rows);
    assert_true(told(&rows, IML_METRIC_CONSISTENCY_IMAGES) == 8);
    assert_true(told(&rows, IML_METRIC_CONSISTENCY_IMAGES_IN) == 6);
    assert_true(told(&rows, IML_METRIC_CONSISTENCY_MASKED) == 4);
    assert_true(told(&rows, IML_METRIC_CONSISTENCY_MASKED_IN) == 2);
    assert_true(told(&rows, IML_METRIC_CONSISTENCY_MASK) == 0.5);
    check_close(told(&rows, IML_METRIC_CONSISTENCY_MASK_IN), 1.0 / 3, 1e-15);
    assert_true(told(&rows, IML_METRIC_CONSISTENCY_MASK_OUT) == 1);
    check_close(told(&rows, IML_METRIC_CONSISTENCY_CONFIDENCE), (q[0] + q[1] + q[2] + q[3]) / 4,
                1e-15);
    check_close(told(&rows, IML_METRIC_CONSISTENCY_ACCURACY), 2.0 / 3, 1e-15);
    assert_true(told(&rows, IML_METRIC_CONSISTENCY_MASKED_ACCURACY) == 1);
    assert_true(told(&rows, IML_METRIC_CONSISTENCY_LOSS) == 3);
    /* pseudo labels that count: 2 and 1, as often as each other */
    check_close(told(&rows, IML_METRIC_CONSISTENCY_CLASS_ENTROPY), log(2) / log(3), 1e-15);
    iml_arena_close(&run.arena);
}

/* A mean over no image is no number; a count is 0. */
static void test_nothing_is_no_number(void **state)
{
    (void)state;
    const struct iml_consistency_tally tally = {.steps = 1, .images = {0, 4}};
    struct iml_rows rows = {0};
    iml_consistency_tell(&tally, CLASSES, &rows);
    assert_true(told(&rows, IML_METRIC_CONSISTENCY_MASK) == 0);
    assert_true(isnan(told(&rows, IML_METRIC_CONSISTENCY_MASK_OUT)));
    assert_true(isnan(told(&rows, IML_METRIC_CONSISTENCY_MASKED_ACCURACY)));
    assert_true(isnan(told(&rows, IML_METRIC_CONSISTENCY_CLASS_ENTROPY)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pseudo_labels_and_mask),
        cmocka_unit_test(test_the_threshold_counts),
        cmocka_unit_test(test_losses),
        cmocka_unit_test(test_tallies),
        cmocka_unit_test(test_nothing_is_no_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
