/* conv_2d.c: y = W∗x without bias, MATH §2, through convolution.h. W lies out × in × height ×
 * width, as the outside sees it. */
#include "engine/net/convolution.h"

static size_t conv_2d_parameter_rows(const struct iml_layer *layer)
{
    return layer->to.channels;
}

static struct iml_convolution_call call_of(const struct iml_row_pass *pass)
{
    return (struct iml_convolution_call){.images = pass->rows, .worker = pass->worker};
}

static void conv_2d_forward(const struct iml_layer *layer, const struct iml_row_pass *pass)
{
    (void)layer;
    const struct iml_convolution_call call = call_of(pass);
    const struct iml_convolution_terms terms = {
        .count = 1, .x = {pass->x}, .packed = {pass->packed_theta[IML_PACKING_FORWARD]}};
    iml_convolution_forward(pass->convolution, &call, &terms, pass->y);
}

static void conv_2d_backward(const struct iml_layer *layer, const struct iml_row_pass *pass)
{
    (void)layer;
    const struct iml_convolution_call call = call_of(pass);
    const struct iml_convolution_terms terms = {
        .count = 1, .y_bar = {pass->y_bar}, .packed = {pass->packed_theta[IML_PACKING_BACKWARD]}};
    if (pass->x_bar) iml_convolution_backward_data(pass->convolution, &call, &terms, pass->x_bar);
}

static void conv_2d_tangent(const struct iml_layer *layer, const struct iml_row_pass *pass)
{
    (void)layer;
    /* U∗x + W∗ẋ; the net's input has ẋ = 0 */
    const struct iml_convolution_call call = call_of(pass);
    const struct iml_convolution_terms terms = {
        .count = pass->x_dot ? 2 : 1,
        .x = {pass->x, pass->x_dot},
        .packed = {pass->packed_u[IML_PACKING_FORWARD], pass->packed_theta[IML_PACKING_FORWARD]}};
    iml_convolution_forward(pass->convolution, &call, &terms, pass->y_dot);
}

static void conv_2d_tangent_backward(const struct iml_layer *layer, const struct iml_row_pass *pass)
{
    (void)layer;
    /* W∗ᵀȳ̇ + U∗ᵀȳ */
    const struct iml_convolution_call call = call_of(pass);
    const struct iml_convolution_terms terms = {
        .count = 2,
        .y_bar = {pass->y_bar_dot, pass->y_bar},
        .packed = {pass->packed_theta[IML_PACKING_BACKWARD], pass->packed_u[IML_PACKING_BACKWARD]}};
    if (pass->x_bar_dot)
        iml_convolution_backward_data(pass->convolution, &call, &terms, pass->x_bar_dot);
}

/* of the pass' rows */
static void sum_rows(const struct iml_layer *layer, const struct iml_parameter_pass *pass,
                     struct iml_convolution_terms terms)
{
    const struct iml_convolution_call call = {.images = pass->count, .worker = pass->worker};
    for (size_t t = 0; t < terms.count; t++) {
        terms.x[t] += pass->first * layer->in;
        terms.y_bar[t] += pass->first * layer->out;
    }
    iml_convolution_backward_weights(pass->convolution, &call, &terms, pass->out);
}

static void conv_2d_parameter_backward(const struct iml_layer *layer,
                                       const struct iml_parameter_pass *pass)
{
    sum_rows(layer, pass,
             (struct iml_convolution_terms){.count = 1, .x = {pass->x}, .y_bar = {pass->y_bar}});
}

static void conv_2d_parameter_tangent_backward(const struct iml_layer *layer,
                                               const struct iml_parameter_pass *pass)
{
    /* x⋆ȳ̇ + ẋ⋆ȳ */
    sum_rows(layer, pass,
             (struct iml_convolution_terms){.count = pass->x_dot ? 2 : 1,
                                            .x = {pass->x, pass->x_dot},
                                            .y_bar = {pass->y_bar_dot, pass->y_bar}});
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
