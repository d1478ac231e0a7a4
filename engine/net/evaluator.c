/* evaluator.c: the buffers of a net for one batch; evaluation and gradient. See include/imld/net.h.
 */
#include "engine/net/evaluator.h"

#include <assert.h>
#include <limits.h>
#include <stdlib.h>

#include "base/size.h"
#include "engine/core/gemm.h"

enum {
    ROWS = 64,          /* of a row tile: 64 reach 90 % of the speed of one whole GEMM */
    WEIGHTS = 64,       /* parameter rows of a weight tile */
    WEIGHTS_WIDE = 128, /* the same of a wide layer; 64 and 128 were best in sweeps of three nets */
    WIDE = 256
};

size_t iml_tile_count(size_t n, size_t target)
{
    const size_t tiles = 2 * ((n + 2 * target - 1) / (2 * target));
    return tiles < n ? tiles : n;
}

void iml_tile_range(size_t n, size_t tiles, size_t i, size_t *first, size_t *count)
{
    const size_t share = n / tiles, larger = n % tiles; /* the first `larger` tiles have one more */
    *first = i * share + (i < larger ? i : larger);
    *count = share + (i < larger ? 1 : 0);
}

static size_t weight_target(const struct iml_layer *layer)
{
    return layer->parameter_width > WIDE ? WEIGHTS_WIDE : WEIGHTS;
}

static void lay_out_weight_tiles(struct iml_evaluator *self, struct iml_arena *arena)
{
    const struct iml_net *net = self->net;
    for (size_t l = 0; l < net->layer_count; l++) {
        const struct iml_layer *layer = &net->layers[l];
        self->weight_tile_count += iml_tile_count(layer->parameter_rows, weight_target(layer));
    }
    self->weight_tiles = iml_arena_take(arena, self->weight_tile_count, sizeof *self->weight_tiles);
    if (iml_arena_is_measuring(arena)) return;
    struct iml_weight_tile *tile = self->weight_tiles;
    for (size_t l = 0; l < net->layer_count; l++) {
        const struct iml_layer *layer = &net->layers[l];
        const size_t tiles = iml_tile_count(layer->parameter_rows, weight_target(layer));
        for (size_t i = 0; i < tiles; i++, tile++) {
            tile->layer = l;
            iml_tile_range(layer->parameter_rows, tiles, i, &tile->first, &tile->count);
        }
    }
}

/* rows × width elements; the product was checked in iml_evaluator_new. */
static iml_real *take(const struct iml_evaluator *self, struct iml_arena *arena, size_t width)
{
    return iml_arena_take(arena, self->rows * width, sizeof(iml_real));
}

static void lay_out_edge(struct iml_evaluator *self, struct iml_arena *arena, size_t l)
{
    const struct iml_layer *layer = &self->net->layers[l];
    struct iml_edge *edge = &self->edges[l + 1];
    if (layer->kind->is_in_place && l > 0) {
        *edge = self->edges[l];
        if (layer->kind->keeps_adjoint && self->wants_products)
            edge->adjoint = take(self, arena, layer->out);
        return;
    }
    edge->width = layer->out;
    edge->value = take(self, arena, layer->out);
    edge->adjoint = take(self, arena, layer->out);
    if (!self->wants_products) return;
    edge->tangent = take(self, arena, layer->out);
    edge->adjoint_tangent = take(self, arena, layer->out);
}

static void lay_out_memory(struct iml_evaluator *self, struct iml_arena *arena)
{
    size_t widest = 0;
    for (size_t l = 0; l < self->net->layer_count; l++) {
        const struct iml_layer *layer = &self->net->layers[l];
        struct iml_layer_memory *memory = &self->memory[l];
        if (layer->kind->keeps_rows) memory->kept = take(self, arena, layer->out);
        if (!layer->kind->sums) continue;
        if (layer->out > widest) widest = layer->out;
        memory->means =
            iml_arena_take(arena, (size_t)2 * IML_PHASES * layer->out, sizeof *memory->means);
        memory->variance = iml_arena_take(arena, layer->out, sizeof *memory->variance);
    }
    if (widest > 0)
        self->sums = iml_arena_take(arena, iml_tile_count(self->rows, ROWS) * 2 * widest,
                                    sizeof *self->sums);
}

