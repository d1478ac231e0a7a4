/* net.c: the description of a net and the two orders of θ; see include/imld/net.h. */
#include "imld/net.h"

#include <assert.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "engine/net/graph.h"

static const struct iml_layer_kind *const activations[] = {
    [IML_ACTIVATION_RELU] = &iml_relu,
    [IML_ACTIVATION_TANH] = &iml_tanh,
    [IML_ACTIVATION_LEAKY_RELU] = &iml_leaky_relu,
};

/* Adds the block of `count` elements that follows in θ: tensor of the kind's layer `number`. */
static void add_block(struct iml_net *net, const char *layer, size_t number, const char *tensor,
                      const struct iml_block *form)
{
    assert(net->block_count < IML_BLOCKS_MAX);
    struct iml_block *block = &net->blocks[net->block_count++];
    *block = *form;
    block->layer = net->with_parameters - 1;
    (void)snprintf(block->name, sizeof block->name, "%s%zu.%s", layer, number, tensor);
    block->offset = net->parameters;
    net->parameters += block->count;
}

/* The layer that follows. NULL: P does not fit a size_t. */
static struct iml_layer *add_layer(struct iml_net *net, const struct iml_layer *form)
{
    assert(net->layer_count < IML_LAYERS_MAX);
    struct iml_layer *layer = &net->layers[net->layer_count++];
    *layer = *form;
    if (!layer->kind->parameter_rows) return layer;
    layer->offset = net->parameters;
    layer->parameter_width = layer->out;
    layer->parameter_rows = layer->kind->parameter_rows(layer);
    net->with_parameters++;
    size_t count = 0, end = 0;
    if (!iml_size_multiply(layer->parameter_rows, layer->out, &count) ||
        !iml_size_add(net->parameters, count, &end) || end > SIZE_MAX / sizeof(double))
        return NULL;
    return layer;
}

/* number counts from 1. False: P does not fit a size_t. */
static bool add_linear(struct iml_net *net, size_t number, size_t in, size_t out)
{
    const struct iml_layer form = {
        .kind = &iml_linear, .in = in, .out = out, .has_bias = net->options.has_bias};
    if (!add_layer(net, &form)) return false;
    add_block(net, "linear", number, "weight",
              &(struct iml_block){.count = in * out,
                                  .rank = 2,
                                  .shape = {out, in},
                                  .is_transposed = true,
                                  .is_kernel = true});
    if (form.has_bias)
        add_block(net, "linear", number, "bias",
                  &(struct iml_block){.count = out, .rank = 1, .shape = {out}});
    return true;
}

static bool add_batch_norm(struct iml_net *net, size_t number, size_t width)
{
    const struct iml_layer form = {.kind = &iml_batch_norm,
                                   .in = width,
                                   .out = width,
                                   .epsilon = net->options.epsilon,
                                   .statistics = net->statistics};
    if (!add_layer(net, &form)) return false;
    net->statistics += 2 * width; /* as many as γ and β, which fit */
    add_block(net, "batch_norm", number, "weight",
              &(struct iml_block){.count = width, .rank = 1, .shape = {width}, .is_scale = true});
    add_block(net, "batch_norm", number, "bias",
              &(struct iml_block){.count = width, .rank = 1, .shape = {width}});
    return true;
}

static bool add_hidden(struct iml_net *net, size_t number, size_t in, size_t out)
{
    const struct iml_net_options *options = &net->options;
    if (!add_linear(net, number, in, out)) return false;
    if (options->has_batch_norm && !add_batch_norm(net, number, out)) return false;
    (void)add_layer(net, &(struct iml_layer){.kind = activations[options->activation],
                                             .in = out,
                                             .out = out,
                                             .slope = options->slope});
    if (options->dropout > 0) {
        size_t words = 0; /* of the layers below: each row draws one a unit */
        for (size_t i = 0; i + 1 < number; i++) words += options->hidden[i];
        (void)add_layer(net, &(struct iml_layer){.kind = &iml_dropout,
                                                 .in = out,
                                                 .out = out,
                                                 .rate = options->dropout,
                                                 .first_word = words});
    }
    return true;
}

