/* passes.c: the passes over weights, each parameter row of each layer over the whole batch; see
 * evaluator.h. */
#include "engine/core/vector.h"
#include "engine/net/evaluator.h"

const iml_real *iml_edge_value(const struct iml_pass *pass, size_t edge)
{
    return edge == 0 ? pass->batch->inputs : pass->evaluator->edges[edge].value;
}

static struct iml_parameter_pass weight_pass(const struct iml_pass *pass,
                                             const struct iml_weight_tile *tile)
{
    const struct iml_evaluator *self = pass->evaluator;
    const struct iml_edge *in = &self->edges[tile->layer], *out = in + 1;
    struct iml_parameter_pass weights = {
        .rows = pass->batch->rows,
        .first = tile->first,
        .count = tile->count,
        .x = iml_edge_value(pass, tile->layer),
        .x_dot = in->tangent,
        .y_bar = out->adjoint,
        .y_bar_dot = out->adjoint_tangent,
        .out = pass->out + self->net->layers[tile->layer].offset,
    };
    for (enum iml_phase phase = 0; self->memory[tile->layer].means && phase < IML_PHASES; phase++)
        weights.means[phase] = iml_means(self, tile->layer, phase);
    return weights;
}

/* Adds d∘x on the elements of the tile, which is still in cache. */
static void add_diagonal(const struct iml_pass *pass, const struct iml_weight_tile *tile,
                         const iml_real *x)
{
    const struct iml_layer *layer = &pass->evaluator->net->layers[tile->layer];
    const size_t from = layer->offset + tile->first * layer->parameter_width;
    const size_t count = tile->count * layer->parameter_width;
    if (pass->diagonal) iml_add_product(count, pass->diagonal + from, x + from, pass->out + from);
}

static void gradient_weight_task(void *context, size_t i, unsigned worker)
{
    (void)worker;
    const struct iml_pass *pass = context;
    const struct iml_weight_tile *tile = &pass->evaluator->weight_tiles[i];
    const struct iml_layer *layer = &pass->evaluator->net->layers[tile->layer];
    const struct iml_parameter_pass weights = weight_pass(pass, tile);
    layer->kind->parameter_backward(layer, &weights);
    add_diagonal(pass, tile, pass->theta);
}

static void product_weight_task(void *context, size_t i, unsigned worker)
{
    (void)worker;
    const struct iml_pass *pass = context;
    const struct iml_weight_tile *tile = &pass->evaluator->weight_tiles[i];
    const struct iml_layer *layer = &pass->evaluator->net->layers[tile->layer];
    const struct iml_parameter_pass weights = weight_pass(pass, tile);
    layer->kind->parameter_tangent_backward(layer, &weights);
    add_diagonal(pass, tile, pass->u);
}

/* The ordinary kernel, on the adjoint tangents. */
static void gauss_newton_weight_task(void *context, size_t i, unsigned worker)
{
    (void)worker;
    const struct iml_pass *pass = context;
    const struct iml_weight_tile *tile = &pass->evaluator->weight_tiles[i];
    const struct iml_layer *layer = &pass->evaluator->net->layers[tile->layer];
    struct iml_parameter_pass weights = weight_pass(pass, tile);
    weights.y_bar = weights.y_bar_dot;
    layer->kind->parameter_backward(layer, &weights);
    add_diagonal(pass, tile, pass->u);
}

static bool run_weights(const struct iml_pass *pass,
                        void (*task)(void *context, size_t i, unsigned worker))
{
    struct iml_pass context = *pass;
    return iml_team_run(pass->evaluator->team, pass->evaluator->weight_tile_count, task, &context);
}

bool iml_pass_gradient_weights(const struct iml_pass *pass)
{
    return run_weights(pass, gradient_weight_task);
}

bool iml_pass_product_weights(const struct iml_pass *pass)
{
    return run_weights(pass, product_weight_task);
}

bool iml_pass_gauss_newton_weights(const struct iml_pass *pass)
{
    return run_weights(pass, gauss_newton_weight_task);
}
