/* trainer.c: the public face of trainers (imld/trainer.h): plan, open, step, evaluate, restore. */
#include "imld/trainer.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/core/arena_reset.h"
#include "engine/trainer/run.h"

const struct iml_trainer_kind *const iml_trainer_kinds[] = {
    &iml_supervised, &iml_iml, &iml_fixmatch, &iml_confidence, &iml_verify, &iml_compare, NULL};

const struct iml_trainer_kind *iml_trainer_kind_find(const char *name)
{
    for (size_t i = 0; iml_trainer_kinds[i]; i++) {
        if (strcmp(iml_trainer_kinds[i]->name, name) == 0) return iml_trainer_kinds[i];
    }
    return NULL;
}

/* What the solver's layout needs to be true; it depends on the size of the net. */
static enum iml_code check_solver(const struct iml_trainer *self, struct iml_error *error)
{
    const enum iml_code code =
        iml_solver_check(&self->options.meta.solver, iml_net_parameters(self->net), error);
    if (code != IML_OK) iml_error_where(error, "/meta/solver");
    return code;
}

struct iml_net_options iml_run_net_options(const struct iml_trainer *self)
{
    const struct iml_set_facts *facts = &self->facts;
    const struct iml_model_options *model = &self->options.model;
    struct iml_net_options net = {
        .inputs = facts->channels * facts->height * facts->width,
        .hidden_count = model->hidden_count,
        .outputs = iml_run_has_recipe(self) ? self->pool_counts.known.outputs : facts->classes,
        .activation = model->activation,
        .loss = iml_run_is_synthetic(self) ? IML_LOSS_SQUARED_ERROR : IML_LOSS_CROSS_ENTROPY,
        .has_bias = !iml_run_is_synthetic(self),
        .slope = model->slope,
        .has_batch_norm = model->has_batch_norm,
        .epsilon = model->batch_norm_epsilon,
        .dropout = model->dropout,
        .initialization = model->initialization,
        .model = model->kind,
        .channels = facts->channels,
        .height = facts->height,
        .width = facts->width,
        .depth = model->depth,
        .widening = model->widening,
        .convolution = model->convolution,
        .threads = self->options.threads};
    memcpy(net.hidden, model->hidden, sizeof net.hidden);
    return net;
}

/* The facts of a second set that is given by its name. */
static enum iml_code find_extra(struct iml_trainer *self, const struct iml_set_roots *roots,
                                struct iml_error *error)
{
    struct iml_data_options *data = &self->options.data;
    if (!data->extra_set || !iml_run_has_recipe(self)) return IML_OK;
    const enum iml_code code = iml_set_inspect(roots, data->extra_set, &self->extra_facts, error);
    if (code != IML_OK) iml_error_where(error, "/data/unlabeled_extra/set");
    data->pool.extra = &self->extra_facts;
    return code;
}

/* A trainer with its net and its counts, not yet with memory. */
static enum iml_code prepare(const struct iml_trainer_options *options,
                             const struct iml_set_facts *facts, struct iml_trainer **trainer,
                             struct iml_error *error)
{
    assert(options->kind && (options->kind->methods->is_report || options->inner.optimizer.kind));
    struct iml_trainer *self = calloc(1, sizeof *self);
    *trainer = self;
    if (!self) return iml_error_set(error, IML_ERROR_MEMORY, "can't allocate a trainer");
    self->options = *options;
    self->options.roots = (struct iml_set_roots){0};
    self->methods = options->kind->methods;
    self->facts = *facts;
    self->options.data.set = self->facts.name;
    self->inner_seconds = nan("");
    enum iml_code code = find_extra(self, &options->roots, error);
    if (code == IML_OK) code = iml_run_check(self, error);
    if (code != IML_OK) return code;
    const struct iml_net_options net = iml_run_net_options(self);
    code = iml_net_new(&net, &self->net, error);
    if (code != IML_OK) iml_error_where(error, "/model");
    if (code == IML_OK && self->methods->prepare) code = self->methods->prepare(self, error);
    if (code != IML_OK || !self->methods->is_meta) return code;
    return check_solver(self, error);
}

