/* rule_forgetting.c: the metric is lastingly below its best (DESIGN §5): the last `evaluations` of
 * them and more, over `steps` inner steps or more, each worse than the best by more than `drop`.
 *
 * Length is what tells forgetting from the spikes that Adam makes on its own: those last some 150
 * steps, and training falls together with validation, while what is forgotten may be gone with a
 * train accuracy of 1.000 (measured: tests/fixtures/forgetting). So the verdict does not look at
 * the training; it reports what a reader needs to see the cause: train accuracy, the estimate's
 * variance, bursts of ‖q‖, αμ_max. A value that is not finite is below any best. */
#include <math.h>
#include <stdlib.h>

#include "daemon/rules.h"
#include "spec/metrics.h"

/* The fall at hand: rows of the series. */
struct fall {
    const struct imld_series *series;
    size_t count; /* rows up to the step at hand */
    size_t best;  /* the first of equals; count: none is finite */
    size_t first; /* all rows from here on are below; count: the last one is not */
};

static double at(const struct imld_series *series, size_t i)
{
    return (double)series->values[i];
}

static struct fall find_fall(const struct imld_series *series, size_t count, double sign,
                             double drop)
{
    struct fall fall = {series, count, count, count};
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(at(series, i))) continue;
        if (fall.best == count || sign * at(series, i) > sign * at(series, fall.best))
            fall.best = i;
    }
    if (fall.best == count) return fall;
    const double bound = sign * at(series, fall.best) - drop;
    while (fall.first > fall.best + 1) {
        const double value = at(series, fall.first - 1);
        if (isfinite(value) && sign * value >= bound) break;
        fall.first--;
    }
    return fall;
}

/* ---- what is reported ---- */

/* Rows of an update are of the step after which it comes: at an evaluation of that step they are
 * not there yet, in a recorded curve they are. So only those of earlier steps count. */
struct span {
    size_t first, end;
};

static struct span since_best(const struct imld_series *series, int64_t best_step, int64_t step)
{
    return (struct span){imld_series_until(series, best_step - 1),
                         imld_series_until(series, step - 1)};
}

static void set(json_t *numbers, const char *name, double value)
{
    (void)json_object_set_new(numbers, name, imld_json_number(value));
}

/* The last value before the index; NaN: there is none. */
static double last_before(const struct imld_series *series, size_t end)
{
    return end > 0 ? at(series, end - 1) : nan("");
}

static double larger(double a, double b)
{
    return isnan(a) || b > a ? b : a;
}

static double largest(const struct imld_series *series, struct span span)
{
    double found = nan("");
    for (size_t i = span.first; i < span.end; i++)
        if (isfinite(at(series, i))) found = larger(found, at(series, i));
    return found;
}

static int compare(const void *a, const void *b)
{
    const float x = *(const float *)a;
    const float y = *(const float *)b;
    return (x > y) - (x < y);
}

/* Of the finite ones; NaN: none, or no memory. */
static double median(const struct imld_series *series, struct span span)
{
    float *sorted = calloc(span.end - span.first + 1, sizeof *sorted);
    size_t n = 0;
    for (size_t i = span.first; sorted && i < span.end; i++)
        if (isfinite(series->values[i])) sorted[n++] = series->values[i];
    if (n > 1) qsort(sorted, n, sizeof *sorted, compare);
    const double found =
        n > 0 ? ((double)sorted[(n - 1) / 2] + (double)sorted[n / 2]) / 2 : nan("");
    free(sorted);
    return found;
}

static void report_bursts(const struct imld_history *history, int64_t best_step, int64_t step,
                          json_t *numbers)
{
    const struct imld_series *series = imld_history_find(history, "solver/q_norm");
    const struct span span = since_best(series, best_step, step);
    json_int_t not_finite = 0;
    for (size_t i = span.first; i < span.end; i++) not_finite += !isfinite(at(series, i));
    set(numbers, "q_norm_max", largest(series, span));
    set(numbers, "q_norm_median", median(series, span));
    (void)json_object_set_new(numbers, "q_norm_not_finite", json_integer(not_finite));
}

