/* batch_norm_2d.c: batch norm of images, MATH §2: a mean a channel, over batch and pixels. The
 * parameters are two rows: γ, then β.
 *
 * As in batch_norm.c one set of kernels serves both modes, each reading two means a channel:
 *   forward            μ, s
 *   backward           ⟨g⟩, ⟨gx̂⟩               g = γȳ
 *   tangent            ⟨ẋ⟩, ⟨x̂ẋ⟩
 *   tangent_backward   ⟨ġ⟩, ⟨ġx̂ + gx̂̇⟩         ġ = γȳ̇ + u_γȳ
 * But the sums gathered on the ways down are those without γ: Σȳ, Σȳx̂ and Σȳ̇, Σ(ȳ̇x̂ + ȳx̂̇). They
 * are β̄, γ̄ and β̄̇, γ̄̇ as well, so that no pass over the batch is made for the parameters.
 *
 * A row is channels / block groups of area × block elements: the loops end in one over the block,
 * whose results go through the stack (arrays that may be the same are not vectorized).
 * Sums run over STRIP pixels in iml_real, then in double. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "engine/core/clones.h"
#include "engine/net/lanes.h"
#include "engine/net/layer.h"

enum { BLOCK_MAX = 16, STRIP = 16 };

#define INLINE __attribute__((always_inline)) static inline

static size_t batch_norm_2d_parameter_rows(const struct iml_layer *layer)
{
    (void)layer;
    return 2;
}

static size_t area_of(const struct iml_layer *layer)
{
    return layer->from.height * layer->from.width;
}

/* What the kernels need of one block of channels. */
struct coefficients {
    iml_real mean[BLOCK_MAX], s[BLOCK_MAX];                 /* forward */
    iml_real g_mean[BLOCK_MAX], gx_mean[BLOCK_MAX];         /* backward */
    iml_real x_dot_mean[BLOCK_MAX], xx_dot_mean[BLOCK_MAX]; /* tangent */
    iml_real g_dot_mean[BLOCK_MAX], gx_dot_mean[BLOCK_MAX]; /* tangent_backward */
    iml_real gamma[BLOCK_MAX], beta[BLOCK_MAX], u_gamma[BLOCK_MAX], u_beta[BLOCK_MAX];
};

static void read_pair(const struct iml_layer *layer, const iml_real *pair, size_t first,
                      size_t block, iml_real *a, iml_real *b)
{
    if (!pair) return;
    memcpy(a, pair + first, block * sizeof *a);
    memcpy(b, pair + layer->channels + first, block * sizeof *b);
}

static void read_coefficients(const struct iml_layer *layer, const struct iml_row_pass *pass,
                              size_t first, struct coefficients *k)
{
    const size_t block = layer->from.block;
    read_pair(layer, pass->means[IML_PHASE_FORWARD], first, block, k->mean, k->s);
    read_pair(layer, pass->means[IML_PHASE_BACKWARD], first, block, k->g_mean, k->gx_mean);
    read_pair(layer, pass->means[IML_PHASE_TANGENT], first, block, k->x_dot_mean, k->xx_dot_mean);
    read_pair(layer, pass->means[IML_PHASE_TANGENT_BACKWARD], first, block, k->g_dot_mean,
              k->gx_dot_mean);
    read_pair(layer, pass->theta, first, block, k->gamma, k->beta);
    read_pair(layer, pass->u, first, block, k->u_gamma, k->u_beta);
}

/* One group of one row: area × block elements of each array. */
struct group {
    const iml_real *x, *x_dot, *y_bar, *y_bar_dot; /* x_dot NULL: zero */
    iml_real *y, *y_dot, *x_bar, *x_bar_dot;
    size_t area;
};

/* ẋ of the block at i. */
INLINE const iml_real *x_dot_at(const struct group *g, size_t i)
{
    static const iml_real zeros[BLOCK_MAX];
    return g->x_dot ? g->x_dot + i : zeros;
}

INLINE iml_real x_hat_of(const struct coefficients *k, iml_real x, size_t c)
{
    return k->s[c] * (x - k->mean[c]);
}

/* s(ẋ − ⟨ẋ⟩ − x̂⟨x̂ẋ⟩) */
INLINE iml_real x_hat_dot_of(const struct coefficients *k, iml_real x_hat, iml_real x_dot, size_t c)
{
    return k->s[c] * (x_dot - k->x_dot_mean[c] - x_hat * k->xx_dot_mean[c]);
}

/* --- row kernels, a group at a time --- */

