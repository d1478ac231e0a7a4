/* passes.c: the passes over weights, each parameter row of each layer over the whole batch; see
 * evaluator.h. Convolutions sum shards of the batch instead, which are then added in order. */
#include <string.h>

#include "engine/core/vector.h"
#include "engine/net/evaluator.h"

const iml_real *iml_edge_value(const struct iml_pass *pass, size_t edge)
{
    return edge == 0 ? pass->batch->inputs : pass->evaluator->edges[edge].value;
}

/* What one of the three passes does: its kernel, and whether it reads adjoint tangents as adjoints
 * and which sums. */
struct weights {
    const struct iml_pass *pass;
    bool is_second;      /* parameter_tangent_backward */
    bool is_on_tangents; /* y_bar is y_bar_dot */
    const iml_real *x;   /* of d∘x */
};

/* Of a layer without convolution: the tile's elements of θ. */
static size_t first_element(const struct iml_layer *layer, const struct iml_weight_tile *tile)
{
    return layer->offset + tile->first * layer->parameter_width;
}

iml_real *iml_pass_part(const struct iml_pass *pass, size_t first, unsigned worker)
{
    const struct iml_evaluator *self = pass->evaluator;
    return pass->out ? pass->out + first : self->parts + worker * self->part_elements;
}

static struct iml_parameter_pass weight_pass(const struct weights *weights,
                                             const struct iml_weight_tile *tile)
{
    const struct iml_pass *pass = weights->pass;
    const struct iml_evaluator *self = pass->evaluator;
    const struct iml_layer *layer = &self->net->layers[tile->layer];
    const struct iml_layer_memory *memory = &self->memory[tile->layer];
    const struct iml_edge *in = &self->edges[layer->input], *out = &self->edges[tile->layer + 1];
    struct iml_parameter_pass parameters = {
        .rows = pass->batch->rows,
        .first = tile->first,
        .count = tile->count,
        .x = iml_edge_value(pass, layer->input),
        .x_dot = in->tangent,
        .y_bar = weights->is_on_tangents ? out->adjoint_tangent : out->adjoint,
        .y_bar_dot = out->adjoint_tangent,
        .tiles = iml_evaluator_row_tiles(self, pass->batch->rows),
        .convolution = memory->convolution,
    };
    for (enum iml_phase phase = 0; memory->means && phase < IML_PHASES; phase++)
        parameters.means[phase] = iml_means(self, tile->layer, phase);
    if (layer->kind->sums)
        parameters.sums =
            iml_sums(self, tile->layer,
                     weights->is_second || weights->is_on_tangents ? IML_PHASE_TANGENT_BACKWARD
                                                                   : IML_PHASE_BACKWARD);
    return parameters;
}

void iml_pass_give(const struct iml_pass *pass, size_t i, size_t first, size_t count,
                   iml_real *part)
{
    const struct iml_consumer *consumer = pass->consumer;
    if (consumer)
        pass->evaluator->answers[i] = consumer->take(consumer->context, first, count, part);
}

/* The shard's rows into its own buffer; more shards than rows: 0. */
static void sum_shard(const struct weights *weights, const struct iml_weight_tile *shard,
                      iml_parameter_kernel *kernel, struct iml_parameter_pass *parameters)
{
    const struct iml_evaluator *self = weights->pass->evaluator;
    const struct iml_layer_memory *memory = &self->memory[shard->layer];
    const size_t elements = iml_convolution_sizes(memory->convolution)->gradient;
    iml_shard_range(self, parameters->rows, shard, &parameters->first, &parameters->count);
    parameters->out = memory->shards + shard->first * elements;
    if (parameters->count > 0)
        kernel(&self->net->layers[shard->layer], parameters);
    else
        memset(parameters->out, 0, elements * sizeof *parameters->out);
}

static void weight_task(void *context, size_t i, unsigned worker)
{
    const struct weights *weights = context;
    const struct iml_evaluator *self = weights->pass->evaluator;
    const struct iml_weight_tile *tile = &self->weight_tiles[i];
    const struct iml_layer *layer = &self->net->layers[tile->layer];
    struct iml_parameter_pass parameters = weight_pass(weights, tile);
    parameters.worker = worker;
    iml_parameter_kernel *const kernel = weights->is_second
                                             ? layer->kind->parameter_tangent_backward
                                             : layer->kind->parameter_backward;
    if (layer->kind->has_convolution) {
        sum_shard(weights, tile, kernel, &parameters);
        self->answers[i] = 0; /* given when the shards are joined */
        return;
    }
    const size_t first = first_element(layer, tile), count = tile->count * layer->parameter_width;
    parameters.out = iml_pass_part(weights->pass, first, worker);
    kernel(layer, &parameters);
    const iml_real *diagonal = weights->pass->diagonal; /* d∘x: the tile is still in cache */
    if (diagonal) iml_add_product(count, diagonal + first, weights->x + first, parameters.out);
    iml_pass_give(weights->pass, i, first, count, parameters.out);
}

static bool run_weights(struct weights weights)
{
    const struct iml_evaluator *self = weights.pass->evaluator;
    return iml_team_run(self->team, self->weight_tile_count, weight_task, &weights) &&
           iml_pass_join_shards(weights.pass, weights.x);
}

bool iml_pass_gradient_weights(const struct iml_pass *pass)
{
    return run_weights((struct weights){.pass = pass, .x = pass->theta});
}

bool iml_pass_product_weights(const struct iml_pass *pass)
{
    return run_weights((struct weights){.pass = pass, .is_second = true, .x = pass->u});
}

/* The ordinary kernel, on the adjoint tangents. */
bool iml_pass_gauss_newton_weights(const struct iml_pass *pass)
{
    return run_weights((struct weights){.pass = pass, .is_on_tangents = true, .x = pass->u});
}
