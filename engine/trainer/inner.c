/* inner.c: one step on θ (MATH §6, FIXMATCH §1): batch, gradient of the regularized loss,
 * optimizer. */
#include <math.h>

#include "base/clock.h"
#include "engine/trainer/run.h"

/* The step's labeled images, seen as they are. */
static enum iml_code plain_batch(struct iml_trainer *self, struct iml_batch *batch,
                                 struct iml_error *error)
{
    const size_t rows = self->options.inner.batch;
    iml_sampler_batch(&self->order, self->state->step, rows, self->maker.places);
    return iml_batch_make(&self->maker, &self->train, rows, batch, error);
}

/* Weak views of them and, with a pool, weak and strong views of the step's pool images. */
static enum iml_code viewed_batch(struct iml_trainer *self, struct iml_batch *batch,
                                  struct iml_error *error)
{
    const uint64_t step = self->state->step;
    const size_t labeled = self->options.inner.batch;
    const size_t unlabeled = self->methods->has_pool ? self->consistency.unlabeled : 0;
    uint32_t *const places = self->maker.places, *const pool_places = places + labeled;
    iml_sampler_batch(&self->order, step, labeled, places);
    if (unlabeled > 0) iml_sampler_batch(&self->pool_order, step, unlabeled, pool_places);
    const struct iml_view_part parts[] = {
        {.images = &self->train,
         .order = &self->order,
         .step = step,
         .rows = labeled,
         .places = places,
         .purpose = IML_PURPOSE_WEAK_LABELED},
        {.images = &self->pool,
         .order = &self->pool_order,
         .step = step,
         .rows = unlabeled,
         .places = pool_places,
         .purpose = IML_PURPOSE_WEAK_POOL},
        {.images = &self->pool,
         .order = &self->pool_order,
         .step = step,
         .rows = unlabeled,
         .places = pool_places,
         .purpose = IML_PURPOSE_STRONG_POOL,
         .is_strong = true},
    };
    for (size_t i = 0; i < labeled; i++) self->maker.labels[i] = self->train.labels[places[i]];
    *batch = (struct iml_batch){.rows = labeled + 2 * unlabeled,
                                .inputs = self->maker.values,
                                .labels = self->maker.labels,
                                .divisor = (double)labeled};
    const struct iml_consistency_images asked = {.inputs = self->maker.inputs,
                                                 .places = pool_places,
                                                 .seed = self->options.seed,
                                                 .key = (uint32_t)step};
    if (unlabeled > 0) iml_consistency_ask(&self->consistency, &asked, batch);
    return iml_views_make(&self->views, &self->maker, parts, unlabeled > 0 ? 3 : 1, error);
}

enum iml_code iml_inner_batch(struct iml_trainer *self, struct iml_batch *batch,
                              struct iml_error *error)
{
    const enum iml_code code = iml_run_has_views(self) ? viewed_batch(self, batch, error)
                                                       : plain_batch(self, batch, error);
    batch->mode = iml_training_mode(self);
    return code;
}

struct iml_labeled_result iml_inner_labeled(const struct iml_trainer *self,
                                            const struct iml_batch_result *result)
{
    if (!self->methods->has_pool)
        return (struct iml_labeled_result){.loss = result->loss, .correct = result->correct};
    return (struct iml_labeled_result){.loss = iml_consistency_labeled_loss(&self->consistency),
                                       .correct = self->consistency.correct};
}

/* last_loss is what `divergence` looks at: as train/loss, of the labeled rows (λ_u may be
 * anything), but where another row's loss is not finite, that. */
static void count_step(struct iml_trainer *self, const struct iml_batch_result *result)
{
    struct iml_state *state = self->state;
    const struct iml_labeled_result labeled = iml_inner_labeled(self, result);
    if (self->methods->has_pool)
        iml_consistency_count(&self->consistency, self->maker.places + self->options.inner.batch,
                              self->origins, &self->pool_counts.known, &state->tally);
    if (state->step == 0) state->first_loss = labeled.loss;
    state->last_loss = isfinite(result->loss) ? labeled.loss : result->loss;
    state->seen_loss += labeled.loss;
    state->seen_correct += labeled.correct;
    state->seen_steps++;
    state->step++;
}

/* The optimizer's step on a part of θ whose gradient is in cache, and θ̄ after it: nothing of this
 * step reads that part of θ any more (measured, 784-128-128-10, batch 128, Adam: one pass less
 * over five vectors). */
/* NOLINTNEXTLINE(readability-non-const-parameter): iml_consumer */
static double move_part(void *context, size_t first, size_t count, iml_real *gradient)
{
    const struct iml_trainer *self = context;
    (void)gradient; /* a part of self->gradient */
    iml_optimizer_move(&self->optimizer, self->theta, self->gradient, first, count);
    iml_recipe_average(self, first, count);
    return 0;
}

enum iml_code iml_inner_step(struct iml_trainer *self, struct iml_error *error)
{
    const double began = imld_ticks_seconds();
    struct iml_batch batch;
    struct iml_batch_result result;
    enum iml_code code = iml_inner_batch(self, &batch, error);
    if (code != IML_OK) return code;
    self->optimizer.options.learning_rate =
        iml_recipe_rate(&self->options.inner, self->state->step);
    iml_optimizer_begin_step(&self->optimizer);
    const struct iml_consumer mover = {move_part, self};
    code = iml_gradient_consume(self->training, self->theta, &batch, iml_run_diagonal(self),
                                self->gradient, &mover, &result, error);
    if (code != IML_OK) return code;
    if (self->statistics)
        iml_update_statistics(self->training, iml_recipe_momentum(self), self->statistics);
    count_step(self, &result);
    self->inner_seconds += imld_ticks_seconds() - began;
    return IML_OK;
}

void iml_run_after_step(struct iml_trainer *self)
{
    const size_t every = self->options.evaluation_every;
    const bool is_over = self->methods->is_finished(self);
    if (!is_over && (every == 0 || self->state->step % every != 0)) return;
    self->state->is_evaluation_due = 1;
    if (iml_run_has_recipe(self)) iml_recipe_look(self);
}