INLINE void forward_group(const struct group *g, const struct coefficients *k, size_t block)
{
    for (size_t i = 0; i < g->area * block; i += block) {
        iml_real out[BLOCK_MAX];
        for (size_t c = 0; c < block; c++)
            out[c] = k->gamma[c] * x_hat_of(k, g->x[i + c], c) + k->beta[c];
        memcpy(g->y + i, out, block * sizeof *out);
    }
}

INLINE void backward_group(const struct group *g, const struct coefficients *k, size_t block)
{
    for (size_t i = 0; i < g->area * block; i += block) {
        iml_real out[BLOCK_MAX];
        for (size_t c = 0; c < block; c++) { /* s(g − ⟨g⟩ − x̂⟨gx̂⟩) */
            const iml_real x_hat = x_hat_of(k, g->x[i + c], c);
            out[c] =
                k->s[c] * (k->gamma[c] * g->y_bar[i + c] - k->g_mean[c] - x_hat * k->gx_mean[c]);
        }
        memcpy(g->x_bar + i, out, block * sizeof *out);
    }
}

INLINE void tangent_group(const struct group *g, const struct coefficients *k, size_t block)
{
    for (size_t i = 0; i < g->area * block; i += block) {
        iml_real out[BLOCK_MAX];
        for (size_t c = 0; c < block; c++) { /* γx̂̇ + u_γx̂ + u_β */
            const iml_real x_hat = x_hat_of(k, g->x[i + c], c);
            const iml_real x_hat_dot = x_hat_dot_of(k, x_hat, g->x_dot ? g->x_dot[i + c] : 0, c);
            out[c] = k->gamma[c] * x_hat_dot + k->u_gamma[c] * x_hat + k->u_beta[c];
        }
        memcpy(g->y_dot + i, out, block * sizeof *out);
    }
}

INLINE void tangent_backward_group(const struct group *g, const struct coefficients *k,
                                   size_t block)
{
    for (size_t i = 0; i < g->area * block; i += block) {
        iml_real out[BLOCK_MAX];
        for (size_t c = 0; c < block; c++) {
            /* −s⟨x̂ẋ⟩x̄ + s(ġ − ⟨ġ⟩ − x̂̇⟨gx̂⟩ − x̂⟨ġx̂ + gx̂̇⟩), x̄ anew */
            const iml_real s = k->s[c], x_hat = x_hat_of(k, g->x[i + c], c);
            const iml_real x_hat_dot = x_hat_dot_of(k, x_hat, g->x_dot ? g->x_dot[i + c] : 0, c);
            const iml_real y_bar = g->y_bar[i + c];
            const iml_real x_bar = s * (k->gamma[c] * y_bar - k->g_mean[c] - x_hat * k->gx_mean[c]);
            const iml_real g_dot = k->gamma[c] * g->y_bar_dot[i + c] + k->u_gamma[c] * y_bar;
            out[c] = s * (g_dot - k->g_dot_mean[c] - x_hat_dot * k->gx_mean[c] -
                          x_hat * k->gx_dot_mean[c]) -
                     s * k->xx_dot_mean[c] * x_bar;
        }
        memcpy(g->x_bar_dot + i, out, block * sizeof *out);
    }
}

typedef void group_kernel(const struct group *g, const struct coefficients *k, size_t block);

static const iml_real *at(const iml_real *array, size_t place)
{
    return array ? array + place : NULL;
}

static iml_real *to(iml_real *array, size_t place)
{
    return array ? array + place : NULL;
}

INLINE void each_group(const struct iml_layer *layer, const struct iml_row_pass *pass,
                       group_kernel *kernel, size_t block)
{
    struct coefficients k = {0};
    const size_t area = area_of(layer);
    for (size_t first = 0; first < layer->channels; first += block) {
        read_coefficients(layer, pass, first, &k);
        for (size_t r = 0; r < pass->rows; r++) {
            const size_t place = r * layer->in + first * area;
            const struct group group = {.x = pass->x + place,
                                        .x_dot = at(pass->x_dot, place),
                                        .y_bar = at(pass->y_bar, place),
                                        .y_bar_dot = at(pass->y_bar_dot, place),
                                        .y = to(pass->y, place),
                                        .y_dot = to(pass->y_dot, place),
                                        .x_bar = to(pass->x_bar, place),
                                        .x_bar_dot = to(pass->x_bar_dot, place),
                                        .area = area};
            kernel(&group, &k, block);
        }
    }
}

