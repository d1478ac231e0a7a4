/* batch_norm_2d_sums.c: batch norm of images, MATH §2: the sums of each way over a tile, and the
 * means that they settle into; see batch_norm_2d.c for which. Sums run over STRIP pixels in
 * iml_real, then in double. */
#include <assert.h>
#include <math.h>

#include "engine/core/clones.h"
#include "engine/net/batch_norm_2d.h"
#include "engine/net/lanes.h"

enum { STRIP = 16 };

/* ẋ of the block at i. */
NORM_INLINE const iml_real *x_dot_at(const struct norm_group *g, size_t i)
{
    static const iml_real zeros[NORM_BLOCK_MAX];
    return g->x_dot ? g->x_dot + i : zeros;
}

/* --- sums over a tile --- */

/* The terms of two sums, of the block at i. */
typedef void terms(const struct norm_group *g, const struct norm_coefficients *k, size_t i,
                   size_t block, iml_real a[NORM_BLOCK_MAX], iml_real b[NORM_BLOCK_MAX]);

/* Σ(x − k), Σ(x − k)², k a value of the channel (in `mean` here): no cancellation, however far the
 * mean is from 0 */
NORM_INLINE void forward_terms(const struct norm_group *g, const struct norm_coefficients *k,
                               size_t i, size_t block, iml_real a[NORM_BLOCK_MAX],
                               iml_real b[NORM_BLOCK_MAX])
{
    for (size_t c = 0; c < block; c++) {
        a[c] = g->x[i + c] - k->mean[c];
        b[c] = a[c] * a[c];
    }
}

NORM_INLINE void backward_terms(const struct norm_group *g, const struct norm_coefficients *k,
                                size_t i, size_t block, iml_real a[NORM_BLOCK_MAX],
                                iml_real b[NORM_BLOCK_MAX])
{
    for (size_t c = 0; c < block; c++) {
        a[c] = g->y_bar[i + c];
        b[c] = a[c] * norm_x_hat(k, g->x[i + c], c);
    }
}

NORM_INLINE void tangent_terms(const struct norm_group *g, const struct norm_coefficients *k,
                               size_t i, size_t block, iml_real a[NORM_BLOCK_MAX],
                               iml_real b[NORM_BLOCK_MAX])
{
    const iml_real *x_dot = x_dot_at(g, i);
    for (size_t c = 0; c < block; c++) {
        a[c] = x_dot[c];
        b[c] = a[c] * norm_x_hat(k, g->x[i + c], c);
    }
}

NORM_INLINE void tangent_backward_terms(const struct norm_group *g,
                                        const struct norm_coefficients *k, size_t i, size_t block,
                                        iml_real a[NORM_BLOCK_MAX], iml_real b[NORM_BLOCK_MAX])
{
    const iml_real *x_dot = x_dot_at(g, i);
    for (size_t c = 0; c < block; c++) {
        const iml_real x_hat = norm_x_hat(k, g->x[i + c], c);
        a[c] = g->y_bar_dot[i + c];
        b[c] = a[c] * x_hat + g->y_bar[i + c] * norm_x_hat_dot(k, x_hat, x_dot[c], c);
    }
}

/* The sums over a strip of pixels. */
NORM_INLINE void sum_strip(const struct norm_group *g, const struct norm_coefficients *k, terms *of,
                           size_t block, const size_t strip[2], iml_real sums[2][NORM_BLOCK_MAX])
{
    for (size_t p = strip[0]; p < strip[1]; p++) {
        iml_real a[NORM_BLOCK_MAX], b[NORM_BLOCK_MAX];
        of(g, k, p * block, block, a, b);
        for (size_t c = 0; c < block; c++) {
            sums[0][c] += a[c];
            sums[1][c] += b[c];
        }
    }
}

/* The same of blocks of LANES, with the same bits. (The loops above gcc 12 unrolls over the block
 * and vectorizes over pixels, with a shuffle for each number: three times slower.) */
NORM_INLINE void sum_strip_of_lanes(const struct norm_group *g, const struct norm_coefficients *k,
                                    terms *of, const size_t strip[2],
                                    iml_real sums[2][NORM_BLOCK_MAX])
{
    lanes a_sum = lanes_of(0), b_sum = lanes_of(0);
    for (size_t p = strip[0]; p < strip[1]; p++) {
        iml_real a[NORM_BLOCK_MAX], b[NORM_BLOCK_MAX];
        of(g, k, p * LANES, LANES, a, b);
        a_sum += lanes_load(a);
        b_sum += lanes_load(b);
    }
    lanes_store(sums[0], a_sum);
    lanes_store(sums[1], b_sum);
}

