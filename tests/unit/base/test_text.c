/* test_text.c: growing texts, numbers that read back, JSON strings, and a failure that is
 * remembered. */
#include "base/text.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../check.h"

static void test_grows(void **state)
{
    (void)state;
    struct imld_text text = {0};
    char expected[5001] = {0};
    for (unsigned i = 0; i < 1000; i++) {
        imld_text_printf(&text, "%04u", i);
        imld_text_append(&text, ",;", 1);
        const char digits[5] = {'0', (char)('0' + i / 100), (char)('0' + i / 10 % 10),
                                (char)('0' + i % 10), ','};
        memcpy(expected + (size_t)5 * i, digits, sizeof digits);
    }
    assert_int_equal(text.length, 5000);
    assert_string_equal(text.bytes, expected);
    assert_false(text.has_failed);
    imld_text_clear(&text);
    assert_null(text.bytes);
    imld_text_clear(&text);
}

static void test_take(void **state)
{
    (void)state;
    struct imld_text text = {0};
    char *bytes = imld_text_take(&text);
    assert_string_equal(bytes, "");
    free(bytes);
    imld_text_add(&text, "ab");
    imld_text_append(&text, "\0c", 2); /* bytes, not a string */
    bytes = imld_text_take(&text);
    assert_memory_equal(bytes, "ab\0c", 5);
    assert_null(text.bytes);
    free(bytes);
}

/* A length that fits no size_t marks the text; what follows is ignored, and take tells. */
static void test_failure_is_remembered(void **state)
{
    (void)state;
    struct imld_text text = {0};
    imld_text_add(&text, "kept");
    imld_text_append(&text, "", SIZE_MAX);
    assert_true(text.has_failed);
    imld_text_add(&text, "more");
    imld_text_printf(&text, "%d", 1);
    assert_string_equal(text.bytes, "kept");
    assert_null(imld_text_take(&text));
    assert_null(text.bytes);
    assert_false(text.has_failed);
}

static void check_float(float value, const char *expected)
{
    struct imld_text text = {0};
    imld_text_float(&text, value);
    if (expected) assert_string_equal(text.bytes, expected);
    const float back = strtof(text.bytes, NULL);
    assert_memory_equal(&back, &value, sizeof value);
    imld_text_clear(&text);
}

static void check_double(double value, const char *expected)
{
    struct imld_text text = {0};
    imld_text_double(&text, value);
    if (expected) assert_string_equal(text.bytes, expected);
    const double back = strtod(text.bytes, NULL);
    assert_memory_equal(&back, &value, sizeof value);
    imld_text_clear(&text);
}

static void test_numbers_read_back(void **state)
{
    (void)state;
    check_float(0.1f, "0.1");
    check_float(0, "0");
    check_float(-1.5f, "-1.5");
    check_float(FLT_MAX, NULL);
    check_float(FLT_TRUE_MIN, NULL);
    check_float(nextafterf(1, 2), NULL);
    check_double(0.1, "0.1");
    check_double(1e300, "1e+300");
    check_double(1.0 / 3, NULL);
    check_double(DBL_MAX, NULL);
    check_double(DBL_TRUE_MIN, NULL);
    check_double(nextafter(1, 2), NULL);
}

static void test_json_string(void **state)
{
    (void)state;
    struct imld_text text = {0};
    imld_text_json_string(&text, "a\"b\\c\n\x01\x1f é/");
    assert_string_equal(text.bytes, "\"a\\\"b\\\\c\\u000a\\u0001\\u001f é/\"");
    imld_text_clear(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_grows),
        cmocka_unit_test(test_take),
        cmocka_unit_test(test_failure_is_remembered),
        cmocka_unit_test(test_numbers_read_back),
        cmocka_unit_test(test_json_string),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
