/* test_tables.c: laws that hold for every row of every table of spec/. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spec/endpoints.h"
#include "spec/errors.h"
#include "spec/facts.h"
#include "spec/fallback.h"
#include "spec/fields.h"
#include "spec/metrics.h"
#include "spec/nearest.h"
#include "spec/value.h"
#include "tests/unit/check.h"

static bool is_sentence(const char *help)
{
    const size_t length = strlen(help);
    return length > 10 && help[length - 1] == '.' && !strchr(help, '\n');
}

static void test_fields_are_sorted_and_unique(void **unused)
{
    (void)unused;
    for (size_t i = 1; i < imld_field_count; i++) {
        const struct imld_field *const a = &imld_fields[i - 1], *const b = &imld_fields[i];
        const int order = strcmp(a->path, b->path);
        const int condition = strcmp(a->when ? a->when : "", b->when ? b->when : "");
        assert_true(order < 0 || (order == 0 && condition <= 0));
        /* one condition may have several rows, each for algorithms of its own */
        for (size_t j = i; j > 0 && order == 0 && condition == 0; j--) {
            if (strcmp(imld_fields[j - 1].path, b->path) != 0) break;
            if (strcmp(imld_fields[j - 1].when ? imld_fields[j - 1].when : "",
                       b->when ? b->when : "") == 0)
                assert_int_equal(imld_fields[j - 1].algorithms & b->algorithms, 0);
        }
    }
}

static void test_each_field_is_whole(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < imld_field_count; i++) {
        const struct imld_field *const field = &imld_fields[i];
        struct imld_text rule = {0};
        assert_int_equal(field->path[0], '/');
        assert_true(is_sentence(field->help));
        assert_true(strstr(field->help, "MATH §") || strstr(field->help, "DESIGN §") ||
                    strstr(field->help, "FIXMATCH "));
        assert_true(field->algorithms > 0 && field->algorithms <= IMLD_ALL);
        assert_true(field->minimum <= field->maximum);
        assert_true(field->items_minimum <= field->items_maximum);
        assert_non_null(field->unit);
        assert_int_equal(field->type == IMLD_CHOICE, field->choices != NULL);
        imld_value_rule(field, &rule);
        assert_true(rule.length > 0);
        imld_text_clear(&rule);
    }
}

static void test_each_default_passes_its_own_row(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < imld_field_count; i++) {
        const struct imld_field *const field = &imld_fields[i];
        if (!field->fallback || !field->fallback[0]) continue;
        if (field->fallback[0] == '@') {
            assert_true(imld_facts_has(field->fallback, NULL));
            continue;
        }
        struct imld_problems problems = {0};
        json_t *const value = json_loads(field->fallback, JSON_DECODE_ANY, NULL);
        assert_non_null(value);
        json_t *const made = imld_fallback_value(field->fallback);
        assert_true(json_equal(made, value));
        json_decref(made);
        json_t *const checked =
            imld_value_check(field, field->algorithms, value, field->path, &problems);
        assert_non_null(checked);
        assert_true(json_equal(value, checked));
        json_decref(checked);
        json_decref(value);
        imld_problems_clear(&problems);
    }
}

/* The first `length` bytes of text. */
static void take(char out[160], const char *text, size_t length)
{
    assert_true(length < 160);
    memcpy(out, text, length);
    out[length] = '\0';
}

/* The field `key` beside that one, of an algorithm that both are for. */
static const struct imld_field *sibling_of(const struct imld_field *field, const char *key)
{
    const char *const path = field->path;
    char name[160];
    const size_t length = (size_t)(strrchr(path, '/') - path) + 1;
    for (size_t i = 0; i < imld_field_count; i++) {
        if (strncmp(imld_fields[i].path, path, length) != 0) continue;
        if (!(imld_fields[i].algorithms & field->algorithms)) continue;
        take(name, imld_fields[i].path + length, strlen(imld_fields[i].path) - length);
        if (strcmp(name, key) == 0) return &imld_fields[i];
    }
    return NULL;
}

/* A condition names a choice field beside it, and words that it has; "!x" names a row beside it. */
static void test_each_condition_speaks_of_a_sibling(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < imld_field_count; i++) {
        const struct imld_field *const field = &imld_fields[i];
        if (!field->when) continue;
        char key[160], words[160];
        const char *const start = field->when + (field->when[0] == '!');
        const size_t length = strcspn(start, "=");
        take(key, start, length);
        const struct imld_field *const row = sibling_of(field, key);
        assert_non_null(row);
        if (!row || start != field->when) continue;
        if (row->type == IMLD_SET_NAME) continue; /* any name */
        assert_int_equal(row->type, IMLD_CHOICE);
        take(words, start + length + 1, strlen(start + length + 1));
        for (char *save = NULL, *word = strtok_r(words, "|", &save); word;
             word = strtok_r(NULL, "|", &save))
            assert_true(imld_choices_have(row->choices, word));
    }
}

