/* run.c: all memory of a run, laid out by one function that plans and takes; see run.h. */
#include <assert.h>

#include "engine/trainer/run.h"

enum {
    EVALUATION_ROWS = 512,  /* 4 row tiles; 1.6 MB of inputs at 28 × 28 */
    EVALUATION_IMAGES = 128 /* the same of a net of images, whose activations are large */
};

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

size_t iml_run_pool_images(const struct iml_trainer *self)
{
    return self->pool_counts.own_total + self->pool_counts.extra_total;
}

static void lay_out_pool(struct iml_trainer *self)
{
    struct iml_arena *arena = &self->fixed;
    iml_arena_part(arena, "pool");
    iml_images_layout(&self->pool, &self->facts, iml_run_pool_images(self), arena);
    self->origins = iml_arena_take(arena, iml_run_pool_images(self), sizeof *self->origins);
}

/* Images of the largest split that is read. */
static size_t split_images(const struct iml_trainer *self)
{
    const struct iml_set_facts *facts = &self->facts, *extra = self->options.data.pool.extra;
    const size_t own = larger(facts->train_images, facts->test_images);
    if (!iml_run_has_recipe(self) || !extra) return own;
    return larger(own, larger(extra->train_images, extra->test_images));
}

static void lay_out_images(struct iml_trainer *self)
{
    struct iml_arena *arena = &self->fixed;
    const struct iml_set_facts *facts = &self->facts;
    iml_arena_part(arena, "images");
    iml_images_layout(&self->train, facts, self->counts.train_total, arena);
    iml_images_layout(&self->validation, facts, self->counts.validation_total, arena);
    iml_images_layout(&self->test, facts, self->test_count, arena);
    iml_pixel_table_layout(&self->table, facts->channels, facts->height * facts->width, arena);
    if (self->methods->has_pool) lay_out_pool(self);
}

static void lay_out_synthetic(struct iml_trainer *self)
{
    struct iml_arena *arena = &self->fixed;
    const size_t inputs = self->facts.width;
    iml_arena_part(arena, "images");
    iml_images_layout_values(&self->train, inputs, self->counts.train_total, true, arena);
    iml_images_layout_values(&self->validation, inputs, self->counts.validation_total, false,
                             arena);
    iml_images_layout_values(&self->test, inputs, self->test_count, false, arena);
    iml_arena_part(arena, "problem");
    iml_synthetic_layout(&self->synthetic, &self->options.data.synthetic, arena);
}

static void lay_out_data(struct iml_trainer *self)
{
    struct iml_arena *arena = &self->fixed;
    if (iml_run_is_synthetic(self)) {
        lay_out_synthetic(self);
    } else {
        lay_out_images(self);
    }
    iml_arena_part(arena, "split");
    self->train_indices =
        iml_arena_take(arena, self->counts.train_total, sizeof *self->train_indices);
    self->validation_indices =
        iml_arena_take(arena, self->counts.validation_total, sizeof *self->validation_indices);
    if (iml_run_has_recipe(self))
        self->pool_indices =
            iml_arena_take(arena, iml_run_pool_images(self), sizeof *self->pool_indices);
    self->split_labels = iml_arena_take(arena, split_images(self), 1);
    /* twice the images of the train split; once those of another */
    self->split_scratch =
        iml_arena_take(arena, split_images(self), 2 * sizeof *self->split_scratch);
}

static size_t evaluation_rows(const struct iml_trainer *self)
{
    if (self->methods->is_report) return 1;
    const size_t sets = larger(self->counts.validation_total, self->test_count);
    const size_t images = iml_run_weighs(self) ? larger(sets, iml_run_pool_images(self)) : sets;
    const size_t most = iml_net_is_of_images(self->net) ? EVALUATION_IMAGES : EVALUATION_ROWS;
    if (images == 0) return 1;
    return images < most ? images : most;
}

bool iml_run_has_knowledge(const struct iml_trainer *self)
{
    return self->methods->is_meta ||
           (self->methods->is_report && self->options.meta.knowledge.kind != NULL);
}

static size_t curvature_rows(const struct iml_trainer *self)
{
    if (!self->methods->is_meta && !self->methods->is_report) return 1;
    const struct iml_meta_options *meta = &self->options.meta;
    if (iml_net_is_of_images(self->net) && self->methods->is_meta)
        return meta->curvature_batch; /* v is summed in parts */
    return larger(meta->curvature_batch, meta->validation_batch);
}

