/* average_pool.c: the mean of each window, MATH §2; its divisor is the whole window, padding
 * included, as PyTorch counts it. A window as large as the image is global pooling. */
#include <string.h>

#include "engine/net/pool.h"

/* Visits every pair of an output element and an element of its window. */
typedef void visit(size_t at_y, size_t at_x, iml_real share, const iml_real *in, iml_real *out);

static void add_up(size_t at_y, size_t at_x, iml_real share, const iml_real *in, iml_real *out)
{
    out[at_y] += share * in[at_x];
}

static void add_down(size_t at_y, size_t at_x, iml_real share, const iml_real *in, iml_real *out)
{
    out[at_x] += share * in[at_y];
}

/* The pairs of one output pixel, in all channels. */
__attribute__((always_inline)) static inline void walk_window(const struct iml_layer *layer,
                                                              visit *step, size_t oy, size_t ox,
                                                              const iml_real *in, iml_real *out)
{
    const iml_real share = (iml_real)(1 / (double)(layer->window.height * layer->window.width));
    const struct iml_pool_window w = iml_pool_window(layer, oy, ox);
    for (size_t c = 0; c < layer->to.channels; c++) {
        const size_t at_y = iml_image_at(&layer->to, c, oy, ox);
        for (size_t y = w.y; y < w.y_end; y++) {
            for (size_t x = w.x; x < w.x_end; x++)
                step(at_y, iml_image_at(&layer->from, c, y, x), share, in, out);
        }
    }
}

__attribute__((always_inline)) static inline void
walk_image(const struct iml_layer *layer, visit *step, const iml_real *in, iml_real *out)
{
    for (size_t oy = 0; oy < layer->to.height; oy++) {
        for (size_t ox = 0; ox < layer->to.width; ox++) walk_window(layer, step, oy, ox, in, out);
    }
}

/* y = Ax; of in NULL: 0 */
static void up(const struct iml_layer *layer, size_t rows, const iml_real *in, iml_real *out)
{
    memset(out, 0, rows * layer->out * sizeof *out);
    for (size_t r = 0; in && r < rows; r++)
        walk_image(layer, add_up, in + r * layer->in, out + r * layer->out);
}

/* x̄ = Aᵀȳ, where it is wanted */
static void down(const struct iml_layer *layer, size_t rows, const iml_real *in, iml_real *out)
{
    if (!out) return;
    memset(out, 0, rows * layer->in * sizeof *out);
    for (size_t r = 0; r < rows; r++)
        walk_image(layer, add_down, in + r * layer->out, out + r * layer->in);
}

static void average_pool_forward(const struct iml_layer *layer, const struct iml_row_pass *pass)
{
    up(layer, pass->rows, pass->x, pass->y);
}

static void average_pool_backward(const struct iml_layer *layer, const struct iml_row_pass *pass)
{
    down(layer, pass->rows, pass->y_bar, pass->x_bar);
}

static void average_pool_tangent(const struct iml_layer *layer, const struct iml_row_pass *pass)
{
    up(layer, pass->rows, pass->x_dot, pass->y_dot);
}

static void average_pool_tangent_backward(const struct iml_layer *layer,
                                          const struct iml_row_pass *pass)
{
    down(layer, pass->rows, pass->y_bar_dot, pass->x_bar_dot);
}

const struct iml_layer_kind iml_average_pool = {
    .name = "average_pool",
    .forward = average_pool_forward,
    .backward = average_pool_backward,
    .tangent = average_pool_tangent,
    .tangent_backward = average_pool_tangent_backward,
};
