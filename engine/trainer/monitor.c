/* monitor.c: the norm of the training gradient on a fixed monitoring batch (MATH §6): as many
 * images as a curvature batch, drawn once by (seed, IML_PURPOSE_EVALUATION, pass 0). */
#include <math.h>

#include "engine/core/vector.h"
#include "engine/trainer/run.h"

enum iml_code iml_monitor(struct iml_trainer *self, double *norm, struct iml_error *error)
{
    const size_t rows = self->options.meta.curvature_batch;
    struct iml_batch batch;
    struct iml_batch_result result;
    iml_sampler_head(&self->monitor_order, 0, rows, self->maker.places);
    enum iml_code code = iml_batch_make(&self->maker, &self->train, rows, &batch, error);
    if (code != IML_OK) return code;
    batch.mode = iml_curvature_mode(self);
    batch.mode.dropout.is_on = false; /* a norm that is compared over time is one function's */
    code = iml_gradient(self->curvature, self->theta, &batch, self->knowledge.diagonal,
                        self->gradient, &result, error);
    if (code == IML_OK)
        *norm = sqrt(iml_norm_squared(iml_net_parameters(self->net), self->gradient));
    return code;
}
