/* passes.c: the tasks of the two passes over a net's buffers; see evaluator.h. */
#include <string.h>

#include "engine/core/vector.h"
#include "engine/net/evaluator.h"

/* A tile of rows of one pass. */
struct tile {
    const struct iml_pass *pass;
    size_t index, first, rows;
};

static struct tile row_tile(const struct iml_pass *pass, size_t i)
{
    struct tile tile = {.pass = pass, .index = i};
    iml_tile_range(pass->batch->rows, iml_evaluator_row_tiles(pass->batch), i, &tile.first,
                   &tile.rows);
    return tile;
}

/* Where row `first` of an array of that width starts; NULL stays NULL. */
static iml_real *at_row(iml_real *array, size_t first, size_t width)
{
    return array ? array + first * width : NULL;
}

static const iml_real *edge_value(const struct iml_pass *pass, size_t edge)
{
    return edge == 0 ? pass->batch->inputs : pass->evaluator->edges[edge].value;
}

static struct iml_row_pass layer_rows(const struct tile *tile, size_t l)
{
    const struct iml_pass *pass = tile->pass;
    const struct iml_layer *layer = &pass->evaluator->net->layers[l];
    const struct iml_edge *in = &pass->evaluator->edges[l], *out = in + 1;
    return (struct iml_row_pass){
        .rows = tile->rows,
        .theta = pass->theta + layer->offset,
        .u = pass->u ? pass->u + layer->offset : NULL,
        .x = edge_value(pass, l) + tile->first * in->width,
        .y = at_row(out->value, tile->first, out->width),
        .x_dot = at_row(in->tangent, tile->first, in->width),
        .y_dot = at_row(out->tangent, tile->first, out->width),
        .y_bar = at_row(out->adjoint, tile->first, out->width),
        .x_bar = at_row(in->adjoint, tile->first, in->width),
        .y_bar_dot = at_row(out->adjoint_tangent, tile->first, out->width),
        .x_bar_dot = at_row(in->adjoint_tangent, tile->first, in->width),
    };
}

/* Up through all layers: values. */
static void go_forward(const struct tile *tile)
{
    const struct iml_net *net = tile->pass->evaluator->net;
    for (size_t l = 0; l < net->layer_count; l++) {
        const struct iml_row_pass rows = layer_rows(tile, l);
        net->layers[l].kind->forward(&net->layers[l], &rows);
    }
}

/* Down through all data gradients: adjoints. */
static void go_backward(const struct tile *tile)
{
    const struct iml_net *net = tile->pass->evaluator->net;
    for (size_t l = net->layer_count; l-- > 0;) {
        const struct iml_row_pass rows = layer_rows(tile, l);
        net->layers[l].kind->backward(&net->layers[l], &rows);
    }
}

static void go_tangent(const struct tile *tile)
{
    const struct iml_net *net = tile->pass->evaluator->net;
    for (size_t l = 0; l < net->layer_count; l++) {
        const struct iml_row_pass rows = layer_rows(tile, l);
        net->layers[l].kind->tangent(&net->layers[l], &rows);
    }
}

static void go_tangent_backward(const struct tile *tile)
{
    const struct iml_net *net = tile->pass->evaluator->net;
    for (size_t l = net->layer_count; l-- > 0;) {
        const struct iml_row_pass rows = layer_rows(tile, l);
        net->layers[l].kind->tangent_backward(&net->layers[l], &rows);
    }
}

static struct iml_loss_row loss_row(const struct iml_pass *pass, size_t row)
{
    const struct iml_evaluator *self = pass->evaluator;
    const struct iml_batch *batch = pass->batch;
    const size_t outputs = self->net->options.outputs;
    const double weight = batch->weights ? (double)batch->weights[row] : 1;
    return (struct iml_loss_row){
        .outputs = outputs,
        .z = edge_value(pass, self->net->layer_count) + row * outputs,
        .targets = batch->targets ? batch->targets + row * outputs : NULL,
        .label = batch->labels ? batch->labels[row] : 0,
        .scale = weight / batch->divisor,
        .kept = self->kept + row * outputs,
    };
}

static size_t first_largest(const struct iml_loss_row *row)
{
    size_t best = 0;
    for (size_t c = 1; c < row->outputs; c++) {
        if (row->z[c] > row->z[best]) best = c;
    }
    return best;
}

/* The label, or the first largest target. */
static size_t wanted_class(const struct iml_loss_row *row)
{
    if (!row->targets) return row->label;
    size_t best = 0;
    for (size_t c = 1; c < row->outputs; c++) {
        if (row->targets[c] > row->targets[best]) best = c;
    }
    return best;
}