bool iml_run_weighs(const struct iml_trainer *self)
{
    const struct iml_knowledge_kind *kind = self->options.meta.knowledge.kind;
    return self->methods->is_meta && kind->weighs;
}

bool iml_run_has_network(const struct iml_trainer *self)
{
    return self->weigher && self->weigher->net;
}

const iml_real *iml_run_diagonal(const struct iml_trainer *self)
{
    return self->knowledge.diagonal ? self->knowledge.diagonal : self->decay;
}

bool iml_run_keeps_q(const struct iml_trainer *self)
{
    return self->methods->is_meta && self->options.inner.until.remaining_ratio > 0;
}

static void lay_out_meta(struct iml_trainer *self)
{
    struct iml_arena *arena = &self->work;
    const struct iml_meta_options *meta = &self->options.meta;
    const size_t parameters = iml_net_parameters(self->net), train = self->counts.train_total;
    const uint32_t seed = self->options.seed;
    iml_arena_part(arena, "knowledge");
    struct iml_knowledge_options options = meta->knowledge;
    options.weigher = self->weigher;
    iml_knowledge_layout(&self->knowledge, &options, self->net, arena);
    self->hypergradient = iml_arena_take(arena, self->knowledge.size, sizeof *self->hypergradient);
    self->lambda_change = iml_arena_take(arena, self->knowledge.size, sizeof *self->lambda_change);
    self->previous = iml_arena_take(arena, self->knowledge.size, sizeof *self->previous);
    if (options.kind->move)
        self->meta_optimizer = (struct iml_optimizer){.options = meta->optimizer};
    else
        iml_optimizer_layout(&self->meta_optimizer, &meta->optimizer, self->knowledge.size, arena);
    if (!iml_run_keeps_q(self)) iml_arena_part(arena, "solver"); /* else a checkpoint holds it */
    self->q = iml_arena_take(arena, parameters, sizeof *self->q);
    self->v_part = meta->validation_batch > curvature_rows(self)
                       ? iml_arena_take(arena, parameters, sizeof *self->v_part)
                       : NULL;
    iml_arena_part(arena, "solver");
    iml_solver_layout(&self->solver, &meta->solver, parameters, arena);
    self->v = iml_arena_take(arena, parameters, sizeof *self->v);
    iml_arena_part(arena, "samplers");
    iml_sampler_layout(&self->validation_order, seed, IML_PURPOSE_VALIDATION_ORDER,
                       iml_run_validation(self)->count, arena);
    iml_sampler_layout(&self->curvature_order, seed, IML_PURPOSE_CURVATURE_ORDER, train, arena);
    iml_sampler_layout(&self->monitor_order, seed, IML_PURPOSE_EVALUATION, train, arena);
}

/* λ where there is one, v and q, the orders of the two batches. */
static void lay_out_report(struct iml_trainer *self)
{
    struct iml_arena *arena = &self->work;
    const size_t parameters = iml_net_parameters(self->net);
    if (iml_run_has_knowledge(self)) {
        iml_arena_part(arena, "knowledge");
        iml_knowledge_layout(&self->knowledge, &self->options.meta.knowledge, self->net, arena);
    }
    iml_arena_part(arena, "solver");
    self->v = iml_arena_take(arena, parameters, sizeof *self->v);
    self->q = iml_arena_take(arena, parameters, sizeof *self->q);
    iml_arena_part(arena, "samplers");
    iml_sampler_layout(&self->validation_order, self->options.seed, IML_PURPOSE_VALIDATION_ORDER,
                       self->counts.validation_total, arena);
    iml_sampler_layout(&self->curvature_order, self->options.seed, IML_PURPOSE_CURVATURE_ORDER,
                       self->counts.train_total, arena);
}

size_t iml_run_training_rows(const struct iml_trainer *self)
{
    const size_t batch = self->options.inner.batch;
    return self->methods->has_pool ? batch * (1 + 2 * self->options.consistency.ratio) : batch;
}

