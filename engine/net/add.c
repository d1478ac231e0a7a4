/* add.c: y = x + x₂, the end of a residual block, MATH §2. */
#include <string.h>

#include "engine/core/clones.h"
#include "engine/net/layer.h"

IML_CLONES static void sum(const struct iml_layer *layer, const struct iml_row_pass *pass,
                           const iml_real *a, const iml_real *b, iml_real *out)
{
    for (size_t i = 0; i < pass->rows * layer->out; i++) out[i] = (a ? a[i] : 0) + (b ? b[i] : 0);
}

static void copy(const struct iml_layer *layer, const struct iml_row_pass *pass,
                 const iml_real *from, iml_real *to)
{
    if (to && to != from) memcpy(to, from, pass->rows * layer->out * sizeof *to);
}

static void add_forward(const struct iml_layer *layer, const struct iml_row_pass *pass)
{
    sum(layer, pass, pass->x, pass->x2, pass->y);
}

static void add_backward(const struct iml_layer *layer, const struct iml_row_pass *pass)
{
    copy(layer, pass, pass->y_bar, pass->x_bar);
    copy(layer, pass, pass->y_bar, pass->x2_bar);
}

static void add_tangent(const struct iml_layer *layer, const struct iml_row_pass *pass)
{
    sum(layer, pass, pass->x_dot, pass->x2_dot, pass->y_dot);
}

static void add_tangent_backward(const struct iml_layer *layer, const struct iml_row_pass *pass)
{
    copy(layer, pass, pass->y_bar_dot, pass->x_bar_dot);
    copy(layer, pass, pass->y_bar_dot, pass->x2_bar_dot);
}

const struct iml_layer_kind iml_add = {
    .name = "add",
    .is_in_place = true,
    .has_second = true,
    .forward = add_forward,
    .backward = add_backward,
    .tangent = add_tangent,
    .tangent_backward = add_tangent_backward,
};
