/* l2_per_layer.c: R = ½ Σ_g e^{λ_g} ‖θ_g‖², one λ for all parameters of a layer (MATH §3.2). */
#include <assert.h>
#include <math.h>

#include "engine/core/vector.h"
#include "engine/knowledge/kinds.h"

static size_t size(const struct iml_knowledge *self)
{
    return iml_net_layer_count(self->net);
}

static void refresh(const struct iml_knowledge *self)
{
    for (size_t b = 0; b < iml_net_block_count(self->net); b++) {
        const struct iml_block *block = iml_net_block(self->net, b);
        const iml_real d = (iml_real)exp((double)self->lambda[block->layer]);
        for (size_t j = 0; j < block->count; j++) self->diagonal[block->offset + j] = d;
    }
}

static double mean(const struct iml_knowledge *self)
{
    double sum = 0;
    for (size_t g = 0; g < self->size; g++) sum += (double)(iml_real)exp((double)self->lambda[g]);
    return sum / (double)self->size;
}

/* −e^{λ_g} q_g·θ_g, summed over the blocks of layer g, which lie one after the other. */
static void pull(const struct iml_knowledge *self, const iml_real *theta, const iml_real *q,
                 iml_real *out)
{
    const size_t blocks = iml_net_block_count(self->net);
    size_t b = 0;
    for (size_t g = 0; g < self->size; g++) {
        double dot = 0;
        for (; b < blocks && iml_net_block(self->net, b)->layer == g; b++) {
            const struct iml_block *block = iml_net_block(self->net, b);
            dot += iml_dot(block->count, q + block->offset, theta + block->offset);
        }
        out[g] = (iml_real)(-exp((double)self->lambda[g]) * dot);
    }
    assert(b == blocks);
}

static enum iml_code register_items(const struct iml_knowledge *self, struct iml_registry *registry,
                                    struct iml_error *error)
{
    const struct iml_item item = {.name = "knowledge/lambda",
                                  .type = IML_ITEM_REAL,
                                  .rank = 1,
                                  .shape = {self->size},
                                  .data = self->lambda};
    return iml_registry_add(registry, &item, error);
}

const struct iml_knowledge_kind iml_l2_per_layer = {
    .name = "l2_per_layer",
    .is_theta_shaped = false,
    .size = size,
    .refresh = refresh,
    .mean = mean,
    .pull = pull,
    .register_items = register_items,
};
