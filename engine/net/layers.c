/* layers.c: the table of layer kinds. */
#include "engine/net/layer.h"

const struct iml_layer_kind *const iml_layer_kinds[] = {
    &iml_linear, &iml_relu, &iml_leaky_relu, &iml_tanh, &iml_batch_norm, &iml_dropout, NULL};
