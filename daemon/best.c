/* best.c: the best state so far; see best.h. */
#include "daemon/best.h"

#include <math.h>

/* The metric's value at exactly `step`; NaN: there is none. */
static float value_at(const struct imld_best *best, const struct imld_history *history,
                      int64_t step)
{
    const struct imld_series *series = imld_history_find(history, best->metric);
    const size_t count = imld_series_until(series, step);
    if (count == 0 || series->steps[count - 1] != step) return (float)NAN;
    return series->values[count - 1];
}

void imld_best_look(struct imld_best *best, const struct imld_history *history, int64_t step,
                    const struct iml_registry *registry)
{
    const float value = value_at(best, history, step);
    if (!isfinite(value)) return;
    if (best->has_state && !(best->is_higher_better ? value > best->value : value < best->value))
        return;
    imld_snapshot_take(&best->state, registry);
    best->has_state = true;
    best->has_changed = step >= best->lost_step;
    best->step = step;
    best->value = value;
}

bool imld_best_loaded(struct imld_best *best, const struct imld_history *history, int64_t step)
{
    best->value = value_at(best, history, step);
    best->has_state = isfinite(best->value);
    best->has_changed = false;
    best->step = step;
    return best->has_state;
}
