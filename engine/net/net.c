/* net.c: the description of a net and the two orders of θ; see include/imld/net.h. */
#include "imld/net.h"

#include <assert.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "engine/net/build.h"

/* A GEMM takes its sizes as int: checked here, once. */
static bool is_width(size_t width)
{
    return width >= 1 && width <= INT_MAX;
}

enum iml_code iml_net_new(const struct iml_net_options *options, struct iml_net **net,
                          struct iml_error *error)
{
    *net = NULL;
    const struct iml_model_kind *model = options->model ? options->model : &iml_mlp;
    if (!is_width(options->inputs) || !is_width(options->outputs))
        return iml_error_set(error, IML_ERROR_ARGUMENT, "a layer's width must be 1 to %d", INT_MAX);
    const enum iml_code code = model->check(options, error);
    if (code != IML_OK) return code;
    struct iml_net *self = calloc(1, sizeof *self);
    if (!self) return iml_error_set(error, IML_ERROR_MEMORY, "can't allocate a net");
    self->options = *options;
    self->model = model;
    self->loss = iml_loss_kind_of(options->loss);
    struct iml_builder builder = iml_builder_of(self);
    model->describe(&builder);
    if (builder.has_overflow) {
        iml_net_free(self);
        return iml_error_set(error, IML_ERROR_MEMORY, "the number of parameters is too large");
    }
    *net = self;
    return IML_OK;
}

void iml_net_free(struct iml_net *net)
{
    free(net);
}

size_t iml_net_inputs(const struct iml_net *net)
{
    return net->options.inputs;
}

size_t iml_net_outputs(const struct iml_net *net)
{
    return net->options.outputs;
}

size_t iml_net_parameters(const struct iml_net *net)
{
    return net->parameters;
}

size_t iml_net_block_count(const struct iml_net *net)
{
    return net->block_count;
}

const struct iml_block *iml_net_block(const struct iml_net *net, size_t i)
{
    assert(i < net->block_count);
    return &net->blocks[i];
}

size_t iml_net_layer_count(const struct iml_net *net)
{
    return net->with_parameters;
}

/* A block as an item of the registry, whose two conversions it shares. */
static struct iml_item block_item(const struct iml_block *block, iml_real *vector)
{
    struct iml_item item = {
        .type = IML_ITEM_REAL, .rank = block->rank, .is_transposed = block->is_transposed};
    item.data = vector + block->offset;
    memcpy(item.shape, block->shape, sizeof item.shape);
    return item;
}

void iml_net_import(const struct iml_net *net, const iml_real *outside, iml_real *inside)
{
    for (size_t i = 0; i < net->block_count; i++) {
        const struct iml_item item = block_item(&net->blocks[i], inside);
        iml_item_import(&item, outside + net->blocks[i].offset, iml_item_bytes(&item));
    }
}

void iml_net_export(const struct iml_net *net, const iml_real *inside, iml_real *outside)
{
    for (size_t i = 0; i < net->block_count; i++) {
        const struct iml_block *block = &net->blocks[i];
        const size_t columns = block->is_transposed ? block->shape[1] : 1;
        const size_t rows = block->count / columns;
        for (size_t r = 0; r < rows; r++) {
            for (size_t c = 0; c < columns; c++)
                outside[block->offset + r * columns + c] = inside[block->offset + c * rows + r];
        }
    }
}

enum iml_code iml_net_register(const struct iml_net *net, struct iml_registry *registry,
                               const char *prefix, const char *suffix, iml_real *vector,
                               struct iml_error *error)
{
    for (size_t i = 0; i < net->block_count; i++) {
        struct iml_item item = block_item(&net->blocks[i], vector);
        const int length =
            snprintf(item.name, sizeof item.name, "%s%s%s", prefix, net->blocks[i].name, suffix);
        assert(length > 0 && (size_t)length < sizeof item.name);
        const enum iml_code code = iml_registry_add(registry, &item, error);
        if (code != IML_OK) return code;
    }
    return IML_OK;
}

bool iml_net_is_of_images(const struct iml_net *net)
{
    return net->model->is_of_images;
}

size_t iml_net_statistics(const struct iml_net *net)
{
    return net->statistics;
}

/* One of the two tensors of one batch norm layer. */
static enum iml_code register_tensor(const struct iml_layer *layer, const char *prefix,
                                     const char *tensor, iml_real *data,
                                     struct iml_registry *registry, struct iml_error *error)
{
    struct iml_item item = {.type = IML_ITEM_REAL, .rank = 1, .shape = {layer->channels}};
    item.data = data;
    const int length =
        snprintf(item.name, sizeof item.name, "%s%s.%s", prefix, layer->name, tensor);
    assert(length > 0 && (size_t)length < sizeof item.name);
    return iml_registry_add(registry, &item, error);
}

enum iml_code iml_net_register_statistics(const struct iml_net *net, struct iml_registry *registry,
                                          const char *prefix, iml_real *statistics,
                                          struct iml_error *error)
{
    for (size_t l = 0; l < net->layer_count; l++) {
        const struct iml_layer *layer = &net->layers[l];
        if (!layer->kind->sums) continue;
        iml_real *mean = statistics + layer->statistics, *variance = mean + layer->channels;
        enum iml_code code = register_tensor(layer, prefix, "running_mean", mean, registry, error);
        if (code == IML_OK)
            code = register_tensor(layer, prefix, "running_var", variance, registry, error);
        if (code != IML_OK) return code;
    }
    return IML_OK;
}
