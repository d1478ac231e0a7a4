/* test_origin.c: a job that starts from another job's checkpoint: what it takes from there, what it
 * may not say itself, and what is told where it can't. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/check.h"
#include "tests/unit/spec/sets.h"

#define FROM(inside, rest) "{\"algorithm\":\"iml\",\"from\":{" inside "}" rest "}"
#define JOB1 "\"job\":\"j0000001\""

static json_t *resolve_or_fail(const char *text)
{
    struct imld_problems problems = {0};
    json_t *spec = resolve_text(text, &problems);
    if (!spec) fail_msg("%s: %s", problems.items[0].pointer, problems.items[0].detail);
    return spec;
}

static const char *text_at(const json_t *spec, const char *pointer)
{
    const char *text = json_string_value(imld_json_at(spec, pointer));
    return text ? text : "";
}

static json_int_t number_at(const json_t *spec, const char *pointer)
{
    const json_t *number = imld_json_at(spec, pointer);
    assert_true(json_is_integer(number));
    return json_integer_value(number);
}

static void test_data_model_and_checkpoint_are_written_out(void **unused)
{
    (void)unused;
    json_t *spec = resolve_or_fail(FROM(JOB1, ",\"seed\":3"));
    assert_string_equal(text_at(spec, "/data/set"), "tiny");
    assert_int_equal(number_at(spec, "/data/train"), 20);
    assert_string_equal(text_at(spec, "/data/pixels"), "unit");
    assert_int_equal(number_at(spec, "/model/hidden/0"), 5);
    assert_string_equal(text_at(spec, "/model/activation"), "tanh");
    assert_string_equal(text_at(spec, "/from/job"), "j0000001");
    assert_string_equal(text_at(spec, "/from/checkpoint"), "best");
    assert_string_equal(text_at(spec, "/from/sha256"), origin_sha256);
    assert_int_equal(number_at(spec, "/from/step"), 40);
    assert_int_equal(number_at(spec, "/from/split_seed"), 7);
    assert_int_equal(number_at(spec, "/seed"), 3);
    assert_int_equal(number_at(spec, "/inner/batch"), 20); /* defaults know that job's counts */
    json_decref(spec);
}

static void test_the_split_seed_is_that_of_the_first_job(void **unused)
{
    (void)unused;
    json_t *spec =
        resolve_or_fail(FROM("\"job\":\"j0000002\",\"checkpoint\":\"step-40\"", ",\"seed\":3"));
    assert_int_equal(number_at(spec, "/from/split_seed"), 7); /* j0000002's seed is 9 */
    assert_string_equal(text_at(spec, "/from/checkpoint"), "step-40");
    json_decref(spec);
}

static void test_a_resolved_job_resolves_to_itself(void **unused)
{
    (void)unused;
    json_t *spec = resolve_or_fail(FROM(JOB1, ",\"seed\":3"));
    char *text = json_dumps(spec, 0);
    json_t *again = resolve_or_fail(text);
    assert_true(json_equal(spec, again));
    json_decref(again);
    json_decref(spec);
    free(text);
}

/* Few labels go from fixmatch to its baseline and back; what one of them alone reads stays behind.
 */
