/* rule_target.c: a value was reached at an evaluation (DESIGN §5): at least as good as `value`, in
 * the metric's better direction. Once reached it stays reached, so that a rule added later fires
 * too. */
#include <math.h>

#include "daemon/rules.h"
#include "spec/metrics.h"

static bool target_fires(const json_t *parameters, const struct imld_history *history, int64_t step,
                         json_t *numbers)
{
    const char *name = json_string_value(json_object_get(parameters, "metric"));
    const struct imld_metric *metric = name ? imld_metric_find(name) : NULL;
    if (!metric) return false;
    const double target = json_number_value(json_object_get(parameters, "value"));
    const struct imld_series *series = imld_history_find(history, name);
    const size_t count = imld_series_until(series, step);
    for (size_t i = 0; i < count; i++) {
        const double value = (double)series->values[i];
        const bool is_reached =
            metric->better == IMLD_BETTER_LOWER ? value <= target : value >= target;
        if (!is_reached || !isfinite(value)) continue;
        (void)json_object_set_new(numbers, "metric", json_string(name));
        (void)json_object_set_new(numbers, "value", imld_json_number(value));
        (void)json_object_set_new(numbers, "step", json_integer(series->steps[i]));
        (void)json_object_set_new(numbers, "target", json_real(target));
        return true;
    }
    return false;
}

const struct imld_rule imld_rule_target = {.name = "target", .fires = target_fires};
