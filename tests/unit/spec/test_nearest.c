/* test_nearest.c: edit distance and what counts as near. */
#include "spec/nearest.h"

#include <string.h>

#include "tests/unit/check.h"

static void test_distances(void **unused)
{
    (void)unused;
    static const struct {
        const char *a, *b;
        unsigned distance;
    } rows[] = {
        {"", "", 0},           {"", "abc", 3},           {"abc", "", 3},
        {"batch", "batch", 0}, {"bacth", "batch", 1},    {"bath", "batch", 1},
        {"adam", "Adam", 0},   {"kitten", "sitting", 3}, {"ab", "ba", 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(imld_distance(rows[i].a, rows[i].b), rows[i].distance);
        assert_int_equal(imld_distance(rows[i].b, rows[i].a), rows[i].distance);
    }
}

static void test_long_words_are_far_from_all(void **unused)
{
    (void)unused;
    char word[100] = "";
    memset(word, 'a', 65);
    assert_int_equal(imld_distance(word, word), IMLD_FAR);
    word[64] = '\0';
    assert_int_equal(imld_distance(word, word), 0);
}

static void test_choices(void **unused)
{
    (void)unused;
    char near[16] = "";
    assert_true(imld_choices_have("sgd|adam|rmsprop", "adam"));
    assert_false(imld_choices_have("sgd|adam|rmsprop", "ada"));
    assert_false(imld_choices_have("sgd|adam|rmsprop", "adam|rmsprop"));
    assert_false(imld_choices_have("sgd|adam", ""));
    assert_true(imld_nearest_choice("rmsporp", "sgd|adam|rmsprop", near, sizeof near));
    assert_string_equal(near, "rmsprop");
    assert_false(imld_nearest_choice("lbfgs", "sgd|adam|rmsprop", near, sizeof near));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_distances),
        cmocka_unit_test(test_long_words_are_far_from_all),
        cmocka_unit_test(test_choices),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
