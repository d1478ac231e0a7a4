/* cnn_small.c: five convolutions with batch norm and leaky ReLU, FIXMATCH 2.7. */
#include <stdio.h>

#include "engine/net/build.h"

static void cnn_small_describe(struct iml_builder *builder)
{
    static const struct {
        size_t out, stride;
    } rows[] = {{32, 1}, {32, 2}, {64, 1}, {64, 2}, {128, 1}};
    const struct iml_layer leaky = {.kind = &iml_leaky_relu, .slope = 0.1};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "conv%zu", i + 1);
        iml_build_conv(builder, name, rows[i].out, 3, rows[i].stride);
        (void)snprintf(name, sizeof name, "bn%zu", i + 1);
        iml_build_batch_norm(builder, name);
        iml_build_elementwise(builder, &leaky);
    }
    iml_build_global_pool(builder);
    iml_build_linear(builder, "fc", builder->net->options.outputs, true);
}

const struct iml_model_kind iml_cnn_small = {.name = "cnn_small",
                                             .is_of_images = true,
                                             .check = iml_model_check_image,
                                             .describe = cnn_small_describe};
