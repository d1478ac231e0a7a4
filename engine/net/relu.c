/* relu.c: y = max(x, 0), MATH §2: the mask m is 1 where x > 0, which is where y > 0. */
#include <math.h>

#include "engine/core/clones.h"
#include "engine/net/layer.h"

/* Both loops are written so that -O2 makes no branch of them (signs are random: mispredicted
 * branches cost 20 % of a gradient of 784-128-128-10). */
IML_CLONES static void relu_forward(const struct iml_layer *layer, const struct iml_row_pass *pass)
{
    const size_t n = pass->rows * layer->in;
    const iml_real *x = pass->x;
    iml_real *y = pass->y;
    /* (x + |x|)/2 is exact, and a NaN passes: it must reach the loss, where the run's stop rule
     * sees it; gcc 12 makes a branch of every form with ?: that lets it pass */
    for (size_t i = 0; i < n; i++) y[i] = (x[i] + (iml_real)fabs((double)x[i])) / 2;
}

/* out = m∘in */
IML_CLONES static void mask(const struct iml_layer *layer, const struct iml_row_pass *pass,
                            const iml_real *in, iml_real *out)
{
    const size_t n = pass->rows * layer->in;
    const iml_real *y = pass->y;
    for (size_t i = 0; i < n; i++) {
        const iml_real value = in[i];
        out[i] = y[i] > 0 ? value : 0;
    }
}

static void relu_backward(const struct iml_layer *layer, const struct iml_row_pass *pass)
{
    if (pass->x_bar) mask(layer, pass, pass->y_bar, pass->x_bar);
}

static void relu_tangent(const struct iml_layer *layer, const struct iml_row_pass *pass)
{
    if (pass->x_dot) {
        mask(layer, pass, pass->x_dot, pass->y_dot);
        return;
    }
    for (size_t i = 0; i < pass->rows * layer->out; i++) pass->y_dot[i] = 0;
}

static void relu_tangent_backward(const struct iml_layer *layer, const struct iml_row_pass *pass)
{
    if (pass->x_bar_dot) mask(layer, pass, pass->y_bar_dot, pass->x_bar_dot);
}

const struct iml_layer_kind iml_relu = {
    .name = "relu",
    .is_in_place = true,
    .forward = relu_forward,
    .backward = relu_backward,
    .tangent = relu_tangent,
    .tangent_backward = relu_tangent_backward,
};
