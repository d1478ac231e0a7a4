/* build.c: layers of a net in the making; see build.h. */
#include "engine/net/build.h"

#include <assert.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/size.h"

struct iml_builder iml_builder_of(struct iml_net *net)
{
    const struct iml_net_options *options = &net->options;
    return (struct iml_builder){.net = net,
                                .width = options->inputs,
                                .image = {.channels = options->channels,
                                          .height = options->height,
                                          .width = options->width,
                                          .block = 1}};
}

const char *iml_build_name(char name[IML_NAME_BYTES], const char *block, const char *layer)
{
    (void)snprintf(name, IML_NAME_BYTES, "%.30s.%.16s", block, layer);
    return name;
}

/* Adds the block of elements that follows in θ: a tensor of the latest layer. */
static void add_block(struct iml_net *net, const char *layer, const char *tensor,
                      const struct iml_block *form)
{
    assert(net->block_count < IML_BLOCKS_MAX);
    struct iml_block *block = &net->blocks[net->block_count++];
    *block = *form;
    block->layer = net->with_parameters - 1;
    (void)snprintf(block->name, sizeof block->name, "%s.%s", layer, tensor);
    block->offset = net->parameters;
    block->count = 1;
    for (size_t i = 0; i < block->rank; i++) block->count *= block->shape[i];
    net->parameters += block->count;
}

/* Whether P + rows × width doubles fit. */
static bool parameters_fit(const struct iml_net *net, size_t rows, size_t width)
{
    size_t count = 0, end = 0;
    return iml_size_multiply(rows, width, &count) && iml_size_add(net->parameters, count, &end) &&
           end <= SIZE_MAX / sizeof(double);
}

/* The layer that follows, from form's kind, out, to and its own fields. NULL: a size does not fit.
 */
static struct iml_layer *add_layer(struct iml_builder *builder, const char *name,
                                   const struct iml_layer *form)
{
    struct iml_net *net = builder->net;
    if (builder->has_overflow) return NULL;
    assert(net->layer_count < IML_LAYERS_MAX);
    /* what a layer in place writes over must have no other reader */
    assert(!form->kind->is_in_place || builder->edge == 0 ||
           !net->layers[builder->edge - 1].kind->is_fork);
    struct iml_layer *layer = &net->layers[net->layer_count++];
    *layer = *form;
    layer->input = builder->edge;
    layer->in = builder->width;
    layer->from = builder->image;
    (void)snprintf(layer->name, sizeof layer->name, "%s", name);
    builder->edge = net->layer_count;
    builder->width = layer->out;
    builder->image = layer->to;
    if (!layer->kind->parameter_rows) return layer;
    layer->offset = net->parameters;
    if (layer->parameter_width == 0) layer->parameter_width = layer->out;
    layer->parameter_rows = layer->kind->parameter_rows(layer);
    net->with_parameters++;
    if (parameters_fit(net, layer->parameter_rows, layer->parameter_width)) return layer;
    builder->has_overflow = true;
    return NULL;
}

void iml_build_linear(struct iml_builder *builder, const char *name, size_t out, bool has_bias)
{
    const size_t in = builder->width;
    const struct iml_layer form = {.kind = &iml_linear,
                                   .out = out,
                                   .to = {.channels = out, .height = 1, .width = 1, .block = 1},
                                   .has_bias = has_bias};
    if (!add_layer(builder, name, &form)) return;
    add_block(builder->net, name, "weight",
              &(struct iml_block){
                  .rank = 2, .shape = {out, in}, .is_transposed = true, .is_kernel = true});
    if (has_bias)
        add_block(builder->net, name, "bias", &(struct iml_block){.rank = 1, .shape = {out}});
}