NORM_INLINE void sum_group(const struct norm_group *g, const struct norm_coefficients *k, terms *of,
                           size_t block, double sums[2][NORM_BLOCK_MAX])
{
    for (size_t from = 0; from < g->area; from += STRIP) {
        const size_t strip[2] = {from, from + STRIP < g->area ? from + STRIP : g->area};
        iml_real of_strip[2][NORM_BLOCK_MAX] = {0};
        if (block == LANES)
            sum_strip_of_lanes(g, k, of, strip, of_strip);
        else
            sum_strip(g, k, of, block, strip, of_strip);
        for (size_t c = 0; c < block; c++) {
            sums[0][c] += (double)of_strip[0][c];
            sums[1][c] += (double)of_strip[1][c];
        }
    }
}

/* Adds two sums over `rows` rows to those of the rows before. */
NORM_INLINE void add_sums(const struct iml_layer *layer, const struct iml_row_pass *pass,
                          size_t channel, const double sums[2], double *out)
{
    (void)pass;
    out[channel] += sums[0];
    out[layer->channels + channel] += sums[1];
}

/* Σx, then Σ(x − m)², m the mean of the rows so far: from those of the rows before and Σ(x − k),
 * Σ(x − k)² of these. */
NORM_INLINE void add_squares(const struct iml_layer *layer, const struct iml_row_pass *pass,
                             size_t channel, const double sums[2], double *out)
{
    const size_t block = layer->from.block, area = norm_area(layer);
    const double shift = (double)pass->x[channel / block * block * area + channel % block];
    const double n = (double)(pass->rows * area), before = (double)(pass->rows_before * area);
    const double sum = sums[0] + n * shift, squares = sums[1] - sums[0] * sums[0] / n;
    const double distance = before > 0 ? sum / n - out[channel] / before : 0;
    out[channel] += sum;
    out[layer->channels + channel] += squares + distance * distance * n * before / (n + before);
}

typedef void adder(const struct iml_layer *layer, const struct iml_row_pass *pass, size_t channel,
                   const double sums[2], double *out);

NORM_INLINE void sum_rows(const struct iml_layer *layer, const struct iml_row_pass *pass, terms *of,
                          adder *add, size_t block, double *out)
{
    struct norm_coefficients k = {0};
    const size_t area = norm_area(layer);
    for (size_t first = 0; first < layer->channels; first += block) {
        double sums[2][NORM_BLOCK_MAX] = {0};
        norm_read(layer, pass, first, &k);
        if (of == forward_terms) memcpy(k.mean, pass->x + first * area, block * sizeof k.mean[0]);
        for (size_t r = 0; r < pass->rows; r++) {
            const struct norm_group group = norm_group_at(layer, pass, r, first);
            sum_group(&group, &k, of, block, sums);
        }
        for (size_t c = 0; c < block; c++)
            add(layer, pass, first + c, (const double[2]){sums[0][c], sums[1][c]}, out);
    }
}

#define SUM_ROWS(of, add)                                                                          \
    do {                                                                                           \
        if (layer->from.block == 8)                                                                \
            sum_rows(layer, pass, of, add, 8, sums);                                               \
        else                                                                                       \
            sum_rows(layer, pass, of, add, layer->from.block, sums);                               \
    } while (0)

IML_CLONES static void gather_forward(const struct iml_layer *layer,
                                      const struct iml_row_pass *pass, double *sums)
{
    SUM_ROWS(forward_terms, add_squares);
}

IML_CLONES static void gather_backward(const struct iml_layer *layer,
                                       const struct iml_row_pass *pass, double *sums)
{
    SUM_ROWS(backward_terms, add_sums);
}

IML_CLONES static void gather_tangent(const struct iml_layer *layer,
                                      const struct iml_row_pass *pass, double *sums)
{
    SUM_ROWS(tangent_terms, add_sums);
}

IML_CLONES static void gather_tangent_backward(const struct iml_layer *layer,
                                               const struct iml_row_pass *pass, double *sums)
{
    assert(pass->y_bar && pass->y_bar_dot);
    SUM_ROWS(tangent_backward_terms, add_sums);
}

/* --- means over the batch --- */

static double inverse_deviation(const struct iml_layer *layer, double variance)
{
    return 1 / sqrt(variance + layer->epsilon);
}