static bool sizes_fit(const struct iml_net *net, size_t rows)
{
    if (rows < 1 || rows > INT_MAX) return false;
    for (size_t l = 0; l < net->layer_count; l++) {
        size_t elements = 0, bytes = 0;
        /* doubles: the sums of row tiles are at most as many, and 2 × 4 means a channel */
        if (!iml_size_multiply(rows, net->layers[l].out, &elements) ||
            !iml_size_multiply(elements, (size_t)2 * IML_PHASES * sizeof(double), &bytes))
            return false;
    }
    return true;
}

enum iml_code iml_evaluator_new(const struct iml_net *net, size_t rows, bool wants_products,
                                struct iml_team *team, struct iml_arena *arena,
                                struct iml_evaluator **evaluator, struct iml_error *error)
{
    *evaluator = NULL;
    if (!sizes_fit(net, rows))
        return iml_error_set(error, IML_ERROR_ARGUMENT, "a batch can't have %zu rows", rows);
    struct iml_evaluator *self = calloc(1, sizeof *self);
    if (!self) return iml_error_set(error, IML_ERROR_MEMORY, "can't allocate an evaluator");
    iml_gemm_prepare();
    self->net = net;
    self->team = team;
    self->rows = rows;
    self->wants_products = wants_products;
    self->is_measured_only = iml_arena_is_measuring(arena);
    self->edges[0].width = net->options.inputs;
    for (size_t l = 0; l < net->layer_count; l++) lay_out_edge(self, arena, l);
    lay_out_memory(self, arena);
    self->kept = take(self, arena, net->options.outputs);
    self->results = iml_arena_take(arena, iml_tile_count(rows, ROWS), sizeof *self->results);
    lay_out_weight_tiles(self, arena);
    *evaluator = self;
    return IML_OK;
}

void iml_evaluator_free(struct iml_evaluator *evaluator)
{
    free(evaluator);
}

size_t iml_evaluator_row_tiles(const struct iml_batch *batch)
{
    return iml_tile_count(batch->rows, ROWS);
}

void iml_evaluator_begin(struct iml_evaluator *self, const struct iml_batch *batch)
{
    assert(!self->is_measured_only && self->team);
    assert(batch->rows >= 1 && batch->rows <= self->rows);
    assert(batch->inputs && (batch->labels != NULL) != (batch->targets != NULL));
    assert(batch->divisor > 0);
    assert(iml_net_statistics(self->net) == 0 || batch->mode.statistics ||
           batch->mode.batch_norm == IML_BATCH_NORM_BATCH);
    self->is_linearized = false;
    self->rows_forward = batch->rows;
    self->batch_norm = batch->mode.batch_norm;
}

enum iml_code iml_evaluator_cancelled(struct iml_error *error)
{
    return iml_error_set(error, IML_ERROR_CANCELLED, "the step was cancelled");
}

void iml_evaluator_sum(const struct iml_pass *pass, struct iml_batch_result *result)
{
    *result = (struct iml_batch_result){0};
    const size_t tiles = iml_evaluator_row_tiles(pass->batch);
    for (size_t i = 0; i < tiles; i++) {
        const struct iml_tile_result *tile = &pass->evaluator->results[i];
        result->loss += tile->loss;
        result->loss_sum += tile->loss_sum;
        result->correct += tile->correct;
    }
    result->loss /= pass->batch->divisor;
}

enum iml_code iml_evaluate(struct iml_evaluator *self, const iml_real *theta,
                           const struct iml_batch *batch, struct iml_batch_result *result,
                           iml_real *losses, iml_real *logits, struct iml_error *error)
{
    iml_evaluator_begin(self, batch);
    struct iml_pass pass = {.evaluator = self, .batch = batch, .theta = theta};
    pass.losses = losses;
    pass.logits = logits;
    if (!iml_pass_forward(&pass)) return iml_evaluator_cancelled(error);
    iml_evaluator_sum(&pass, result);
    return IML_OK;
}

enum iml_code iml_gradient(struct iml_evaluator *self, const iml_real *theta,
                           const struct iml_batch *batch, const iml_real *diagonal,
                           iml_real *gradient, struct iml_batch_result *result,
                           struct iml_error *error)
{
    iml_evaluator_begin(self, batch);
    struct iml_pass pass = {
        .evaluator = self, .batch = batch, .theta = theta, .diagonal = diagonal};
    pass.out = gradient;
    if (!iml_pass_gradient_rows(&pass) || !iml_pass_gradient_weights(&pass))
        return iml_evaluator_cancelled(error);
    iml_evaluator_sum(&pass, result);
    return IML_OK;
}
