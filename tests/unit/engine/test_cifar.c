/* test_cifar.c: CIFAR-10 binary files: order of the batches, sizes, labels. */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/check.h"
#include "tests/unit/engine/sets.h"

enum { RECORD = 3073, PIXELS = 3072, MOST = 30 };

static void write_batch(const struct sets *sets, const char *file, size_t first, size_t count)
{
    uint8_t *bytes = malloc((size_t)MOST * RECORD);
    assert_non_null(bytes);
    sets_write(sets, "set", file, bytes, sets_cifar(bytes, first, count));
    free(bytes);
}

static void expect_fault(const struct sets *sets, const char *what, const char *where)
{
    struct iml_set_facts facts;
    struct iml_error error = {0};
    assert_int_equal(iml_set_inspect(&sets->roots, "set", &facts, &error), IML_ERROR_DATA);
    if (!strstr(error.what, what)) fail_msg("\"%s\" is not in \"%s\"", what, error.what);
    if (!strstr(error.where, where)) fail_msg("\"%s\" is not in \"%s\"", where, error.where);
}

static void test_batches_are_read_in_numeric_order(void **state)
{
    struct sets *sets = *state;
    write_batch(sets, "data_batch_10.bin", 20, 10);
    write_batch(sets, "data_batch_2.bin", 7, 13);
    write_batch(sets, "data_batch_1.bin", 0, 7);
    write_batch(sets, "data_batch_01.bin", 0, 1); /* not a name of the form: left alone */
    write_batch(sets, "test_batch.bin", 100, 5);
    struct iml_set_facts facts;
    struct iml_error error = {0};
    assert_int_equal(iml_set_inspect(&sets->roots, "set", &facts, &error), IML_OK);
    assert_int_equal(facts.form, IML_SET_CIFAR);
    assert_int_equal(facts.train_images, 30);
    assert_int_equal(facts.test_images, 5);
    assert_int_equal(facts.classes, 10);
    assert_int_equal(facts.channels, 3);
    assert_int_equal(facts.height, 32);
    for (size_t i = 0; i < 30; i++) { /* image i of the split is record i */
        uint8_t pixels[PIXELS], label = 99, expected[RECORD];
        assert_int_equal(iml_set_read_image(&sets->roots, "set", IML_SPLIT_TRAIN, i, pixels, PIXELS,
                                            &label, &error),
                         IML_OK);
        (void)sets_cifar(expected, i, 1);
        assert_int_equal(label, expected[0]);
        assert_memory_equal(pixels, expected + 1, PIXELS);
    }
}

static void test_a_size_that_is_no_multiple_of_a_record(void **state)
{
    struct sets *sets = *state;
    uint8_t *bytes = calloc(3, RECORD);
    assert_non_null(bytes);
    sets_write(sets, "set", "data_batch_1.bin", bytes, 3 * RECORD - 1);
    free(bytes);
    expect_fault(sets, "a multiple of 3073 was expected", "data_batch_1.bin, byte 6146");
}

static void test_an_empty_batch(void **state)
{
    sets_write(*state, "set", "test_batch.bin", "", 0);
    expect_fault(*state, "a multiple of 3073 was expected", "test_batch.bin, byte 0");
}

static void test_a_label_out_of_range(void **state)
{
    struct sets *sets = *state;
    uint8_t *bytes = malloc((size_t)4 * RECORD);
    assert_non_null(bytes);
    (void)sets_cifar(bytes, 0, 4);
    bytes[(size_t)2 * RECORD] = 10;
    write_batch(sets, "data_batch_1.bin", 0, 5);
    sets_write(sets, "set", "data_batch_2.bin", bytes, (size_t)4 * RECORD);
    free(bytes);
    expect_fault(sets, "label 10 of image 2 is not below 10", "data_batch_2.bin, byte 6146");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, sets_set_up, sets_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_batches_are_read_in_numeric_order),
        TEST(test_a_size_that_is_no_multiple_of_a_record),
        TEST(test_an_empty_batch),
        TEST(test_a_label_out_of_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
