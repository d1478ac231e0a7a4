/* rule_divergence.c: the training loss is not finite, or above 1,000 × the size of the first
 * batch's (DESIGN §5). Always on, and asked at every step: the step that fires writes its loss as a
 * row, so that the rule says the same of the recorded rows. */
#include <math.h>

#include "daemon/rules.h"

static const double factor = 1000;

/* Nats. A first loss of a smaller size counts as it: a run that starts at an optimum (a synthetic
 * problem, or another job's checkpoint) may rise from next to nothing without diverging. */
static const double least_first = 0.01;

bool imld_loss_diverges(float loss, float first)
{
    const double size = fmax(fabs((double)first), least_first);
    return !isfinite(loss) || (isfinite(first) && (double)loss > factor * size);
}

static bool divergence_fires(const json_t *parameters, const struct imld_history *history,
                             int64_t step, json_t *numbers)
{
    (void)parameters;
    const struct imld_series *series = imld_history_find(history, "train/loss");
    const size_t count = imld_series_until(series, step);
    if (count == 0) return false;
    const float first = series->values[0];
    const float loss = series->values[count - 1];
    if (!imld_loss_diverges(loss, first)) return false;
    const char *kind = isnan(loss) ? "nan" : loss > 0 ? "inf" : "-inf";
    (void)json_object_set_new(numbers, "loss", imld_json_number((double)loss));
    if (!isfinite(loss)) (void)json_object_set_new(numbers, "loss_kind", json_string(kind));
    (void)json_object_set_new(numbers, "first_loss", imld_json_number((double)first));
    (void)json_object_set_new(numbers, "factor", json_real(factor));
    (void)json_object_set_new(numbers, "step", json_integer(series->steps[count - 1]));
    return true;
}

const struct imld_rule imld_rule_divergence = {.name = "divergence", .fires = divergence_fires};
