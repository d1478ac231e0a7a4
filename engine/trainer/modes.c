/* modes.c: which function the net is, where: batch norm and dropout (MATH §2, "One function"). */
#include "engine/trainer/run.h"

/* Masks of the curvature pass count rows from here, so that update 5's are not those of step 5. */
static const uint32_t curvature_rows = UINT32_C(1) << 31;

struct iml_mode iml_training_mode(const struct iml_trainer *self)
{
    return (struct iml_mode){.batch_norm = IML_BATCH_NORM_BATCH,
                             .statistics = self->statistics,
                             .dropout = {.is_on = true,
                                         .seed = self->options.seed,
                                         .pass = (uint32_t)self->state->step}};
}

struct iml_mode iml_evaluation_mode(const struct iml_trainer *self)
{
    return (struct iml_mode){.batch_norm = IML_BATCH_NORM_RUNNING, .statistics = self->statistics};
}

struct iml_mode iml_curvature_mode(const struct iml_trainer *self)
{
    const struct iml_meta_options *meta = &self->options.meta;
    const bool is_batch = meta->curvature_batch_norm == IML_CURVATURE_NORM_BATCH;
    return (struct iml_mode){
        .batch_norm = is_batch ? IML_BATCH_NORM_BATCH : IML_BATCH_NORM_RUNNING,
        .statistics = self->statistics,
        .dropout = {.is_on = meta->curvature_dropout == IML_CURVATURE_DROPOUT_FIXED,
                    .seed = self->options.seed,
                    .first_index = curvature_rows,
                    .pass = (uint32_t)self->state->update}};
}
