/* test_idx.c: idx files, plain and gzip: what is read, and that every fault names file and byte. */
#include <stdio.h>
#include <string.h>

#include "tests/unit/check.h"
#include "tests/unit/engine/sets.h"

enum { COUNT = 40, CLASSES = 4, IMAGE_BYTES = 16 + COUNT * IDX_PIXELS, LABEL_BYTES = 8 + COUNT };

static const char *const images_file = "train-images-idx3-ubyte";
static const char *const labels_file = "train-labels-idx1-ubyte";

/* The two files' contents, which a test spoils before it writes them. */
struct files {
    uint8_t images[IMAGE_BYTES + 1], labels[LABEL_BYTES + 1];
    size_t image_bytes, label_bytes;
};

static struct files good_files(void)
{
    struct files files = {0};
    files.image_bytes = sets_idx_images(files.images, COUNT, CLASSES, 1);
    files.label_bytes = sets_idx_labels(files.labels, COUNT, CLASSES);
    return files;
}

static void write_files(const struct sets *sets, const struct files *files)
{
    sets_write(sets, "set", images_file, files->images, files->image_bytes);
    sets_write(sets, "set", labels_file, files->labels, files->label_bytes);
}

static void expect_fault(const struct sets *sets, enum iml_code code, const char *what,
                         const char *where)
{
    struct iml_set_facts facts;
    struct iml_error error = {0};
    assert_int_equal(iml_set_inspect(&sets->roots, "set", &facts, &error), code);
    if (!strstr(error.what, what)) fail_msg("\"%s\" is not in \"%s\"", what, error.what);
    if (!strstr(error.where, where)) fail_msg("\"%s\" is not in \"%s\"", where, error.where);
}

static void test_a_plain_set_is_read_byte_by_byte(void **state)
{
    struct sets *sets = *state;
    const struct files files = good_files();
    write_files(sets, &files);
    struct iml_set_facts facts;
    struct iml_error error = {0};
    assert_int_equal(iml_set_inspect(&sets->roots, "set", &facts, &error), IML_OK);
    assert_int_equal(facts.form, IML_SET_IDX);
    assert_int_equal(facts.channels, 1);
    assert_int_equal(facts.height, IDX_SIDE);
    assert_int_equal(facts.width, IDX_SIDE);
    assert_int_equal(facts.classes, CLASSES);
    assert_int_equal(facts.train_images, COUNT);
    assert_int_equal(facts.test_images, 0);
    for (size_t c = 0; c < CLASSES; c++)
        assert_int_equal(facts.train_class_images[c], COUNT / CLASSES);
    for (size_t i = 0; i < COUNT; i++) {
        uint8_t pixels[IDX_PIXELS], label = 99;
        assert_int_equal(iml_set_read_image(&sets->roots, "set", IML_SPLIT_TRAIN, i, pixels,
                                            sizeof pixels, &label, &error),
                         IML_OK);
        assert_int_equal(label, i % CLASSES);
        assert_memory_equal(pixels, files.images + 16 + i * IDX_PIXELS, IDX_PIXELS);
    }
}

static void test_gzip_gives_the_same(void **state)
{
    struct sets *sets = *state;
    const struct files files = good_files();
    sets_write_gzip(sets, "set", "train-images-idx3-ubyte.gz", files.images, files.image_bytes);
    sets_write_gzip(sets, "set", "train-labels-idx1-ubyte.gz", files.labels, files.label_bytes);
    struct iml_error error = {0};
    uint8_t pixels[IDX_PIXELS], label = 99;
    assert_int_equal(iml_set_read_image(&sets->roots, "set", IML_SPLIT_TRAIN, COUNT - 1, pixels,
                                        sizeof pixels, &label, &error),
                     IML_OK);
    assert_int_equal(label, (COUNT - 1) % CLASSES);
    assert_memory_equal(pixels, files.images + 16 + (size_t)(COUNT - 1) * IDX_PIXELS, IDX_PIXELS);
}

static void test_an_image_beyond_the_split_is_not_found(void **state)
{
    struct sets *sets = *state;
    const struct files files = good_files();
    write_files(sets, &files);
    struct iml_error error = {0};
    uint8_t pixels[IDX_PIXELS], label = 0;
    assert_int_equal(iml_set_read_image(&sets->roots, "set", IML_SPLIT_TRAIN, COUNT, pixels,
                                        sizeof pixels, &label, &error),
                     IML_ERROR_NOT_FOUND);
    error = (struct iml_error){0};
    assert_int_equal(iml_set_read_image(&sets->roots, "set", IML_SPLIT_TEST, 0, pixels,
                                        sizeof pixels, &label, &error),
                     IML_ERROR_NOT_FOUND);
}

static void test_wrong_magic(void **state)
{
    struct files files = good_files();
    files.images[3] = 0x01; /* a labels file under the images' name */
    write_files(*state, &files);
    expect_fault(*state, IML_ERROR_DATA, "0x00000801, 0x00000803 was expected",
                 "set/train-images-idx3-ubyte, byte 0");
}

