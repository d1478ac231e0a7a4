/* rule_patience.c: no improvement for a number of evaluations (DESIGN §5).
 *
 * Counts evaluations since the best; better means strictly better by more than min_delta; the first
 * finite value sets the best; a value that is not finite is no improvement; fires when the count
 * reaches `evaluations`. Evaluations before the first finite value are not counted: there is no
 * best yet, and losses that aren't finite are divergence's business. */
#include <math.h>

#include "daemon/rules.h"
#include "spec/metrics.h"

static bool patience_fires(const json_t *parameters, const struct imld_history *history,
                           int64_t step, json_t *numbers)
{
    const char *name = json_string_value(json_object_get(parameters, "metric"));
    const struct imld_metric *metric = name ? imld_metric_find(name) : NULL;
    if (!metric) return false;
    const double sign = metric->better == IMLD_BETTER_LOWER ? -1 : 1;
    const double delta = json_number_value(json_object_get(parameters, "min_delta"));
    const json_int_t patience = json_integer_value(json_object_get(parameters, "evaluations"));

    const struct imld_series *series = imld_history_find(history, name);
    const size_t count = imld_series_until(series, step);
    size_t best = count; /* none yet */
    for (size_t i = 0; i < count; i++) {
        const double value = (double)series->values[i];
        if (!isfinite(value)) continue;
        if (best == count || sign * value > sign * (double)series->values[best] + delta) best = i;
    }
    if (best == count) return false;
    const size_t since = count - 1 - best;
    if ((json_int_t)since < patience) return false;
    (void)json_object_set_new(numbers, "metric", json_string(name));
    (void)json_object_set_new(numbers, "best", imld_json_number((double)series->values[best]));
    (void)json_object_set_new(numbers, "best_step", json_integer(series->steps[best]));
    (void)json_object_set_new(numbers, "value",
                              imld_json_number((double)series->values[count - 1]));
    (void)json_object_set_new(numbers, "evaluations_since_best", json_integer((json_int_t)since));
    (void)json_object_set_new(numbers, "evaluations", json_integer(patience));
    (void)json_object_set_new(numbers, "min_delta", json_real(delta));
    return true;
}

const struct imld_rule imld_rule_patience = {.name = "patience", .fires = patience_fires};
