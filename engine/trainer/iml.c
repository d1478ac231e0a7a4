/* iml.c: implicit meta-learning (MATH §1, §6): warm-up, then for each update: λ moves once, θ moves
 * steps_per_update times, or until a bound is met (until.c). An update comes right after the
 * warm-up, and inner steps after the last one, so that an evaluation sees a θ that has followed its
 * λ. */
#include "engine/trainer/run.h"

static bool is_warm(const struct iml_trainer *self)
{
    const struct iml_inner_options *inner = &self->options.inner;
    /* without a warm-up its evaluation is that of step 0 */
    return self->state->is_warm ||
           (!iml_until_is_asked(&inner->warmup_until) && inner->warmup_steps == 0);
}

static bool iml_is_finished(const struct iml_trainer *self)
{
    const struct iml_state *state = self->state;
    return is_warm(self) && state->steps_left == 0 && state->update >= self->options.meta.updates;
}

/* What a relative norm is relative to. */
static enum iml_code note_norm(struct iml_trainer *self, const struct iml_until *until,
                               struct iml_error *error)
{
    if (until->gradient_norm <= 0 || !until->is_relative) return IML_OK;
    return iml_monitor(self, &self->state->monitored_norm, error);
}

static enum iml_code warm_up(struct iml_trainer *self, struct iml_rows *rows,
                             struct iml_error *error)
{
    const struct iml_until *until = &self->options.inner.warmup_until;
    struct iml_state *state = self->state;
    enum iml_code code = state->step == 0 ? note_norm(self, until, error) : IML_OK;
    if (code == IML_OK) code = iml_inner_step(self, error);
    bool ends = state->step >= self->options.inner.warmup_steps;
    if (code == IML_OK && iml_until_is_asked(until))
        code = iml_until_ends(self, until, state->step, &ends, rows, error);
    if (code != IML_OK || !ends) return code;
    state->is_warm = 1;
    state->is_evaluation_due = 1;
    return IML_OK;
}

/* At most so many steps follow an update. */
static size_t most_steps(const struct iml_trainer *self)
{
    const struct iml_inner_options *inner = &self->options.inner;
    return iml_until_is_asked(&inner->until) ? inner->until.max_steps : inner->steps_per_update;
}

static enum iml_code update_lambda(struct iml_trainer *self, struct iml_rows *rows,
                                   struct iml_error *error)
{
    enum iml_code code = iml_update(self, rows, error);
    if (code != IML_OK) return code;
    self->state->steps_left = most_steps(self);
    /* after λ has moved: of the problem that θ now follows */
    return note_norm(self, &self->options.inner.until, error);
}

/* Whether the inner loop ends after this step; steps_left is then 0. */
static enum iml_code look_at_loop(struct iml_trainer *self, struct iml_rows *rows,
                                  struct iml_error *error)
{
    const struct iml_until *until = &self->options.inner.until;
    struct iml_state *state = self->state;
    if (!iml_until_is_asked(until)) return IML_OK;
    const uint64_t steps = until->max_steps - state->steps_left;
    bool ends = false;
    const enum iml_code code = iml_until_ends(self, until, steps, &ends, rows, error);
    if (code != IML_OK || !ends) return code;
    iml_rows_add(rows, IML_METRIC_INNER_STEPS, (double)steps);
    state->steps_left = 0;
    return IML_OK;
}

static enum iml_code follow(struct iml_trainer *self, struct iml_rows *rows,
                            struct iml_error *error)
{
    struct iml_state *state = self->state;
    enum iml_code code = iml_inner_step(self, error);
    if (code != IML_OK) return code;
    state->steps_left--;
    code = look_at_loop(self, rows, error);
    if (code != IML_OK || state->steps_left > 0) return code;
    const size_t every = self->options.evaluation_every;
    if (iml_is_finished(self) || (every > 0 && state->update % every == 0))
        state->is_evaluation_due = 1;
    return IML_OK;
}

static enum iml_code iml_step(struct iml_trainer *self, struct iml_rows *rows,
                              struct iml_error *error)
{
    if (!is_warm(self)) return warm_up(self, rows, error);
    return self->state->steps_left > 0 ? follow(self, rows, error)
                                       : update_lambda(self, rows, error);
}

static uint64_t iml_steps_of(const struct iml_trainer *self)
{
    const struct iml_inner_options *inner = &self->options.inner;
    if (iml_until_is_asked(&inner->warmup_until) || iml_until_is_asked(&inner->until)) return 0;
    return inner->warmup_steps + self->options.meta.updates * inner->steps_per_update;
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
    if (iml_run_has_recipe(self))
        return refuse_value("/data/labels", "few labels are for fixmatch and supervised", error);
    if (self->counts.validation_total == 0)
        return refuse_value("/data/validation", "λ is learned from validation images: at least one",
                            error);
    if (most_steps(self) == 0)
        return refuse_value("/inner/steps_per_update", "θ must move between two updates of λ",
                            error);
    if (inner->warmup_until.max_steps < inner->warmup_until.min_steps)
        return refuse_value("/inner/warmup/until/max_steps", "it is below min_steps", error);
    if (inner->until.max_steps < inner->until.min_steps)
        return refuse_value("/inner/until/max_steps", "it is below min_steps", error);
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
