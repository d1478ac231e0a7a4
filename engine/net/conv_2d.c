/* conv_2d.c: y = W∗x without bias, MATH §2, through convolution.h. W lies out × in × height ×
 * width, as the outside sees it. */
#include "engine/net/convolution.h"

static size_t conv_2d_parameter_rows(const struct iml_layer *layer)
{
    return layer->to.channels;
}

static struct iml_convolution_call call_of(const struct iml_row_pass *pass, bool has_sum)
{
    return (struct iml_convolution_call){
        .images = pass->rows, .has_sum = has_sum, .worker = pass->worker};
}

static void conv_2d_forward(const struct iml_layer *layer, const struct iml_row_pass *pass)
{
    (void)layer;
    const struct iml_convolution_call set = call_of(pass, false);
    iml_convolution_forward(pass->convolution, &set, pass->x,
                            pass->packed_theta[IML_PACKING_FORWARD], pass->y);
}

static void conv_2d_backward(const struct iml_layer *layer, const struct iml_row_pass *pass)
{
    (void)layer;
    const struct iml_convolution_call set = call_of(pass, false);
    if (!pass->x_bar) return;
    iml_convolution_backward_data(pass->convolution, &set, pass->y_bar,
                                  pass->packed_theta[IML_PACKING_BACKWARD], pass->x_bar);
}

static void conv_2d_tangent(const struct iml_layer *layer, const struct iml_row_pass *pass)
{
    (void)layer;
    /* U∗x + W∗ẋ; the net's input has ẋ = 0 */
    const struct iml_convolution_call set = call_of(pass, false), add = call_of(pass, true);
    iml_convolution_forward(pass->convolution, &set, pass->x, pass->packed_u[IML_PACKING_FORWARD],
                            pass->y_dot);
    if (pass->x_dot)
        iml_convolution_forward(pass->convolution, &add, pass->x_dot,
                                pass->packed_theta[IML_PACKING_FORWARD], pass->y_dot);
}

static void conv_2d_tangent_backward(const struct iml_layer *layer, const struct iml_row_pass *pass)
{
    (void)layer;
    const struct iml_convolution_call set = call_of(pass, false), add = call_of(pass, true);
    if (!pass->x_bar_dot) return;
    /* W∗ᵀȳ̇ + U∗ᵀȳ */
    iml_convolution_backward_data(pass->convolution, &set, pass->y_bar_dot,
                                  pass->packed_theta[IML_PACKING_BACKWARD], pass->x_bar_dot);
    iml_convolution_backward_data(pass->convolution, &add, pass->y_bar,
                                  pass->packed_u[IML_PACKING_BACKWARD], pass->x_bar_dot);
}

/* x⋆ȳ, or added to what is there, of the pass' rows */
static void add_product(const struct iml_layer *layer, const struct iml_parameter_pass *pass,
                        const iml_real *x, const iml_real *y_bar, bool has_sum)
{
    const struct iml_convolution_call call = {
        .images = pass->count, .has_sum = has_sum, .worker = pass->worker};
    iml_convolution_backward_weights(pass->convolution, &call, x + pass->first * layer->in,
                                     y_bar + pass->first * layer->out, pass->out);
}

static void conv_2d_parameter_backward(const struct iml_layer *layer,
                                       const struct iml_parameter_pass *pass)
{
    add_product(layer, pass, pass->x, pass->y_bar, false);
}

static void conv_2d_parameter_tangent_backward(const struct iml_layer *layer,
                                               const struct iml_parameter_pass *pass)
{
    /* x⋆ȳ̇ + ẋ⋆ȳ */
    add_product(layer, pass, pass->x, pass->y_bar_dot, false);
    if (pass->x_dot) add_product(layer, pass, pass->x_dot, pass->y_bar, true);
}

const struct iml_layer_kind iml_conv_2d = {
    .name = "conv_2d",
    .has_convolution = true,
    .parameter_rows = conv_2d_parameter_rows,
    .forward = conv_2d_forward,
    .backward = conv_2d_backward,
    .tangent = conv_2d_tangent,
    .tangent_backward = conv_2d_tangent_backward,
    .parameter_backward = conv_2d_parameter_backward,
    .parameter_tangent_backward = conv_2d_parameter_tangent_backward,
};
