/* flatten.c: an image as a plain row in PyTorch's order, channels before pixels, whatever form the
 * layers below like, MATH §2. */
#include <string.h>

#include "engine/net/layer.h"

/* out[plain place] = in[place in the form], or the other way round (the adjoint), of one image */
static void turn_image(const struct iml_image *from, const iml_real *in, iml_real *out,
                       bool is_down)
{
    size_t plain = 0;
    for (size_t c = 0; c < from->channels; c++) {
        for (size_t y = 0; y < from->height; y++) {
            for (size_t x = 0; x < from->width; x++, plain++) {
                const size_t place = iml_image_at(from, c, y, x);
                if (is_down)
                    out[place] = in[plain];
                else
                    out[plain] = in[place];
            }
        }
    }
}

static void turn(const struct iml_layer *layer, const struct iml_row_pass *pass, const iml_real *in,
                 iml_real *out, bool is_down)
{
    for (size_t r = 0; r < pass->rows; r++)
        turn_image(&layer->from, in + r * layer->in, out + r * layer->in, is_down);
}

static void flatten_forward(const struct iml_layer *layer, const struct iml_row_pass *pass)
{
    turn(layer, pass, pass->x, pass->y, false);
}

static void flatten_backward(const struct iml_layer *layer, const struct iml_row_pass *pass)
{
    if (pass->x_bar) turn(layer, pass, pass->y_bar, pass->x_bar, true);
}

static void flatten_tangent(const struct iml_layer *layer, const struct iml_row_pass *pass)
{
    if (pass->x_dot)
        turn(layer, pass, pass->x_dot, pass->y_dot, false);
    else
        memset(pass->y_dot, 0, pass->rows * layer->out * sizeof *pass->y_dot);
}

static void flatten_tangent_backward(const struct iml_layer *layer, const struct iml_row_pass *pass)
{
    if (pass->x_bar_dot) turn(layer, pass, pass->y_bar_dot, pass->x_bar_dot, true);
}

const struct iml_layer_kind iml_flatten = {
    .name = "flatten",
    .forward = flatten_forward,
    .backward = flatten_backward,
    .tangent = flatten_tangent,
    .tangent_backward = flatten_tangent_backward,
};
