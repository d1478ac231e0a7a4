/* iml.c: implicit meta-learning (MATH §1, §6): warm-up, then for each update: λ moves once, θ moves
 * steps_per_update times. An update comes right after the warm-up, and inner steps after the last
 * one, so that an evaluation sees a θ that has followed its λ. */
#include <math.h>

#include "engine/trainer/run.h"

static bool has_until(const struct iml_trainer *self)
{
    return self->options.inner.warmup_until.gradient_norm > 0;
}

static bool is_warm(const struct iml_trainer *self)
{
    /* without a warm-up its evaluation is that of step 0 */
    return self->state->is_warm || (!has_until(self) && self->options.inner.warmup_steps == 0);
}

static bool iml_is_finished(const struct iml_trainer *self)
{
    const struct iml_state *state = self->state;
    return is_warm(self) && state->steps_left == 0 && state->update >= self->options.meta.updates;
}

/* The norm that ends the warm-up, seen before step 0 where it is relative. */
static enum iml_code note_first_norm(struct iml_trainer *self, struct iml_error *error)
{
    if (self->state->step > 0 || !self->options.inner.warmup_until.is_relative) return IML_OK;
    return iml_monitor(self, &self->state->monitored_norm, error);
}

static enum iml_code until_is_reached(struct iml_trainer *self, bool *is_reached,
                                      struct iml_error *error)
{
    const struct iml_until *until = &self->options.inner.warmup_until;
    const uint64_t step = self->state->step;
    *is_reached = step >= until->max_steps;
    if (*is_reached || step < until->min_steps) return IML_OK;
    double norm = 0;
    const enum iml_code code = iml_monitor(self, &norm, error);
    const double scale = until->is_relative ? self->state->monitored_norm : 1;
    *is_reached = norm < until->gradient_norm * scale; /* NaN: not reached; max_steps ends it */
    return code;
}

static enum iml_code warm_up(struct iml_trainer *self, struct iml_error *error)
{
    enum iml_code code = has_until(self) ? note_first_norm(self, error) : IML_OK;
    if (code == IML_OK) code = iml_inner_step(self, error);
    bool is_reached = self->state->step >= self->options.inner.warmup_steps;
    if (code == IML_OK && has_until(self)) code = until_is_reached(self, &is_reached, error);
    if (code != IML_OK || !is_reached) return code;
    self->state->is_warm = 1;
    self->state->is_evaluation_due = 1;
    return IML_OK;
}

static enum iml_code update_lambda(struct iml_trainer *self, struct iml_rows *rows,
                                   struct iml_error *error)
{
    const enum iml_code code = iml_update(self, rows, error);
    if (code == IML_OK) self->state->steps_left = self->options.inner.steps_per_update;
    return code;
}

static enum iml_code follow(struct iml_trainer *self, struct iml_error *error)
{
    struct iml_state *state = self->state;
    const enum iml_code code = iml_inner_step(self, error);
    if (code != IML_OK || --state->steps_left > 0) return code;
    const size_t every = self->options.evaluation_every;
    if (iml_is_finished(self) || (every > 0 && state->update % every == 0))
        state->is_evaluation_due = 1;
    return IML_OK;
}

static enum iml_code iml_step(struct iml_trainer *self, struct iml_rows *rows,
                              struct iml_error *error)
{
    if (!is_warm(self)) return warm_up(self, error);
    return self->state->steps_left > 0 ? follow(self, error) : update_lambda(self, rows, error);
}

static uint64_t iml_steps_of(const struct iml_trainer *self)
{
    if (has_until(self)) return 0;
    return self->options.inner.warmup_steps +
           self->options.meta.updates * self->options.inner.steps_per_update;
}

static enum iml_code refuse_value(const char *pointer, const char *what, struct iml_error *error)
{
    const enum iml_code code = iml_error_set(error, IML_ERROR_ARGUMENT, "%s", what);
    iml_error_where(error, "%s", pointer);
    return code;
}

static enum iml_code check_batch(size_t asked, size_t present, const char *what,
                                 const char *pointer, struct iml_error *error)
{
    if (asked >= 1 && asked <= present) return IML_OK;
    const enum iml_code code = iml_error_set(
        error, IML_ERROR_LIMIT, "%zu asked, 1 to %zu possible: the job has %zu %s images", asked,
        present, present, what);
    iml_error_where(error, "%s", pointer);
    return code;
}

static enum iml_code iml_check(const struct iml_trainer *self, struct iml_error *error)
{
    const struct iml_meta_options *meta = &self->options.meta;
    const struct iml_inner_options *inner = &self->options.inner;
    if (self->counts.validation_total == 0)
        return refuse_value("/data/validation", "λ is learned from validation images: at least one",
                            error);
    if (inner->steps_per_update == 0)
        return refuse_value("/inner/steps_per_update", "θ must move between two updates of λ",
                            error);
    if (has_until(self) && inner->warmup_until.max_steps < inner->warmup_until.min_steps)
        return refuse_value("/inner/warmup/until/max_steps", "it is below min_steps", error);
    const enum iml_code code = check_batch(meta->validation_batch, self->counts.validation_total,
                                           "validation", "/meta/validation_batch", error);
    if (code != IML_OK) return code;
    return check_batch(meta->curvature_batch, self->counts.train_total, "training",
                       "/meta/curvature/batch", error);
}

static const struct iml_trainer_methods methods = {
    .is_meta = true,
    .step = iml_step,
    .is_finished = iml_is_finished,
    .steps_of = iml_steps_of,
    .check = iml_check,
};

const struct iml_trainer_kind iml_iml = {.name = "iml", .methods = &methods};
