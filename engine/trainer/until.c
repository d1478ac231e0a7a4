/* until.c: when an inner loop ends that has no fixed number of steps (MATH §6): strategy 2. */
#include <math.h>

#include "engine/trainer/run.h"

bool iml_until_is_asked(const struct iml_until *until)
{
    return until->gradient_norm > 0 || until->remaining_ratio > 0;
}

/* The first look comes after min_steps, but not before a step; one more where the loop ends anyway,
 * so that every loop tells how far it came. */
static bool is_time_to_look(const struct iml_until *until, uint64_t steps)
{
    const uint64_t first = until->min_steps > 1 ? until->min_steps : 1;
    const uint64_t every = until->check_every > 1 ? until->check_every : 1;
    return steps >= until->max_steps || (steps >= first && (steps - first) % every == 0);
}

/* What is looked at; NaN where it is not asked. */
struct look {
    double norm, ratio;
};

static enum iml_code look(struct iml_trainer *self, const struct iml_until *until,
                          struct look *seen, struct iml_error *error)
{
    *seen = (struct look){.norm = nan(""), .ratio = nan("")};
    enum iml_code code = IML_OK;
    if (until->gradient_norm > 0) code = iml_monitor(self, &seen->norm, error);
    if (code != IML_OK || until->remaining_ratio <= 0) return code;
    double remaining = 0;
    code = iml_monitor_remaining(self, &remaining, error);
    seen->ratio = fabs(remaining) / self->state->last_gain;
    return code;
}

static bool is_met(const struct iml_trainer *self, const struct iml_until *until,
                   const struct look *seen)
{
    const double scale = until->is_relative ? self->state->monitored_norm : 1;
    return seen->norm < until->gradient_norm * scale || seen->ratio < until->remaining_ratio;
}

enum iml_code iml_until_ends(struct iml_trainer *self, const struct iml_until *until,
                             uint64_t steps, bool *ends, struct iml_rows *rows,
                             struct iml_error *error)
{
    struct look seen;
    *ends = false;
    if (!is_time_to_look(until, steps)) return IML_OK;
    const enum iml_code code = look(self, until, &seen, error);
    if (code != IML_OK) return code;
    *ends = steps >= until->max_steps || is_met(self, until, &seen);
    if (!*ends) return IML_OK;
    if (until->gradient_norm > 0) iml_rows_add(rows, IML_METRIC_INNER_GRADIENT_NORM, seen.norm);
    if (until->remaining_ratio > 0) iml_rows_add(rows, IML_METRIC_INNER_END_RATIO, seen.ratio);
    return IML_OK;
}
