/* net.c: the description of a net and the two orders of θ; see include/imld/net.h. */
#include "imld/net.h"

#include <assert.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "engine/net/graph.h"
#include "imld/random.h"

static const struct iml_layer_kind *const activations[] = {
    [IML_ACTIVATION_RELU] = &iml_relu,
    [IML_ACTIVATION_TANH] = &iml_tanh,
};

/* Adds the block of `count` elements that follows in θ. */
static void add_block(struct iml_net *net, const char *tensor, const struct iml_block *form)
{
    assert(net->block_count < IML_BLOCKS_MAX);
    struct iml_block *block = &net->blocks[net->block_count++];
    *block = *form;
    block->layer = net->with_parameters - 1;
    (void)snprintf(block->name, sizeof block->name, "linear%zu.%s", net->with_parameters, tensor);
    block->offset = net->parameters;
    net->parameters += block->count;
}

/* False: P does not fit a size_t. */
static bool add_linear(struct iml_net *net, size_t in, size_t out)
{
    struct iml_layer *layer = &net->layers[net->layer_count++];
    *layer = (struct iml_layer){.kind = &iml_linear,
                                .in = in,
                                .out = out,
                                .offset = net->parameters,
                                .parameter_width = out,
                                .has_bias = net->options.has_bias};
    layer->parameter_rows = iml_linear.parameter_rows(layer);
    size_t count = 0, end = 0;
    if (!iml_size_multiply(layer->parameter_rows, out, &count) ||
        !iml_size_add(net->parameters, count, &end) || end > SIZE_MAX / sizeof(double))
        return false;
    net->with_parameters++;
    add_block(net, "weight",
              &(struct iml_block){.count = in * out,
                                  .rank = 2,
                                  .shape = {out, in},
                                  .is_transposed = true,
                                  .is_kernel = true});
    if (layer->has_bias)
        add_block(net, "bias", &(struct iml_block){.count = out, .rank = 1, .shape = {out}});
    return true;
}

static bool describe(struct iml_net *net)
{
    const struct iml_net_options *options = &net->options;
    size_t width = options->inputs;
    for (size_t i = 0; i < options->hidden_count; i++) {
        if (!add_linear(net, width, options->hidden[i])) return false;
        width = options->hidden[i];
        net->layers[net->layer_count++] =
            (struct iml_layer){.kind = activations[options->activation], .in = width, .out = width};
    }
    return add_linear(net, width, options->outputs);
}

/* A GEMM takes its sizes as int: checked here, once. */
static bool is_width(size_t width)
{
    return width >= 1 && width <= INT_MAX;
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

/* fan_in of a block is the number of inputs of its layer, for a bias too: the column count of the
 * weight before it. */
void iml_net_initialize(const struct iml_net *net, uint32_t seed, iml_real *theta)
{
    size_t fan_in = 1;
    for (size_t i = 0; i < net->block_count; i++) {
        const struct iml_block *block = &net->blocks[i];
        const struct iml_stream stream = {
            .seed = seed, .purpose = IML_PURPOSE_INITIALIZATION, .index = (uint32_t)i};
        if (block->is_kernel) fan_in = block->shape[1];
        const double bound = 1 / sqrt((double)fan_in);
        const size_t columns = block->is_transposed ? block->shape[1] : 1;
        const size_t rows = block->count / columns;
        for (size_t j = 0; j < block->count; j++) { /* j counts in the outside's order */
            const size_t inside = j % columns * rows + j / columns;
            theta[block->offset + inside] =
                iml_word_uniform(iml_stream_word(&stream, j), -bound, bound);
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