void iml_build_batch_norm(struct iml_builder *builder, const char *name)
{
    struct iml_net *net = builder->net;
    const bool is_of_images = iml_net_is_of_images(net);
    const size_t channels = is_of_images ? builder->image.channels : builder->width;
    const struct iml_layer form = {.kind = is_of_images ? &iml_batch_norm_2d : &iml_batch_norm,
                                   .out = builder->width,
                                   .to = builder->image,
                                   .channels = channels,
                                   .parameter_width = channels,
                                   .epsilon = net->options.epsilon,
                                   .statistics = net->statistics};
    if (!add_layer(builder, name, &form)) return;
    net->statistics += 2 * channels; /* as many as γ and β, which fit */
    add_block(net, name, "weight",
              &(struct iml_block){.rank = 1, .shape = {channels}, .is_scale = true});
    add_block(net, name, "bias", &(struct iml_block){.rank = 1, .shape = {channels}});
}

void iml_build_elementwise(struct iml_builder *builder, const struct iml_layer *form)
{
    struct iml_layer layer = *form;
    const bool is_leaky = form->kind == &iml_leaky_relu;
    if (builder->net->options.keeps_kinks && (is_leaky || form->kind == &iml_relu)) {
        layer.kind = &iml_held;
        if (!is_leaky) layer.slope = 0;
    }
    layer.out = builder->width;
    layer.to = builder->image;
    (void)add_layer(builder, form->kind->name, &layer);
}

/* Outputs of a side; the window fits at least once. */
static size_t side(size_t in, size_t window, const struct iml_window *of)
{
    assert(in + 2 * of->padding >= window);
    return (in + 2 * of->padding - window) / of->stride + 1;
}

/* The image that a window makes of the builder's. */
static struct iml_image windowed(const struct iml_builder *builder, const struct iml_window *window,
                                 size_t channels, size_t block)
{
    return (struct iml_image){.channels = channels,
                              .height = side(builder->image.height, window->height, window),
                              .width = side(builder->image.width, window->width, window),
                              .block = block};
}

void iml_build_conv(struct iml_builder *builder, const char *name, size_t out, size_t kernel,
                    size_t stride)
{
    const size_t in = builder->image.channels;
    const struct iml_window window = {kernel, kernel, stride, kernel / 2};
    const struct iml_image to = windowed(builder, &window, out, iml_convolution_block(out));
    const struct iml_layer form = {.kind = &iml_conv_2d,
                                   .out = iml_image_elements(&to),
                                   .to = to,
                                   .window = window,
                                   .parameter_width = in * kernel * kernel};
    if (!add_layer(builder, name, &form)) return;
    add_block(
        builder->net, name, "weight",
        &(struct iml_block){.rank = 4, .shape = {out, in, kernel, kernel}, .is_kernel = true});
}

void iml_build_pool(struct iml_builder *builder, const struct iml_layer_kind *kind,
                    struct iml_window window)
{
    const struct iml_image to =
        windowed(builder, &window, builder->image.channels, builder->image.block);
    const struct iml_layer form = {
        .kind = kind, .out = iml_image_elements(&to), .to = to, .window = window};
    (void)add_layer(builder, kind->name, &form);
}

void iml_build_global_pool(struct iml_builder *builder)
{
    const struct iml_window whole = {builder->image.height, builder->image.width, 1, 0};
    iml_build_pool(builder, &iml_average_pool, whole);
}

void iml_build_flatten(struct iml_builder *builder)
{
    const struct iml_layer form = {
        .kind = &iml_flatten,
        .out = builder->width,
        .to = {.channels = builder->width, .height = 1, .width = 1, .block = 1}};
    (void)add_layer(builder, "flatten", &form);
}

struct iml_builder iml_build_fork(struct iml_builder *builder)
{
    assert(builder->edge > 0);
    const struct iml_builder other = *builder;
    const struct iml_layer form = {.kind = &iml_fork, .out = builder->width, .to = builder->image};
    (void)add_layer(builder, "fork", &form);
    return other;
}

void iml_build_add(struct iml_builder *builder, const struct iml_builder *other)
{
    assert(builder->width == other->width);
    const struct iml_layer form = {
        .kind = &iml_add, .second = other->edge, .out = builder->width, .to = builder->image};
    (void)add_layer(builder, "add", &form);
}