/* 8, oneDNN's block, as a constant: the inner loops are then vectorized. */
#define EACH_GROUP(kernel)                                                                         \
    do {                                                                                           \
        if (layer->from.block == 8)                                                                \
            each_group(layer, pass, kernel, 8);                                                    \
        else                                                                                       \
            each_group(layer, pass, kernel, layer->from.block);                                    \
    } while (0)

IML_CLONES static void batch_norm_2d_forward(const struct iml_layer *layer,
                                             const struct iml_row_pass *pass)
{
    EACH_GROUP(forward_group);
}

IML_CLONES static void batch_norm_2d_backward(const struct iml_layer *layer,
                                              const struct iml_row_pass *pass)
{
    if (pass->x_bar) EACH_GROUP(backward_group);
}

IML_CLONES static void batch_norm_2d_tangent(const struct iml_layer *layer,
                                             const struct iml_row_pass *pass)
{
    EACH_GROUP(tangent_group);
}

IML_CLONES static void batch_norm_2d_tangent_backward(const struct iml_layer *layer,
                                                      const struct iml_row_pass *pass)
{
    assert(pass->y_bar && pass->y_bar_dot);
    if (pass->x_bar_dot) EACH_GROUP(tangent_backward_group);
}

/* --- sums over a tile --- */

/* The terms of two sums, of the block at i. */
typedef void terms(const struct group *g, const struct coefficients *k, size_t i, size_t block,
                   iml_real a[BLOCK_MAX], iml_real b[BLOCK_MAX]);

/* Σ(x − k), Σ(x − k)², k a value of the channel (in `mean` here): no cancellation, however far the
 * mean is from 0 */
INLINE void forward_terms(const struct group *g, const struct coefficients *k, size_t i,
                          size_t block, iml_real a[BLOCK_MAX], iml_real b[BLOCK_MAX])
{
    for (size_t c = 0; c < block; c++) {
        a[c] = g->x[i + c] - k->mean[c];
        b[c] = a[c] * a[c];
    }
}

INLINE void backward_terms(const struct group *g, const struct coefficients *k, size_t i,
                           size_t block, iml_real a[BLOCK_MAX], iml_real b[BLOCK_MAX])
{
    for (size_t c = 0; c < block; c++) {
        a[c] = g->y_bar[i + c];
        b[c] = a[c] * x_hat_of(k, g->x[i + c], c);
    }
}

INLINE void tangent_terms(const struct group *g, const struct coefficients *k, size_t i,
                          size_t block, iml_real a[BLOCK_MAX], iml_real b[BLOCK_MAX])
{
    const iml_real *x_dot = x_dot_at(g, i);
    for (size_t c = 0; c < block; c++) {
        a[c] = x_dot[c];
        b[c] = a[c] * x_hat_of(k, g->x[i + c], c);
    }
}

INLINE void tangent_backward_terms(const struct group *g, const struct coefficients *k, size_t i,
                                   size_t block, iml_real a[BLOCK_MAX], iml_real b[BLOCK_MAX])
{
    const iml_real *x_dot = x_dot_at(g, i);
    for (size_t c = 0; c < block; c++) {
        const iml_real x_hat = x_hat_of(k, g->x[i + c], c);
        a[c] = g->y_bar_dot[i + c];
        b[c] = a[c] * x_hat + g->y_bar[i + c] * x_hat_dot_of(k, x_hat, x_dot[c], c);
    }
}

/* The sums over a strip of pixels. */
INLINE void sum_strip(const struct group *g, const struct coefficients *k, terms *of, size_t block,
                      const size_t strip[2], iml_real sums[2][BLOCK_MAX])
{
    for (size_t p = strip[0]; p < strip[1]; p++) {
        iml_real a[BLOCK_MAX], b[BLOCK_MAX];
        of(g, k, p * block, block, a, b);
        for (size_t c = 0; c < block; c++) {
            sums[0][c] += a[c];
            sums[1][c] += b[c];
        }
    }
}

/* The same of blocks of LANES, with the same bits. (The loops above gcc 12 unrolls over the block
 * and vectorizes over pixels, with a shuffle for each number: three times slower.) */
INLINE void sum_strip_of_lanes(const struct group *g, const struct coefficients *k, terms *of,
                               const size_t strip[2], iml_real sums[2][BLOCK_MAX])
{
    lanes a_sum = lanes_of(0), b_sum = lanes_of(0);
    for (size_t p = strip[0]; p < strip[1]; p++) {
        iml_real a[BLOCK_MAX], b[BLOCK_MAX];
        of(g, k, p * LANES, LANES, a, b);
        a_sum += lanes_load(a);
        b_sum += lanes_load(b);
    }
    lanes_store(sums[0], a_sum);
    lanes_store(sums[1], b_sum);
}

