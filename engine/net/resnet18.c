/* resnet18.c: ResNet-18 for small images, FIXMATCH 2.6: a 3 × 3 stem and no max pool. Names are
 * torchvision's. `widening` divides all channels by 2^widening: tests prove a tiny one. */
#include <stdio.h>

#include "engine/net/build.h"

static const struct iml_layer relu = {.kind = &iml_relu};

static void add_block(struct iml_builder *main, const char *block, size_t out, size_t stride)
{
    char name[IML_NAME_BYTES];
    struct iml_builder shortcut = iml_build_fork(main);
    iml_build_conv(main, iml_build_name(name, block, "conv1"), out, 3, stride);
    iml_build_batch_norm(main, iml_build_name(name, block, "bn1"));
    iml_build_elementwise(main, &relu);
    iml_build_conv(main, iml_build_name(name, block, "conv2"), out, 3, 1);
    iml_build_batch_norm(main, iml_build_name(name, block, "bn2"));
    if (shortcut.image.channels != out || stride != 1) {
        iml_build_conv(&shortcut, iml_build_name(name, block, "downsample.0"), out, 1, stride);
        iml_build_batch_norm(&shortcut, iml_build_name(name, block, "downsample.1"));
        main->has_overflow = main->has_overflow || shortcut.has_overflow;
    }
    iml_build_add(main, &shortcut);
    iml_build_elementwise(main, &relu);
}

static void resnet18_describe(struct iml_builder *builder)
{
    const struct iml_net_options *options = &builder->net->options;
    const size_t stem = (size_t)64 >> options->widening;
    iml_build_conv(builder, "conv1", stem, 3, 1);
    iml_build_batch_norm(builder, "bn1");
    iml_build_elementwise(builder, &relu);
    for (size_t group = 0; group < 4; group++) {
        for (size_t i = 0; i < 2; i++) {
            char block[64];
            (void)snprintf(block, sizeof block, "layer%zu.%zu", group + 1, i);
            add_block(builder, block, stem << group, group > 0 && i == 0 ? 2 : 1);
        }
    }
    iml_build_global_pool(builder);
    iml_build_linear(builder, "fc", options->outputs, true);
}

static enum iml_code resnet18_check(const struct iml_net_options *options, struct iml_error *error)
{
    if (options->widening > 6)
        return iml_error_set(error, IML_ERROR_ARGUMENT,
                             "a resnet18 can be narrowed by 2^6 at most, not 2^%zu",
                             options->widening);
    return iml_model_check_image(options, error);
}

const struct iml_model_kind iml_resnet18 = {.name = "resnet18",
                                            .is_of_images = true,
                                            .check = resnet18_check,
                                            .describe = resnet18_describe};
