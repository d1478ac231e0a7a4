/* rule_collapsed_weights.c: the pool has lost its say (FIXMATCH 6.6): at the last evaluation the
 * mean weight was below a bound, or the effective size (Σw)²/(nΣw²), the share of images that still
 * count. A mean of 0 leaves no effective size; a number that is not finite is below nothing. */
#include <math.h>

#include "daemon/rules.h"

struct look {
    const char *metric, *name, *bound; /* of the row; of the numbers */
};
static const struct look looks[] = {
    {"weight/mean", "mean", "mean_below"},
    {"weight/effective_size", "effective_size", "effective_size_below"},
};
enum { LOOKS = sizeof looks / sizeof looks[0] };

static bool collapsed_weights_fires(const json_t *parameters, const struct imld_history *history,
                                    int64_t step, json_t *numbers)
{
    bool has_collapsed = false;
    for (size_t i = 0; i < LOOKS; i++) {
        const struct imld_series *series = imld_history_find(history, looks[i].metric);
        const size_t count = imld_series_until(series, step);
        const double value = count > 0 ? (double)series->values[count - 1] : nan("");
        const double bound = json_number_value(json_object_get(parameters, looks[i].bound));
        has_collapsed = has_collapsed || value < bound; /* false for a NaN */
        (void)json_object_set_new(numbers, looks[i].name, imld_json_number(value));
        (void)json_object_set_new(numbers, looks[i].bound, json_real(bound));
    }
    return has_collapsed;
}

const struct imld_rule imld_rule_collapsed_weights = {.name = "collapsed_weights",
                                                      .fires = collapsed_weights_fires};
