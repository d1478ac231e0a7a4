/* test_pool.c: labeled images, validation images and the pool (FIXMATCH 4.1 to 4.6): known answers,
 * and what must hold of every draw. tests/oracle/data_oracle.py, which compares thousands of random
 * jobs with a statement of its own, made the numbers. */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "tests/unit/check.h"
#include "tests/unit/engine/pool_case.h"

/* Of the list's numbers as 32-bit words, lowest byte first. */
static uint32_t crc_of(const uint32_t *list, size_t count)
{
    uint32_t crc = 0;
    for (size_t i = 0; i < count; i++) {
        const uint8_t bytes[4] = {(uint8_t)list[i], (uint8_t)(list[i] >> 8),
                                  (uint8_t)(list[i] >> 16), (uint8_t)(list[i] >> 24)};
        crc = (uint32_t)crc32(crc, bytes, sizeof bytes);
    }
    return crc;
}

/* Each with 13 validation images and a quarter of the pool from the second set. */
static const struct {
    struct iml_pool_options options;
    size_t pool, extra;
    uint32_t validation_crc, labeled_crc, pool_crc, extra_crc;
} known[] = {
    {{.labels = 20}, 587, 196, 0x33ab3422, 0x899087d5, 0x1307951c, 0x74c1dd24},
    {{.labels = 20, .unlabeled = 101}, 101, 34, 0x33ab3422, 0x899087d5, 0x973cf86a, 0x7e8be066},
    {{.labels = 12, .mismatch = IML_MISMATCH_FIXED_POOL, .share = 0.5},
     139,
     46,
     0xb2764631,
     0x563c0092,
     0x4dbd7855,
     0xef6d60c4},
    {{.labels = 12,
      .mismatch = IML_MISMATCH_FIXED_IN_DISTRIBUTION,
      .share = 0.25,
      .leaves_out_labeled = true},
     61,
     20,
     0xb2764631,
     0x563c0092,
     0xc9c75d93,
     0x8af443bf},
    {{.labels = 12, .mismatch = IML_MISMATCH_OLIVER2018, .share = 0.25},
     258,
     86,
     0xb2764631,
     0x563c0092,
     0xa12b5b47,
     0x7fd76a84},
};

static void test_known_answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        static struct pool_case c;
        pool_case_set_up(&c, IML_MISMATCH_NONE, 0);
        c.options = known[i].options;
        c.options.validation = 13;
        c.options.extra = &c.extra;
        c.options.extra_share = 0.25;
        pool_case_draw(&c);
        assert_int_equal(c.counts.own_total, known[i].pool);
        assert_int_equal(c.counts.extra_total, known[i].extra);
        assert_int_equal(crc_of(c.validation, 13), known[i].validation_crc);
        assert_int_equal(crc_of(c.labeled, c.options.labels), known[i].labeled_crc);
        assert_int_equal(crc_of(c.pool, known[i].pool), known[i].pool_crc);
        assert_int_equal(crc_of(c.extra_images, known[i].extra), known[i].extra_crc);
    }
}

static void test_labels_are_balanced_and_apart_from_validation(void **state)
{
    (void)state;
    static struct pool_case c;
    pool_case_set_up(&c, IML_MISMATCH_NONE, 50);
    pool_case_draw(&c);
    for (unsigned k = 0; k < POOL_CLASSES; k++) {
        assert_int_equal(pool_case_count(&c, c.labeled, 50, k), 5);
        assert_int_equal(pool_case_count(&c, c.validation, 13, k), k < 3 ? 2 : 1);
    }
    for (uint32_t i = 0; i < POOL_IMAGES; i++) {
        const bool is_validation = pool_case_has(c.validation, 13, i);
        assert_true(pool_case_has(c.pool, c.counts.own_total, i) != is_validation);
        if (is_validation) assert_false(pool_case_has(c.labeled, 50, i));
    }
}

static void test_labels_can_be_left_out_of_the_pool(void **state)
{
    (void)state;
    static struct pool_case c;
    pool_case_set_up(&c, IML_MISMATCH_NONE, 50);
    c.options.leaves_out_labeled = true;
    pool_case_draw(&c);
    assert_int_equal(c.counts.own_total, POOL_IMAGES - 13 - 50);
    for (size_t i = 0; i < 50; i++)
        assert_false(pool_case_has(c.pool, c.counts.own_total, c.labeled[i]));
}

