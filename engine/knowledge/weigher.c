/* weigher.c: a confidence network, forward and backward; see weigher.h. */
#include "engine/knowledge/weigher.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/core/vector.h"
#include "engine/net/features.h"
#include "imld/random.h"

/* C's net: one of images, or an mlp on what the base net makes of them. */
static struct iml_net_options net_options(const struct iml_weigher_options *options,
                                          const struct iml_net *base)
{
    const struct iml_net_options *of = &base->options;
    struct iml_net_options net = {.outputs = 1,
                                  .loss = IML_LOSS_INNER_PRODUCT,
                                  .has_bias = true,
                                  .epsilon = 1e-3, /* FIXMATCH 2.3 */
                                  .activation = options->activation,
                                  .hidden_count = options->hidden_count,
                                  .convolution = of->convolution,
                                  .threads = of->threads};
    memcpy(net.hidden, options->hidden, sizeof net.hidden);
    if (options->input != IML_WEIGHER_IMAGE) {
        net.inputs = options->input == IML_WEIGHER_FEATURES ? iml_net_features(base) : of->outputs;
        return net;
    }
    net.model = options->model ? options->model : iml_model_kind_find("cnn_small");
    net.inputs = of->inputs;
    net.channels = of->channels;
    net.height = of->height;
    net.width = of->width;
    net.depth = options->depth;
    net.widening = options->widening;
    return net;
}

enum iml_code iml_weigher_new(const struct iml_weigher_options *options, const struct iml_net *base,
                              bool has_net, size_t pool, struct iml_weigher **weigher,
                              struct iml_error *error)
{
    *weigher = NULL;
    if (has_net && options->input == IML_WEIGHER_FEATURES && iml_net_features(base) == 0)
        return iml_error_set(error, IML_ERROR_ARGUMENT,
                             "a net without a hidden layer has no features");
    struct iml_weigher *self = calloc(1, sizeof *self);
    if (!self) return iml_error_set(error, IML_ERROR_MEMORY, "can't allocate a weigher");
    *self = (struct iml_weigher){.options = *options, .base = base, .pool = pool};
    self->weights.output = &iml_weight_outputs[options->output];
    self->weights.normalize = options->normalize;
    if (has_net) {
        const struct iml_net_options net = net_options(options, base);
        const enum iml_code code = iml_net_new(&net, &self->net, error);
        if (code != IML_OK) {
            free(self);
            return code;
        }
    }
    *weigher = self;
    return IML_OK;
}

void iml_weigher_free(struct iml_weigher *self)
{
    if (!self) return;
    iml_weigher_free_evaluators(self);
    iml_net_free(self->net);
    free(self);
}

void iml_weigher_free_evaluators(struct iml_weigher *self)
{
    iml_evaluator_free(self->values);
    iml_evaluator_free(self->backward);
    self->values = self->backward = NULL;
}

static enum iml_code lay_out_evaluators(struct iml_weigher *self, struct iml_team *team,
                                        struct iml_arena *arena, struct iml_error *error)
{
    const bool is_chained = self->options.through_features;
    enum iml_code code = iml_evaluator_new_for(self->net, self->rows, IML_EVALUATOR_VALUES, team,
                                               arena, &self->values, error);
    if (code == IML_OK)
        code = iml_evaluator_new_for(self->net, is_chained ? self->rows : self->linearized_rows,
                                     is_chained ? IML_EVALUATOR_CHAINED : IML_EVALUATOR_GRADIENT,
                                     team, arena, &self->backward, error);
    return code;
}

