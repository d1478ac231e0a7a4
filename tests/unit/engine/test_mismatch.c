/* test_mismatch.c: known classes and the three protocols of class mismatch (FIXMATCH 4.5). */
#include <stdio.h>
#include <string.h>

#include "tests/unit/check.h"
#include "tests/unit/engine/pool_case.h"

enum { CIFAR_CLASS = 5000 };

/* CIFAR-10 as it is: 10 × 5,000 and 10 × 1,000 images. */
static struct iml_set_facts cifar10(void)
{
    struct iml_set_facts facts = {.channels = 3, .height = 32, .width = 32, .classes = 10};
    (void)snprintf(facts.name, sizeof facts.name, "cifar10");
    for (size_t c = 0; c < 10; c++) {
        facts.train_class_images[c] = CIFAR_CLASS;
        facts.test_class_images[c] = 1000;
    }
    facts.train_images = 10 * (size_t)CIFAR_CLASS;
    facts.test_images = 10000;
    return facts;
}

/* Images of the pool that are of known classes, and of the others. */
struct parts {
    size_t inside, outside;
};

static struct parts share_cifar10(enum iml_mismatch mismatch, double share)
{
    static struct iml_pool_counts counts;
    const struct iml_set_facts facts = cifar10();
    const struct iml_pool_options options = {
        .validation = 1000, .labels = 240, .mismatch = mismatch, .share = share};
    struct iml_error error = {0};
    struct parts parts = {0};
    if (iml_pool_share(&facts, &options, &counts, &error)) fail_msg("%s", error.what);
    for (size_t c = 0; c < 10; c++)
        *(counts.known.has[c] ? &parts.inside : &parts.outside) += counts.own[c];
    assert_int_equal(parts.inside + parts.outside, counts.own_total);
    return parts;
}

static void test_fixed_pool_has_one_size_for_every_share(void **state)
{
    (void)state;
    for (int i = 0; i <= 4; i++) { /* the four others allow 20,000, the six 28,998 */
        const struct parts parts = share_cifar10(IML_MISMATCH_FIXED_POOL, 0.25 * i);
        assert_int_equal(parts.outside, 5000 * i);
        assert_int_equal(parts.inside, 20000 - 5000 * i);
    }
}

static void test_fixed_in_distribution_adds_others(void **state)
{
    (void)state;
    static const double shares[] = {0, 0.25, 0.5, 0.75, 1}; /* N = 20,000/3 */
    static const size_t outside[] = {0, 2222, 6666, 19998, 19998};
    for (size_t i = 0; i < 5; i++) {
        const struct parts parts = share_cifar10(IML_MISMATCH_FIXED_IN_DISTRIBUTION, shares[i]);
        assert_int_equal(parts.inside, i < 4 ? 6666 : 0);
        assert_int_equal(parts.outside, outside[i]);
    }
}

/* 1,000 validation images are 167 of classes 2 … 5 and 166 of 6 and 7; 240 labels 40 a class. */
static void test_oliver2018_takes_four_classes(void **state)
{
    (void)state;
    const struct parts none = share_cifar10(IML_MISMATCH_OLIVER2018, 0);
    assert_int_equal(none.outside, 0); /* 4 … 7, and the labeled images of 2 and 3 */
    assert_int_equal(none.inside, 2 * 4833 + 2 * 4834 + 2 * 40);
    const struct parts half = share_cifar10(IML_MISMATCH_OLIVER2018, 0.5);
    assert_int_equal(half.outside, 2 * CIFAR_CLASS);
    assert_int_equal(half.inside, 2 * 4834 + 4 * 40);
    const struct parts all = share_cifar10(IML_MISMATCH_OLIVER2018, 1);
    assert_int_equal(all.outside, 4 * CIFAR_CLASS);
    assert_int_equal(all.inside, 0);
}

