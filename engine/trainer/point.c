/* point.c: what a report looks at: v and the linearized loss at the job's θ and λ, on the batches
 * of update 0 (MATH §1); see run.h. */
#include "engine/trainer/run.h"

enum iml_code iml_point_batch(struct iml_trainer *self, enum iml_point_batch which,
                              struct iml_batch *batch, struct iml_error *error)
{
    const struct iml_meta_options *meta = &self->options.meta;
    const bool is_curvature = which == IML_POINT_CURVATURE;
    const size_t rows = is_curvature ? meta->curvature_batch : meta->validation_batch;
    const struct iml_images *images = is_curvature ? &self->train : &self->validation;
    self->state->update = 0; /* the key of fixed masks; no state of a report */
    if (is_curvature)
        iml_sampler_head(&self->curvature_order, 0, rows, self->maker.places);
    else if (rows < images->count)
        iml_sampler_head(&self->validation_order, 0, rows, self->maker.places);
    else
        iml_batch_place_run(&self->maker, 0, rows);
    const enum iml_code code = iml_batch_make(&self->maker, images, rows, batch, error);
    batch->mode = is_curvature ? iml_curvature_mode(self) : iml_evaluation_mode(self);
    return code;
}

const struct iml_knowledge *iml_point_knowledge(const struct iml_trainer *self)
{
    return iml_run_has_knowledge(self) ? &self->knowledge : NULL;
}

/* Images that a batch takes, against those that are there. */
static enum iml_code check_rows(size_t asked, size_t least, size_t present, const char *what,
                                const char *section, const char *field, struct iml_error *error)
{
    if (asked >= least && asked <= present) return IML_OK;
    const enum iml_code code = iml_error_set(
        error, IML_ERROR_LIMIT, "%zu asked, %zu to %zu possible: there are %zu %s images", asked,
        least, present, present, what);
    iml_error_where(error, "%s/%s", section, field);
    return code;
}

enum iml_code iml_point_check(const struct iml_trainer *self, const char *section,
                              struct iml_error *error)
{
    const struct iml_meta_options *meta = &self->options.meta;
    const bool has_means = self->options.model.has_batch_norm &&
                           meta->curvature_batch_norm == IML_CURVATURE_NORM_BATCH;
    const enum iml_code code = check_rows(meta->validation_batch, 1, self->counts.validation_total,
                                          "validation", section, "validation_batch", error);
    if (code != IML_OK) return code;
    return check_rows(meta->curvature_batch, has_means ? 2 : 1, self->counts.train_total,
                      "training", section, "curvature/batch", error);
}

enum iml_code iml_point_v(struct iml_trainer *self, struct iml_error *error)
{
    struct iml_batch batch;
    struct iml_batch_result result;
    enum iml_code code = iml_point_batch(self, IML_POINT_VALIDATION, &batch, error);
    if (code == IML_OK)
        code = iml_gradient(self->curvature, self->theta, &batch, NULL, self->v, &result, error);
    return code;
}

enum iml_code iml_point_linearize(struct iml_trainer *self, const struct iml_curvature **curvature,
                                  struct iml_error *error)
{
    const struct iml_knowledge *knowledge = iml_point_knowledge(self);
    struct iml_batch batch;
    struct iml_batch_result result;
    enum iml_code code = iml_point_batch(self, IML_POINT_CURVATURE, &batch, error);
    if (code != IML_OK) return code;
    code =
        iml_linearize(self->curvature, self->theta, &batch, knowledge ? knowledge->diagonal : NULL,
                      self->gradient, &result, curvature, error);
    if (code != IML_OK) return code;
    *curvature = iml_linearized(self->curvature, self->options.meta.curvature_kind);
    /* `divergence` looks at it: a report has one loss, that of its point */
    self->state->first_loss = self->state->last_loss = result.loss;
    return IML_OK;
}
