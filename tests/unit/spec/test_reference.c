/* test_reference.c: the committed reference pages are what the tables give, byte for byte. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spec/fields.h"
#include "spec/resolve.h"
#include "tests/unit/check.h"

static char *read_page(const char *name)
{
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/docs/reference/%s.md", IMLD_SOURCE, name);
    FILE *const file = fopen(path, "r");
    char *const text = calloc(1, 1 << 20);
    assert_non_null(text);
    if (!file) return text;
    const size_t bytes = fread(text, 1, (1 << 20) - 1, file);
    assert_true(bytes < (1 << 20) - 1);
    assert_int_equal(fclose(file), 0);
    return text;
}

static void test_pages_are_up_to_date(void **unused)
{
    (void)unused;
    static const char *const names[] = {"endpoints", "errors", "fields", "metrics", "states"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char *const made = imld_reference_page(names[i]);
        char *const committed = read_page(names[i]);
        assert_non_null(made);
        if (strcmp(made, committed) != 0)
            print_error("docs/reference/%s.md is not what the tables give; renew it with\n"
                        "  build/release/imld-reference docs/reference\n",
                        names[i]);
        assert_true(strcmp(made, committed) == 0);
        free(committed);
        free(made);
    }
}

static void test_each_field_is_on_its_page(void **unused)
{
    (void)unused;
    char *const page = imld_reference_page("fields");
    assert_non_null(page);
    for (size_t i = 0; i < imld_field_count; i++) {
        assert_non_null(strstr(page, imld_fields[i].path));
        assert_non_null(strstr(page, imld_fields[i].help));
    }
    free(page);
}

static void test_other_names_have_no_page(void **unused)
{
    (void)unused;
    assert_null(imld_reference_page("field"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pages_are_up_to_date),
        cmocka_unit_test(test_each_field_is_on_its_page),
        cmocka_unit_test(test_other_names_have_no_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
