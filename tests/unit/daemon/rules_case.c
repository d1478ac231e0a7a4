/* rules_case.c: a history made by hand; see rules_case.h. */
#include "tests/unit/daemon/rules_case.h"

#include "tests/unit/check.h"

void rules_put(struct imld_history *history, const char *metric, int64_t step, float value)
{
    assert_int_equal(imld_history_put(history, metric, step, value, NULL), IML_OK);
}

struct imld_verdict rules_ask(const char *text, const struct imld_history *history, int64_t step)
{
    json_t *rules = json_loads(text, 0, NULL);
    assert_non_null(rules);
    const struct imld_verdict verdict = imld_rules_ask(rules, history, step);
    json_decref(rules);
    return verdict;
}

double rules_number(const json_t *numbers, const char *name)
{
    const json_t *value = json_object_get(numbers, name);
    if (!json_is_number(value)) fail_msg("%s is no number", name);
    return json_number_value(value);
}
