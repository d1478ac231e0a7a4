/* test_error.c: the first error wins, `where` grows from the outside, texts are cut and not
 * overrun. */
#include "imld/error.h"

#include <string.h>

#include "../check.h"

static void test_first_error_wins(void **state)
{
    (void)state;
    struct iml_error error = {0};
    assert_int_equal(iml_error_set(&error, IML_ERROR_DATA, "%d labels", 7), IML_ERROR_DATA);
    assert_int_equal(iml_error_set(&error, IML_ERROR_IO, "later"), IML_ERROR_DATA);
    assert_int_equal(error.code, IML_ERROR_DATA);
    assert_string_equal(error.what, "7 labels");
    assert_string_equal(error.where, "");
}

static void test_null_is_fine(void **state)
{
    (void)state;
    assert_int_equal(iml_error_set(NULL, IML_ERROR_LIMIT, "nobody reads this"), IML_ERROR_LIMIT);
    iml_error_where(NULL, "nowhere");
    iml_error_mend(NULL, "nothing");
}

static void test_where_grows_outwards(void **state)
{
    (void)state;
    struct iml_error error = {0};
    (void)iml_error_set(&error, IML_ERROR_DATA, "wrong");
    iml_error_where(&error, "byte %d", 16);
    assert_string_equal(error.where, "byte 16");
    iml_error_where(&error, "images.gz");
    assert_string_equal(error.where, "images.gz: byte 16");
}

static void test_mend_is_filled_once(void **state)
{
    (void)state;
    struct iml_error error = {0};
    iml_error_mend(&error, "use %s", "a disk");
    iml_error_mend(&error, "or not");
    assert_string_equal(error.mend, "use a disk");
}

static void test_long_texts_are_cut(void **state)
{
    (void)state;
    char text[2000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    struct iml_error error = {0};
    (void)iml_error_set(&error, IML_ERROR_DATA, "%s", text);
    for (int i = 0; i < 3; i++) iml_error_where(&error, "%s", text);
    iml_error_mend(&error, "%s", text);
    assert_int_equal(strlen(error.what), sizeof error.what - 1);
    assert_true(strlen(error.where) < sizeof error.where);
    assert_non_null(strstr(error.where, "x: x"));
    assert_int_equal(strlen(error.mend), sizeof error.mend - 1);
}

static void test_each_code_has_a_name(void **state)
{
    (void)state;
    for (int a = IML_OK; a <= IML_ERROR_IN_DOUBT; a++) {
        assert_string_not_equal(iml_code_name((enum iml_code)a), "unknown");
        for (int b = IML_OK; b < a; b++)
            assert_string_not_equal(iml_code_name((enum iml_code)a),
                                    iml_code_name((enum iml_code)b));
    }
    assert_string_equal(iml_code_name(IML_ERROR_NO_SPACE), "no_space");
    assert_string_equal(iml_code_name((enum iml_code)(IML_ERROR_IN_DOUBT + 1)), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_error_wins),     cmocka_unit_test(test_null_is_fine),
        cmocka_unit_test(test_where_grows_outwards), cmocka_unit_test(test_mend_is_filled_once),
        cmocka_unit_test(test_long_texts_are_cut),   cmocka_unit_test(test_each_code_has_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
