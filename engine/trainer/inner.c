/* inner.c: one step on θ (MATH §6): batch, gradient of the regularized loss, optimizer. */
#include "base/clock.h"
#include "engine/trainer/run.h"

enum iml_code iml_inner_step(struct iml_trainer *self, struct iml_error *error)
{
    struct iml_state *state = self->state;
    const double began = imld_ticks_seconds();
    const size_t rows = self->options.inner.batch;
    struct iml_batch batch;
    struct iml_batch_result result;
    iml_sampler_batch(&self->order, state->step, rows, self->maker.places);
    enum iml_code code = iml_batch_make(&self->maker, &self->train, rows, &batch, error);
    if (code != IML_OK) return code;
    batch.mode = iml_training_mode(self);
    const iml_real *diagonal = self->methods->is_meta ? self->knowledge.diagonal : NULL;
    code =
        iml_gradient(self->training, self->theta, &batch, diagonal, self->gradient, &result, error);
    if (code != IML_OK) return code;
    if (self->statistics)
        iml_update_statistics(self->training, self->options.model.batch_norm_momentum,
                              self->statistics);
    iml_optimizer_step(&self->optimizer, self->theta, self->gradient);
    if (state->step == 0) state->first_loss = result.loss;
    state->last_loss = result.loss;
    state->seen_loss += result.loss;
    state->seen_correct += result.correct;
    state->seen_steps++;
    state->step++;
    self->inner_seconds += imld_ticks_seconds() - began;
    return IML_OK;
}
