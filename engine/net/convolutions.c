/* convolutions.c: the convolutions of an evaluator: their memory, packing, and the sum of the
 * shards; see evaluator.h.
 *
 * Weights are packed anew for each computation (of WRN-28-2: below 1 % of a gradient), so that θ
 * and every vector of its shape keep PyTorch's order. */
#include <stdlib.h>
#include <string.h>

#include "engine/core/vector.h"
#include "engine/net/evaluator.h"

enum {
    SHARDS = 8,                  /* of a small layer: enough for 8 threads */
    SHARDS_FEW = 2,              /* of a large one, whose gradients cost memory */
    SHARD_ELEMENTS = 1024 * 1024 /* the shards of a layer have about as many */
};

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static enum iml_code create(struct iml_evaluator *self, size_t l, struct iml_error *error)
{
    const struct iml_layer *layer = &self->net->layers[l];
    const struct iml_convolution_options options = {
        .from = layer->from,
        .to = layer->to,
        .window = layer->window,
        .method = self->net->options.convolution,
        .is_forward_only = self->use == IML_EVALUATOR_VALUES,
        .wants_backward_data = layer->input > 0 && self->use != IML_EVALUATOR_VALUES,
        .workers = self->net->options.threads > 0 ? self->net->options.threads : 1};
    struct iml_layer_memory *memory = &self->memory[l];
    const enum iml_code code = iml_convolution_new(&options, &memory->convolution, error);
    if (code != IML_OK) iml_error_where(error, "layer %s", layer->name);
    return code;
}

static size_t shard_count(const struct iml_evaluator *self, size_t elements)
{
    const size_t most = larger(SHARDS_FEW, smaller(SHARDS, SHARD_ELEMENTS / elements));
    return smaller(most, iml_evaluator_row_tiles(self, self->rows));
}

static void lay_out_layer(struct iml_evaluator *self, size_t l, struct iml_arena *arena)
{
    struct iml_layer_memory *memory = &self->memory[l];
    const struct iml_convolution_sizes *sizes = iml_convolution_sizes(memory->convolution);
    for (enum iml_packing p = 0; p < IML_PACKINGS; p++) {
        memory->packed_theta[p] = iml_arena_take(arena, sizes->packed[p], sizeof(iml_real));
        if (self->wants_products)
            memory->packed_u[p] = iml_arena_take(arena, sizes->packed[p], sizeof(iml_real));
    }
    if (self->use == IML_EVALUATOR_VALUES) return;
    memory->shard_count = shard_count(self, sizes->gradient);
    memory->shards = iml_arena_take(arena, memory->shard_count * sizes->gradient, sizeof(iml_real));
}

enum iml_code iml_convolutions_lay_out(struct iml_evaluator *self, struct iml_arena *arena,
                                       struct iml_error *error)
{
    const struct iml_net *net = self->net;
    for (size_t l = 0; l < net->layer_count; l++) {
        if (!net->layers[l].kind->has_convolution) continue;
        const enum iml_code code = create(self, l, error);
        if (code != IML_OK) return code;
        lay_out_layer(self, l, arena);
        self->convolutions++;
        self->stride_bytes = larger(
            self->stride_bytes, iml_convolution_sizes(self->memory[l].convolution)->scratch_bytes);
    }
    if (self->convolutions == 0) return IML_OK;
    const size_t workers = larger(net->options.threads, 1);
    self->stride_bytes = (self->stride_bytes + 63) / 64 * 64;
    self->scratch = iml_arena_take(arena, workers, self->stride_bytes);
    self->convolved = iml_arena_take(arena, self->convolutions, sizeof *self->convolved);
    size_t count = 0;
    for (size_t l = 0; l < net->layer_count && !iml_arena_is_measuring(arena); l++) {
        if (!net->layers[l].kind->has_convolution) continue;
        iml_convolution_use(self->memory[l].convolution, self->scratch, self->stride_bytes);
        self->convolved[count++] = l;
    }
    return IML_OK;
}

void iml_convolutions_free(struct iml_evaluator *self)
{
    for (size_t l = 0; l < self->net->layer_count; l++)
        iml_convolution_free(self->memory[l].convolution);
}

/* --- packing --- */

struct packing {
    const struct iml_pass *pass;
    bool goes_down;
};

static void pack_task(void *context, size_t i, unsigned worker)
{
    (void)worker;
    const struct packing *packing = context;
    const struct iml_pass *pass = packing->pass;
    const size_t l = pass->evaluator->convolved[i];
    const struct iml_layer_memory *memory = &pass->evaluator->memory[l];
    const iml_real *w = (pass->u ? pass->u : pass->theta) + pass->evaluator->net->layers[l].offset;
    iml_real *const *packed = pass->u ? memory->packed_u : memory->packed_theta;
    for (enum iml_packing p = 0; p < IML_PACKINGS; p++) {
        if (iml_convolution_sizes(memory->convolution)->packed[p] == 0) continue;
        if (p == IML_PACKING_FORWARD || packing->goes_down)
            iml_convolution_pack(memory->convolution, p, w, packed[p]);
    }
}

bool iml_pass_pack(const struct iml_pass *pass, bool goes_down)
{
    const struct iml_evaluator *self = pass->evaluator;
    struct packing packing = {.pass = pass, .goes_down = goes_down};
    return self->convolutions == 0 ||
           iml_team_run(self->team, self->convolutions, pack_task, &packing);
}

/* --- shards --- */

void iml_shard_range(const struct iml_evaluator *self, size_t rows,
                     const struct iml_weight_tile *shard, size_t *first, size_t *count)
{
    const size_t tiles = iml_evaluator_row_tiles(self, rows);
    iml_tile_range(tiles, shard->count, shard->first, first, count);
    const size_t end = smaller((*first + *count) * self->tile_rows, rows);
    *first *= self->tile_rows;
    *count = end > *first ? end - *first : 0;
}

struct joining {
    const struct iml_pass *pass;
    const iml_real *x;
};

static void join_task(void *context, size_t i, unsigned worker)
{
    const struct joining *joining = context;
    const struct iml_pass *pass = joining->pass;
    const size_t l = pass->evaluator->convolved[i];
    const struct iml_layer *layer = &pass->evaluator->net->layers[l];
    const struct iml_layer_memory *memory = &pass->evaluator->memory[l];
    const size_t elements = iml_convolution_sizes(memory->convolution)->gradient;
    const size_t count = layer->parameter_rows * layer->parameter_width;
    iml_real *sum = memory->shards, *out = iml_pass_part(pass, layer->offset, worker);
    for (size_t s = 1; s < memory->shard_count; s++) {
        const iml_real *shard = memory->shards + s * elements;
        for (size_t j = 0; j < elements; j++) sum[j] += shard[j];
    }
    iml_convolution_unpack(memory->convolution, sum, out);
    if (pass->diagonal)
        iml_add_product(count, pass->diagonal + layer->offset, joining->x + layer->offset, out);
    iml_pass_give(pass, pass->evaluator->weight_tile_count + i, layer->offset, count, out);
}

bool iml_pass_join_shards(const struct iml_pass *pass, const iml_real *x)
{
    const struct iml_evaluator *self = pass->evaluator;
    struct joining joining = {.pass = pass, .x = x};
    return self->convolutions == 0 ||
           iml_team_run(self->team, self->convolutions, join_task, &joining);
}
