/* weigh.c: the batches of a confidence network beside those of training (FIXMATCH 6.1): what it is
 * linearized at, and weak views of the pool that its statistics and its fit are made of. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "engine/core/vector.h"
#include "engine/trainer/run.h"

enum {
    FORWARDS = 4,   /* whose means C's statistics are */
    FIT_STEPS = 512 /* of C to w = 1 */
};
static const double fit_rate = 1e-3, fit_momentum = 0.9;

/* Passes of the pool's order and views: 0 is the fixed list of weighed.c; what an update looks at
 * counts from a thousand of its own. */
static const uint32_t first_fit = 16, passes_an_update = 1024;

struct iml_curvature_share iml_weigh_share(const struct iml_trainer *self)
{
    const size_t rows = self->options.meta.curvature_batch;
    const size_t labeled = rows / (1 + 2 * self->options.consistency.ratio);
    return (struct iml_curvature_share){labeled, (rows - labeled) / 2};
}

/* `rows` places of pass `pass`; with fewer images than that, again from the first. */
static void draw_places(struct iml_sampler *order, uint32_t pass, size_t rows, uint32_t *places)
{
    const size_t count = order->count;
    iml_sampler_head(order, pass, rows < count ? rows : count, places);
    for (size_t i = count; i < rows; i++) places[i] = places[i - count];
}

enum iml_code iml_weigh_curvature_batch(struct iml_trainer *self, uint32_t pass,
                                        struct iml_batch *batch, struct iml_error *error)
{
    struct iml_consistency *consistency = &self->curvature_consistency;
    const size_t labeled = consistency->labeled, unlabeled = consistency->unlabeled;
    uint32_t *const places = self->maker.places, *const pool_places = places + labeled;
    draw_places(&self->curvature_order, pass, labeled, places);
    draw_places(&self->curvature_pool_order, pass, unlabeled, pool_places);
    const struct iml_view_part parts[] = {
        {.images = &self->train,
         .step = pass,
         .rows = labeled,
         .places = places,
         .purpose = IML_PURPOSE_CURVATURE_WEAK_LABELED},
        {.images = &self->pool,
         .step = pass,
         .rows = unlabeled,
         .places = pool_places,
         .purpose = IML_PURPOSE_CURVATURE_WEAK_POOL},
        {.images = &self->pool,
         .step = pass,
         .rows = unlabeled,
         .places = pool_places,
         .purpose = IML_PURPOSE_CURVATURE_STRONG_POOL,
         .is_strong = true},
    };
    const struct iml_consistency_images images = {.inputs = self->maker.inputs,
                                                  .places = pool_places,
                                                  .seed = self->options.seed,
                                                  .key = ~pass};
    for (size_t i = 0; i < labeled; i++) self->maker.labels[i] = self->train.labels[places[i]];
    *batch = (struct iml_batch){.rows = labeled + 2 * unlabeled, .inputs = self->maker.values};
    iml_consistency_ask(consistency, &images, batch);
    self->weigher->weighed =
        (struct iml_weighed_rows){.evaluator = self->curvature,
                                  .first = labeled + unlabeled,
                                  .count = unlabeled,
                                  .masks = consistency->masks,
                                  .scale = consistency->weight / (double)labeled};
    return iml_views_make(&self->views, &self->maker, parts, sizeof parts / sizeof parts[0], error);
}

/* Weak views of `rows` pool images, and what the base net makes of them where C reads that: as in
 * training, but nothing follows their statistics. */
static enum iml_code look(struct iml_trainer *self, uint32_t pass, size_t rows,
                          struct iml_error *error)
{
    struct iml_batch_result result;
    uint32_t *const places = self->maker.places;
    const struct iml_view_part part = {.images = &self->pool,
                                       .step = pass,
                                       .rows = rows,
                                       .places = places,
                                       .purpose = IML_PURPOSE_POOL_WEAK};
    const struct iml_batch batch = {.rows = rows,
                                    .inputs = self->maker.values,
                                    .labels = self->maker.labels,
                                    .divisor = 1,
                                    .mode = iml_training_mode(self)};
    struct iml_pool_rows seen = {.evaluator = self->training,
                                 .count = rows,
                                 .inputs = self->maker.values,
                                 .logits = self->weigher->logits,
                                 .places = places};
    draw_places(&self->weighed_order, pass, rows, places);
    memset(self->maker.labels, 0, rows * sizeof *self->maker.labels);
    enum iml_code code = iml_views_make(&self->views, &self->maker, &part, 1, error);
    if (code == IML_OK && self->weigher->logits)
        code = iml_evaluate(self->training, self->theta, &batch, &result, NULL,
                            self->weigher->logits, error);
    if (code == IML_OK) iml_weigher_look(self->weigher, &seen);
    return code;
}

/* C's statistics, from passes first … */
static enum iml_code follow(struct iml_trainer *self, uint32_t first, struct iml_error *error)
{
    enum iml_code code = IML_OK;
    if (!self->weigher->statistics) return IML_OK;
    for (uint32_t i = 0; i < FORWARDS && code == IML_OK; i++) {
        code = look(self, first + i, self->consistency.unlabeled, error);
        if (code == IML_OK) code = iml_weigher_follow(self->weigher, i, error);
    }
    return code;
}

