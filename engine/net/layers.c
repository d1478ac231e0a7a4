/* layers.c: the table of layer kinds. */
#include "engine/net/layer.h"

const struct iml_layer_kind *const iml_layer_kinds[] = {
    &iml_linear,  &iml_relu,    &iml_leaky_relu,    &iml_tanh,         &iml_batch_norm,
    &iml_dropout, &iml_conv_2d, &iml_max_pool,      &iml_average_pool, &iml_add,
    &iml_fork,    &iml_flatten, &iml_batch_norm_2d, &iml_held,         NULL};
