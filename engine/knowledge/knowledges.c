/* knowledges.c: the table of knowledge, and what all of it shares: memory, loss, clamp, registry.
 */
#include "imld/knowledge.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "engine/core/vector.h"
#include "engine/knowledge/kinds.h"

const struct iml_knowledge_kind *const iml_knowledge_kinds[] = {
    &iml_l2_per_parameter,
    &iml_l2_per_layer,
    &iml_confidence_network,
    &iml_weights_per_example,
    NULL,
};

const struct iml_knowledge_kind *iml_knowledge_kind_find(const char *name)
{
    for (const struct iml_knowledge_kind *const *kind = iml_knowledge_kinds; *kind; kind++) {
        if (strcmp((*kind)->name, name) == 0) return *kind;
    }
    return NULL;
}

void iml_knowledge_layout(struct iml_knowledge *self, const struct iml_knowledge_options *options,
                          const struct iml_net *net, struct iml_arena *arena)
{
    assert(options->kind && options->clamp_low <= options->clamp_high);
    *self = (struct iml_knowledge){.options = *options, .net = net};
    self->size = options->kind->size(self);
    self->lambda = iml_arena_take(arena, self->size, sizeof *self->lambda);
    if (options->kind->layout) options->kind->layout(self, arena);
    if (options->kind->weighs) return;
    self->diagonal = iml_arena_take(arena, iml_net_parameters(net), sizeof *self->diagonal);
}

void iml_knowledge_initialize(struct iml_knowledge *self, uint32_t seed)
{
    if (self->options.kind->initialize) {
        self->options.kind->initialize(self, seed);
        return;
    }
    assert(self->options.initial > 0);
    const iml_real lambda = (iml_real)log(self->options.initial);
    for (size_t m = 0; m < self->size; m++) self->lambda[m] = lambda;
    iml_knowledge_refresh(self);
}

void iml_knowledge_refresh(struct iml_knowledge *self)
{
    if (self->options.kind->refresh) self->options.kind->refresh(self);
}

void iml_knowledge_clamp(struct iml_knowledge *self)
{
    if (self->options.kind->weighs) return; /* it has bounds of its own, or none */
    const double low = log(self->options.clamp_low), high = log(self->options.clamp_high);
    if (isinf(low) && isinf(high)) return;
    for (size_t m = 0; m < self->size; m++) {
        const double lambda = (double)self->lambda[m];
        /* as comparisons, not fmin and fmax, which would turn a NaN into a bound and hide it */
        if (lambda < low) self->lambda[m] = (iml_real)low;
        if (lambda > high) self->lambda[m] = (iml_real)high;
    }
}

double iml_knowledge_mean(const struct iml_knowledge *self)
{
    return self->options.kind->mean(self);
}

double iml_knowledge_loss(const struct iml_knowledge *self, const iml_real *theta)
{
    return iml_dot_weighted(iml_net_parameters(self->net), self->diagonal, theta, theta) / 2;
}

void iml_knowledge_pull(const struct iml_knowledge *self, const iml_real *theta, const iml_real *q,
                        iml_real *out)
{
    self->options.kind->pull(self, theta, q, out);
}

enum iml_code iml_knowledge_register(const struct iml_knowledge *self,
                                     struct iml_registry *registry, struct iml_error *error)
{
    return self->options.kind->register_items(self, registry, error);
}