enum iml_code iml_weigher_layout(struct iml_weigher *self, size_t batch_rows, struct iml_team *team,
                                 struct iml_arena *arena, struct iml_error *error)
{
    const size_t rows = self->rows;
    assert(!self->values && self->linearized_rows <= rows);
    iml_arena_part(arena, "confidence");
    self->loss_tangents = iml_arena_take(arena, batch_rows, sizeof *self->loss_tangents);
    self->influences = iml_arena_take(arena, self->linearized_rows, sizeof *self->influences);
    self->w_bar = iml_arena_take(arena, self->linearized_rows, sizeof *self->w_bar);
    self->weights.a = iml_arena_take(arena, rows, sizeof(double));
    self->weights.w = iml_arena_take(arena, rows, sizeof(double));
    if (!self->net) return IML_OK;
    const size_t statistics = iml_net_statistics(self->net);
    self->statistics = statistics > 0 ? iml_arena_take(arena, statistics, sizeof(iml_real)) : NULL;
    self->inputs = self->options.input == IML_WEIGHER_IMAGE
                       ? NULL
                       : iml_arena_take(arena, rows, iml_net_inputs(self->net) * sizeof(iml_real));
    self->logits = self->inputs
                       ? iml_arena_take(arena, rows, iml_net_outputs(self->base) * sizeof(iml_real))
                       : NULL;
    self->outputs = iml_arena_take(arena, rows, sizeof(iml_real));
    self->targets = iml_arena_take(arena, rows, sizeof(iml_real));
    if (self->options.through_features) {
        self->target_tangents = iml_arena_take(arena, rows, sizeof(iml_real));
        self->a_bar = iml_arena_take(arena, rows, sizeof(double));
        self->a_dot = iml_arena_take(arena, rows, sizeof(double));
        self->w_dot = iml_arena_take(arena, rows, sizeof(double));
        const size_t parameters = iml_net_parameters(self->net);
        self->zero = iml_arena_take(arena, parameters, sizeof(iml_real));
        if (!iml_arena_is_measuring(arena)) memset(self->zero, 0, parameters * sizeof *self->zero);
        self->product = iml_arena_take(arena, iml_net_parameters(self->base), sizeof(iml_real));
    }
    return lay_out_evaluators(self, team, arena, error);
}

size_t iml_weigher_reads(const struct iml_weigher *self)
{
    if (!self->net) return 0;
    return self->options.input == IML_WEIGHER_IMAGE ? self->net->options.channels
                                                    : iml_net_inputs(self->net);
}

/* The blocks of the last layer: weights, then bias. */
static const struct iml_block *last_block(const struct iml_weigher *self, size_t back)
{
    return iml_net_block(self->net, iml_net_block_count(self->net) - back);
}

void iml_weigher_initialize(struct iml_weigher *self, uint32_t seed)
{
    if (!self->net) return;
    /* a seed of its own, so that C does not start as a copy of a base net of its kind */
    const struct iml_stream stream = {.seed = seed, .purpose = IML_PURPOSE_CONFIDENCE};
    const struct iml_block *weight = last_block(self, 2), *bias = last_block(self, 1);
    iml_net_initialize(self->net, iml_stream_word(&stream, 0), self->omega);
    if (self->statistics) iml_net_initialize_statistics(self->net, self->statistics);
    if (self->options.start != IML_WEIGHER_ZERO) return;
    for (size_t j = 0; j < weight->count; j++) self->omega[weight->offset + j] = 0;
    self->omega[bias->offset] = (iml_real)self->weights.output->rest_bias;
}

double iml_weigher_rest(const struct iml_weigher *self, size_t m)
{
    return m == last_block(self, 1)->offset ? self->weights.output->rest_bias : 0;
}

static struct iml_batch batch_of(const struct iml_weigher *self)
{
    return (struct iml_batch){
        .rows = self->weights.count,
        .inputs = self->seen,
        .targets = self->targets,
        .target_tangents = self->target_tangents,
        .divisor = 1,
        .mode = {.batch_norm = IML_BATCH_NORM_RUNNING, .statistics = self->statistics}};
}

static void softmax(size_t n, const iml_real *z, iml_real *p)
{
    double max = (double)z[0], sum = 0;
    for (size_t c = 1; c < n; c++) max = (double)z[c] > max ? (double)z[c] : max;
    for (size_t c = 0; c < n; c++) sum += exp((double)z[c] - max);
    for (size_t c = 0; c < n; c++) p[c] = (iml_real)(exp((double)z[c] - max) / sum);
}

void iml_weigher_look(struct iml_weigher *self, const struct iml_pool_rows *rows)
{
    assert(rows->count >= 1 && rows->count <= self->rows);
    self->weights.count = rows->count;
    self->places = rows->places;
    self->seen = self->inputs ? self->inputs : rows->inputs;
    if (!self->net || !self->inputs) return;
    if (self->options.input == IML_WEIGHER_FEATURES) {
        iml_features_copy(rows->evaluator, rows->first, rows->count, self->inputs);
        return;
    }
    const size_t n = iml_net_outputs(self->base);
    for (size_t i = 0; i < rows->count; i++) softmax(n, rows->logits + i * n, self->inputs + i * n);
}