/* The first list is part of the second. */
static void check_part(const uint32_t *part, size_t part_count, const uint32_t *whole,
                       size_t whole_count)
{
    for (size_t i = 0; i < part_count; i++) assert_true(pool_case_has(whole, whole_count, part[i]));
}

static void test_smaller_requests_are_part_of_larger_ones(void **state)
{
    (void)state;
    static struct pool_case small, large;
    pool_case_set_up(&small, IML_MISMATCH_NONE, 20);
    pool_case_set_up(&large, IML_MISMATCH_NONE, 80);
    small.options.unlabeled = 100;
    small.options.extra = &small.extra;
    small.options.extra_count = 20;
    large.options.unlabeled = 400;
    large.options.extra = &large.extra;
    large.options.extra_count = 200;
    pool_case_draw(&small);
    pool_case_draw(&large);
    assert_memory_equal(small.validation, large.validation, 13 * sizeof small.validation[0]);
    check_part(small.labeled, 20, large.labeled, 80);
    check_part(small.pool, 100, large.pool, 400);
    check_part(small.extra_images, 20, large.extra_images, 200);
}

static void test_a_cap_keeps_class_shares(void **state)
{
    (void)state;
    static struct pool_case c;
    pool_case_set_up(&c, IML_MISMATCH_NONE, 10);
    c.options.unlabeled = 59;
    pool_case_draw(&c);
    assert_int_equal(c.counts.own_total, 59);
    for (unsigned k = 0; k < POOL_CLASSES; k++) {
        const double images =
            (double)(c.facts.train_class_images[k] - c.counts.split.validation[k]);
        const double quota = 59 * images / (POOL_IMAGES - 13);
        const double got = (double)pool_case_count(&c, c.pool, 59, k);
        assert_true(got > quota - 1 && got < quota + 1);
    }
}

static void test_another_seed_draws_others(void **state)
{
    (void)state;
    static struct pool_case c;
    uint32_t kept[20];
    struct iml_error error = {0};
    pool_case_set_up(&c, IML_MISMATCH_NONE, 20);
    const struct iml_pool_lists lists = {c.validation, c.labeled, c.pool, c.scratch};
    pool_case_draw(&c);
    memcpy(kept, c.labeled, sizeof kept);
    assert_int_equal(iml_pool_draw(POOL_SEED + 1, &c.counts, c.labels, POOL_IMAGES, &lists, &error),
                     IML_OK);
    assert_memory_not_equal(kept, c.labeled, sizeof kept);
}

static void test_what_is_refused_says_why(void **state)
{
    (void)state;
    static struct pool_case c;
    pool_case_set_up(&c, IML_MISMATCH_NONE, 45);
    pool_case_refused(&c, "/data/labels",
                      "45 labels are no multiple of the 10 classes: the "
                      "nearest that are: 40 and 50");
    c.options.labels = 4;
    pool_case_refused(&c, "/data/labels", "10 are the fewest");
    c.options.labels = 400;
    pool_case_refused(&c, "/data/labels",
                      "400 labeled images ask for 40 of class 5, of which 33 "
                      "of 34 images are there");
    c.options.labels = 10;
    c.options.validation = 350;
    pool_case_refused(&c, "/data/validation", "ask for 35 of class 5");
    c.options.validation = 100;
    c.options.unlabeled = 501;
    pool_case_refused(&c, "/data/unlabeled", "501 unlabeled images where 500 are there");
}

/* What the error says to write is the most that can be. */
static void test_too_many_labels_are_told_how_many_there_can_be(void **state)
{
    (void)state;
    static struct pool_case c;
    struct iml_error error = {0};
    pool_case_set_up(&c, IML_MISMATCH_NONE, 400);
    assert_int_equal(iml_pool_share(&c.facts, &c.options, &c.counts, &error), IML_ERROR_LIMIT);
    static const char most[] = "ask for at most ";
    assert_memory_equal(error.mend, most, sizeof most - 1);
    c.options.labels = strtoul(error.mend + sizeof most - 1, NULL, 10);
    pool_case_draw(&c);
    c.options.labels += POOL_CLASSES;
    pool_case_refused(&c, "/data/labels", "labeled images ask for");
}

static void test_labels_that_have_changed_are_an_error(void **state)
{
    (void)state;
    static struct pool_case c;
    struct iml_error error = {0};
    pool_case_set_up(&c, IML_MISMATCH_NONE, 20);
    pool_case_draw(&c);
    const struct iml_pool_lists lists = {c.validation, c.labeled, c.pool, c.scratch};
    memset(c.labels, 0, sizeof c.labels);
    assert_int_equal(iml_pool_draw(POOL_SEED, &c.counts, c.labels, POOL_IMAGES, &lists, &error),
                     IML_ERROR_DATA);
}

