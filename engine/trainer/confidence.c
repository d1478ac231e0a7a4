/* confidence.c: fixmatch whose pool is weighed image by image; what weighs it is learned by
 * implicit differentiation of the validation loss (FIXMATCH §6): warm-up, then an update of λ
 * before each steps_per_update steps on θ, until the steps are done. */
#include "engine/trainer/run.h"

static bool is_finished(const struct iml_trainer *self)
{
    return self->state->step >= self->options.inner.steps;
}

/* C is another job's, and stays as it is: no update is made. */
static bool is_frozen(const struct iml_trainer *self)
{
    return self->options.confidence.used == IML_WEIGHER_FROZEN;
}

static bool is_warm(const struct iml_trainer *self)
{
    return self->state->step >= self->options.inner.warmup_steps;
}

static enum iml_code step(struct iml_trainer *self, struct iml_rows *rows, struct iml_error *error)
{
    struct iml_state *state = self->state;
    if (is_warm(self) && state->steps_left == 0 && !is_frozen(self)) {
        const enum iml_code code = iml_update(self, rows, error);
        state->steps_left = self->options.inner.steps_per_update;
        return code;
    }
    const bool was_warm = is_warm(self);
    const enum iml_code code = iml_inner_step(self, error);
    if (code != IML_OK) return code;
    if (was_warm && !is_frozen(self)) state->steps_left--;
    iml_weigh_after_step(self);
    iml_run_after_step(self);
    if (!was_warm && is_warm(self)) {
        state->is_evaluation_due = 1;
        iml_recipe_look(self);
    }
    return IML_OK;
}

static uint64_t steps_of(const struct iml_trainer *self)
{
    return self->options.inner.steps;
}

static enum iml_code refuse(const char *pointer, const char *what, struct iml_error *error)
{
    const enum iml_code code = iml_error_set(error, IML_ERROR_ARGUMENT, "%s", what);
    iml_error_where(error, "%s", pointer);
    return code;
}

/* Options of the confidence network that don't go together. */
static enum iml_code check_network(const struct iml_trainer *self, struct iml_error *error)
{
    const struct iml_weigher_options *options = &self->options.confidence;
    const struct iml_meta_options *meta = &self->options.meta;
    if (options->start == IML_WEIGHER_PRETRAINED && options->output == IML_WEIGHER_SIGMOID)
        return refuse("/confidence/last_layer", "a sigmoid never reaches w = 1: nothing to fit to",
                      error);
    if (!options->through_features) return IML_OK;
    if (options->input != IML_WEIGHER_FEATURES)
        return refuse("/confidence/through_features", "it needs the base net's features as input",
                      error);
    if (options->used != IML_WEIGHER_LEARNED)
        return refuse("/confidence/weights",
                      "with through_features the learned weights are what multiplies the loss",
                      error);
    if (meta->curvature_kind != IML_CURVATURE_HESSIAN)
        return refuse("/meta/curvature/kind",
                      "with through_features the loss has no Gauss–Newton matrix", error);
    return IML_OK;
}

static enum iml_code check_batches(const struct iml_trainer *self, struct iml_error *error)
{
    const struct iml_meta_options *meta = &self->options.meta;
    const bool is_labeled = meta->validation_from == IML_VALIDATION_LABELED;
    const size_t present = is_labeled ? self->counts.train_total : self->counts.validation_total;
    const size_t least = 1 + 2 * self->options.consistency.ratio;
    if (present == 0)
        return refuse("/data/validation", "λ is learned from validation images: at least one",
                      error);
    if (meta->validation_batch < 1 || meta->validation_batch > present) {
        const enum iml_code code =
            iml_error_set(error, IML_ERROR_LIMIT, "%zu asked, 1 to %zu possible",
                          meta->validation_batch, present);
        iml_error_where(error, "/meta/validation_batch");
        return code;
    }
    if (meta->curvature_batch > 0 && meta->curvature_batch < least) {
        const enum iml_code code = iml_error_set(
            error, IML_ERROR_LIMIT, "%zu rows asked; a labeled image with its pool images has %zu",
            meta->curvature_batch, least);
        iml_error_where(error, "/meta/curvature/batch");
        return code;
    }
    return IML_OK;
}

