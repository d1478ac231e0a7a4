/* test_pace.c: seconds a step are foretold from jobs that do the same work, and from no others. */
#include <math.h>
#include <string.h>

#include "daemon/pace.h"
#include "tests/unit/check.h"

#define JOB "{'algorithm': 'iml', 'data': {'set': 'tiny'}, 'seed': 1, 'name': 'a'"

/* JSON with ' for ". */
static json_t *load(const char *text)
{
    char copy[256];
    assert_true(strlen(text) < sizeof copy);
    strcpy(copy, text);
    for (char *c = copy; *c; c++)
        if (*c == '\'') *c = '"';
    json_t *json = json_loads(copy, 0, NULL);
    assert_non_null(json);
    return json;
}

static double find(struct imld_paces *paces, const char *text)
{
    json_t *spec = load(text);
    const double seconds = imld_paces_find(paces, spec);
    json_decref(spec);
    return seconds;
}

static void note(struct imld_paces *paces, const char *text, double seconds)
{
    json_t *spec = load(text);
    imld_paces_note(paces, spec, seconds);
    json_decref(spec);
}

static void test_only_like_work_is_foretold(void **state)
{
    (void)state;
    struct imld_paces paces;
    imld_paces_init(&paces);
    assert_true(isnan(find(&paces, JOB "}")));
    note(&paces, JOB "}", 0.5);
    check_close(find(&paces, "{'seed': 2, 'data': {'set': 'tiny'}, 'algorithm': 'iml'}"), 0.5, 0);
    static const char *const others[] = {
        "{'algorithm': 'verify', 'data': {'set': 'tiny'}}",
        JOB ", 'diagnostics': {'lens': {'every_updates': 1}}}",
        JOB ", 'verify': {'curvature': {'batch': 9}}}",
        JOB ", 'compare': {'solvers': [{'kind': 'cg'}]}}",
        JOB ", 'consistency': {'threshold': 0.9}}",
        JOB ", 'confidence': {'form': 'shared'}}",
        JOB ", 'resources': {'threads': 2}}",
    };
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        assert_true(isnan(find(&paces, others[i])));
    note(&paces, others[1], 2);
    check_close(find(&paces, JOB "}"), 0.5, 0);
    check_close(find(&paces, others[1]), 2, 0);
    imld_paces_clear(&paces);
}

static void test_the_newest_counts_and_the_oldest_goes(void **state)
{
    (void)state;
    struct imld_paces paces;
    imld_paces_init(&paces);
    note(&paces, JOB "}", 0.5);
    note(&paces, JOB "}", 0.25);
    check_close(find(&paces, JOB "}"), 0.25, 0);
    for (int i = 0; i < IMLD_PACES; i++) {
        json_t *spec = json_pack("{s:{s:i}}", "data", "train", i);
        imld_paces_note(&paces, spec, i);
        json_decref(spec);
    }
    assert_true(isnan(find(&paces, JOB "}")));
    imld_paces_clear(&paces);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_like_work_is_foretold),
        cmocka_unit_test(test_the_newest_counts_and_the_oldest_goes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
