/* test_configuration.c: where settings come from, and which source wins (DESIGN §2). */
#include "tests/unit/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/configuration.h"

struct variables {
    const char *names[8];
    const char *values[8];
};

static const char *variable(void *context, const char *name)
{
    const struct variables *variables = context;
    for (size_t i = 0; i < 8 && variables->names[i]; i++)
        if (strcmp(variables->names[i], name) == 0) return variables->values[i];
    return NULL;
}

static struct imld_surroundings surroundings(struct variables *variables, bool is_root)
{
    return (struct imld_surroundings){.variable = variable,
                                      .context = variables,
                                      .is_root = is_root,
                                      .limits = {.cores = 6, .memory_bytes = 1000000000}};
}

static struct variables none = {0};
static struct variables home = {{"HOME", "XDG_RUNTIME_DIR"}, {"/home/ada", "/run/user/7"}};

/* Reads with these arguments; NULL ends them. */
static enum iml_code read_with(struct imld_configuration *c, const struct imld_surroundings *s,
                               struct iml_error *error, const char *const *arguments)
{
    size_t count = 0;
    while (arguments[count]) count++;
    *error = (struct iml_error){0};
    return imld_configuration_read(c, count, arguments, s, error);
}
#define ARGUMENTS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define NO_ARGUMENTS ((const char *const[]){NULL})

/* A settings file with this text; the caller unlinks it. */
static void write_file(char path[64], const char *text)
{
    (void)snprintf(path, 64, "/tmp/imld-settings-XXXXXX");
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    (void)close(fd);
}

static void test_defaults_of_root(void **state)
{
    (void)state;
    struct imld_configuration c;
    struct iml_error error;
    const struct imld_surroundings s = surroundings(&none, true);
    assert_int_equal(read_with(&c, &s, &error, NO_ARGUMENTS), IML_OK);
    assert_string_equal(c.state, "/var/lib/imld");
    assert_int_equal(c.listen.count, 1);
    assert_string_equal(c.listen.items[0], "unix:/run/imld.sock");
    assert_int_equal(c.data_roots.count, 2);
    assert_string_equal(c.data_roots.items[0], "/usr/share/datasets");
    assert_string_equal(c.data_roots.items[1], "/var/lib/imld/datasets");
    assert_int_equal(c.threads, 6);
    assert_int_equal(c.memory_bytes, 800000000);
    assert_int_equal(c.log_level, IMLD_LOG_INFO);
    assert_int_equal(c.passing_seconds, 600);
    imld_configuration_clear(&c);
}

static void test_defaults_of_an_ordinary_user(void **state)
{
    (void)state;
    struct imld_configuration c;
    struct iml_error error;
    const struct imld_surroundings s = surroundings(&home, false);
    assert_int_equal(read_with(&c, &s, &error, NO_ARGUMENTS), IML_OK);
    assert_string_equal(c.state, "/home/ada/.local/state/imld");
    assert_string_equal(c.listen.items[0], "unix:/run/user/7/imld.sock");
    imld_configuration_clear(&c);

    struct variables bare = {{"HOME"}, {"/home/ada"}};
    const struct imld_surroundings without = surroundings(&bare, false);
    assert_int_equal(read_with(&c, &without, &error, NO_ARGUMENTS), IML_OK);
    assert_string_equal(c.listen.items[0], "unix:/home/ada/.local/state/imld/imld.sock");
    imld_configuration_clear(&c);

    const struct imld_surroundings nowhere = surroundings(&none, false);
    assert_int_equal(read_with(&c, &nowhere, &error, NO_ARGUMENTS), IML_ERROR_ARGUMENT);
    assert_non_null(strstr(error.mend, "--state"));
}

static void test_dev_listens_on_loopback_and_passed_sockets_replace_the_default(void **state)
{
    (void)state;
    struct imld_configuration c;
    struct iml_error error;
    struct imld_surroundings s = surroundings(&none, true);
    assert_int_equal(read_with(&c, &s, &error, ARGUMENTS("--dev")), IML_OK);
    assert_int_equal(c.listen.count, 1);
    assert_string_equal(c.listen.items[0], "127.0.0.1:7733");
    imld_configuration_clear(&c);
    s.has_passed_sockets = true;
    assert_int_equal(read_with(&c, &s, &error, NO_ARGUMENTS), IML_OK);
    assert_int_equal(c.listen.count, 0);
    imld_configuration_clear(&c);
}