enum iml_code iml_weigher_weigh(struct iml_weigher *self, struct iml_error *error)
{
    struct iml_batch_result result;
    struct iml_batch batch = batch_of(self);
    memset(self->targets, 0, self->weights.count * sizeof *self->targets);
    const enum iml_code code =
        iml_evaluate(self->values, self->omega, &batch, &result, NULL, self->outputs, error);
    for (size_t i = 0; i < self->weights.count; i++) self->weights.a[i] = (double)self->outputs[i];
    iml_weights_find(&self->weights);
    return code;
}

static void set_targets(struct iml_weigher *self, const double *a_bar)
{
    for (size_t i = 0; i < self->weights.count; i++) self->targets[i] = (iml_real)a_bar[i];
}

enum iml_code iml_weigher_pull(struct iml_weigher *self, double *w_bar, iml_real *out,
                               struct iml_error *error)
{
    struct iml_batch_result result;
    const struct iml_batch batch = batch_of(self);
    iml_weights_adjoint(&self->weights, w_bar, w_bar);
    set_targets(self, w_bar);
    return iml_gradient(self->backward, self->omega, &batch, NULL, out, &result, error);
}

enum iml_code iml_weigher_follow(struct iml_weigher *self, size_t number, struct iml_error *error)
{
    struct iml_batch_result result;
    struct iml_batch batch = batch_of(self);
    assert(self->statistics);
    batch.mode.batch_norm = IML_BATCH_NORM_BATCH;
    memset(self->targets, 0, self->weights.count * sizeof *self->targets);
    const enum iml_code code =
        iml_evaluate(self->values, self->omega, &batch, &result, NULL, NULL, error);
    if (code == IML_OK)
        iml_update_statistics(self->values, 1 / (double)(number + 1), self->statistics);
    return code;
}

enum iml_code iml_weigher_influences(struct iml_weigher *self, const iml_real *q,
                                     struct iml_error *error)
{
    const struct iml_weighed_rows *at = &self->weighed;
    assert(at->count <= self->linearized_rows);
    const enum iml_code code = iml_loss_tangents(at->evaluator, q, self->loss_tangents, error);
    for (size_t i = 0; i < at->count; i++)
        self->influences[i] =
            at->masks[i] ? -at->scale * (double)self->loss_tangents[at->first + i] : 0;
    return code;
}

/* --- through the features --- */

/* A cancelled team leaves what it has: the base net's way is cancelled with it. */
void iml_weigher_join(struct iml_weigher *self, const struct iml_evaluator *base, size_t first,
                      const double *w_bar)
{
    struct iml_batch_result result;
    struct iml_error error = {0};
    const struct iml_curvature *curvature = NULL;
    const struct iml_batch batch = batch_of(self);
    const size_t n = self->weights.count * iml_net_inputs(self->net);
    iml_weights_adjoint(&self->weights, w_bar, self->a_bar);
    set_targets(self, self->a_bar);
    if (iml_linearize(self->backward, self->omega, &batch, NULL, NULL, &result, &curvature,
                      &error) != IML_OK)
        return;
    iml_axpy(n, 1, iml_chain_adjoint(self->backward), iml_feature_adjoints(base, first));
}

const double *iml_weigher_tangent(struct iml_weigher *self, const struct iml_evaluator *base,
                                  size_t first)
{
    const size_t n = self->weights.count;
    memcpy(iml_chain_inputs_dot(self->backward), iml_feature_tangents(base, first),
           n * iml_net_inputs(self->net) * sizeof(iml_real));
    const iml_real *outputs = iml_chain_tangent(self->backward, self->zero);
    for (size_t i = 0; i < n; i++) self->a_dot[i] = outputs ? (double)outputs[i] : 0;
    iml_weights_tangent(&self->weights, self->a_dot, self->w_dot);
    return self->w_dot;
}

void iml_weigher_join_tangent(struct iml_weigher *self, const struct iml_evaluator *base,
                              size_t first, const double *w_bar, const double *w_bar_dot)
{
    const size_t n = self->weights.count;
    double *a_bar_dot = self->a_bar; /* ā has been used */
    iml_weights_adjoint_tangent(&self->weights, w_bar, w_bar_dot, self->a_dot, self->w_dot,
                                a_bar_dot);
    for (size_t i = 0; i < n; i++) self->target_tangents[i] = (iml_real)a_bar_dot[i];
    const iml_real *inputs_bar_dot =
        iml_chain_adjoint_tangent(self->backward, self->zero, self->omega_bar_dot);
    if (!inputs_bar_dot) return;
    iml_axpy(n * iml_net_inputs(self->net), 1, inputs_bar_dot,
             iml_feature_adjoint_tangents(base, first));
}
