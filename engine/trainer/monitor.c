/* monitor.c: the training gradient at the θ at hand, to see how far the inner training is (MATH
 * §6): on a fixed monitoring batch, as many images as a curvature batch, drawn once by (seed,
 * IML_PURPOSE_EVALUATION, pass 0); and on the curvature batch of the last update. */
#include <math.h>

#include "engine/core/vector.h"
#include "engine/trainer/run.h"

/* The gradient, over the batch that pass of that order begins with. */
static enum iml_code find_gradient(struct iml_trainer *self, struct iml_sampler *order,
                                   uint64_t pass, const struct iml_mode *mode,
                                   struct iml_error *error)
{
    const size_t rows = self->options.meta.curvature_batch;
    struct iml_batch batch;
    struct iml_batch_result result;
    iml_sampler_head(order, pass, rows, self->maker.places);
    const enum iml_code code = iml_batch_make(&self->maker, &self->train, rows, &batch, error);
    if (code != IML_OK) return code;
    batch.mode = *mode;
    return iml_gradient(self->curvature, self->theta, &batch, iml_run_diagonal(self),
                        self->gradient, &result, error);
}

enum iml_code iml_monitor(struct iml_trainer *self, double *norm, struct iml_error *error)
{
    struct iml_mode mode = iml_curvature_mode(self);
    mode.dropout.is_on = false; /* a norm that is compared over time is one function's */
    const enum iml_code code = find_gradient(self, &self->monitor_order, 0, &mode, error);
    if (code == IML_OK)
        *norm = sqrt(iml_norm_squared(iml_net_parameters(self->net), self->gradient));
    return code;
}

enum iml_code iml_monitor_remaining(struct iml_trainer *self, double *remaining,
                                    struct iml_error *error)
{
    /* 0 only in a state that no run has written, which a checkpoint may bring */
    const uint64_t last = self->state->update > 0 ? self->state->update - 1 : 0;
    struct iml_mode mode = iml_curvature_mode(self);
    mode.dropout.pass = (uint32_t)last; /* the function that q belongs to, its mask included */
    const enum iml_code code = find_gradient(self, &self->curvature_order, last, &mode, error);
    if (code == IML_OK)
        *remaining = iml_dot(iml_net_parameters(self->net), self->q, self->gradient);
    return code;
}
