/* supervised.c: a fixed number of steps on θ; no λ. */
#include "engine/trainer/run.h"

static bool supervised_is_finished(const struct iml_trainer *self)
{
    return self->state->step >= self->options.inner.steps;
}

static enum iml_code supervised_step(struct iml_trainer *self, struct iml_rows *rows,
                                     struct iml_error *error)
{
    (void)rows;
    const enum iml_code code = iml_inner_step(self, error);
    if (code == IML_OK) iml_run_after_step(self);
    return code;
}

static uint64_t supervised_steps_of(const struct iml_trainer *self)
{
    return self->options.inner.steps;
}

static enum iml_code supervised_check(const struct iml_trainer *self, struct iml_error *error)
{
    (void)self, (void)error;
    return IML_OK; /* any number of steps will do */
}

static const struct iml_trainer_methods methods = {
    .step = supervised_step,
    .is_finished = supervised_is_finished,
    .steps_of = supervised_steps_of,
    .check = supervised_check,
};

const struct iml_trainer_kind iml_supervised = {.name = "supervised", .methods = &methods};
