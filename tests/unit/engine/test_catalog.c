/* test_catalog.c: names, roots and links: what is a set, and that nothing outside a root is opened.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/check.h"
#include "tests/unit/engine/sets.h"

/* Two roots. */
struct house {
    struct sets first, second;
    const char *paths[3];
    struct iml_set_roots roots;
};

static enum iml_code inspect(const struct house *house, const char *name,
                             struct iml_set_facts *facts)
{
    struct iml_error error = {0};
    const enum iml_code code = iml_set_inspect(&house->roots, name, facts, &error);
    assert_int_equal(error.code, code);
    if (code != IML_OK) assert_true(error.what[0] != '\0');
    return code;
}

static void test_names_that_reach_no_file_system(void **state)
{
    static const char *const bad[] = {
        "",          ".",
        "..",        "../set",
        "a/../set",  "a/b",
        "/etc",      "-a",
        "_a",        ".a",
        "A",         "a b",
        "a\n",       "a..b",
        "synthetic", "set/",
        "\xc3\xa4",  "a%2fb",
        "set\\x",    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" /* 64 */};
    const struct house *house = *state;
    struct iml_set_facts facts;
    assert_false(iml_set_name_is_valid(NULL));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (iml_set_name_is_valid(bad[i])) fail_msg("\"%s\" counts as a name", bad[i]);
        assert_int_equal(inspect(house, bad[i], &facts), IML_ERROR_NOT_FOUND);
    }
    static const char *const good[] = {
        "a",
        "0",
        "fashion-mnist",
        "cifar10",
        "x.y_z-1",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" /* 63 */};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(iml_set_name_is_valid(good[i]));
}

static void test_the_first_root_that_has_the_set_wins(void **state)
{
    struct house *house = *state;
    struct iml_set_facts facts;
    sets_write_idx(&house->second, "set", 12, 0);
    assert_int_equal(inspect(house, "set", &facts), IML_OK);
    assert_int_equal(facts.train_images, 12);
    sets_write(&house->first, "set", "notes.txt", "x", 1); /* a folder, but no set */
    assert_int_equal(inspect(house, "set", &facts), IML_OK);
    assert_int_equal(facts.train_images, 12);
    sets_write_idx(&house->first, "set", 8, 4);
    assert_int_equal(inspect(house, "set", &facts), IML_OK);
    assert_int_equal(facts.train_images, 8);
    assert_int_equal(facts.test_images, 4);
    for (size_t c = 0; c < facts.classes; c++)
        assert_int_equal(facts.test_class_images[c], 4 / facts.classes);
    assert_string_equal(facts.name, "set");
}

static void link_to(const struct sets *sets, const char *target, const char *name)
{
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", sets->root, name);
    assert_int_equal(symlink(target, path), 0);
}

static void test_a_folder_that_is_a_link_out_of_the_root(void **state)
{
    struct house *house = *state;
    struct iml_set_facts facts;
    char target[256];
    sets_write_idx(&house->second, "real", 8, 0);
    (void)snprintf(target, sizeof target, "%s/real", house->second.root);
    link_to(&house->first, target, "out");
    assert_int_equal(inspect(house, "out", &facts), IML_ERROR_DATA);
    (void)snprintf(target, sizeof target, "../%s/real", strrchr(house->second.root, '/') + 1);
    link_to(&house->first, target, "up");
    assert_int_equal(inspect(house, "up", &facts), IML_ERROR_DATA);
}

static void test_a_file_that_is_a_link_out_of_the_root(void **state)
{
    struct house *house = *state;
    struct iml_set_facts facts;
    char target[256];
    sets_write_idx(&house->second, "real", 8, 0);
    sets_write_idx(&house->first, "set", 8, 0);
    (void)snprintf(target, sizeof target, "%s/set/train-labels-idx1-ubyte", house->first.root);
    assert_int_equal(unlink(target), 0);
    (void)snprintf(target, sizeof target, "%s/real/train-labels-idx1-ubyte", house->second.root);
    link_to(&house->first, target, "set/train-labels-idx1-ubyte");
    struct iml_error error = {0};
    assert_int_equal(iml_set_inspect(&house->roots, "set", &facts, &error), IML_ERROR_DATA);
    assert_non_null(strstr(error.what, "a symbolic link leaves the data root"));
    assert_non_null(strstr(error.where, "set/train-labels-idx1-ubyte"));
}

static void test_links_that_stay_inside_are_followed(void **state)
{
    struct house *house = *state;
    struct iml_set_facts facts;
    sets_write_idx(&house->first, "set", 8, 0);
    link_to(&house->first, "set", "alias");
    assert_int_equal(inspect(house, "alias", &facts), IML_OK);
    assert_int_equal(facts.train_images, 8);
}

static void test_a_pipe_is_no_data_file_and_hangs_nobody(void **state)
{
    struct house *house = *state;
    struct iml_set_facts facts;
    char path[256];
    sets_write_idx(&house->first, "set", 8, 0);
    (void)snprintf(path, sizeof path, "%s/set/train-labels-idx1-ubyte", house->first.root);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(inspect(house, "set", &facts), IML_ERROR_DATA);
}

struct seen {
    char text[1024];
};

static void see(void *context, const struct iml_set_facts *facts, const struct iml_error *broken)
{
    struct seen *seen = context;
    const size_t length = strlen(seen->text);
    (void)snprintf(seen->text + length, sizeof seen->text - length, "%s:%s:%zu ", facts->name,
                   broken ? "broken" : iml_set_form_name(facts->form), facts->train_images);
    if (broken) assert_true(broken->what[0] && broken->where[0]);
}

static void test_the_list_is_in_order_and_names_broken_sets(void **state)
{
    struct house *house = *state;
    uint8_t *cifar = malloc(3073);
    assert_non_null(cifar);
    sets_write_idx(&house->second, "b", 8, 0);
    sets_write_idx(&house->first, "d", 8, 0);
    sets_write_idx(&house->second, "d", 12, 0);
    sets_write(&house->first, "a", "data_batch_1.bin", cifar, sets_cifar(cifar, 0, 1));
    sets_write(&house->first, "c", "train-images-idx3-ubyte", "no", 2);
    sets_write(&house->first, "e", "notes.txt", "x", 1);
    sets_write(&house->first, "Big", "train-images-idx3-ubyte", "no", 2);
    free(cifar);
    struct seen seen = {0};
    struct iml_error error = {0};
    assert_int_equal(iml_set_list(&house->roots, see, &seen, &error), IML_OK);
    assert_string_equal(seen.text, "a:cifar_binary:1 b:idx:8 c:broken:0 d:idx:8 ");
}

static int set_up(void **state)
{
    struct house *house = calloc(1, sizeof *house);
    assert_non_null(house);
    sets_open(&house->first);
    sets_open(&house->second);
    house->paths[0] = "/no/such/root"; /* a root that is missing has no sets */
    house->paths[1] = house->first.root;
    house->paths[2] = house->second.root;
    house->roots = (struct iml_set_roots){.paths = house->paths, .count = 3};
    *state = house;
    return 0;
}

static int tear_down(void **state)
{
    struct house *house = *state;
    sets_close(&house->first);
    sets_close(&house->second);
    free(house);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_names_that_reach_no_file_system),
        TEST(test_the_first_root_that_has_the_set_wins),
        TEST(test_a_folder_that_is_a_link_out_of_the_root),
        TEST(test_a_file_that_is_a_link_out_of_the_root),
        TEST(test_links_that_stay_inside_are_followed),
        TEST(test_a_pipe_is_no_data_file_and_hangs_nobody),
        TEST(test_the_list_is_in_order_and_names_broken_sets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