INLINE void sum_group(const struct group *g, const struct coefficients *k, terms *of, size_t block,
                      double sums[2][BLOCK_MAX])
{
    for (size_t from = 0; from < g->area; from += STRIP) {
        const size_t strip[2] = {from, from + STRIP < g->area ? from + STRIP : g->area};
        iml_real of_strip[2][BLOCK_MAX] = {0};
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
INLINE void add_sums(const struct iml_layer *layer, const struct iml_row_pass *pass, size_t channel,
                     const double sums[2], double *out)
{
    (void)pass;
    out[channel] += sums[0];
    out[layer->channels + channel] += sums[1];
}

/* Σx, then Σ(x − m)², m the mean of the rows so far: from those of the rows before and Σ(x − k),
 * Σ(x − k)² of these. */
INLINE void add_squares(const struct iml_layer *layer, const struct iml_row_pass *pass,
                        size_t channel, const double sums[2], double *out)
{
    const size_t block = layer->from.block, area = area_of(layer);
    const double shift = (double)pass->x[channel / block * block * area + channel % block];
    const double n = (double)(pass->rows * area), before = (double)(pass->rows_before * area);
    const double sum = sums[0] + n * shift, squares = sums[1] - sums[0] * sums[0] / n;
    const double distance = before > 0 ? sum / n - out[channel] / before : 0;
    out[channel] += sum;
    out[layer->channels + channel] += squares + distance * distance * n * before / (n + before);
}

typedef void adder(const struct iml_layer *layer, const struct iml_row_pass *pass, size_t channel,
                   const double sums[2], double *out);

INLINE void sum_rows(const struct iml_layer *layer, const struct iml_row_pass *pass, terms *of,
                     adder *add, size_t block, double *out)
{
    struct coefficients k = {0};
    const size_t area = area_of(layer);
    for (size_t first = 0; first < layer->channels; first += block) {
        double sums[2][BLOCK_MAX] = {0};
        read_coefficients(layer, pass, first, &k);
        if (of == forward_terms) memcpy(k.mean, pass->x + first * area, block * sizeof k.mean[0]);
        for (size_t r = 0; r < pass->rows; r++) {
            const size_t place = r * layer->in + first * area;
            const struct group group = {.x = pass->x + place,
                                        .x_dot = at(pass->x_dot, place),
                                        .y_bar = at(pass->y_bar, place),
                                        .y_bar_dot = at(pass->y_bar_dot, place),
                                        .area = area};
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
    const size_t n = layer->channels, area = area_of(layer);
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
    const double all = (double)settling->rows * (double)area_of(layer);
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
    const double all = (double)settling->rows * (double)area_of(layer);
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
static void batch_norm_2d_parameters(const struct iml_layer *layer,
                                     const struct iml_parameter_pass *pass)
{
    const size_t n = layer->channels;
    for (size_t p = pass->first; p < pass->first + pass->count; p++) {
        iml_real *out = pass->out + (p - pass->first) * n;
        for (size_t c = 0; c < n; c++)
            out[c] = (iml_real)total(pass->sums, pass->tiles, 2 * n, p == 0 ? n + c : c);
    }
}

static const struct iml_sums_kind batch_norm_2d_sums = {
    .gather = {[IML_PHASE_FORWARD] = gather_forward,
               [IML_PHASE_BACKWARD] = gather_backward,
               [IML_PHASE_TANGENT] = gather_tangent,
               [IML_PHASE_TANGENT_BACKWARD] = gather_tangent_backward},
    .keeps_sums = true,
    .adds_rows = true,
    .settle = batch_norm_2d_settle,
};

const struct iml_layer_kind iml_batch_norm_2d = {
    .name = "batch_norm_2d",
    .shares_adjoints = true, /* through the stack; of products ȳ is read again */
    .keeps_adjoint = true,
    .sums = &batch_norm_2d_sums,
    .parameter_rows = batch_norm_2d_parameter_rows,
    .forward = batch_norm_2d_forward,
    .backward = batch_norm_2d_backward,
    .tangent = batch_norm_2d_tangent,
    .tangent_backward = batch_norm_2d_tangent_backward,
    .parameter_backward = batch_norm_2d_parameters,
    .parameter_tangent_backward = batch_norm_2d_parameters,
};
