/* optimizers.c: the table of optimizers, and what all of them share: memory, step count, registry.
 */
#include "imld/optimizer.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "engine/optimizer/kinds.h"

enum { MOMENTS = 2 };

const struct iml_optimizer_kind *const iml_optimizer_kinds[] = {
    &iml_sgd,
    &iml_adam,
    &iml_rmsprop,
    NULL,
};

const struct iml_optimizer_kind *iml_optimizer_kind_find(const char *name)
{
    for (const struct iml_optimizer_kind *const *kind = iml_optimizer_kinds; *kind; kind++) {
        if (strcmp((*kind)->name, name) == 0) return *kind;
    }
    return NULL;
}

static bool has_moment(const struct iml_optimizer_options *options, size_t i)
{
    const struct iml_optimizer_kind *kind = options->kind;
    if (!kind->moment_names[i]) return false;
    return !kind->has_moment || kind->has_moment(options, i);
}

void iml_optimizer_layout(struct iml_optimizer *self, const struct iml_optimizer_options *options,
                          size_t size, struct iml_arena *arena)
{
    assert(options->kind);
    *self = (struct iml_optimizer){.options = *options, .size = size};
    for (size_t i = 0; i < MOMENTS; i++) {
        if (has_moment(options, i))
            self->moments[i] = iml_arena_take(arena, size, sizeof *self->moments[i]);
    }
    self->steps = iml_arena_take(arena, 1, sizeof *self->steps);
}

void iml_optimizer_begin_step(struct iml_optimizer *self)
{
    assert(self->steps);
    ++*self->steps;
}

void iml_optimizer_move(const struct iml_optimizer *self, iml_real *x, const iml_real *gradient,
                        size_t first, size_t count)
{
    assert(x != gradient && first + count <= self->size);
    self->options.kind->step(self, x, gradient, first, first + count);
}

void iml_optimizer_step(struct iml_optimizer *self, iml_real *x, const iml_real *gradient)
{
    iml_optimizer_begin_step(self);
    iml_optimizer_move(self, x, gradient, 0, self->size);
}

/* PREFIX + moment, flat: one item of rank 1. */
static enum iml_code register_flat(const struct iml_optimizer *self, const char *prefix, size_t i,
                                   struct iml_registry *registry, struct iml_error *error)
{
    struct iml_item item = {
        .type = IML_ITEM_REAL, .rank = 1, .shape = {self->size}, .data = self->moments[i]};
    (void)snprintf(item.name, sizeof item.name, "%s%s", prefix,
                   self->options.kind->moment_names[i]);
    return iml_registry_add(registry, &item, error);
}

/* PREFIX + block + "." + moment, block by block. */
static enum iml_code register_blocks(const struct iml_optimizer *self, const char *prefix,
                                     const struct iml_net *net, size_t i,
                                     struct iml_registry *registry, struct iml_error *error)
{
    char suffix[IML_ITEM_NAME_MAX];
    assert(self->size == iml_net_parameters(net));
    (void)snprintf(suffix, sizeof suffix, ".%s", self->options.kind->moment_names[i]);
    return iml_net_register(net, registry, prefix, suffix, self->moments[i], error);
}

enum iml_code iml_optimizer_register(const struct iml_optimizer *self, const char *prefix,
                                     const struct iml_net *net, struct iml_registry *registry,
                                     struct iml_error *error)
{
    for (size_t i = 0; i < MOMENTS; i++) {
        if (!has_moment(&self->options, i)) continue;
        const enum iml_code code = net ? register_blocks(self, prefix, net, i, registry, error)
                                       : register_flat(self, prefix, i, registry, error);
        if (code) return code;
    }
    struct iml_item steps = {.type = IML_ITEM_U64, .data = self->steps};
    (void)snprintf(steps.name, sizeof steps.name, "%ssteps", prefix);
    return iml_registry_add(registry, &steps, error);
}
