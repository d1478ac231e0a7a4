/* evaluator.c: the buffers of a net for one batch; evaluation and gradient. See include/imld/net.h.
 */
#include "engine/net/evaluator.h"

#include <assert.h>
#include <limits.h>
#include <stdlib.h>

#include "base/size.h"
#include "engine/core/gemm.h"

enum {
    IMAGES = 16,  /* of a row tile of a net of images: best of 4 … 64 for WRN-28-2 */
    ROWS = 128,   /* of a row tile: with 64 a gradient of 128 rows takes 2 % longer */
    WEIGHTS = 256 /* parameter rows of a weight tile: with 128 a product of 784-500-500-10 takes 1 %
                     longer, and OpenBLAS multiplies 3072 × 1000 by a tenth slower */
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

void iml_row_tile(size_t rows, size_t tiles, size_t tile_rows, size_t i, size_t *first,
                  size_t *count)
{
    if (tile_rows == 0) {
        iml_tile_range(rows, tiles, i, first, count);
        return;
    }
    *first = i * tile_rows;
    *count = rows - *first < tile_rows ? rows - *first : tile_rows;
}

size_t iml_evaluator_row_tiles(const struct iml_evaluator *self, size_t rows)
{
    if (self->tile_rows > 0) return (rows + self->tile_rows - 1) / self->tile_rows;
    return iml_tile_count(rows, ROWS);
}

/* Rows of a layer's parameters that are cut into tiles: the last tile has the bias as well, so that
 * 128 rows and a bias are two tiles as 128 rows are. */
static size_t rows_to_cut(const struct iml_layer *layer)
{
    return layer->parameter_rows - (layer->has_bias ? 1 : 0);
}

static size_t weight_tiles_of(const struct iml_evaluator *self, size_t l)
{
    const struct iml_layer *layer = &self->net->layers[l];
    if (layer->kind->has_convolution) return self->memory[l].shard_count;
    return iml_tile_count(rows_to_cut(layer), WEIGHTS);
}

static struct iml_weight_tile weight_tile(const struct iml_evaluator *self, size_t l, size_t tiles,
                                          size_t i)
{
    const struct iml_layer *layer = &self->net->layers[l];
    struct iml_weight_tile tile = {.layer = l, .first = i, .count = tiles};
    if (layer->kind->has_convolution) return tile;
    iml_tile_range(rows_to_cut(layer), tiles, i, &tile.first, &tile.count);
    if (i + 1 == tiles) tile.count = layer->parameter_rows - tile.first;
    return tile;
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* Room for the largest part of a product, of each worker. */
static void lay_out_parts(struct iml_evaluator *self, struct iml_arena *arena)
{
    const size_t line = 64 / sizeof *self->parts;
    size_t elements = 0;
    for (size_t l = 0; l < self->net->layer_count; l++) {
        const struct iml_layer *layer = &self->net->layers[l];
        const size_t tiles = weight_tiles_of(self, l);
        size_t rows = layer->kind->has_convolution ? layer->parameter_rows : 0;
        for (size_t i = 0; i < tiles && !layer->kind->has_convolution; i++)
            rows = larger(rows, weight_tile(self, l, tiles, i).count);
        elements = larger(elements, rows * layer->parameter_width);
    }
    self->part_elements = (elements + line - 1) / line * line;
    self->parts = iml_arena_take(arena, larger(self->net->options.threads, 1) * self->part_elements,
                                 sizeof *self->parts);
}

static void lay_out_weight_tiles(struct iml_evaluator *self, struct iml_arena *arena)
{
    const struct iml_net *net = self->net;
    for (size_t l = 0; l < net->layer_count; l++)
        self->weight_tile_count += weight_tiles_of(self, l);
    self->weight_tiles = iml_arena_take(arena, self->weight_tile_count, sizeof *self->weight_tiles);
    self->answers =
        iml_arena_take(arena, self->weight_tile_count + self->convolutions, sizeof *self->answers);
    if (iml_arena_is_measuring(arena)) return;
    struct iml_weight_tile *tile = self->weight_tiles;
    for (size_t l = 0; l < net->layer_count; l++) {
        const size_t tiles = weight_tiles_of(self, l);
        for (size_t i = 0; i < tiles; i++) *tile++ = weight_tile(self, l, tiles, i);
    }
}

static void lay_out_memory(struct iml_evaluator *self, struct iml_arena *arena)
{
    size_t widest = 0;
    const size_t tiles = iml_evaluator_row_tiles(self, self->rows);
    for (size_t l = 0; l < self->net->layer_count; l++) {
        const struct iml_layer *layer = &self->net->layers[l];
        struct iml_layer_memory *memory = &self->memory[l];
        const size_t channels = layer->channels;
        if (layer->kind->keeps_rows)
            memory->kept = iml_arena_take(arena, self->rows * layer->out, sizeof(iml_real));
        if (!layer->kind->sums) continue;
        if (channels > widest) widest = channels;
        memory->means =
            iml_arena_take(arena, (size_t)2 * IML_PHASES * channels, sizeof *memory->means);
        memory->variance = iml_arena_take(arena, channels, sizeof *memory->variance);
        if (!layer->kind->sums->keeps_sums) continue;
        for (size_t i = 0; i < 2; i++)
            memory->kept_sums[i] =
                iml_arena_take(arena, tiles * 2 * channels, sizeof *memory->kept_sums[i]);
    }
    if (widest > 0) self->sums = iml_arena_take(arena, tiles * 2 * widest, sizeof *self->sums);
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

static enum iml_code lay_out(struct iml_evaluator *self, struct iml_arena *arena,
                             struct iml_error *error)
{
    iml_edges_lay_out(self, arena);
    lay_out_memory(self, arena);
    self->kept = iml_arena_take(arena, self->rows * self->net->options.outputs, sizeof(iml_real));
    self->results =
        iml_arena_take(arena, iml_evaluator_row_tiles(self, self->rows), sizeof *self->results);
    const enum iml_code code = iml_convolutions_lay_out(self, arena, error);
    if (code != IML_OK) return code;
    lay_out_weight_tiles(self, arena);
    if (self->wants_products) lay_out_parts(self, arena);
    return IML_OK;
}

enum iml_code iml_evaluator_new_for(const struct iml_net *net, size_t rows,
                                    enum iml_evaluator_use use, struct iml_team *team,
                                    struct iml_arena *arena, struct iml_evaluator **evaluator,
                                    struct iml_error *error)
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
    self->use = use;
    self->wants_products = use >= IML_EVALUATOR_PRODUCTS;
    self->is_measured_only = iml_arena_is_measuring(arena);
    self->tile_rows = iml_net_is_of_images(net) ? IMAGES : 0;
    assert((self->tile_rows == 0 && !self->wants_products) || !team || iml_team_size(team) <= 1 ||
           iml_team_size(team) <= net->options.threads);
    const enum iml_code code = lay_out(self, arena, error);
    if (code != IML_OK) {
        iml_evaluator_free(self);
        return code;
    }
    *evaluator = self;
    return IML_OK;
}

enum iml_code iml_evaluator_new(const struct iml_net *net, size_t rows, bool wants_products,
                                struct iml_team *team, struct iml_arena *arena,
                                struct iml_evaluator **evaluator, struct iml_error *error)
{
    return iml_evaluator_new_for(net, rows,
                                 wants_products ? IML_EVALUATOR_PRODUCTS : IML_EVALUATOR_GRADIENT,
                                 team, arena, evaluator, error);
}

void iml_evaluator_free(struct iml_evaluator *evaluator)
{
    if (!evaluator) return;
    iml_convolutions_free(evaluator);
    free(evaluator);
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
    const size_t tiles = iml_evaluator_row_tiles(pass->evaluator, pass->batch->rows);
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
    return iml_gradient_consume(self, theta, batch, diagonal, gradient, NULL, result, error);
}

/* NOLINTNEXTLINE(readability-function-size): each parameter is a thing of its own */
enum iml_code iml_gradient_consume(struct iml_evaluator *self, const iml_real *theta,
                                   const struct iml_batch *batch, const iml_real *diagonal,
                                   iml_real *gradient, const struct iml_consumer *consumer,
                                   struct iml_batch_result *result, struct iml_error *error)
{
    iml_evaluator_begin(self, batch);
    assert(self->use != IML_EVALUATOR_VALUES);
    struct iml_pass pass = {.evaluator = self,
                            .batch = batch,
                            .theta = theta,
                            .diagonal = diagonal,
                            .consumer = consumer};
    pass.out = gradient;
    if (!iml_pass_gradient_rows(&pass) || !iml_pass_gradient_weights(&pass))
        return iml_evaluator_cancelled(error);
    iml_evaluator_sum(&pass, result);
    return IML_OK;
}