/* α times the largest curvature known of the same update; a lens knows the product. */
static double alpha_mu_max(const struct imld_history *history, int64_t best_step, int64_t step)
{
    const struct imld_series *lens = imld_history_find(history, "lens/alpha_mu_max");
    const struct imld_series *alpha = imld_history_find(history, "solver/step_size");
    const struct imld_series *mu = imld_history_find(history, "solver/largest_curvature");
    double found = largest(lens, since_best(lens, best_step, step));
    const struct span span = since_best(alpha, best_step, step);
    for (size_t i = span.first; i < span.end; i++) {
        const size_t same = imld_series_until(mu, alpha->steps[i]);
        if (same == 0 || mu->steps[same - 1] != alpha->steps[i]) continue;
        const double product = at(alpha, i) * at(mu, same - 1);
        if (isfinite(product)) found = larger(found, product);
    }
    return found;
}

static void report_causes(const struct imld_history *history, int64_t best_step, int64_t step,
                          json_t *numbers)
{
    static const struct {
        const char *metric, *at_best, *now;
    } variances[] = {
        {"solver/q_norm_variance", "q_norm_variance_at_best", "q_norm_variance"},
        {"meta/variance", "hypergradient_variance_at_best", "hypergradient_variance"},
    };
    const struct imld_series *train = imld_history_find(history, "train/accuracy");
    set(numbers, "train_accuracy_at_best", last_before(train, imld_series_until(train, best_step)));
    set(numbers, "train_accuracy", last_before(train, imld_series_until(train, step)));
    for (size_t i = 0; i < sizeof variances / sizeof variances[0]; i++) {
        const struct imld_series *series = imld_history_find(history, variances[i].metric);
        const struct span span = since_best(series, best_step, step);
        set(numbers, variances[i].at_best, last_before(series, span.first));
        set(numbers, variances[i].now, last_before(series, span.end));
    }
    report_bursts(history, best_step, step, numbers);
    set(numbers, "alpha_mu_max", alpha_mu_max(history, best_step, step));
}

static bool forgetting_fires(const json_t *parameters, const struct imld_history *history,
                             int64_t step, json_t *numbers)
{
    const char *name = json_string_value(json_object_get(parameters, "metric"));
    const struct imld_metric *metric = name ? imld_metric_find(name) : NULL;
    if (!metric) return false;
    const double drop = json_number_value(json_object_get(parameters, "drop"));
    const json_int_t evaluations = json_integer_value(json_object_get(parameters, "evaluations"));
    const json_int_t steps = json_integer_value(json_object_get(parameters, "steps"));
    const struct imld_series *series = imld_history_find(history, name);
    const struct fall fall = find_fall(series, imld_series_until(series, step),
                                       metric->better == IMLD_BETTER_LOWER ? -1 : 1, drop);
    if (fall.first == fall.count) return false;
    const json_int_t below = (json_int_t)(fall.count - fall.first);
    const int64_t span = series->steps[fall.count - 1] - series->steps[fall.first];
    if (below < evaluations || span < steps) return false;
    (void)json_object_set_new(numbers, "metric", json_string(name));
    set(numbers, "best", at(series, fall.best));
    (void)json_object_set_new(numbers, "best_step", json_integer(series->steps[fall.best]));
    set(numbers, "value", at(series, fall.count - 1));
    (void)json_object_set_new(numbers, "drop", json_real(drop));
    (void)json_object_set_new(numbers, "below_since_step", json_integer(series->steps[fall.first]));
    (void)json_object_set_new(numbers, "evaluations_below", json_integer(below));
    (void)json_object_set_new(numbers, "evaluations", json_integer(evaluations));
    (void)json_object_set_new(numbers, "steps_below", json_integer(span));
    (void)json_object_set_new(numbers, "steps", json_integer(steps));
    report_causes(history, series->steps[fall.best], step, numbers);
    return true;
}

const struct imld_rule imld_rule_forgetting = {.name = "forgetting", .fires = forgetting_fires};
