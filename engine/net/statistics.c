/* statistics.c: means over a batch and the running statistics that follow them; see layer.h and
 * include/imld/net.h. */
#include <assert.h>

#include "engine/net/evaluator.h"

bool iml_needs_sums(const struct iml_pass *pass, size_t layer)
{
    return pass->evaluator->net->layers[layer].kind->sums &&
           pass->batch->mode.batch_norm == IML_BATCH_NORM_BATCH;
}

iml_real *iml_means(const struct iml_evaluator *self, size_t layer, enum iml_phase slot)
{
    return self->memory[layer].means + (size_t)slot * 2 * self->net->layers[layer].channels;
}

double *iml_sums(const struct iml_evaluator *self, size_t layer, enum iml_phase slot)
{
    const struct iml_layer_memory *memory = &self->memory[layer];
    if (!self->net->layers[layer].kind->sums->keeps_sums) return self->sums;
    if (slot == IML_PHASE_BACKWARD) return memory->kept_sums[0];
    return slot == IML_PHASE_TANGENT_BACKWARD ? memory->kept_sums[1] : self->sums;
}

void iml_settle(const struct iml_pass *pass, size_t layer, enum iml_phase phase,
                enum iml_phase slot, const double *sums)
{
    const struct iml_layer *of = &pass->evaluator->net->layers[layer];
    const struct iml_mode *mode = &pass->batch->mode;
    const struct iml_settling settling = {
        .phase = phase,
        .rows = pass->batch->rows,
        .tiles = iml_evaluator_row_tiles(pass->evaluator, pass->batch->rows),
        .tile_rows = pass->evaluator->tile_rows,
        .sums = sums,
        .backward = iml_sums(pass->evaluator, layer, IML_PHASE_BACKWARD),
        .running = mode->statistics ? mode->statistics + of->statistics : NULL,
        .theta = pass->theta + of->offset,
        .u = pass->u ? pass->u + of->offset : NULL,
        .means = iml_means(pass->evaluator, layer, slot),
        .variance = pass->evaluator->memory[layer].variance};
    of->kind->sums->settle(of, &settling);
}

void iml_net_initialize_statistics(const struct iml_net *net, iml_real *statistics)
{
    for (size_t l = 0; l < net->layer_count; l++) {
        const struct iml_layer *layer = &net->layers[l];
        for (size_t c = 0; layer->kind->sums && c < layer->channels; c++) {
            statistics[layer->statistics + c] = 0;
            statistics[layer->statistics + layer->channels + c] = 1;
        }
    }
}

static void follow(size_t n, double momentum, const iml_real *batch, iml_real *running)
{
    for (size_t c = 0; c < n; c++)
        running[c] = (iml_real)((1 - momentum) * (double)running[c] + momentum * (double)batch[c]);
}

void iml_update_statistics(const struct iml_evaluator *self, double momentum, iml_real *statistics)
{
    assert(self->rows_forward > 0 && self->batch_norm == IML_BATCH_NORM_BATCH);
    for (size_t l = 0; l < self->net->layer_count; l++) {
        const struct iml_layer *layer = &self->net->layers[l];
        if (!layer->kind->sums) continue;
        iml_real *running = statistics + layer->statistics;
        follow(layer->channels, momentum, iml_means(self, l, IML_PHASE_FORWARD), running);
        follow(layer->channels, momentum, self->memory[l].variance, running + layer->channels);
    }
}
