/* linear.c: y = xW + b, MATH §2. W lies in × out (the transpose of what the outside sees), b
 * follows as one more row: the layer's parameters are one matrix of in + 1 rows. */
#include <assert.h>

#include "engine/core/clones.h"
#include "engine/core/gemm.h"
#include "engine/net/layer.h"

enum { COLUMNS = 64 }; /* of a strip of bias sums, held on the stack */

static size_t linear_parameter_rows(const struct iml_layer *layer)
{
    return layer->in + (layer->has_bias ? 1 : 0);
}

IML_CLONES static void add_to_rows(size_t rows, size_t n, const iml_real *b, iml_real *y)
{
    for (size_t r = 0; r < rows; r++) {
        for (size_t j = 0; j < n; j++) y[r * n + j] += b[j];
    }
}

static void linear_forward(const struct iml_layer *layer, const struct iml_row_pass *pass)
{
    const size_t in = layer->in, out = layer->out;
    iml_gemm_nn(pass->rows, out, in, pass->x, in, pass->theta, out, 0, pass->y, out);
    if (layer->has_bias) add_to_rows(pass->rows, out, pass->theta + in * out, pass->y);
}

static void linear_backward(const struct iml_layer *layer, const struct iml_row_pass *pass)
{
    const size_t in = layer->in, out = layer->out;
    if (!pass->x_bar) return;
    iml_gemm_nt(pass->rows, in, out, pass->y_bar, out, pass->theta, out, 0, pass->x_bar, in);
}

static void linear_tangent(const struct iml_layer *layer, const struct iml_row_pass *pass)
{
    const size_t in = layer->in, out = layer->out;
    /* ẋW + xU + u_b; the net's input has ẋ = 0 */
    iml_gemm_nn(pass->rows, out, in, pass->x, in, pass->u, out, 0, pass->y_dot, out);
    if (pass->x_dot)
        iml_gemm_nn(pass->rows, out, in, pass->x_dot, in, pass->theta, out, 1, pass->y_dot, out);
    if (layer->has_bias) add_to_rows(pass->rows, out, pass->u + in * out, pass->y_dot);
}

static void linear_tangent_backward(const struct iml_layer *layer, const struct iml_row_pass *pass)
{
    const size_t in = layer->in, out = layer->out;
    if (!pass->x_bar_dot) return;
    /* ȳ̇Wᵀ + ȳUᵀ */
    iml_gemm_nt(pass->rows, in, out, pass->y_bar_dot, out, pass->theta, out, 0, pass->x_bar_dot,
                in);
    iml_gemm_nt(pass->rows, in, out, pass->y_bar, out, pass->u, out, 1, pass->x_bar_dot, in);
}

/* out = Σ over rows of y_bar, in double */
IML_CLONES static void sum_rows(size_t rows, size_t n, const iml_real *y_bar, iml_real *out)
{
    for (size_t from = 0; from < n; from += COLUMNS) {
        const size_t columns = n - from < COLUMNS ? n - from : COLUMNS;
        double sums[COLUMNS] = {0};
        for (size_t r = 0; r < rows; r++) {
            for (size_t j = 0; j < columns; j++) sums[j] += (double)y_bar[r * n + from + j];
        }
        for (size_t j = 0; j < columns; j++) out[from + j] = (iml_real)sums[j];
    }
}

/* How many of the tile's rows are rows of W; the one that may be left is b. */
static size_t weight_rows(const struct iml_layer *layer, const struct iml_parameter_pass *pass)
{
    assert(pass->first + pass->count <= layer->parameter_rows);
    if (pass->first >= layer->in) return 0;
    return pass->first + pass->count > layer->in ? layer->in - pass->first : pass->count;
}

static void linear_parameter_backward(const struct iml_layer *layer,
                                      const struct iml_parameter_pass *pass)
{
    const size_t in = layer->in, out = layer->out, weights = weight_rows(layer, pass);
    if (weights > 0) /* W̄ = xᵀȳ */
        iml_gemm_tn(weights, out, pass->rows, pass->x + pass->first, in, pass->y_bar, out, 0,
                    pass->out, out);
    if (weights < pass->count) sum_rows(pass->rows, out, pass->y_bar, pass->out + weights * out);
}

static void linear_parameter_tangent_backward(const struct iml_layer *layer,
                                              const struct iml_parameter_pass *pass)
{
    const size_t in = layer->in, out = layer->out, weights = weight_rows(layer, pass);
    if (weights > 0) { /* W̄̇ = xᵀȳ̇ + ẋᵀȳ */
        iml_gemm_tn(weights, out, pass->rows, pass->x + pass->first, in, pass->y_bar_dot, out, 0,
                    pass->out, out);
        if (pass->x_dot)
            iml_gemm_tn(weights, out, pass->rows, pass->x_dot + pass->first, in, pass->y_bar, out,
                        1, pass->out, out);
    }
    if (weights < pass->count)
        sum_rows(pass->rows, out, pass->y_bar_dot, pass->out + weights * out);
}

const struct iml_layer_kind iml_linear = {
    .name = "linear",
    .parameter_rows = linear_parameter_rows,
    .forward = linear_forward,
    .backward = linear_backward,
    .tangent = linear_tangent,
    .tangent_backward = linear_tangent_backward,
    .parameter_backward = linear_parameter_backward,
    .parameter_tangent_backward = linear_parameter_tangent_backward,
};
