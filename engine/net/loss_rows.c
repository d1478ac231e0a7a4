/* loss_rows.c: the loss of each row of a tile, and its derivatives; see evaluator.h. */
#include <string.h>

#include "engine/net/evaluator.h"

static struct iml_loss_row loss_row(const struct iml_pass *pass, size_t row)
{
    const struct iml_evaluator *self = pass->evaluator;
    const struct iml_batch *batch = pass->batch;
    const size_t outputs = self->net->options.outputs;
    const double weight = batch->weights ? (double)batch->weights[row] : 1;
    const iml_real *targets_dot = batch->target_tangents;
    return (struct iml_loss_row){
        .outputs = outputs,
        .z = iml_edge_value(pass, self->net->layer_count) + row * outputs,
        .targets = batch->targets ? batch->targets + row * outputs : NULL,
        .label = batch->labels ? batch->labels[row] : 0,
        .scale = weight / batch->divisor,
        .targets_dot = targets_dot ? targets_dot + row * outputs : NULL,
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

void iml_loss_rows_value(const struct iml_tile *tile)
{
    const struct iml_pass *pass = tile->pass;
    const struct iml_loss_kind *kind = pass->evaluator->net->loss;
    const struct iml_chooser *chooser = pass->batch->chooser;
    struct iml_tile_result result = {0};
    for (size_t r = tile->first; r < tile->first + tile->rows; r++) {
        const struct iml_loss_row row = loss_row(pass, r);
        const double loss = kind->value(&row);
        result.loss += (pass->batch->weights ? (double)pass->batch->weights[r] : 1) * loss;
        result.loss_sum += loss;
        result.correct += first_largest(&row) == wanted_class(&row);
        if (pass->losses) pass->losses[r] = (iml_real)loss;
        if (chooser && chooser->losses) chooser->losses[r] = (iml_real)loss;
        if (pass->logits)
            memcpy(pass->logits + r * row.outputs, row.z, row.outputs * sizeof *row.z);
    }
    pass->evaluator->results[tile->index] = result;
}

void iml_loss_rows_backward(const struct iml_tile *tile)
{
    const struct iml_net *net = tile->pass->evaluator->net;
    iml_real *z_bar = tile->pass->evaluator->edges[net->layer_count].adjoint;
    iml_loss_rows_value(tile);
    for (size_t r = tile->first; r < tile->first + tile->rows; r++) {
        const struct iml_loss_row row = loss_row(tile->pass, r);
        net->loss->backward(&row, z_bar + r * row.outputs);
    }
}

void iml_loss_rows_tangent(const struct iml_tile *tile)
{
    const struct iml_pass *pass = tile->pass;
    const struct iml_net *net = pass->evaluator->net;
    const iml_real *z_dot = pass->evaluator->edges[net->layer_count].tangent;
    for (size_t r = tile->first; pass->losses && r < tile->first + tile->rows; r++) {
        const struct iml_loss_row row = loss_row(pass, r);
        pass->losses[r] = (iml_real)net->loss->tangent(&row, z_dot + r * row.outputs);
    }
}

void iml_loss_rows_tangent_backward(const struct iml_tile *tile)
{
    const struct iml_pass *pass = tile->pass;
    const struct iml_net *net = pass->evaluator->net;
    const struct iml_edge *z = &pass->evaluator->edges[net->layer_count];
    const struct iml_coupling *coupling = iml_coupling_of(pass->batch);
    for (size_t r = tile->first; r < tile->first + tile->rows; r++) {
        struct iml_loss_row row = loss_row(pass, r);
        const iml_real *z_dot = z->tangent + r * row.outputs;
        if (coupling) {
            row.scale_dot = (double)coupling->weight_tangents[r] / pass->batch->divisor;
            coupling->loss_tangents[r] = (iml_real)net->loss->tangent(&row, z_dot);
        }
        net->loss->tangent_backward(&row, z_dot, z->adjoint_tangent + r * row.outputs);
    }
}
