/* max_pool.c: the largest value of each window, the first of equals, MATH §2: forward leaves the
 * winner's place in the image's row (exact in iml_real up to 2²⁴ elements), and the other kernels
 * follow it; so does forward where the mode holds the kinks. */
#include <string.h>

#include "engine/net/pool.h"

/* The place of the winner in the row of one image. */
static size_t winner(const struct iml_layer *layer, const iml_real *x, size_t c,
                     const struct iml_pool_window *window)
{
    size_t best = iml_image_at(&layer->from, c, window->y, window->x);
    for (size_t y = window->y; y < window->y_end; y++) {
        for (size_t column = window->x; column < window->x_end; column++) {
            const size_t place = iml_image_at(&layer->from, c, y, column);
            if (x[place] > x[best]) best = place;
        }
    }
    return best;
}

/* One output pixel of image r, in all channels. */
static void pool_window(const struct iml_layer *layer, const struct iml_row_pass *pass, size_t r,
                        size_t y, size_t column)
{
    const struct iml_pool_window window = iml_pool_window(layer, y, column);
    const iml_real *x = pass->x + r * layer->in;
    for (size_t c = 0; c < layer->to.channels; c++) {
        const size_t at = r * layer->out + iml_image_at(&layer->to, c, y, column);
        const size_t best =
            pass->mode->holds_kinks ? (size_t)pass->kept[at] : winner(layer, x, c, &window);
        pass->kept[at] = (iml_real)best;
        pass->y[at] = x[best];
    }
}

static void max_pool_forward(const struct iml_layer *layer, const struct iml_row_pass *pass)
{
    for (size_t r = 0; r < pass->rows; r++) {
        for (size_t y = 0; y < layer->to.height; y++) {
            for (size_t column = 0; column < layer->to.width; column++)
                pool_window(layer, pass, r, y, column);
        }
    }
}

/* out = the winners' values of in; NULL is 0 */
static void gather(const struct iml_layer *layer, const struct iml_row_pass *pass,
                   const iml_real *in, iml_real *out)
{
    for (size_t i = 0; i < pass->rows * layer->out; i++) {
        const size_t row = i / layer->out * layer->in;
        out[i] = in ? in[row + (size_t)pass->kept[i]] : 0;
    }
}

/* The adjoint of gather. */
static void scatter(const struct iml_layer *layer, const struct iml_row_pass *pass,
                    const iml_real *in, iml_real *out)
{
    if (!out) return;
    memset(out, 0, pass->rows * layer->in * sizeof *out);
    for (size_t i = 0; i < pass->rows * layer->out; i++)
        out[i / layer->out * layer->in + (size_t)pass->kept[i]] += in[i];
}

static void max_pool_backward(const struct iml_layer *layer, const struct iml_row_pass *pass)
{
    scatter(layer, pass, pass->y_bar, pass->x_bar);
}

static void max_pool_tangent(const struct iml_layer *layer, const struct iml_row_pass *pass)
{
    gather(layer, pass, pass->x_dot, pass->y_dot);
}

static void max_pool_tangent_backward(const struct iml_layer *layer,
                                      const struct iml_row_pass *pass)
{
    scatter(layer, pass, pass->y_bar_dot, pass->x_bar_dot);
}

const struct iml_layer_kind iml_max_pool = {
    .name = "max_pool",
    .keeps_rows = true,
    .forward = max_pool_forward,
    .backward = max_pool_backward,
    .tangent = max_pool_tangent,
    .tangent_backward = max_pool_tangent_backward,
};