static void add_parts(const struct iml_plan *from, struct iml_plan *to)
{
    for (size_t i = 0; i < from->count && to->count < IML_PARTS_MAX; i++)
        to->parts[to->count++] = from->parts[i];
    to->overflow = to->overflow || from->overflow ||
                   __builtin_add_overflow(to->total_bytes, from->total_bytes, &to->total_bytes);
}

/* Lays out on measuring arenas; memory is then the plan of both. */
static enum iml_code measure(struct iml_trainer *self, struct iml_error *error)
{
    iml_arena_measure(&self->fixed);
    iml_arena_measure(&self->work);
    const enum iml_code code = iml_run_layout(self, error);
    iml_run_free_evaluators(self);
    if (code != IML_OK) return code;
    self->memory = (struct iml_plan){0};
    add_parts(&self->fixed.plan, &self->memory);
    add_parts(&self->work.plan, &self->memory);
    if (!self->memory.overflow) return IML_OK;
    return iml_error_set(error, IML_ERROR_MEMORY, "the planned memory does not fit a size_t");
}

enum iml_code iml_trainer_plan(const struct iml_trainer_options *options,
                               const struct iml_set_facts *facts, struct iml_plan *plan,
                               struct iml_error *error)
{
    struct iml_trainer *self = NULL;
    enum iml_code code = prepare(options, facts, &self, error);
    if (code == IML_OK) code = measure(self, error);
    if (code == IML_OK) *plan = self->memory;
    iml_trainer_close(self);
    return code;
}

enum iml_code iml_trainer_network_reads(const struct iml_trainer_options *options,
                                        const struct iml_set_facts *facts, size_t *count,
                                        struct iml_error *error)
{
    struct iml_trainer *self = NULL;
    const enum iml_code code = prepare(options, facts, &self, error);
    *count = code == IML_OK && self->weigher ? iml_weigher_reads(self->weigher) : 0;
    iml_trainer_close(self);
    return code;
}

uint64_t iml_trainer_steps(const struct iml_trainer_options *options)
{
    struct iml_trainer *self = calloc(1, sizeof *self);
    if (!self) return 0;
    self->options = *options;
    const uint64_t steps = options->kind->methods->steps_of(self);
    free(self);
    return steps;
}

static enum iml_code take_memory(struct iml_trainer *self, struct iml_error *error)
{
    enum iml_code code = measure(self, error);
    const struct iml_plan fixed = self->fixed.plan, work = self->work.plan;
    if (code == IML_OK) code = iml_arena_open(&self->fixed, &fixed, error);
    if (code == IML_OK) code = iml_arena_open(&self->work, &work, error);
    if (code == IML_OK) code = iml_run_layout(self, error);
    return code;
}

enum iml_code iml_trainer_facts(const struct iml_data_options *data,
                                const struct iml_set_roots *roots, struct iml_set_facts *facts,
                                struct iml_error *error)
{
    if (iml_set_is_synthetic(data->set)) return iml_synthetic_facts(&data->synthetic, facts, error);
    return iml_set_inspect(roots, data->set, facts, error);
}

/* The pool's second set; a closed one where there is none. */
static enum iml_code open_extra(const struct iml_trainer_options *options, struct iml_set *extra,
                                struct iml_error *error)
{
    const struct iml_data_options *data = &options->data;
    const char *name = data->extra_set;
    if (!name && data->pool.extra) name = data->pool.extra->name;
    *extra = (struct iml_set){.folder = {.root = -1}};
    if (!name || !options->kind->methods->has_pool) return IML_OK;
    const enum iml_code code = iml_set_open(&options->roots, name, extra, error);
    if (code == IML_ERROR_NOT_FOUND) iml_error_where(error, "/data/unlabeled_extra/set");
    return code;
}

/* The set's files stay open until its images are read; a synthetic problem has none. */
static enum iml_code open_set(const struct iml_trainer_options *options, struct iml_set *set,
                              struct iml_set_facts *facts, struct iml_error *error)
{
    *set = (struct iml_set){.folder = {.root = -1}};
    if (iml_set_is_synthetic(options->data.set))
        return iml_synthetic_facts(&options->data.synthetic, facts, error);
    const enum iml_code code = iml_set_open(&options->roots, options->data.set, set, error);
    if (code == IML_OK) return iml_set_facts_read(set, facts, error);
    if (code == IML_ERROR_NOT_FOUND) iml_error_where(error, "/data/set");
    return code;
}