static void test_images_cut_off(void **state)
{
    struct files files = good_files();
    files.image_bytes -= 7;
    write_files(*state, &files);
    expect_fault(*state, IML_ERROR_DATA, "cut off", "train-images-idx3-ubyte, byte 1449");
}

static void test_trailing_bytes(void **state)
{
    struct files files = good_files();
    files.label_bytes += 1;
    write_files(*state, &files);
    expect_fault(*state, IML_ERROR_DATA, "followed by more", "train-labels-idx1-ubyte, byte 48");
}

static void test_a_file_shorter_than_its_header(void **state)
{
    struct files files = good_files();
    files.label_bytes = 5;
    write_files(*state, &files);
    expect_fault(*state, IML_ERROR_DATA, "3 more bytes of the header",
                 "train-labels-idx1-ubyte, byte 5");
}

static void test_an_empty_file(void **state)
{
    struct files files = good_files();
    files.image_bytes = 0;
    write_files(*state, &files);
    expect_fault(*state, IML_ERROR_DATA, "16 more bytes of the header",
                 "train-images-idx3-ubyte, byte 0");
}

static void test_absurd_sizes_are_refused_before_anything_is_allocated(void **state)
{
    struct files files = good_files();
    memset(files.images + 4, 0xFF, 4); /* 4,294,967,295 images */
    write_files(*state, &files);
    expect_fault(*state, IML_ERROR_DATA, "its header promises 154618822636",
                 "train-images-idx3-ubyte");
    files = good_files();
    memset(files.images + 8, 0xFF, 8); /* sides whose product overflows 64 bits with the count */
    write_files(*state, &files);
    expect_fault(*state, IML_ERROR_DATA, "each side must be 1 to 4096",
                 "train-images-idx3-ubyte, byte 8");
    files = good_files();
    memset(files.images + 8, 0, 4);
    write_files(*state, &files);
    expect_fault(*state, IML_ERROR_DATA, "each side must be 1 to 4096", "byte 8");
    files = good_files();
    memset(files.images + 4, 0, 4);
    write_files(*state, &files);
    expect_fault(*state, IML_ERROR_DATA, "promises no images", "byte 4");
}

static void test_absurd_size_in_a_gzip_header(void **state)
{
    struct sets *sets = *state;
    struct files files = good_files();
    memset(files.labels + 4, 0xFF, 4);
    sets_write(sets, "set", images_file, files.images, files.image_bytes);
    sets_write_gzip(sets, "set", "train-labels-idx1-ubyte.gz", files.labels, files.label_bytes);
    expect_fault(sets, IML_ERROR_DATA, "a gzip file of this size holds",
                 "train-labels-idx1-ubyte.gz");
}

static void test_images_and_labels_of_different_count(void **state)
{
    struct files files = good_files();
    files.labels[7] = COUNT - 1;
    files.label_bytes -= 1;
    write_files(*state, &files);
    expect_fault(*state, IML_ERROR_DATA, "40 images, but 39 labels",
                 "train-labels-idx1-ubyte, byte 4");
}

static void test_a_label_out_of_range(void **state)
{
    struct files files = good_files();
    files.labels[8 + 17] = 200;
    write_files(*state, &files);
    expect_fault(*state, IML_ERROR_DATA, "label 200 of image 17 is out of range",
                 "train-labels-idx1-ubyte, byte 25");
}

static void test_a_test_label_that_no_training_image_has(void **state)
{
    struct sets *sets = *state;
    sets_write_idx(sets, "set", COUNT, 8);
    uint8_t labels[8 + 8];
    const size_t bytes = sets_idx_labels(labels, 8, CLASSES);
    labels[8 + 3] = 4;
    sets_write(sets, "set", "t10k-labels-idx1-ubyte", labels, bytes);
    expect_fault(sets, IML_ERROR_DATA, "label 4 of image 3", "t10k-labels-idx1-ubyte, byte 11");
}

static void test_labels_may_start_at_one(void **state)
{
    struct files files = good_files();
    for (size_t i = 0; i < COUNT; i++) files.labels[8 + i]++;
    write_files(*state, &files);
    struct sets *sets = *state;
    struct iml_set_facts facts;
    struct iml_error error = {0};
    assert_int_equal(iml_set_inspect(&sets->roots, "set", &facts, &error), IML_OK);
    assert_int_equal(facts.classes, CLASSES + 1);
    assert_int_equal(facts.train_class_images[0], 0);
}

static void test_a_missing_file(void **state)
{
    struct sets *sets = *state;
    const struct files files = good_files();
    sets_write(sets, "set", images_file, files.images, files.image_bytes);
    expect_fault(sets, IML_ERROR_DATA, "the file is missing", "set/train-labels-idx1-ubyte");
}