static void settle_running(const struct iml_layer *layer, const struct iml_settling *settling)
{
    const size_t n = layer->channels;
    memset(settling->means, 0, 2 * n * sizeof *settling->means);
    for (size_t c = 0; settling->phase == IML_PHASE_FORWARD && c < n; c++) {
        settling->means[c] = settling->running[c];
        settling->means[n + c] =
            (iml_real)inverse_deviation(layer, (double)settling->running[n + c]);
    }
}

/* Σ over the tiles, in their order. */
static double total(const double *sums, size_t tiles, size_t width, size_t place)
{
    double sum = 0;
    for (size_t i = 0; i < tiles; i++) sum += sums[i * width + place];
    return sum;
}

/* Σ(x − μ)² = Σ over tiles of their own Σ(x − mₜ)² + nₜ(mₜ − μ)², mₜ a tile's mean. */
static void settle_forward(const struct iml_layer *layer, const struct iml_settling *settling)
{
    const size_t n = layer->channels, area = norm_area(layer);
    const double all = (double)settling->rows * (double)area;
    for (size_t c = 0; c < n; c++) {
        const double mean = total(settling->sums, settling->tiles, 2 * n, c) / all;
        double squares = total(settling->sums, settling->tiles, 2 * n, n + c);
        for (size_t i = 0; i < settling->tiles; i++) {
            size_t first = 0, rows = 0;
            iml_row_tile(settling->rows, settling->tiles, settling->tile_rows, i, &first, &rows);
            const double count = (double)(rows * area);
            const double distance = settling->sums[i * 2 * n + c] / count - mean;
            squares += count * distance * distance;
        }
        settling->means[c] = (iml_real)mean;
        settling->means[n + c] = (iml_real)inverse_deviation(layer, squares / all);
        /* of one element: 0 */
        settling->variance[c] = (iml_real)(squares / fmax(all - 1, 1));
    }
}

/* γ times the sums, on the way down; with the term of u_γ where they are tangents. */
static void settle_down(const struct iml_layer *layer, const struct iml_settling *settling)
{
    const size_t n = layer->channels;
    const double all = (double)settling->rows * (double)norm_area(layer);
    for (size_t i = 0; i < 2 * n; i++) {
        double sum =
            (double)settling->theta[i % n] * total(settling->sums, settling->tiles, 2 * n, i);
        if (settling->phase == IML_PHASE_TANGENT_BACKWARD)
            sum +=
                (double)settling->u[i % n] * total(settling->backward, settling->tiles, 2 * n, i);
        settling->means[i] = (iml_real)(sum / all);
    }
}

static void settle_tangent(const struct iml_layer *layer, const struct iml_settling *settling)
{
    const size_t n = layer->channels;
    const double all = (double)settling->rows * (double)norm_area(layer);
    for (size_t i = 0; i < 2 * n; i++)
        settling->means[i] = (iml_real)(total(settling->sums, settling->tiles, 2 * n, i) / all);
}

static void batch_norm_2d_settle(const struct iml_layer *layer, const struct iml_settling *settling)
{
    static void (*const settlers[IML_PHASES])(const struct iml_layer *,
                                              const struct iml_settling *) = {
        [IML_PHASE_FORWARD] = settle_forward,
        [IML_PHASE_BACKWARD] = settle_down,
        [IML_PHASE_TANGENT] = settle_tangent,
        [IML_PHASE_TANGENT_BACKWARD] = settle_down};
    if (settling->sums)
        settlers[settling->phase](layer, settling);
    else
        settle_running(layer, settling);
}

/* γ̄ = Σȳx̂ and β̄ = Σȳ, or their tangents: what the way down has gathered */
void iml_batch_norm_2d_parameters(const struct iml_layer *layer,
                                  const struct iml_parameter_pass *pass)
{
    const size_t n = layer->channels;
    for (size_t p = pass->first; p < pass->first + pass->count; p++) {
        iml_real *out = pass->out + (p - pass->first) * n;
        for (size_t c = 0; c < n; c++)
            out[c] = (iml_real)total(pass->sums, pass->tiles, 2 * n, p == 0 ? n + c : c);
    }
}

const struct iml_sums_kind iml_batch_norm_2d_sums = {
    .gather = {[IML_PHASE_FORWARD] = gather_forward,
               [IML_PHASE_BACKWARD] = gather_backward,
               [IML_PHASE_TANGENT] = gather_tangent,
               [IML_PHASE_TANGENT_BACKWARD] = gather_tangent_backward},
    .keeps_sums = true,
    .adds_rows = true,
    .settle = batch_norm_2d_settle,
};