static void measure_loss(const struct tile *tile)
{
    const struct iml_pass *pass = tile->pass;
    const struct iml_loss_kind *kind = pass->evaluator->net->loss;
    struct iml_tile_result result = {0};
    for (size_t r = tile->first; r < tile->first + tile->rows; r++) {
        const struct iml_loss_row row = loss_row(pass, r);
        const double loss = kind->value(&row);
        result.loss += (pass->batch->weights ? (double)pass->batch->weights[r] : 1) * loss;
        result.loss_sum += loss;
        result.correct += first_largest(&row) == wanted_class(&row);
        if (pass->losses) pass->losses[r] = (iml_real)loss;
        if (pass->logits)
            memcpy(pass->logits + r * row.outputs, row.z, row.outputs * sizeof *row.z);
    }
    pass->evaluator->results[tile->index] = result;
}

/* --- passes over rows --- */

static void forward_task(void *context, size_t i, unsigned worker)
{
    (void)worker;
    const struct tile tile = row_tile(context, i);
    go_forward(&tile);
    measure_loss(&tile);
}

static void gradient_task(void *context, size_t i, unsigned worker)
{
    const struct iml_pass *pass = context;
    const struct iml_net *net = pass->evaluator->net;
    iml_real *z_bar = pass->evaluator->edges[net->layer_count].adjoint;
    forward_task(context, i, worker);
    const struct tile tile = row_tile(pass, i);
    for (size_t r = tile.first; r < tile.first + tile.rows; r++) {
        const struct iml_loss_row row = loss_row(pass, r);
        net->loss->backward(&row, z_bar + r * row.outputs);
    }
    go_backward(&tile);
}

static void tangent_task(void *context, size_t i, unsigned worker)
{
    (void)worker;
    const struct iml_pass *pass = context;
    const struct iml_net *net = pass->evaluator->net;
    const iml_real *z_dot = pass->evaluator->edges[net->layer_count].tangent;
    const struct tile tile = row_tile(pass, i);
    go_tangent(&tile);
    for (size_t r = tile.first; pass->losses && r < tile.first + tile.rows; r++) {
        const struct iml_loss_row row = loss_row(pass, r);
        pass->losses[r] = (iml_real)net->loss->tangent(&row, z_dot + r * row.outputs);
    }
}

static void product_task(void *context, size_t i, unsigned worker)
{
    (void)worker;
    const struct iml_pass *pass = context;
    const struct iml_net *net = pass->evaluator->net;
    const struct iml_edge *z = &pass->evaluator->edges[net->layer_count];
    const struct tile tile = row_tile(pass, i);
    go_tangent(&tile);
    for (size_t r = tile.first; r < tile.first + tile.rows; r++) {
        const struct iml_loss_row row = loss_row(pass, r);
        net->loss->tangent_backward(&row, z->tangent + r * row.outputs,
                                    z->adjoint_tangent + r * row.outputs);
    }
    go_tangent_backward(&tile);
}

/* --- passes over weights --- */

static struct iml_parameter_pass weight_pass(const struct iml_pass *pass,
                                             const struct iml_weight_tile *tile)
{
    const struct iml_edge *in = &pass->evaluator->edges[tile->layer], *out = in + 1;
    return (struct iml_parameter_pass){
        .rows = pass->batch->rows,
        .first = tile->first,
        .count = tile->count,
        .x = edge_value(pass, tile->layer),
        .x_dot = in->tangent,
        .y_bar = out->adjoint,
        .y_bar_dot = out->adjoint_tangent,
        .out = pass->out + pass->evaluator->net->layers[tile->layer].offset,
    };
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

/* --- */

typedef void pass_task(void *context, size_t i, unsigned worker);

static bool run_rows(const struct iml_pass *pass, pass_task *task)
{
    struct iml_pass context = *pass;
    return iml_team_run(pass->evaluator->team, iml_evaluator_row_tiles(pass->batch), task,
                        &context);
}

static bool run_weights(const struct iml_pass *pass, pass_task *task)
{
    struct iml_pass context = *pass;
    return iml_team_run(pass->evaluator->team, pass->evaluator->weight_tile_count, task, &context);
}

bool iml_pass_forward(const struct iml_pass *pass)
{
    return run_rows(pass, forward_task);
}

bool iml_pass_gradient_rows(const struct iml_pass *pass)
{
    return run_rows(pass, gradient_task);
}

bool iml_pass_gradient_weights(const struct iml_pass *pass)
{
    return run_weights(pass, gradient_weight_task);
}

bool iml_pass_tangent(const struct iml_pass *pass)
{
    return run_rows(pass, tangent_task);
}

bool iml_pass_product_rows(const struct iml_pass *pass)
{
    return run_rows(pass, product_task);
}

bool iml_pass_product_weights(const struct iml_pass *pass)
{
    return run_weights(pass, product_weight_task);
}
