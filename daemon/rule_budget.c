/* rule_budget.c: seconds of running time (from the row run/seconds) or steps are used up (DESIGN
 * §5). A job with a budget in seconds is outside the promise of same bits. */
#include "daemon/rules.h"

static bool budget_fires(const json_t *parameters, const struct imld_history *history, int64_t step,
                         json_t *numbers)
{
    const json_t *steps = json_object_get(parameters, "steps");
    if (json_is_integer(steps) && step >= json_integer_value(steps)) {
        (void)json_object_set_new(numbers, "steps", json_integer(step));
        (void)json_object_set_new(numbers, "budget_steps", json_integer(json_integer_value(steps)));
        return true;
    }
    const json_t *seconds = json_object_get(parameters, "seconds");
    const struct imld_series *series = imld_history_find(history, "run/seconds");
    const size_t count = imld_series_until(series, step);
    if (!json_is_number(seconds) || count == 0) return false;
    const double used = (double)series->values[count - 1];
    if (used < json_number_value(seconds)) return false;
    (void)json_object_set_new(numbers, "seconds", imld_json_number(used));
    (void)json_object_set_new(numbers, "budget_seconds", json_real(json_number_value(seconds)));
    return true;
}

const struct imld_rule imld_rule_budget = {.name = "budget", .fires = budget_fires};