static enum iml_code check(const struct iml_trainer *self, struct iml_error *error)
{
    const struct iml_meta_options *meta = &self->options.meta;
    enum iml_code code = iml_fixmatch.methods->check(self, error);
    if (code != IML_OK) return code;
    if (self->options.inner.steps_per_update == 0)
        return refuse("/inner/steps_per_update", "θ must move between two updates of λ", error);
    if (!meta->knowledge.kind || !meta->knowledge.kind->weighs)
        return refuse("/meta/knowledge/kind", "λ must weigh the pool's images", error);
    if (meta->knowledge.kind->move && meta->optimizer.kind != iml_optimizer_kind_find("adam"))
        return refuse("/meta/optimizer/kind", "free weights have an Adam an image", error);
    if (meta->knowledge.kind->move && is_frozen(self))
        return refuse("/confidence/weights",
                      "free weights belong to their own pool: another job's don't fit", error);
    code = check_network(self, error);
    return code == IML_OK ? check_batches(self, error) : code;
}

/* The first update comes after the warm-up. */
static size_t updates(const struct iml_inner_options *inner)
{
    const size_t left = inner->steps > inner->warmup_steps ? inner->steps - inner->warmup_steps : 0;
    return left / inner->steps_per_update + (left % inner->steps_per_update > 0);
}

/* No memory for what is not done: the smallest of each batch, and no solver's vectors. */
static void forgo_updates(struct iml_trainer *self)
{
    struct iml_meta_options *meta = &self->options.meta;
    meta->updates = 0;
    meta->curvature_batch = 1 + 2 * self->options.consistency.ratio;
    meta->validation_batch = 1;
    meta->solver = (struct iml_solver_options){.kind = iml_solver_kind_find("identity")};
    self->options.diagnostics = (struct iml_diagnostics_options){0};
}

static enum iml_code prepare(struct iml_trainer *self, struct iml_error *error)
{
    struct iml_meta_options *meta = &self->options.meta;
    const size_t pool = self->pool_counts.own_total + self->pool_counts.extra_total;
    meta->updates = updates(&self->options.inner);
    if (meta->curvature_batch == 0) meta->curvature_batch = iml_run_training_rows(self);
    if (is_frozen(self)) forgo_updates(self);
    const enum iml_code code =
        iml_weigher_new(&self->options.confidence, self->net, !meta->knowledge.kind->move, pool,
                        &self->weigher, error);
    if (code != IML_OK) iml_error_where(error, "/confidence");
    return code;
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

static enum iml_code layout(struct iml_trainer *self, struct iml_error *error)
{
    struct iml_arena *arena = &self->work;
    const struct iml_curvature_share share = iml_weigh_share(self);
    const uint32_t seed = self->options.seed;
    const size_t batch_rows = share.labeled + 2 * share.unlabeled;
    iml_arena_part(arena, "batches");
    iml_consistency_layout(&self->curvature_consistency, &self->options.consistency, share.labeled,
                           share.unlabeled, iml_net_outputs(self->net), self->maker.labels, arena);
    iml_consistency_weigh(&self->consistency, &self->knowledge, arena);
    iml_consistency_weigh(&self->curvature_consistency, &self->knowledge, arena);
    iml_arena_part(arena, "samplers");
    iml_sampler_layout(&self->curvature_pool_order, seed, IML_PURPOSE_CURVATURE_ORDER,
                       self->pool.count, arena);
    iml_sampler_layout(&self->weighed_order, seed, IML_PURPOSE_POOL_ORDER, self->pool.count, arena);
    iml_weighed_layout(self, arena);
    self->weigher->linearized_rows = share.unlabeled;
    self->weigher->rows =
        larger(larger(self->consistency.unlabeled, share.unlabeled), self->evaluation_rows);
    return iml_weigher_layout(self->weigher, batch_rows, self->team, arena, error);
}

static void free_evaluators(struct iml_trainer *self)
{
    if (self->weigher) iml_weigher_free_evaluators(self->weigher);
}

static const struct iml_trainer_methods methods = {
    .is_meta = true,
    .has_pool = true,
    .prepare = prepare,
    .begin = iml_weigh_begin,
    .curvature_batch = iml_weigh_curvature_batch,
    .after_solve = iml_weigh_after_solve,
    .after_update = iml_weigh_after_update,
    .tell = iml_weighed_tell,
    .step = step,
    .is_finished = is_finished,
    .steps_of = steps_of,
    .check = check,
    .layout = layout,
    .free = free_evaluators,
};

const struct iml_trainer_kind iml_confidence = {.name = "confidence", .methods = &methods};
