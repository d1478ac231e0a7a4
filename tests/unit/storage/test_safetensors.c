/* test_safetensors.c: the writer's files read back, by us and by a strict reader in Python; broken
 * ones are refused with a text, whatever is broken. */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "storage/safetensors.h"

static int setup(void **state)
{
    (void)state;
    fixture_make(&fixture);
    return 0;
}

/* A whole file in aligned memory. */
struct image {
    uint64_t words[512];
    size_t length;
};

static unsigned char *bytes_of(struct image *image)
{
    return (unsigned char *)image->words;
}

static void load(const char *path, struct image *image)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    image->length = fread(image->words, 1, sizeof image->words, file);
    assert_int_equal(fclose(file), 0);
}

static const float weights[6] = {1, -2, 0.5f, 3, 4, 5};
static const double moments[2] = {0.1, 0.2};
static const uint64_t position = 1200;
static const unsigned char flags[3] = {1, 0, 1};

static void write_sample(const char *name, char path[PATH_MAX], char sha256[65])
{
    const struct imld_tensor tensors[] = {
        {.name = "state/flags", .dtype = "U8", .rank = 1, .shape = {3}, .data = flags, .bytes = 3},
        {.name = "parameters/0.weight",
         .dtype = "F32",
         .rank = 2,
         .shape = {2, 3},
         .data = weights,
         .bytes = sizeof weights},
        {.name = "empty", .dtype = "F32", .rank = 2, .shape = {0, 3}, .data = weights},
        {.name = "state/step", .dtype = "U64", .data = &position, .bytes = sizeof position},
        {.name = "optimizer/moments",
         .dtype = "F64",
         .rank = 1,
         .shape = {2},
         .data = moments,
         .bytes = sizeof moments}};
    const struct imld_metadata metadata[] = {{"job", "j0000001"}, {"text", "\"quoted\" \n ü"}};
    const struct imld_checkpoint_file file = {.name = "best",
                                              .step = 1200,
                                              .tensors = tensors,
                                              .tensor_count = 5,
                                              .metadata = metadata,
                                              .metadata_count = 2};
    struct iml_error error = {0};
    int64_t bytes = 0;
    fixture_path(&fixture, name, path);
    assert_int_equal(imld_safetensors_write(path, &file, &bytes, sha256, &error), IML_OK);
}

static void test_what_is_written_is_read_back(void **state)
{
    (void)state;
    char path[PATH_MAX];
    char sha256[65];
    struct image image;
    struct iml_error error = {0};
    struct imld_tensor *tensors = NULL;
    char *metadata = NULL;
    size_t count = 0;
    write_sample("a", path, sha256);
    load(path, &image);
    assert_int_equal(
        imld_safetensors_parse(image.words, image.length, &tensors, &count, &metadata, &error),
        IML_OK);
    assert_int_equal(count, 5);
    size_t seen = 0;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(tensors[i].name, "parameters/0.weight") == 0) {
            assert_int_equal(tensors[i].rank, 2);
            assert_int_equal(tensors[i].shape[1], 3);
            assert_memory_equal(tensors[i].data, weights, sizeof weights);
            seen++;
        }
        if (strcmp(tensors[i].name, "state/step") == 0) {
            assert_int_equal(tensors[i].rank, 0);
            assert_int_equal(*(const uint64_t *)tensors[i].data, 1200);
            seen++;
        }
        if (strcmp(tensors[i].name, "empty") == 0) {
            assert_int_equal(tensors[i].bytes, 0);
            seen++;
        }
    }
    assert_int_equal(seen, 3);
    assert_string_equal(metadata, "{\"job\":\"j0000001\",\"text\":\"\\\"quoted\\\" \\n ü\"}");
    free(tensors);
    free(metadata);
}

static void test_the_bytes_depend_on_the_content_alone(void **state)
{
    (void)state;
    char path[PATH_MAX];
    char first[65];
    char second[65];
    struct image a;
    struct image b;
    write_sample("a", path, first);
    load(path, &a);
    write_sample("b", path, second);
    load(path, &b);
    assert_string_equal(first, second);
    assert_int_equal(a.length, b.length);
    assert_memory_equal(a.words, b.words, a.length);
}