enum iml_code iml_trainer_open(const struct iml_trainer_options *options, const atomic_bool *cancel,
                               struct iml_trainer **trainer, struct iml_error *error)
{
    struct iml_trainer *self = NULL;
    struct iml_set set, extra;
    struct iml_set_facts facts;
    *trainer = NULL;
    enum iml_code code = open_set(options, &set, &facts, error);
    const enum iml_code extra_code = open_extra(options, &extra, error);
    if (code == IML_OK) code = extra_code;
    if (code == IML_OK) code = prepare(options, &facts, &self, error);
    if (code == IML_OK)
        code = iml_team_open(options->threads, options->nice, cancel, &self->team, error);
    if (code == IML_OK) code = take_memory(self, error);
    if (code == IML_OK) code = iml_run_load(self, &set, &extra, error);
    iml_set_close(&set);
    iml_set_close(&extra);
    if (self) { /* what was borrowed */
        self->options.data.pool = (struct iml_pool_options){.labels = options->data.pool.labels};
        self->options.data.extra_set = NULL;
    }
    if (code == IML_OK) code = iml_registry_open(&self->registry, error);
    if (code == IML_OK) {
        iml_state_initialize(self);
        code = iml_state_register(self, error);
    }
    if (code != IML_OK) {
        iml_trainer_close(self);
        return code;
    }
    *trainer = self;
    return IML_OK;
}

void iml_trainer_close(struct iml_trainer *trainer)
{
    if (!trainer) return;
    iml_team_close(trainer->team);
    iml_registry_close(&trainer->registry);
    if (trainer->methods) iml_run_free_evaluators(trainer);
    iml_weigher_free(trainer->weigher);
    iml_net_free(trainer->net);
    iml_arena_close(&trainer->work);
    iml_arena_close(&trainer->fixed);
    free(trainer);
}

enum iml_code iml_trainer_step(struct iml_trainer *trainer, struct iml_rows *rows,
                               struct iml_error *error)
{
    rows->count = 0;
    trainer->artifact_count = trainer->note_count = 0;
    if (trainer->methods->is_finished(trainer))
        return iml_error_set(error, IML_ERROR_CONFLICT, "the run has done all its steps");
    const enum iml_code code =
        trainer->methods->begin ? trainer->methods->begin(trainer, error) : IML_OK;
    return code == IML_OK ? trainer->methods->step(trainer, rows, error) : code;
}

enum iml_code iml_trainer_evaluate(struct iml_trainer *trainer, struct iml_rows *rows,
                                   struct iml_error *error)
{
    struct iml_state *state = trainer->state;
    rows->count = 0;
    trainer->artifact_count = trainer->note_count = 0;
    enum iml_code code = trainer->methods->begin ? trainer->methods->begin(trainer, error) : IML_OK;
    if (code != IML_OK) return code;
    if (trainer->methods->evaluate) {
        trainer->methods->evaluate(trainer, rows);
        state->is_evaluation_due = 0;
        return IML_OK;
    }
    if (state->seen_steps > 0) {
        const double steps = (double)state->seen_steps;
        iml_rows_add(rows, IML_METRIC_TRAIN_LOSS, state->seen_loss / steps);
        iml_add_accuracy(trainer, rows, IML_METRIC_TRAIN_ACCURACY,
                         (double)state->seen_correct /
                             (steps * (double)trainer->options.inner.batch));
    } else if (state->step == 0) { /* the first batch before its step: what `divergence` needs */
        code = iml_evaluate_first_batch(trainer, rows, error);
    }
    if (code == IML_OK) code = iml_evaluate_sets(trainer, rows, error);
    if (code == IML_OK && trainer->methods->tell)
        code = trainer->methods->tell(trainer, rows, error);
    if (code != IML_OK) return code;
    iml_recipe_tell(trainer, rows);
    state->seen_steps = state->seen_correct = 0;
    state->seen_loss = 0;
    state->is_evaluation_due = 0;
    return IML_OK;
}