/* One step of sgd on (1/2n) Σ (wᵢ − 1)²; momentum in lambda_change. */
static enum iml_code fit_step(struct iml_trainer *self, uint32_t pass, struct iml_error *error)
{
    struct iml_weigher *weigher = self->weigher;
    const size_t n = weigher->linearized_rows, size = self->knowledge.size;
    enum iml_code code = look(self, pass, n, error);
    if (code == IML_OK) code = iml_weigher_weigh(weigher, error);
    if (code != IML_OK) return code;
    for (size_t i = 0; i < n; i++) weigher->w_bar[i] = (weigher->weights.w[i] - 1) / (double)n;
    code = iml_weigher_pull(weigher, weigher->w_bar, self->hypergradient, error);
    if (code != IML_OK) return code;
    iml_xpby(size, self->hypergradient, fit_momentum, self->lambda_change);
    iml_axpy(size, -fit_rate, self->lambda_change, self->knowledge.lambda);
    return IML_OK;
}

/* What is fitted is c: weights over their mean have that mean from the start, and no gradient where
 * it is too small to divide by, as that of `linear` is before the fit. */
static enum iml_code fit(struct iml_trainer *self, struct iml_error *error)
{
    struct iml_weigher *weigher = self->weigher;
    enum iml_code code = IML_OK;
    memset(self->lambda_change, 0, self->knowledge.size * sizeof *self->lambda_change);
    weigher->weights.normalize = IML_WEIGHER_PLAIN;
    for (uint32_t i = 0; i < FIT_STEPS && code == IML_OK; i++)
        code = fit_step(self, first_fit + i, error);
    weigher->weights.normalize = weigher->options.normalize;
    return code;
}

enum iml_code iml_weigh_begin(struct iml_trainer *self, struct iml_error *error)
{
    const struct iml_weigher *weigher = self->weigher;
    const bool is_frozen = weigher->options.used == IML_WEIGHER_FROZEN; /* as it was imported */
    const bool is_fitted = weigher->options.start == IML_WEIGHER_PRETRAINED && !is_frozen;
    double oscillation = 0;
    enum iml_code code = IML_OK;
    if (self->state->is_ready || !weigher->net) return IML_OK;
    if (!is_frozen) code = follow(self, 1, error);
    if (code == IML_OK && is_fitted) code = fit(self, error);
    if (code == IML_OK && is_fitted) code = follow(self, 1, error);
    if (code == IML_OK) code = iml_weighed_keep(self, &oscillation, error);
    if (code == IML_OK) self->state->is_ready = 1;
    return code;
}

/* A batch whose mean weight is too small to divide by has w = 1 (FIXMATCH 6.1). */
static void tell_small_mean(struct iml_trainer *self, const char *when, uint64_t number,
                            double mean)
{
    struct iml_note *note = iml_run_add_note(
        self, IML_NOTE_SMALL_WEIGHTS,
        "C has turned the whole pool down: take a smaller meta.optimizer.learning_rate, "
        "confidence.decay above 0, or the stop rule collapsed_weights");
    (void)snprintf(note->what, sizeof note->what,
                   "at %s %llu the batch's mean weight was %.3g, below %g: w = 1 was taken", when,
                   (unsigned long long)number, mean, iml_least_mean);
}

void iml_weigh_after_solve(struct iml_trainer *self)
{
    const double mean = self->curvature_consistency.small_mean;
    if (!isnan(mean)) tell_small_mean(self, "update", self->state->update + 1, mean);
    self->has_told_small_mean = !isnan(mean);
}

/* C is asked to learn, and the run ends before it may. */
static void tell_no_update(struct iml_trainer *self)
{
    const struct iml_inner_options *inner = &self->options.inner;
    struct iml_note *note =
        iml_run_add_note(self, IML_NOTE_WARNING,
                         "take a smaller inner.warmup.steps, or confidence.weights \"ones\"");
    (void)snprintf(note->what, sizeof note->what,
                   "the warm-up of %zu steps leaves no update in %zu: all weights stay as they are",
                   inner->warmup_steps, inner->steps);
}

void iml_weigh_after_step(struct iml_trainer *self)
{
    const double mean = self->consistency.small_mean;
    const bool learns = self->options.confidence.used != IML_WEIGHER_FROZEN;
    if (self->state->step == 1 && learns && self->options.meta.updates == 0) tell_no_update(self);
    if (isnan(mean) || self->has_told_small_mean) return;
    tell_small_mean(self, "step", self->state->step, mean);
    self->has_told_small_mean = true;
}

enum iml_code iml_weigh_after_update(struct iml_trainer *self, struct iml_rows *rows,
                                     struct iml_error *error)
{
    const uint32_t pass = (uint32_t)(self->state->update + 1) * passes_an_update;
    double oscillation = 0;
    enum iml_code code = follow(self, pass, error);
    if (code == IML_OK) code = iml_weighed_keep(self, &oscillation, error);
    if (code == IML_OK) iml_rows_add_known(rows, IML_METRIC_WEIGHT_OSCILLATION, oscillation);
    return code;
}
