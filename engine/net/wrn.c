/* wrn.c: wide residual networks of pre-activation blocks, FIXMATCH 2.1: depth d, n = (d − 4)/6
 * blocks a group. Names are those of the PyTorch programs that FixMatch's ports share. */
#include <stdio.h>

#include "engine/net/build.h"

static const struct iml_layer leaky = {.kind = &iml_leaky_relu, .slope = 0.1};

/* Only the very first block of the net feeds its shortcut with the activated a. */
static void add_block(struct iml_builder *main, const char *block, size_t out, size_t stride,
                      bool is_first)
{
    char name[IML_NAME_BYTES];
    struct iml_builder shortcut = {0};
    if (!is_first) shortcut = iml_build_fork(main);
    iml_build_batch_norm(main, iml_build_name(name, block, "bn1"));
    iml_build_elementwise(main, &leaky);
    if (is_first) shortcut = iml_build_fork(main);
    iml_build_conv(main, iml_build_name(name, block, "conv1"), out, 3, stride);
    iml_build_batch_norm(main, iml_build_name(name, block, "bn2"));
    iml_build_elementwise(main, &leaky);
    iml_build_conv(main, iml_build_name(name, block, "conv2"), out, 3, 1);
    if (shortcut.image.channels != out || stride != 1) {
        iml_build_conv(&shortcut, iml_build_name(name, block, "convShortcut"), out, 1, stride);
        main->has_overflow = main->has_overflow || shortcut.has_overflow;
    }
    iml_build_add(main, &shortcut);
}

static enum iml_code wrn_check(const struct iml_net_options *options, struct iml_error *error)
{
    if (options->depth < 10 || options->depth > 58 || (options->depth - 4) % 6 != 0)
        return iml_error_set(error, IML_ERROR_ARGUMENT,
                             "the depth of a wrn is 6n + 4: 10, 16, 22, 28, … 58, not %zu",
                             options->depth);
    if (options->widening < 1 || options->widening > 64)
        return iml_error_set(error, IML_ERROR_ARGUMENT, "the width of a wrn is 1 to 64, not %zu",
                             options->widening);
    return iml_model_check_image(options, error);
}

static void wrn_describe(struct iml_builder *builder)
{
    const struct iml_net_options *options = &builder->net->options;
    const size_t blocks = (options->depth - 4) / 6;
    iml_build_conv(builder, "conv1", 16, 3, 1);
    for (size_t group = 0; group < 3; group++) {
        const size_t out = ((size_t)16 << group) * options->widening;
        for (size_t i = 0; i < blocks; i++) {
            char block[64];
            (void)snprintf(block, sizeof block, "block%zu.layer.%zu", group + 1, i);
            add_block(builder, block, out, group > 0 && i == 0 ? 2 : 1, group == 0 && i == 0);
        }
    }
    iml_build_batch_norm(builder, "bn1");
    iml_build_elementwise(builder, &leaky);
    iml_build_global_pool(builder);
    iml_build_linear(builder, "fc", options->outputs, true);
}

const struct iml_model_kind iml_wrn = {
    .name = "wrn", .is_of_images = true, .check = wrn_check, .describe = wrn_describe};