enum iml_code iml_trainer_evaluate_state(struct iml_trainer *trainer, struct iml_rows *rows,
                                         struct iml_error *error)
{
    rows->count = 0;
    if (!trainer->methods->evaluate) return iml_evaluate_sets(trainer, rows, error);
    trainer->methods->evaluate(trainer, rows);
    return IML_OK;
}

const struct iml_artifact *iml_trainer_artifacts(const struct iml_trainer *trainer, size_t *count)
{
    *count = trainer->artifact_count;
    return trainer->artifacts;
}

const struct iml_note *iml_trainer_notes(const struct iml_trainer *trainer, size_t *count)
{
    *count = trainer->note_count;
    return trainer->notes;
}

struct iml_progress iml_trainer_progress(const struct iml_trainer *trainer)
{
    const struct iml_state *state = trainer->state;
    return (struct iml_progress){
        .step = state->step,
        .steps_of = trainer->methods->steps_of(trainer),
        .update = trainer->methods->is_meta ? state->update : 0,
        .updates_of = trainer->methods->is_meta ? trainer->options.meta.updates : 0,
        .is_evaluation_due = state->is_evaluation_due != 0,
        .is_finished = trainer->methods->is_finished(trainer),
        .is_report = trainer->methods->is_report,
        .last_loss = state->last_loss,
        .first_loss = state->first_loss,
    };
}

const struct iml_registry *iml_trainer_registry(const struct iml_trainer *trainer)
{
    return &trainer->registry;
}

static void forget_orders(struct iml_trainer *self)
{
    iml_sampler_forget(&self->order);
    iml_sampler_forget(&self->pool_order);
    iml_sampler_forget(&self->validation_order);
    iml_sampler_forget(&self->curvature_order);
    iml_sampler_forget(&self->monitor_order);
    iml_sampler_forget(&self->curvature_pool_order);
    iml_sampler_forget(&self->weighed_order);
}

enum iml_code iml_trainer_restored(struct iml_trainer *trainer, struct iml_error *error)
{
    const bool is_meta = trainer->methods->is_meta;
    forget_orders(trainer);
    trainer->inner_seconds = nan("");
    iml_recipe_derive(trainer);
    if (iml_run_has_knowledge(trainer)) iml_knowledge_refresh(&trainer->knowledge);
    const bool is_warm_kept = is_meta && !trainer->methods->has_pool;
    if (trainer->state->is_evaluation_due <= 1 && (!is_warm_kept || trainer->state->is_warm <= 1) &&
        (!iml_run_has_network(trainer) || trainer->state->is_ready <= 1))
        return IML_OK;
    return iml_error_set(error, IML_ERROR_DATA, "the state's flags are neither 0 nor 1");
}

enum iml_code iml_trainer_imported(struct iml_trainer *trainer, struct iml_error *error)
{
    iml_recipe_begin(trainer);
    return iml_trainer_restored(trainer, error);
}

const struct iml_plan *iml_trainer_memory(const struct iml_trainer *trainer)
{
    return &trainer->memory;
}

struct iml_split_view iml_trainer_split(const struct iml_trainer *trainer)
{
    return (struct iml_split_view){.train = trainer->train_indices,
                                   .validation = trainer->validation_indices,
                                   .train_count = trainer->counts.train_total,
                                   .validation_count = trainer->counts.validation_total,
                                   .test_count = trainer->test_count,
                                   .pool = trainer->pool_indices,
                                   .pool_count = iml_run_pool_images(trainer)};
}

/* The work arena alone: the other holds what open has read from files, which no checkpoint
 * restores. The layout is then run again, since it writes tables of its own (an evaluator's tiles).
 */
void iml_trainer_poison(struct iml_trainer *trainer, unsigned char byte)
{
    iml_run_free_evaluators(trainer);
    iml_arena_reset(&trainer->work, byte);
    struct iml_error error = {0};
    const enum iml_code code = iml_run_layout_work(trainer, &error);
    assert(code == IML_OK); /* it allocates three small structs, as open did */
    (void)code;
    forget_orders(trainer);
}