static void test_extra_images_come_on_top(void **state)
{
    (void)state;
    static struct pool_case c;
    pool_case_set_up(&c, IML_MISMATCH_NONE, 20);
    c.options.extra = &c.extra;
    c.options.unlabeled = 150;
    c.options.extra_share = 0.5;
    pool_case_draw(&c);
    assert_int_equal(c.counts.own_total, 150);
    assert_int_equal(c.counts.extra_total, 150);
    for (size_t i = 1; i < 150; i++) assert_true(c.extra_images[i] > c.extra_images[i - 1]);
    assert_true(c.extra_images[149] < POOL_EXTRA);
    assert_int_equal(iml_pool_extra_split(&c.extra), IML_SPLIT_TEST); /* it has no other */
    c.extra.train_images = 7;
    assert_int_equal(iml_pool_extra_split(&c.extra), IML_SPLIT_TRAIN);
    pool_case_refused(&c, "/data/unlabeled_extra/share", "150 images of svhn in the pool, where 7");
    c.options.extra_count = 8;
    pool_case_refused(&c, "/data/unlabeled_extra/count", "8 images of svhn in the pool, where 7");
    c.options.extra_count = 0;
    c.options.extra_share = 1;
    pool_case_refused(&c, "/data/unlabeled_extra/share", "inf images of svhn");
}

static void test_extra_sets_that_do_not_fit(void **state)
{
    (void)state;
    static struct pool_case c;
    pool_case_set_up(&c, IML_MISMATCH_NONE, 20);
    c.options.extra = &c.extra;
    c.options.extra_count = 5;
    c.extra.height = 28;
    pool_case_refused(&c, "/data/unlabeled_extra/set", "images of svhn have 3 channels of 28 × 32");
    c.extra.height = 32;
    c.extra.channels = 1;
    pool_case_refused(&c, "/data/unlabeled_extra/set", "svhn have 1 channels");
    c.extra = c.facts;
    pool_case_refused(&c, "/data/unlabeled_extra/set", "cifar10 is the set itself");
}

static void test_origins(void **state)
{
    (void)state;
    static struct pool_case c;
    static struct iml_origin origins[POOL_IMAGES + POOL_EXTRA];
    uint8_t extra_labels[POOL_EXTRA];
    for (size_t i = 0; i < POOL_EXTRA; i++) extra_labels[i] = (uint8_t)(1 + i % 26);
    pool_case_set_up(&c, IML_MISMATCH_FIXED_POOL, 12);
    c.options.share = 0.5;
    c.options.extra = &c.extra;
    c.options.extra_count = 30;
    pool_case_draw(&c);
    const size_t own = c.counts.own_total;
    size_t inside = 0;
    iml_pool_own_origins(&c.counts.known, c.labels, c.pool, own, origins);
    iml_pool_extra_origins(extra_labels, c.extra_images, 30, origins + own);
    for (size_t i = 0; i < own; i++) {
        assert_false(origins[i].is_extra);
        assert_int_equal(origins[i].class_number, c.labels[c.pool[i]]);
        assert_true(origins[i].is_in_distribution ==
                    (origins[i].class_number >= 2 && origins[i].class_number <= 7));
        inside += origins[i].is_in_distribution ? 1 : 0;
    }
    assert_int_equal(inside, own / 2);
    for (size_t i = 0; i < 30; i++) {
        assert_true(origins[own + i].is_extra && !origins[own + i].is_in_distribution);
        assert_int_equal(origins[own + i].class_number, extra_labels[c.extra_images[i]]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_answers),
        cmocka_unit_test(test_labels_are_balanced_and_apart_from_validation),
        cmocka_unit_test(test_labels_can_be_left_out_of_the_pool),
        cmocka_unit_test(test_smaller_requests_are_part_of_larger_ones),
        cmocka_unit_test(test_a_cap_keeps_class_shares),
        cmocka_unit_test(test_another_seed_draws_others),
        cmocka_unit_test(test_what_is_refused_says_why),
        cmocka_unit_test(test_too_many_labels_are_told_how_many_there_can_be),
        cmocka_unit_test(test_labels_that_have_changed_are_an_error),
        cmocka_unit_test(test_extra_images_come_on_top),
        cmocka_unit_test(test_extra_sets_that_do_not_fit),
        cmocka_unit_test(test_origins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
