/* build.h: how a model describes its net, layer by layer. */
#ifndef IMLD_ENGINE_NET_BUILD_H
#define IMLD_ENGINE_NET_BUILD_H

#include "engine/net/convolution.h"
#include "engine/net/graph.h"

/* A net in the making. Each call adds a layer that reads edge `edge` and moves on to what that
 * layer writes. */
struct iml_builder {
    struct iml_net *net;
    size_t edge;
    size_t width;           /* elements of a row there */
    struct iml_image image; /* its form, in nets of images */
    bool has_overflow;      /* a size did not fit: nothing more is added */
};

/* At the net's input: an image of the options' size, or a row of `inputs`. */
struct iml_builder iml_builder_of(struct iml_net *net);

/* "BLOCK.LAYER" in `name`, which it returns. */
#define IML_NAME_BYTES 48
const char *iml_build_name(char name[IML_NAME_BYTES], const char *block, const char *layer);

/* Names are PyTorch's: the tensors are NAME.weight and NAME.bias. */
void iml_build_linear(struct iml_builder *builder, const char *name, size_t out, bool has_bias);
void iml_build_batch_norm(struct iml_builder *builder, const char *name);
/* relu, tanh, leaky_relu, dropout: one that keeps the width; form gives kind, slope, rate, … */
void iml_build_elementwise(struct iml_builder *builder, const struct iml_layer *form);

/* Square kernels, no bias, zeros around: PyTorch's grid. */
void iml_build_conv(struct iml_builder *builder, const char *name, size_t out, size_t kernel,
                    size_t stride);
void iml_build_pool(struct iml_builder *builder, const struct iml_layer_kind *kind,
                    struct iml_window window);
void iml_build_global_pool(struct iml_builder *builder); /* leaves a row of channels */
void iml_build_flatten(struct iml_builder *builder);

/* Where a residual block begins: returns a builder at the same value, for its other branch, whose
 * layers are to be added after all of this one's. */
struct iml_builder iml_build_fork(struct iml_builder *builder);
/* Where it ends: y = builder + other. */
void iml_build_add(struct iml_builder *builder, const struct iml_builder *other);

/* --- models --- */

struct iml_model_kind {
    const char *name;
    bool is_of_images;
    enum iml_code (*check)(const struct iml_net_options *options, struct iml_error *error);
    void (*describe)(struct iml_builder *builder);
};

extern const struct iml_model_kind iml_mlp, iml_cnn_small, iml_wrn, iml_resnet18;
extern const struct iml_model_kind *const iml_model_kinds[]; /* ends with NULL */

/* What every net of images asks of its options. */
IML_MUST_USE enum iml_code iml_model_check_image(const struct iml_net_options *options,
                                                 struct iml_error *error);

#endif