static void test_option_before_environment_before_file_before_default(void **state)
{
    (void)state;
    char path[64];
    write_file(path, "# of the lab\nthreads = 2\nmemory = 1G\nlog-level = debug\n"
                     "data-root = /a\ndata-root = /b\nadmin-group = staff\n");
    struct variables set = {{"IMLD_CONFIG", "IMLD_THREADS", "IMLD_MEMORY", "IMLD_DATA_ROOT"},
                            {path, "3", "2G", "/c,/d"}};
    const struct imld_surroundings s = surroundings(&set, true);
    struct imld_configuration c;
    struct iml_error error;
    assert_int_equal(read_with(&c, &s, &error, ARGUMENTS("--threads", "4", "--state=/s")), IML_OK);
    assert_int_equal(c.threads, 4);
    assert_int_equal(c.memory_bytes, INT64_C(2) << 30);
    assert_int_equal(c.log_level, IMLD_LOG_DEBUG);
    assert_int_equal(c.data_roots.count, 2);
    assert_string_equal(c.data_roots.items[0], "/c");
    assert_string_equal(c.data_roots.items[1], "/d");
    assert_string_equal(c.admin_group, "staff");

    char *report = imld_configuration_report(&c);
    assert_non_null(report);
    assert_non_null(strstr(report, "threads"));
    assert_non_null(strstr(report, "# option\n"));
    assert_non_null(strstr(report, "# environment\n"));
    assert_non_null(strstr(report, "# file line 4\n")); /* log-level */
    assert_non_null(strstr(report, "# default\n"));
    free(report);
    imld_configuration_clear(&c);
    (void)unlink(path);
}

static void test_an_option_is_no_value_of_another(void **state)
{
    (void)state;
    const struct imld_surroundings s = surroundings(&none, true);
    struct imld_configuration c;
    struct iml_error error;
    assert_int_equal(read_with(&c, &s, &error, ARGUMENTS("--state", "--check-config")),
                     IML_ERROR_ARGUMENT);
    assert_non_null(strstr(error.what, "--state needs a value"));
    assert_non_null(strstr(error.what, "--check-config"));
    imld_configuration_clear(&c);
    assert_int_equal(read_with(&c, &s, &error, ARGUMENTS("--state")), IML_ERROR_ARGUMENT);
    imld_configuration_clear(&c);
    assert_int_equal(read_with(&c, &s, &error, ARGUMENTS("--state=--odd")), IML_OK);
    assert_string_equal(c.state, "--odd");
    imld_configuration_clear(&c);
}

static void test_what_is_wrong_in_a_file_is_told_with_its_line(void **state)
{
    (void)state;
    static const struct {
        const char *text, *what, *line;
    } cases[] = {
        {"threads = 2\nthread = 3\n", "no setting \"thread\"", "line 2"},
        {"\n\nthreads = many\n", "\"many\" is no value of threads", "line 3"},
        {"threads = 65\n", "not in 1", "line 1"},
        {"threads = 2\n[server]\nthreads = 3\n", "[server]", "line 3"},
        {"threads = 2\nnonsense\n", "name = value", "line 2"},
        {"check-config = true\n", "no setting \"check-config\"", "line 1"},
        {"threads = 2\n  thread = 3\n", "no setting \"thread\"", "line 2"}, /* no continuation */
        {"dev = yes\n", "true or false", "line 1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char path[64];
        write_file(path, cases[i].text);
        const struct imld_surroundings s = surroundings(&home, true);
        struct imld_configuration c;
        struct iml_error error;
        assert_int_equal(read_with(&c, &s, &error, ARGUMENTS("--config", path)),
                         IML_ERROR_ARGUMENT);
        assert_non_null(strstr(error.what, cases[i].what));
        assert_non_null(strstr(error.where, cases[i].line));
        assert_non_null(strstr(error.where, path));
        (void)unlink(path);
    }
}

static void test_a_line_beyond_the_reader_is_refused(void **state)
{
    (void)state;
    char text[400];
    memset(text, 'x', sizeof text);
    memcpy(text, "state = /", 9);
    text[398] = '\n';
    text[399] = '\0';
    char path[64];
    write_file(path, text);
    const struct imld_surroundings s = surroundings(&home, true);
    struct imld_configuration c;
    struct iml_error error;
    assert_int_equal(read_with(&c, &s, &error, ARGUMENTS("--config", path)), IML_ERROR_ARGUMENT);
    assert_non_null(strstr(error.where, "line 1"));
    (void)unlink(path);
}

static void test_a_missing_file_is_refused(void **state)
{
    (void)state;
    const struct imld_surroundings s = surroundings(&home, true);
    struct imld_configuration c;
    struct iml_error error;
    assert_int_equal(read_with(&c, &s, &error, ARGUMENTS("--config", "/nonexistent/imld.conf")),
                     IML_ERROR_NOT_FOUND);
    assert_string_equal(error.where, "/nonexistent/imld.conf");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults_of_root),
        cmocka_unit_test(test_defaults_of_an_ordinary_user),
        cmocka_unit_test(test_dev_listens_on_loopback_and_passed_sockets_replace_the_default),
        cmocka_unit_test(test_option_before_environment_before_file_before_default),
        cmocka_unit_test(test_an_option_is_no_value_of_another),
        cmocka_unit_test(test_what_is_wrong_in_a_file_is_told_with_its_line),
        cmocka_unit_test(test_a_line_beyond_the_reader_is_refused),
        cmocka_unit_test(test_a_missing_file_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
