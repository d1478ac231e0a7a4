/* rule_unstable_weights.c: the weights of the pool's images swing from update to update (FIXMATCH
 * 6.6): weight/oscillation, the mean |w_t − w_{t−1}| over the deviation of w_t, was above a bound
 * in each of the last `updates` updates.
 *
 * Rows of an update are of the step after which it comes: at an evaluation of that step they are
 * not there yet, in a recorded curve they are. So only those of earlier steps count. A row that is
 * not finite (all weights equal) ends the run of unstable ones. */
#include <math.h>

#include "daemon/rules.h"

static const char metric[] = "weight/oscillation";

static void set(json_t *numbers, const char *name, double value)
{
    (void)json_object_set_new(numbers, name, imld_json_number(value));
}

static bool unstable_weights_fires(const json_t *parameters, const struct imld_history *history,
                                   int64_t step, json_t *numbers)
{
    const double bound = json_number_value(json_object_get(parameters, "oscillation_above"));
    const json_int_t updates = json_integer_value(json_object_get(parameters, "updates"));
    const struct imld_series *series = imld_history_find(history, metric);
    const size_t count = imld_series_until(series, step - 1);
    if (updates < 1 || (json_int_t)count < updates) return false;
    const size_t first = count - (size_t)updates;
    double smallest = HUGE_VAL;
    for (size_t i = first; i < count; i++) {
        const double value = (double)series->values[i];
        if (!isfinite(value) || value <= bound) return false;
        smallest = fmin(smallest, value);
    }
    (void)json_object_set_new(numbers, "metric", json_string(metric));
    set(numbers, "value", (double)series->values[count - 1]);
    set(numbers, "smallest", smallest);
    set(numbers, "oscillation_above", bound);
    (void)json_object_set_new(numbers, "updates", json_integer(updates));
    (void)json_object_set_new(numbers, "since_step", json_integer(series->steps[first]));
    return true;
}

const struct imld_rule imld_rule_unstable_weights = {.name = "unstable_weights",
                                                     .fires = unstable_weights_fires};
