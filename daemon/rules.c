/* rules.c: the table of stop rules and how a list of them is asked; see rules.h. */
#include "daemon/rules.h"

#include <math.h>
#include <string.h>

const struct imld_rule *const imld_rules[] = {
    &imld_rule_divergence,
    &imld_rule_patience,
    &imld_rule_target,
    &imld_rule_budget,
    &imld_rule_forgetting,
    &imld_rule_unstable_weights,
    &imld_rule_collapsed_weights,
    NULL,
};

json_t *imld_json_number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static const struct imld_rule *find(const char *name)
{
    for (size_t i = 0; name && imld_rules[i]; i++)
        if (strcmp(imld_rules[i]->name, name) == 0) return imld_rules[i];
    return NULL;
}

static bool ask_one(const struct imld_rule *rule, const json_t *parameters,
                    const struct imld_history *history, int64_t step, struct imld_verdict *verdict)
{
    json_t *numbers = json_object();
    if (rule->fires(parameters, history, step, numbers)) {
        *verdict = (struct imld_verdict){.rule = rule->name, .numbers = numbers};
        return true;
    }
    json_decref(numbers);
    return false;
}

struct imld_verdict imld_rules_ask(const json_t *early_stopping, const struct imld_history *history,
                                   int64_t step)
{
    struct imld_verdict verdict = {0};
    if (ask_one(&imld_rule_divergence, NULL, history, step, &verdict)) return verdict;
    for (size_t i = 0; i < json_array_size(early_stopping); i++) {
        const json_t *parameters = json_array_get(early_stopping, i);
        const struct imld_rule *rule = find(json_string_value(json_object_get(parameters, "rule")));
        if (rule && ask_one(rule, parameters, history, step, &verdict)) return verdict;
    }
    return verdict;
}
