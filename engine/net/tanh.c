/* tanh.c: y = tanh x, MATH §2; all derivatives from y. */
#include <math.h>

#include "engine/net/layer.h"

static void tanh_forward(const struct iml_layer *layer, const struct iml_row_pass *pass)
{
    const size_t n = pass->rows * layer->in;
#ifdef IML_REAL_DOUBLE
    for (size_t i = 0; i < n; i++) pass->y[i] = tanh(pass->x[i]);
#else
    for (size_t i = 0; i < n; i++) pass->y[i] = tanhf(pass->x[i]);
#endif
}

/* out = (1 − y²)∘in */
static void scale_by_slope(const struct iml_layer *layer, const struct iml_row_pass *pass,
                           const iml_real *in, iml_real *out)
{
    const size_t n = pass->rows * layer->in;
    for (size_t i = 0; i < n; i++) out[i] = (1 - pass->y[i] * pass->y[i]) * in[i];
}

static void tanh_backward(const struct iml_layer *layer, const struct iml_row_pass *pass)
{
    if (pass->x_bar) scale_by_slope(layer, pass, pass->y_bar, pass->x_bar);
}

static void tanh_tangent(const struct iml_layer *layer, const struct iml_row_pass *pass)
{
    if (pass->x_dot) {
        scale_by_slope(layer, pass, pass->x_dot, pass->y_dot);
        return;
    }
    for (size_t i = 0; i < pass->rows * layer->out; i++) pass->y_dot[i] = 0;
}

static void tanh_tangent_backward(const struct iml_layer *layer, const struct iml_row_pass *pass)
{
    if (!pass->x_bar_dot) return;
    const size_t n = pass->rows * layer->in;
    for (size_t i = 0; i < n; i++) { /* (1 − y²)ȳ̇ − 2yẏȳ */
        const iml_real y = pass->y[i];
        pass->x_bar_dot[i] =
            (1 - y * y) * pass->y_bar_dot[i] - 2 * y * pass->y_dot[i] * pass->y_bar[i];
    }
}

const struct iml_layer_kind iml_tanh = {
    .name = "tanh",
    .is_in_place = true,
    .keeps_adjoint = true,
    .forward = tanh_forward,
    .backward = tanh_backward,
    .tangent = tanh_tangent,
    .tangent_backward = tanh_tangent_backward,
};