static void test_few_labels_stay_few(void **unused)
{
    (void)unused;
    static const struct {
        const char *algorithm, *job, *views;
    } rows[] = {
        {"fixmatch", "j0000006", ""},
        {"fixmatch", "j0000007", ""},
        {"supervised", "j0000006", "weak"},
        {"supervised", "j0000007", "none"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[128];
        (void)snprintf(text, sizeof text, "{\"algorithm\":\"%s\",\"from\":{\"job\":\"%s\"}}",
                       rows[i].algorithm, rows[i].job);
        json_t *spec = resolve_or_fail(text);
        assert_int_equal(number_at(spec, "/data/labels"), 6);
        assert_string_equal(text_at(spec, "/data/views"), rows[i].views);
        assert_string_equal(text_at(spec, "/inner/schedule"), "cosine");
        char *resolved = json_dumps(spec, 0);
        json_t *again = resolve_or_fail(resolved);
        assert_true(json_equal(spec, again));
        json_decref(again);
        json_decref(spec);
        free(resolved);
    }
    json_t *spec = resolve_or_fail("{\"algorithm\":\"supervised\",\"data\":{\"views\":\"none\"},"
                                   "\"from\":{\"job\":\"j0000006\"}}");
    assert_string_equal(text_at(spec, "/data/views"), "none"); /* which fixmatch has no say in */
    json_decref(spec);
}

#define FROZEN(inside, rest)                                                                       \
    "{\"algorithm\":\"confidence\",\"data\":{\"set\":\"tiny\",\"labels\":6},\"confidence\":{"      \
    "\"weights\":"                                                                                 \
    "\"frozen\",\"from\":{" inside "}" rest "}}"
#define JOB8 "\"job\":\"j0000008\""

/* FIXMATCH 6.1: the network is that job's; how it was learned, data and net are not. */
static void test_frozen_weights_are_those_of_the_other_network(void **unused)
{
    (void)unused;
    json_t *spec = resolve_or_fail(FROZEN(JOB8, ""));
    static const struct {
        const char *pointer, *text;
    } rows[] = {
        {"/confidence/form", "separate"},           {"/confidence/input", "probabilities"},
        {"/confidence/activation", "tanh"},         {"/confidence/output", "sigmoid"},
        {"/confidence/normalize", "batch_mean"},    {"/confidence/weights", "frozen"},
        {"/confidence/from/job", "j0000008"},       {"/confidence/from/checkpoint", "best"},
        {"/confidence/from/sha256", origin_sha256},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_string_equal(text_at(spec, rows[i].pointer), rows[i].text);
    assert_int_equal(number_at(spec, "/confidence/from/step"), 40);
    assert_int_equal(number_at(spec, "/confidence/hidden/0"), 7);
    assert_true(json_number_value(imld_json_at(spec, "/confidence/decay")) == 0);
    assert_null(imld_json_at(spec, "/from"));
    assert_true(json_is_true(imld_json_at(spec, "/data/unlabeled_includes_labeled")));
    assert_int_equal(number_at(spec, "/data/validation"), 20); /* its own */
    char *text = json_dumps(spec, 0);
    json_t *again = resolve_or_fail(text);
    assert_true(json_equal(spec, again));
    json_decref(again);
    json_decref(spec);
    free(text);
}

struct bad {
    const char *text, *pointers, *detail;
};

/* clang-format off */
static const struct bad table[] = {
    /* what comes from there */
    {FROM(JOB1, ",\"data\":{\"set\":\"tiny\"}"), "/data", "comes from job j0000001"},
    {FROM(JOB1, ",\"model\":{\"hidden\":[5]}"), "/model", "leave it out"},
    {FROM(JOB1, ",\"data\":{},\"model\":3"), "/data /model", NULL},
    /* that job */
    {FROM("\"job\":\"j0000099\"", ""), "/from/job", "no such job"},
    {FROM("\"job\":\"j0000099\"", ",\"data\":{\"set\":\"tiny\"}"), "/from/job", "no such job"},
    {FROM("\"job\":\"j0000003\"", ""), "/from/job", "the algorithm another"},
    {FROM("\"job\":\"j0000004\"", ""), "/from/job", "its /data/set"},
    {FROM("\"job\":\"j0000005\"", ""), "/from/job", "its /model/kind"},
    {"{\"algorithm\":\"supervised\",\"data\":{\"views\":\"none\"},\"from\":{\"job\":\"j0000007\"}}", "/data", "comes from job j0000007"},
    {"{\"algorithm\":\"supervised\",\"data\":{\"views\":\"none\",\"labels\":6},\"from\":{\"job\":\"j0000006\"}}", "/data", "comes from job j0000006"},
    {"{\"algorithm\":\"supervised\",\"data\":{\"views\":\"strong\"},\"from\":{\"job\":\"j0000006\"}}", "/data/views", "none, weak"},
    {FROM("\"job\":\"j0000006\"", ""), "/from/job", "few labels"},
    {FROM("\"job\":\"j0000007\"", ""), "/from/job", "iml can't start from there"},
    {"{\"algorithm\":\"fixmatch\",\"from\":{" JOB1 "}}", "/from/job", "no data.labels"},
    {"{\"algorithm\":\"verify\",\"from\":{\"job\":\"j0000006\"}}", "/from/job", "few labels"},
    {FROM("", ""), "/from/job", "required"},
    {FROM("\"job\":7", ""), "/from/job", "found 7"},
    {FROM("\"job\":\"\"", ""), "/from/job", NULL},
    {FROM("\"job\":null", ""), "/from/job", NULL},
    {"{\"algorithm\":\"iml\",\"from\":\"j0000001\"}", "/from", "an object"},
    {"{\"algorithm\":\"iml\",\"from\":null}", "/from", "an object"},
    {"{\"algorithm\":\"iml\",\"from\":[]}", "/from", "an object"},
    {FROM(JOB1 ",\"jobs\":1", ""), "/from/jobs", "unknown field"},
    /* the checkpoint */
    {FROM(JOB1 ",\"checkpoint\":\"step-7\"", ""), "/from/checkpoint", "it has best"},
    {FROM(JOB1 ",\"checkpoint\":3", ""), "/from/checkpoint", "found 3"},
    {FROM(JOB1 ",\"sha256\":\"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdee\"", ""), "/from/sha256", "leave it out"},
    {FROM(JOB1 ",\"sha256\":5", ""), "/from/sha256", NULL},
    {FROM(JOB1 ",\"step\":41", ""), "/from/step", "found 41"},
    {FROM(JOB1 ",\"split_seed\":8", ""), "/from/split_seed", "found 8"},
    /* a network alone */
    {FROZEN("\"job\":\"j0000099\"", ""), "/confidence/from/job", "no such job"},
    {FROZEN("\"job\":\"j0000006\"", ""), "/confidence/from/job", "no confidence network"},
    {FROZEN("\"job\":\"j0000009\"", ""), "/confidence/from/job", "no confidence network"},
    {FROZEN("", ""), "/confidence/from/job", "required"},
    {FROZEN(JOB8 ",\"checkpoint\":\"step-7\"", ""), "/confidence/from/checkpoint", "it has best"},
    {FROZEN(JOB8 ",\"step\":41", ""), "/confidence/from/step", "found 41"},
    {FROZEN(JOB8 ",\"steps\":40", ""), "/confidence/from/steps", "unknown field"},
    {FROZEN(JOB8, ",\"output\":\"linear\""), "/confidence/output", "comes from job j0000008"},
    {FROZEN(JOB8, ",\"model\":{}"), "/confidence/model /confidence/model", "comes from job j0000008"},
    {"{\"algorithm\":\"confidence\",\"data\":{\"set\":\"tiny\",\"labels\":6},\"confidence\":{\"weights\":\"frozen\"}}", "/confidence/from", "required"},
    {"{\"algorithm\":\"confidence\",\"data\":{\"set\":\"tiny\",\"labels\":6},\"confidence\":{\"from\":{" JOB8 "}}}", "/confidence/from", "needs frozen"},
    {"{\"algorithm\":\"confidence\",\"from\":{\"job\":\"j0000006\"},\"confidence\":{\"weights\":\"frozen\",\"from\":{" JOB8 "}}}", "/confidence/from", "leave /from out"},
    /* other fields are judged as ever, against that job's counts */
    {FROM(JOB1, ",\"inner\":{\"batch\":21}"), "/inner/batch", "at most 20"},
    {FROM(JOB1, ",\"priority\":5"), "/priority", "admin"},
    {"{\"algorithm\":\"supervised\",\"from\":{" JOB1 "},\"meta\":{}}", "/meta", "not used by"},
};
/* clang-format on */

static void test_each_bad_document_is_told(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct imld_problems problems = {0};
        json_t *spec = resolve_text(table[i].text, &problems);
        if (spec) fail_msg("%s was taken", table[i].text);
        char *pointers = pointers_of(&problems);
        if (strcmp(pointers, table[i].pointers) != 0)
            fail_msg("%s: %s (%s)", table[i].text, pointers, problems.items[0].detail);
        if (table[i].detail && !strstr(problems.items[0].detail, table[i].detail))
            fail_msg("%s: %s", table[i].text, problems.items[0].detail);
        free(pointers);
        imld_problems_clear(&problems);
    }
}

static void test_from_is_not_patched(void **unused)
{
    (void)unused;
    struct imld_problems problems = {0};
    json_t *spec = resolve_or_fail(FROM(JOB1, ""));
    json_t *document = json_loads("{\"from\":{" JOB1 "}}", 0, NULL);
    assert_null(imld_spec_resolve_patch(document, spec, &test_context, &problems));
    assert_string_equal(problems.items[0].pointer, "/from");
    imld_problems_clear(&problems);
    json_decref(document);
    json_decref(spec);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_data_model_and_checkpoint_are_written_out),
        cmocka_unit_test(test_the_split_seed_is_that_of_the_first_job),
        cmocka_unit_test(test_a_resolved_job_resolves_to_itself),
        cmocka_unit_test(test_few_labels_stay_few),
        cmocka_unit_test(test_frozen_weights_are_those_of_the_other_network),
        cmocka_unit_test(test_each_bad_document_is_told),
        cmocka_unit_test(test_from_is_not_patched),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