static void test_training_and_test_images_of_different_size(void **state)
{
    struct sets *sets = *state;
    sets_write_idx(sets, "set", COUNT, 8);
    uint8_t images[16 + 8 * IDX_PIXELS];
    (void)sets_idx_images(images, 8, CLASSES, 1);
    images[11] = 5;
    sets_write(sets, "set", "t10k-images-idx3-ubyte", images, 16 + 8 * 5 * IDX_SIDE);
    expect_fault(sets, IML_ERROR_DATA, "one size was expected", "/set");
}

/* Writes a gzip labels file and gives its packed bytes back, to be spoilt. */
static size_t packed_labels(const struct sets *sets, const struct files *files, uint8_t *packed,
                            size_t capacity)
{
    char path[256];
    sets_write(sets, "set", images_file, files->images, files->image_bytes);
    sets_write_gzip(sets, "set", "train-labels-idx1-ubyte.gz", files->labels, files->label_bytes);
    (void)snprintf(path, sizeof path, "%s/set/train-labels-idx1-ubyte.gz", sets->root);
    FILE *stream = fopen(path, "rb");
    assert_non_null(stream);
    const size_t count = fread(packed, 1, capacity, stream);
    assert_int_equal(fclose(stream), 0);
    return count;
}

static void test_a_gzip_file_cut_off_anywhere(void **state)
{
    struct sets *sets = *state;
    const struct files files = good_files();
    uint8_t packed[256];
    const size_t count = packed_labels(sets, &files, packed, sizeof packed);
    for (size_t cut = 0; cut < count; cut++) {
        sets_write(sets, "set", "train-labels-idx1-ubyte.gz", packed, cut);
        expect_fault(sets, IML_ERROR_DATA, "gzip", "train-labels-idx1-ubyte.gz, ");
    }
}

static void test_a_gzip_file_with_a_spoilt_byte(void **state)
{
    struct sets *sets = *state;
    const struct files files = good_files();
    uint8_t packed[256];
    const size_t count = packed_labels(sets, &files, packed, sizeof packed);
    packed[count - 6] ^= 1; /* in the checksum */
    sets_write(sets, "set", "train-labels-idx1-ubyte.gz", packed, count);
    expect_fault(sets, IML_ERROR_DATA, "the gzip stream is broken", "packed byte");
}

static void test_a_file_that_is_no_gzip(void **state)
{
    struct sets *sets = *state;
    const struct files files = good_files();
    sets_write(sets, "set", images_file, files.images, files.image_bytes);
    sets_write(sets, "set", "train-labels-idx1-ubyte.gz", files.labels, files.label_bytes);
    expect_fault(sets, IML_ERROR_DATA, "the gzip stream is broken",
                 "train-labels-idx1-ubyte.gz, packed byte");
}

static void test_gzip_members_are_joined(void **state)
{
    struct sets *sets = *state;
    const struct files files = good_files();
    uint8_t packed[512], more[256];
    sets_write_gzip(sets, "set", "train-labels-idx1-ubyte.gz", files.labels, 20);
    struct files tail = files;
    memmove(tail.labels, files.labels + 20, files.label_bytes - 20);
    tail.label_bytes -= 20;
    char path[256];
    (void)snprintf(path, sizeof path, "%s/set/train-labels-idx1-ubyte.gz", sets->root);
    FILE *stream = fopen(path, "rb");
    assert_non_null(stream);
    size_t count = fread(packed, 1, 256, stream);
    assert_int_equal(fclose(stream), 0);
    const size_t rest = packed_labels(sets, &tail, more, sizeof more);
    memcpy(packed + count, more, rest);
    sets_write(sets, "set", "train-labels-idx1-ubyte.gz", packed, count + rest);
    struct iml_set_facts facts;
    struct iml_error error = {0};
    assert_int_equal(iml_set_inspect(&sets->roots, "set", &facts, &error), IML_OK);
    assert_int_equal(facts.classes, CLASSES);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, sets_set_up, sets_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_plain_set_is_read_byte_by_byte),
        TEST(test_gzip_gives_the_same),
        TEST(test_an_image_beyond_the_split_is_not_found),
        TEST(test_wrong_magic),
        TEST(test_images_cut_off),
        TEST(test_trailing_bytes),
        TEST(test_a_file_shorter_than_its_header),
        TEST(test_an_empty_file),
        TEST(test_absurd_sizes_are_refused_before_anything_is_allocated),
        TEST(test_absurd_size_in_a_gzip_header),
        TEST(test_images_and_labels_of_different_count),
        TEST(test_a_label_out_of_range),
        TEST(test_a_test_label_that_no_training_image_has),
        TEST(test_labels_may_start_at_one),
        TEST(test_a_missing_file),
        TEST(test_training_and_test_images_of_different_size),
        TEST(test_a_gzip_file_cut_off_anywhere),
        TEST(test_a_gzip_file_with_a_spoilt_byte),
        TEST(test_a_file_that_is_no_gzip),
        TEST(test_gzip_members_are_joined),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
