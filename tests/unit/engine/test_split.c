/* test_split.c: the split by seed (FIXMATCH 4.1, 4.4). */
#include "engine/data/split.h"

#include <string.h>

#include "imld/random.h"
#include "tests/unit/check.h"

enum { COUNT = 100, CLASSES = 4 };

/* Classes of 40, 30, 20 and 10 images, mixed. */
struct fixture {
    uint8_t labels[COUNT];
    struct iml_set_facts facts;
    uint32_t scratch[2 * COUNT], validation[COUNT], train[COUNT];
    struct iml_split_counts counts;
};

static void set_up(struct fixture *f)
{
    memset(f, 0, sizeof *f);
    static const uint8_t pattern[10] = {0, 1, 2, 0, 3, 1, 0, 2, 1, 0};
    for (size_t i = 0; i < COUNT; i++) {
        f->labels[i] = pattern[i % 10];
        f->facts.train_class_images[f->labels[i]]++;
    }
    f->facts.train_images = COUNT;
    f->facts.classes = CLASSES;
}

static void draw(struct fixture *f, uint32_t seed, size_t validation, size_t train)
{
    struct iml_error error = {0};
    const struct iml_split_lists lists = {f->validation, f->train, f->scratch};
    assert_int_equal(iml_split_share(&f->facts, validation, train, &f->counts, &error), IML_OK);
    assert_int_equal(iml_split_draw(seed, &f->counts, f->labels, COUNT, &lists, &error), IML_OK);
}

static size_t count_class(const struct fixture *f, const uint32_t *list, size_t count, size_t c)
{
    size_t n = 0;
    for (size_t i = 0; i < count; i++) n += f->labels[list[i]] == c;
    return n;
}

static bool contains(const uint32_t *list, size_t count, uint32_t index)
{
    for (size_t i = 0; i < count; i++) {
        if (list[i] == index) return true;
    }
    return false;
}

static void test_both_parts_are_spread_over_the_classes(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f);
    draw(&f, 1, 10, 23);
    static const size_t validation[CLASSES] = {3, 3, 2, 2}, train[CLASSES] = {6, 6, 6, 5};
    for (size_t c = 0; c < CLASSES; c++) {
        assert_int_equal(count_class(&f, f.validation, 10, c), validation[c]);
        assert_int_equal(count_class(&f, f.train, 23, c), train[c]);
    }
    for (size_t i = 0; i < 10; i++) {
        assert_false(contains(f.train, 23, f.validation[i]));
        if (i > 0) assert_true(f.validation[i] > f.validation[i - 1]); /* ascending, distinct */
    }
    for (size_t i = 1; i < 23; i++) assert_true(f.train[i] > f.train[i - 1]);
}

static void test_the_number_of_training_images_never_changes_validation(void **state)
{
    (void)state;
    static struct fixture f, other; /* together more than a frame may hold */
    set_up(&f);
    set_up(&other);
    draw(&f, 7, 12, 8);
    for (size_t train = 4; train <= 28; train += 4) {
        draw(&other, 7, 12, train);
        assert_memory_equal(f.validation, other.validation, 12 * sizeof f.validation[0]);
        for (size_t i = 0; i < 8 && train >= 8; i++) /* a larger set contains the smaller */
            assert_true(contains(other.train, train, f.train[i]));
    }
}

static void test_the_rule_of_the_permutation(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f);
    draw(&f, 5, 8, 8);
    for (uint32_t c = 0; c < CLASSES; c++) {
        uint32_t members[COUNT], order[COUNT], n = 0;
        for (uint32_t i = 0; i < COUNT; i++) {
            if (f.labels[i] == c) members[n++] = i;
        }
        iml_permutation(5, IML_PURPOSE_SPLIT, c, n, order);
        for (size_t k = 0; k < 2; k++) {
            assert_true(contains(f.validation, 8, members[order[k]]));
            assert_true(contains(f.train, 8, members[order[2 + k]]));
        }
    }
}

static void test_another_seed_draws_others(void **state)
{
    (void)state;
    static struct fixture f, other; /* together more than a frame may hold */
    set_up(&f);
    set_up(&other);
    draw(&f, 1, 12, 8);
    draw(&other, 2, 12, 8);
    assert_memory_not_equal(f.validation, other.validation, 12 * sizeof f.validation[0]);
}

static void test_zero_takes_all_that_remain(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f);
    draw(&f, 1, 10, 0);
    assert_int_equal(f.counts.train_total, COUNT - 10);
    for (uint32_t i = 0; i < COUNT; i++) {
        const bool is_validation = contains(f.validation, 10, i);
        assert_true(contains(f.train, COUNT - 10, i) != is_validation);
    }
}

static void test_too_few_images_of_a_class(void **state)
{
    (void)state;
    struct fixture f;
    struct iml_error error = {0};
    set_up(&f);
    assert_int_equal(iml_split_share(&f.facts, 44, 4, &f.counts, &error), IML_ERROR_LIMIT);
    assert_non_null(strstr(error.what, "44 validation images ask for 11 of class 3"));
    assert_non_null(strstr(error.what, "10 of 10"));
    assert_string_equal(error.where, "/data/validation");
    error = (struct iml_error){0};
    assert_int_equal(iml_split_share(&f.facts, 8, 40, &f.counts, &error), IML_ERROR_LIMIT);
    assert_non_null(strstr(error.what, "10 of class 3, of which 8 of 10"));
    assert_string_equal(error.where, "/data/train");
}

static void test_a_class_without_images_is_passed_over(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f);
    for (size_t i = 0; i < COUNT; i++) f.labels[i]++; /* classes 1 to 4 */
    memmove(&f.facts.train_class_images[1], &f.facts.train_class_images[0],
            CLASSES * sizeof f.facts.train_class_images[0]);
    f.facts.train_class_images[0] = 0;
    draw(&f, 1, 9, 4);
    assert_int_equal(count_class(&f, f.validation, 9, 1),
                     3); /* the rest goes to the first of them */
    assert_int_equal(count_class(&f, f.validation, 9, 2), 2);
}

static void test_labels_that_have_changed_are_an_error(void **state)
{
    (void)state;
    struct fixture f;
    struct iml_error error = {0};
    set_up(&f);
    const struct iml_split_lists lists = {f.validation, f.train, f.scratch};
    assert_int_equal(iml_split_share(&f.facts, 40, 0, &f.counts, &error), IML_OK);
    for (size_t i = 0; i < COUNT; i++) f.labels[i] = 0;
    assert_int_equal(iml_split_draw(1, &f.counts, f.labels, COUNT, &lists, &error), IML_ERROR_DATA);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_parts_are_spread_over_the_classes),
        cmocka_unit_test(test_the_number_of_training_images_never_changes_validation),
        cmocka_unit_test(test_the_rule_of_the_permutation),
        cmocka_unit_test(test_another_seed_draws_others),
        cmocka_unit_test(test_zero_takes_all_that_remain),
        cmocka_unit_test(test_too_few_images_of_a_class),
        cmocka_unit_test(test_a_class_without_images_is_passed_over),
        cmocka_unit_test(test_labels_that_have_changed_are_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