static bool describe(struct iml_net *net)
{
    const struct iml_net_options *options = &net->options;
    size_t width = options->inputs;
    for (size_t i = 0; i < options->hidden_count; i++) {
        if (!add_hidden(net, i + 1, width, options->hidden[i])) return false;
        width = options->hidden[i];
    }
    return add_linear(net, options->hidden_count + 1, width, options->outputs);
}

/* A GEMM takes its sizes as int: checked here, once. */
static bool is_width(size_t width)
{
    return width >= 1 && width <= INT_MAX;
}

/* Written so that a NaN is refused. */
static enum iml_code check_numbers(const struct iml_net_options *options, struct iml_error *error)
{
    if (!(options->dropout >= 0 && options->dropout < 1))
        return iml_error_set(error, IML_ERROR_ARGUMENT,
                             "a dropout rate must be 0 or above and below 1, not %g",
                             options->dropout);
    if (options->activation == IML_ACTIVATION_LEAKY_RELU &&
        !(options->slope >= 0 && options->slope <= 1))
        return iml_error_set(error, IML_ERROR_ARGUMENT,
                             "the slope of leaky_relu must be 0 to 1, not %g", options->slope);
    if (options->has_batch_norm && !(options->epsilon > 0))
        return iml_error_set(error, IML_ERROR_ARGUMENT,
                             "the epsilon of batch norm must be above 0, not %g", options->epsilon);
    return IML_OK;
}

enum iml_code iml_net_new(const struct iml_net_options *options, struct iml_net **net,
                          struct iml_error *error)
{
    *net = NULL;
    if (options->hidden_count > IML_HIDDEN_MAX)
        return iml_error_set(error, IML_ERROR_ARGUMENT,
                             "a net has at most %d hidden layers, not %zu", IML_HIDDEN_MAX,
                             options->hidden_count);
    bool is_possible = is_width(options->inputs) && is_width(options->outputs);
    for (size_t i = 0; i < options->hidden_count; i++)
        is_possible = is_possible && is_width(options->hidden[i]);
    if (!is_possible)
        return iml_error_set(error, IML_ERROR_ARGUMENT, "a layer's width must be 1 to %d", INT_MAX);
    const enum iml_code code = check_numbers(options, error);
    if (code != IML_OK) return code;
    struct iml_net *self = calloc(1, sizeof *self);
    if (!self) return iml_error_set(error, IML_ERROR_MEMORY, "can't allocate a net");
    self->options = *options;
    self->loss = iml_loss_kind_of(options->loss);
    if (!describe(self)) {
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

size_t iml_net_statistics(const struct iml_net *net)
{
    return net->statistics;
}

/* One of the two tensors of one batch norm layer. */
static enum iml_code register_tensor(const struct iml_net *net, size_t l, const char *prefix,
                                     const char *tensor, iml_real *data,
                                     struct iml_registry *registry, struct iml_error *error)
{
    const struct iml_layer *layer = &net->layers[l];
    struct iml_item item = {.type = IML_ITEM_REAL, .rank = 1, .shape = {layer->out}};
    item.data = data;
    size_t number = 1;
    for (size_t i = 0; i < l; i++) number += net->layers[i].kind == layer->kind;
    const int length = snprintf(item.name, sizeof item.name, "%s%s%zu.%s", prefix,
                                layer->kind->name, number, tensor);
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
        iml_real *mean = statistics + layer->statistics, *variance = mean + layer->out;
        enum iml_code code = register_tensor(net, l, prefix, "running_mean", mean, registry, error);
        if (code == IML_OK)
            code = register_tensor(net, l, prefix, "running_var", variance, registry, error);
        if (code != IML_OK) return code;
    }
    return IML_OK;
}