static void test_validation_and_labels_are_of_known_classes(void **state)
{
    (void)state;
    static struct pool_case c;
    pool_case_set_up(&c, IML_MISMATCH_FIXED_POOL, 12);
    pool_case_draw(&c);
    for (unsigned k = 0; k < POOL_CLASSES; k++) {
        const bool is_known = k >= 2 && k <= 7;
        assert_int_equal(pool_case_count(&c, c.labeled, 12, k), is_known ? 2 : 0);
        assert_int_equal(pool_case_count(&c, c.validation, 13, k) > 0, is_known);
        if (is_known) assert_int_equal(c.counts.known.label[k], k - 2);
    }
    assert_int_equal(c.counts.known.outputs, 6);
    for (size_t i = 0; i < 12; i++) /* in-distribution at share 0 */
        assert_true(pool_case_has(c.pool, c.counts.own_total, c.labeled[i]));
}

/* Neither the pool's size nor its share changes which images are labeled. */
static void test_the_share_changes_the_pool_alone(void **state)
{
    (void)state;
    static struct pool_case none, all;
    pool_case_set_up(&none, IML_MISMATCH_FIXED_POOL, 12);
    pool_case_set_up(&all, IML_MISMATCH_FIXED_IN_DISTRIBUTION, 12);
    all.options.share = 1;
    pool_case_draw(&none);
    pool_case_draw(&all);
    assert_memory_equal(none.labeled, all.labeled, 12 * sizeof none.labeled[0]);
    assert_memory_equal(none.validation, all.validation, 13 * sizeof none.validation[0]);
    for (size_t i = 0; i < 12; i++) /* left out at share 1 */
        assert_false(pool_case_has(all.pool, all.counts.own_total, all.labeled[i]));
}

static void test_the_order_of_the_known_classes_does_not_matter(void **state)
{
    (void)state;
    static struct pool_case c, other;
    static const uint8_t ascending[] = {0, 3, 8}, mixed[] = {8, 0, 3};
    pool_case_set_up(&c, IML_MISMATCH_FIXED_POOL, 9);
    pool_case_set_up(&other, IML_MISMATCH_FIXED_POOL, 9);
    c.options.known = ascending;
    other.options.known = mixed;
    c.options.known_count = other.options.known_count = 3;
    c.options.share = other.options.share = 0.3;
    pool_case_draw(&c);
    pool_case_draw(&other);
    assert_memory_equal(&c.counts, &other.counts, sizeof c.counts);
    assert_memory_equal(c.pool, other.pool, sizeof c.pool);
    assert_int_equal(c.counts.known.label[8], 2);
}

/* Written into the job, they make the same pool. */
static void test_defaults_make_the_same_pool(void **state)
{
    (void)state;
    const struct iml_set_facts facts = cifar10();
    static struct iml_pool_counts without, with;
    struct iml_error error = {0};
    static const double shares[] = {0, 0.25, 0.5, 1};
    for (size_t i = 0; i < 4 * (size_t)IML_MISMATCH_COUNT; i++) {
        struct iml_pool_options options = {.validation = 1000,
                                           .labels = 60,
                                           .mismatch = (enum iml_mismatch)(i / 4),
                                           .share = shares[i % 4]};
        struct iml_pool_defaults defaults;
        assert_int_equal(iml_pool_find_defaults(&facts, &options, &defaults, &error), IML_OK);
        assert_int_equal(iml_pool_share(&facts, &options, &without, &error), IML_OK);
        const bool is_whole = options.mismatch == IML_MISMATCH_NONE;
        assert_int_equal(defaults.known_count, is_whole ? 10 : 6);
        assert_int_equal(defaults.test, is_whole ? 10000 : 6000);
        options.unlabeled = defaults.unlabeled;
        if (!is_whole) options.known = defaults.known;
        if (!is_whole) options.known_count = defaults.known_count;
        assert_int_equal(iml_pool_share(&facts, &options, &with, &error), IML_OK);
        assert_memory_equal(&with, &without, sizeof with);
    }
}

