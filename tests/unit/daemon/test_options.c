/* test_options.c: laws of the table of settings. */
#include "tests/unit/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/configuration.h"

static void test_rows_are_unique_and_helpful(void **state)
{
    (void)state;
    assert_true(imld_option_count <= IMLD_OPTIONS_MAX);
    for (size_t i = 0; i < imld_option_count; i++) {
        const struct imld_option *row = &imld_options[i];
        assert_ptr_equal(imld_option_find(row->name, strlen(row->name)), row);
        assert_true(strlen(row->help) > 10);
        assert_int_equal(row->argument == NULL, row->type == IMLD_OPTION_FLAG);
        for (const char *c = row->name; *c; c++) assert_true((*c >= 'a' && *c <= 'z') || *c == '-');
        for (size_t j = 0; j < i; j++) assert_true(imld_options[j].offset != row->offset);
    }
}

static void test_each_default_passes_its_own_row_and_reads_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < imld_option_count; i++) {
        const struct imld_option *row = &imld_options[i];
        if (!row->fallback) continue;
        struct imld_configuration c = {0};
        struct iml_error error = {0};
        assert_int_equal(imld_option_set(row, &c, row->fallback, &error), IML_OK);
        char *text = imld_option_text(row, &c);
        assert_string_equal(text, row->fallback);
        free(text);
        imld_option_clear(row, &c);
    }
}

static void test_each_row_is_in_the_help(void **state)
{
    (void)state;
    char *help = imld_configuration_help();
    assert_non_null(help);
    for (size_t i = 0; i < imld_option_count; i++) {
        assert_non_null(strstr(help, imld_options[i].name));
        assert_non_null(strstr(help, imld_options[i].help));
    }
    free(help);
}

static void test_bytes_take_units_and_nothing_else(void **state)
{
    (void)state;
    const struct imld_option *memory = imld_option_find("memory", 6);
    static const struct {
        const char *text;
        int64_t bytes; /* 0: refused */
    } cases[] = {
        {"1048576", 1048576},
        {"64M", INT64_C(64) << 20},
        {"8G", INT64_C(8) << 30},
        {"2T", INT64_C(2) << 40},
        {"1024K", 1048576},
        {"1", 0},
        {"-1", 0},
        {"8GB", 0},
        {"8g", 0},
        {"", 0},
        {"8388607T", INT64_C(8388607) << 40},
        {"8388608T", 0},
        {"99999999999999999999", 0},
        {" 64M", 0},
        {"0x10000000", 0},
        {"64.5M", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct imld_configuration c = {0};
        struct iml_error error = {0};
        const enum iml_code code = imld_option_set(memory, &c, cases[i].text, &error);
        assert_int_equal(code, cases[i].bytes ? IML_OK : IML_ERROR_ARGUMENT);
        if (cases[i].bytes) assert_int_equal(c.memory_bytes, cases[i].bytes);
    }
}

static const char *no_variable(void *context, const char *name)
{
    (void)context;
    (void)name;
    return NULL;
}

static void test_a_wrong_command_line_is_refused(void **state)
{
    (void)state;
    static const char *const lines[][2] = {
        {"--nonsense", NULL},    {"run", NULL},         {"-h", NULL},
        {"--threads", NULL},     {"--threads", "0"},    {"--threads", "x"},
        {"--admin-group", "x"},  {"--dev=maybe", NULL}, {"--state", ""},
        {"--log-level", "loud"},
    };
    const struct imld_surroundings s = {
        .variable = no_variable, .is_root = true, .limits = {.cores = 1, .memory_bytes = 1 << 30}};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        struct imld_configuration c;
        struct iml_error error = {0};
        assert_int_equal(imld_configuration_read(&c, lines[i][1] ? 2 : 1, lines[i], &s, &error),
                         IML_ERROR_ARGUMENT);
        assert_true(error.what[0] != '\0');
    }
}

static void test_help_and_version_need_nothing_else(void **state)
{
    (void)state;
    const struct imld_surroundings s = {.variable = no_variable}; /* no HOME */
    struct imld_configuration c;
    struct iml_error error = {0};
    assert_int_equal(imld_configuration_read(&c, 1, (const char *const[]){"--help"}, &s, &error),
                     IML_OK);
    assert_true(c.wants_help);
    imld_configuration_clear(&c);
    assert_int_equal(imld_configuration_read(&c, 1, (const char *const[]){"--version"}, &s, &error),
                     IML_OK);
    assert_true(c.wants_version);
    imld_configuration_clear(&c);
}

/* FOLDER/NAME with this text. */
static void put(const char *folder, const char *name, const char *text)
{
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void test_control_groups_lower_the_limits_at_every_level(void **state)
{
    (void)state;
    char root[] = "/tmp/imld-cgroup-XXXXXX";
    assert_non_null(mkdtemp(root));
    char command[256];
    (void)snprintf(command, sizeof command, "mkdir -p %s/system.slice/imld.service", root);
    assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c): a fixed command of this test */
    char inner[128];
    (void)snprintf(inner, sizeof inner, "%s/system.slice", root);
    put(inner, "memory.max", "2000000\n");
    put(inner, "cpu.max", "max 100000\n");
    (void)snprintf(inner, sizeof inner, "%s/system.slice/imld.service", root);
    put(inner, "memory.max", "max\n");
    put(inner, "cpu.max", "150000 100000\n");
    struct imld_limits limits = {.cores = 8, .memory_bytes = 9000000};
    imld_limits_apply_groups(&limits, root, "/system.slice/imld.service");
    assert_int_equal(limits.cores, 2); /* a core and a half */
    assert_int_equal(limits.memory_bytes, 2000000);
    struct imld_limits elsewhere = {.cores = 8, .memory_bytes = 9000000};
    imld_limits_apply_groups(&elsewhere, root, "/");
    assert_int_equal(elsewhere.cores, 8);
    assert_int_equal(elsewhere.memory_bytes, 9000000);
    (void)snprintf(command, sizeof command, "rm -r %s", root);
    assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c) */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_are_unique_and_helpful),
        cmocka_unit_test(test_each_default_passes_its_own_row_and_reads_back),
        cmocka_unit_test(test_each_row_is_in_the_help),
        cmocka_unit_test(test_bytes_take_units_and_nothing_else),
        cmocka_unit_test(test_a_wrong_command_line_is_refused),
        cmocka_unit_test(test_help_and_version_need_nothing_else),
        cmocka_unit_test(test_control_groups_lower_the_limits_at_every_level),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