/* What only a job with few labels, views or a decay has. */
static void lay_out_recipe(struct iml_trainer *self)
{
    struct iml_arena *arena = &self->work;
    const struct iml_inner_options *inner = &self->options.inner;
    const size_t parameters = iml_net_parameters(self->net);
    iml_arena_part(arena, "parameters");
    self->average =
        inner->average.is_on ? iml_arena_take(arena, parameters, sizeof *self->average) : NULL;
    iml_arena_part(arena, "optimizer");
    self->decay =
        inner->weight_decay > 0 ? iml_arena_take(arena, parameters, sizeof *self->decay) : NULL;
    if (iml_run_has_views(self)) {
        iml_arena_part(arena, "views");
        self->views =
            (struct iml_view_maker){.flip = self->options.data.flip, .seed = self->options.seed};
        iml_view_maker_layout(&self->views, &self->facts, self->options.threads, arena);
    }
    if (!self->methods->has_pool) return;
    iml_arena_part(arena, "batches");
    iml_consistency_layout(&self->consistency, &self->options.consistency, inner->batch,
                           inner->batch * self->options.consistency.ratio,
                           iml_net_outputs(self->net), self->maker.labels, arena);
    iml_arena_part(arena, "samplers");
    iml_sampler_layout(&self->pool_order, self->options.seed, IML_PURPOSE_ORDER_POOL,
                       iml_run_pool_images(self), arena);
}

static void lay_out_training(struct iml_trainer *self)
{
    struct iml_arena *arena = &self->work;
    const size_t parameters = iml_net_parameters(self->net);
    iml_arena_part(arena, "parameters");
    self->state = iml_arena_take(arena, 1, sizeof *self->state);
    self->theta = iml_arena_take(arena, parameters, sizeof *self->theta);
    self->gradient = iml_arena_take(arena, parameters, sizeof *self->gradient);
    const size_t statistics = iml_net_statistics(self->net);
    self->statistics =
        statistics > 0 ? iml_arena_take(arena, statistics, sizeof *self->statistics) : NULL;
    if (!self->methods->is_report) {
        iml_arena_part(arena, "optimizer");
        iml_optimizer_layout(&self->optimizer, &self->options.inner.optimizer, parameters, arena);
        iml_arena_part(arena, "samplers");
        iml_sampler_layout(&self->order, self->options.seed, IML_PURPOSE_ORDER_LABELED,
                           self->counts.train_total, arena);
    }
    iml_arena_part(arena, "batches");
    const bool has_meta_batches = self->methods->is_meta || self->methods->is_report;
    const size_t meta_rows = larger(curvature_rows(self), self->options.meta.validation_batch);
    const size_t rows = larger(iml_run_training_rows(self),
                               larger(evaluation_rows(self), has_meta_batches ? meta_rows : 1));
    iml_batch_maker_layout(&self->maker, rows, iml_net_inputs(self->net), arena);
    if (iml_run_is_synthetic(self)) iml_batch_maker_layout_values(&self->maker, arena);
    self->maker.table = &self->table;
    self->maker.team = self->team;
}

static enum iml_code lay_out_evaluators(struct iml_trainer *self, struct iml_error *error)
{
    struct iml_arena *arena = &self->work;
    assert(!self->training && !self->evaluation && !self->curvature);
    self->evaluation_rows = evaluation_rows(self);
    iml_arena_part(arena, "activations");
    enum iml_code code = IML_OK;
    if (!self->methods->is_report)
        code = iml_evaluator_new(self->net, iml_run_training_rows(self), false, self->team, arena,
                                 &self->training, error);
    if (code == IML_OK && !self->methods->is_report)
        code = iml_evaluator_new_for(self->net, self->evaluation_rows, IML_EVALUATOR_VALUES,
                                     self->team, arena, &self->evaluation, error);
    if (code != IML_OK || (!self->methods->is_meta && !self->methods->is_report)) return code;
    iml_arena_part(arena, "curvature");
    return iml_evaluator_new(self->net, curvature_rows(self), true, self->team, arena,
                             &self->curvature, error);
}

enum iml_code iml_run_layout_work(struct iml_trainer *self, struct iml_error *error)
{
    lay_out_training(self);
    if (!self->methods->is_report) lay_out_recipe(self);
    if (self->methods->is_meta) lay_out_meta(self);
    if (self->methods->is_meta) iml_diagnose_layout(self, &self->work);
    if (self->methods->is_report) lay_out_report(self);
    const enum iml_code code = lay_out_evaluators(self, error);
    return code == IML_OK && self->methods->layout ? self->methods->layout(self, error) : code;
}

enum iml_code iml_run_layout(struct iml_trainer *self, struct iml_error *error)
{
    lay_out_data(self);
    return iml_run_layout_work(self, error);
}

void iml_run_free_evaluators(struct iml_trainer *self)
{
    if (self->methods->free) self->methods->free(self);
    iml_evaluator_free(self->training);
    iml_evaluator_free(self->evaluation);
    iml_evaluator_free(self->curvature);
    self->training = self->evaluation = self->curvature = NULL;
}
