/* fixmatch.c: a fixed number of steps on θ, on labeled images and a pool (FIXMATCH §1). */
#include "base/size.h"
#include "engine/trainer/run.h"

static bool fixmatch_is_finished(const struct iml_trainer *self)
{
    return self->state->step >= self->options.inner.steps;
}

static enum iml_code fixmatch_step(struct iml_trainer *self, struct iml_rows *rows,
                                   struct iml_error *error)
{
    (void)rows;
    const enum iml_code code = iml_inner_step(self, error);
    if (code == IML_OK) iml_run_after_step(self);
    return code;
}

static uint64_t fixmatch_steps_of(const struct iml_trainer *self)
{
    return self->options.inner.steps;
}

static enum iml_code refuse(const char *pointer, enum iml_code code, struct iml_error *error)
{
    iml_error_where(error, "%s", pointer);
    return code;
}

/* B(1 + 2μ) rows, and their inputs. */
static bool rows_fit(const struct iml_trainer *self)
{
    size_t rows = 0;
    return self->options.consistency.ratio < SIZE_MAX / 4 &&
           iml_size_multiply(self->options.inner.batch, 1 + 2 * self->options.consistency.ratio,
                             &rows) &&
           rows <= INT32_MAX;
}

static enum iml_code fixmatch_check(const struct iml_trainer *self, struct iml_error *error)
{
    if (!iml_run_has_recipe(self))
        return refuse("/data/labels",
                      iml_error_set(error, IML_ERROR_ARGUMENT,
                                    "fixmatch needs a number of labeled images, spread evenly "
                                    "over the classes"),
                      error);
    if (self->options.consistency.ratio < 1)
        return refuse("/consistency/ratio",
                      iml_error_set(error, IML_ERROR_ARGUMENT, "a batch needs a pool image"),
                      error);
    if (rows_fit(self)) return IML_OK;
    return refuse("/consistency/ratio",
                  iml_error_set(error, IML_ERROR_ARGUMENT, "a batch can't have so many rows"),
                  error);
}

static const struct iml_trainer_methods methods = {
    .has_pool = true,
    .step = fixmatch_step,
    .is_finished = fixmatch_is_finished,
    .steps_of = fixmatch_steps_of,
    .check = fixmatch_check,
};

const struct iml_trainer_kind iml_fixmatch = {.name = "fixmatch", .methods = &methods};