static void test_what_is_refused_says_why(void **state)
{
    (void)state;
    static struct pool_case c;
    static const uint8_t twice[] = {3, 4, 3}, missing[] = {3, 12},
                         all[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
    pool_case_set_up(&c, IML_MISMATCH_FIXED_POOL, 10);
    c.options.share = 0.5;
    c.options.known = twice;
    c.options.known_count = 3;
    pool_case_refused(&c, "/data/mismatch/known", "class 3 is given twice");
    c.options.known = missing;
    c.options.known_count = 2;
    pool_case_refused(&c, "/data/mismatch/known", "no training image of class 12");
    c.options.known_count = 1;
    pool_case_refused(&c, "/data/mismatch/known", "1 known classes");
    c.options.known = all;
    c.options.known_count = 10;
    c.options.unlabeled = 40;
    pool_case_refused(&c, "/data/mismatch/known",
                      "20 out-of-distribution pool images, and no class");
    c.options.unlabeled = 0; /* its default would be that of every share */
    c.options.share = 0;
    pool_case_refused(&c, "/data/mismatch/known", "each of the set's 10 classes is known");
    c.options.mismatch = IML_MISMATCH_FIXED_IN_DISTRIBUTION;
    pool_case_refused(&c, "/data/mismatch/known", "each of the set's 10 classes is known");
    c.options.mismatch = IML_MISMATCH_FIXED_POOL;
    c.options.share = 0.5;
    c.options.known = NULL;
    c.options.labels = 12;
    c.options.unlabeled = 400;
    pool_case_refused(&c, "/data/unlabeled",
                      "200 out-of-distribution pool images ask for 50 of "
                      "class 9, of which 34 of 34 images are there");
    c.options.mismatch = IML_MISMATCH_OLIVER2018;
    c.options.share = 0.3;
    pool_case_refused(&c, "/data/mismatch/share", "no pool for a share of 0.3");
    c.options.share = 0.25;
    (void)snprintf(c.facts.name, sizeof c.facts.name, "mnist"); /* known: 0 … 5 */
    pool_case_refused(&c, "/data/mismatch/protocol", "2 to 7 are known");
}

static void test_default_known_classes_and_test_images(void **state)
{
    (void)state;
    struct iml_set_facts facts = cifar10();
    struct iml_known known;
    struct iml_error error = {0};
    static const uint8_t labels[] = {0, 2, 7, 9, 3, 1, 5};
    uint32_t chosen[7];
    assert_int_equal(iml_known_some(&facts, NULL, 0, &known, &error), IML_OK);
    assert_int_equal(iml_known_test_images(&known, &facts), 6000);
    assert_int_equal(iml_known_pick(&known, labels, 7, 7, chosen), 4);
    assert_memory_equal(chosen, ((const uint32_t[]){1, 2, 4, 6}), 4 * sizeof chosen[0]);
    assert_int_equal(iml_known_pick(&known, labels, 7, 3, chosen), 3); /* the first three */
    (void)snprintf(facts.name, sizeof facts.name, "fashion-mnist");
    assert_int_equal(iml_known_some(&facts, NULL, 0, &known, &error), IML_OK);
    for (size_t c = 0; c < 10; c++) assert_true(known.has[c] == (c < 6));
    iml_known_all(&facts, &known);
    assert_int_equal(known.count, 10);
    assert_int_equal(iml_known_test_images(&known, &facts), 10000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fixed_pool_has_one_size_for_every_share),
        cmocka_unit_test(test_fixed_in_distribution_adds_others),
        cmocka_unit_test(test_oliver2018_takes_four_classes),
        cmocka_unit_test(test_validation_and_labels_are_of_known_classes),
        cmocka_unit_test(test_the_share_changes_the_pool_alone),
        cmocka_unit_test(test_the_order_of_the_known_classes_does_not_matter),
        cmocka_unit_test(test_defaults_make_the_same_pool),
        cmocka_unit_test(test_what_is_refused_says_why),
        cmocka_unit_test(test_default_known_classes_and_test_images),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