static void test_a_strict_reader_in_python_agrees(void **state)
{
    (void)state;
    char path[PATH_MAX];
    char sha256[65];
    char command[2 * PATH_MAX];
    write_sample("a", path, sha256);
    (void)snprintf(command, sizeof command,
                   "/usr/bin/python3 " IMLD_SOURCE "/tests/unit/storage/strict_reader.py %s %s",
                   path, sha256);
    const int status = system(command); /* NOLINT(cert-env33-c): a fixed command of the test */
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_the_writer_refuses_what_does_not_agree(void **state)
{
    (void)state;
    char path[PATH_MAX];
    char sha256[65];
    int64_t bytes = 0;
    fixture_path(&fixture, "a", path);
    const struct imld_tensor bad[] = {
        {.name = "a", .dtype = "F16", .rank = 1, .shape = {3}, .data = weights, .bytes = 6},
        {.name = "a", .dtype = "F32", .rank = 1, .shape = {3}, .data = weights, .bytes = 8},
        {.name = "a", .dtype = "F32", .rank = 2, .shape = {SIZE_MAX, 8}, .data = weights}};
    for (size_t i = 0; i < 3; i++) {
        struct iml_error error = {0};
        const struct imld_checkpoint_file file = {.tensors = &bad[i], .tensor_count = 1};
        assert_int_equal(imld_safetensors_write(path, &file, &bytes, sha256, &error),
                         IML_ERROR_ARGUMENT);
    }
    const struct imld_tensor good = {
        .name = "a", .dtype = "F32", .rank = 1, .shape = {1}, .data = weights, .bytes = 4};
    const struct imld_tensor twice[] = {good, good};
    struct iml_error error = {0};
    const struct imld_checkpoint_file file = {.tensors = twice, .tensor_count = 2};
    assert_int_equal(imld_safetensors_write(path, &file, &bytes, sha256, &error),
                     IML_ERROR_ARGUMENT);
    assert_int_equal(fixture_count_files(fixture.folder), 0);
}

/* A file of this header (padded to a multiple of 8 unless it is already) and so many bytes of data.
 */
static void make(struct image *image, const char *header, size_t data_bytes)
{
    const size_t length = strlen(header);
    const size_t padded = (length + 7) / 8 * 8;
    *image = (struct image){.length = 8 + padded + data_bytes};
    assert_true(image->length <= sizeof image->words);
    bytes_of(image)[0] = (unsigned char)padded;
    bytes_of(image)[1] = (unsigned char)(padded >> 8);
    memset(bytes_of(image) + 8, ' ', padded);
    memcpy(bytes_of(image) + 8, header, length);
}

static enum iml_code parse(const struct image *image)
{
    struct iml_error error = {0};
    struct imld_tensor *tensors = NULL;
    char *metadata = NULL;
    size_t count = 0;
    /* a copy of exactly its length: a read beyond it is seen by the address sanitizer */
    void *exact = malloc(image->length > 0 ? image->length : 1);
    assert_non_null(exact);
    memcpy(exact, image->words, image->length);
    const enum iml_code code =
        imld_safetensors_parse(exact, image->length, &tensors, &count, &metadata, &error);
    if (code != IML_OK) {
        assert_true(error.what[0] != '\0' && error.where[0] != '\0');
        assert_null(tensors);
        assert_null(metadata);
    }
    free(tensors);
    free(metadata);
    free(exact);
    return code;
}

#define GOOD "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}"

struct broken {
    const char *what, *header;
    size_t data_bytes;
};

/* clang-format off */
static const struct broken broken_files[] = {
    {"not an object",            "[1,2]", 0},
    {"not JSON",                 "{\"a\":", 0},
    {"blank before the object",  " {}", 0},
    {"newline after it",         "{}\n", 0},
    {"text after it",            "{}x", 0},
    {"duplicate name",           "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1},
    {"entry not an object",      "{\"a\":3}", 0},
    {"no dtype",                 "{\"a\":{\"shape\":[2],\"data_offsets\":[0,8]}}", 8},
    {"no shape",                 "{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,8]}}", 8},
    {"no data_offsets",          "{\"a\":{\"dtype\":\"F32\",\"shape\":[2]}}", 8},
    {"a fourth key",             "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8],\"x\":1}}", 8},
    {"unknown dtype",            "{\"a\":{\"dtype\":\"F12\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8},
    {"dtype a number",           "{\"a\":{\"dtype\":32,\"shape\":[2],\"data_offsets\":[0,8]}}", 8},
    {"negative size",            "{\"a\":{\"dtype\":\"F32\",\"shape\":[-2],\"data_offsets\":[0,8]}}", 8},
    {"size not an integer",      "{\"a\":{\"dtype\":\"F32\",\"shape\":[2.0],\"data_offsets\":[0,8]}}", 8},
    {"shape a number",           "{\"a\":{\"dtype\":\"F32\",\"shape\":2,\"data_offsets\":[0,8]}}", 8},
    {"too many dimensions",      "{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,2],\"data_offsets\":[0,8]}}", 8},
    {"sizes overflow",           "{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904,4],\"data_offsets\":[0,8]}}", 8},
    {"sizes overflow to fit",    "{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387906],\"data_offsets\":[0,8]}}", 8},
    {"size beyond 64 bits",      "{\"a\":{\"dtype\":\"F32\",\"shape\":[99999999999999999999],\"data_offsets\":[0,8]}}", 8},
    {"shape and bytes differ",   "{\"a\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,8]}}", 8},
    {"one offset",               "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8]}}", 8},
    {"three offsets",            "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8,8]}}", 8},
    {"offsets reversed",         "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0]}}", 8},
    {"negative offset",          "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[-8,0]}}", 8},
    {"offset a text",            "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[\"0\",8]}}", 8},
    {"beyond the end",           GOOD, 7},
    {"bytes after the last",     GOOD, 9},
    {"a hole",                   "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},\"b\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[2,3]}}", 3},
    {"a hole at the start",      "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,2]}}", 2},
    {"an overlap",               "{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[1,3]}}", 3},
    {"not aligned",              "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[1,5]}}", 5},
    {"metadata not an object",   "{\"__metadata__\":[]}", 0},
    {"metadata of numbers",      "{\"__metadata__\":{\"step\":3}}", 0},
    {"name too long",            "{\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}", 0},
    {"bad UTF-8",                "{\"\xff\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}", 0},
};
/* clang-format on */

static void test_broken_files_are_refused(void **state)
{
    (void)state;
    struct image image;
    make(&image, GOOD, 8);
    assert_int_equal(parse(&image), IML_OK);
    for (size_t i = 0; i < sizeof broken_files / sizeof broken_files[0]; i++) {
        make(&image, broken_files[i].header, broken_files[i].data_bytes);
        if (parse(&image) != IML_ERROR_DATA) fail_msg("accepted: %s", broken_files[i].what);
    }
}

static void test_a_broken_length_is_refused(void **state)
{
    (void)state;
    struct image image;
    for (size_t length = 0; length < 8 + 56 + 8; length++) { /* cut anywhere */
        make(&image, GOOD, 8);
        if (length >= image.length) break;
        image.length = length;
        assert_int_equal(parse(&image), IML_ERROR_DATA);
    }
    for (size_t byte = 0; byte < 8; byte++) { /* any other length */
        make(&image, GOOD, 8);
        bytes_of(&image)[byte] ^= 0x81;
        assert_int_equal(parse(&image), IML_ERROR_DATA);
    }
    make(&image, GOOD, 8);
    image.words[0] = UINT64_MAX;
    assert_int_equal(parse(&image), IML_ERROR_DATA);
}

/* One to four bytes of a good header changed: no crash, and what is still valid stays inside the
 * file. */
static void test_changed_headers_never_lead_outside(void **state)
{
    (void)state;
    char path[PATH_MAX];
    char sha256[65];
    struct image good;
    uint64_t random = 1;
    size_t valid = 0;
    write_sample("a", path, sha256);
    load(path, &good);
    const size_t header = (size_t)good.words[0] + 8;
    for (int trial = 0; trial < 20000; trial++) {
        struct image image = good;
        for (uint64_t change = 0; change <= random >> 62; change++) {
            random = random * 6364136223846793005u + 1442695040888963407u;
            bytes_of(&image)[(random >> 33) % header] = (unsigned char)(random >> 20);
        }
        random = random * 6364136223846793005u + 1442695040888963407u;
        const enum iml_code code = parse(&image);
        assert_true(code == IML_OK || code == IML_ERROR_DATA);
        valid += code == IML_OK;
    }
    print_message("%zu of 20000 changed headers are still valid\n", valid);
    assert_true(valid < 2000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_what_is_written_is_read_back),
        TEST(test_the_bytes_depend_on_the_content_alone),
        TEST(test_a_strict_reader_in_python_agrees),
        TEST(test_the_writer_refuses_what_does_not_agree),
        TEST(test_broken_files_are_refused),
        TEST(test_a_broken_length_is_refused),
        TEST(test_changed_headers_never_lead_outside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