static void test_metrics_are_sorted_and_whole(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < imld_metric_count; i++) {
        const struct imld_metric *const metric = &imld_metrics[i];
        assert_true(is_sentence(metric->help));
        assert_true(strchr(metric->name, '/') && metric->unit[0] != '\0');
        assert_ptr_equal(imld_metric_find(metric->name), metric);
        if (i > 0) assert_true(strcmp(imld_metrics[i - 1].name, metric->name) < 0);
    }
    assert_null(imld_metric_find("validation"));
}

static char *read_file(const char *path)
{
    FILE *const file = fopen(path, "r");
    if (!file) return NULL;
    char *const text = calloc(1, 1 << 20);
    assert_non_null(text);
    assert_true(fread(text, 1, (1 << 20) - 1, file) > 0);
    assert_int_equal(fclose(file), 0);
    return text;
}

/* Measured by the run loop: time, and what is a function of other rows. */
static bool is_daemons(const char *name)
{
    return strncmp(name, "run/", 4) == 0 || strcmp(name, "validation/accuracy_deviation") == 0;
}

/* The engine does not know this table, and this table does not include the engine: their names are
 * compared as text. */
static void test_metrics_are_those_that_trainers_emit(void **unused)
{
    (void)unused;
    char *const source = read_file(IMLD_SOURCE "/engine/trainer/metrics.c");
    assert_non_null(source);
    for (size_t i = 0; i < imld_metric_count; i++) {
        char quoted[80];
        if (is_daemons(imld_metrics[i].name)) continue;
        (void)snprintf(quoted, sizeof quoted, "{\"%s\",", imld_metrics[i].name);
        if (!strstr(source, quoted)) print_error("%s is not in metrics.c\n", quoted);
        assert_non_null(strstr(source, quoted));
    }
    size_t emitted = 0;
    for (const char *row = strstr(source, "= {\""); row; row = strstr(row + 1, "= {\"")) {
        char name[160];
        take(name, row + 4, strcspn(row + 4, "\""));
        if (!imld_metric_find(name)) print_error("%s is not in spec/metrics.c\n", name);
        assert_non_null(imld_metric_find(name));
        emitted++;
    }
    assert_true(emitted > 10);
    free(source);
}

static void test_endpoints_are_unique_and_answer_known_statuses(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < imld_endpoint_count; i++) {
        const struct imld_endpoint *const e = &imld_endpoints[i];
        assert_true(is_sentence(e->help));
        assert_int_equal(e->path[0], '/');
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(imld_endpoints[j].name, e->name);
            assert_true(strcmp(imld_endpoints[j].path, e->path) != 0 ||
                        strcmp(imld_endpoints[j].method, e->method) != 0);
        }
        for (const char *status = e->answers; *status; status += strcspn(status, " ")) {
            char *end = NULL;
            const unsigned long number = strtoul(status, &end, 10);
            assert_true(number >= 200 && number < 600);
            if (number >= 400) assert_non_null(imld_error_kind_find((unsigned)number));
            status = end;
        }
    }
}

static void test_errors_are_sorted_and_whole(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < imld_error_kind_count; i++) {
        const struct imld_error_kind *const kind = &imld_error_kinds[i];
        assert_ptr_equal(imld_error_kind_find(kind->status), kind);
        assert_true(is_sentence(kind->help));
        assert_null(strpbrk(kind->type, " /"));
        if (i > 0) assert_true(imld_error_kinds[i - 1].status < kind->status);
    }
    assert_null(imld_error_kind_find(200));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields_are_sorted_and_unique),
        cmocka_unit_test(test_each_field_is_whole),
        cmocka_unit_test(test_each_default_passes_its_own_row),
        cmocka_unit_test(test_each_condition_speaks_of_a_sibling),
        cmocka_unit_test(test_metrics_are_sorted_and_whole),
        cmocka_unit_test(test_metrics_are_those_that_trainers_emit),
        cmocka_unit_test(test_endpoints_are_unique_and_answer_known_statuses),
        cmocka_unit_test(test_errors_are_sorted_and_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
