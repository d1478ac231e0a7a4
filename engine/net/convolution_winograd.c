/* convolution_winograd.c: 3 × 3 convolutions of stride 1 by Winograd's F(4×4, 3×3); see winograd.h
 * and convolution.h.
 *
 * The tiles of all images of a call are taken in blocks of TILES: transformed, multiplied at each
 * of the 36 points, transformed back, all in a worker's scratch, which a block of a layer of 32
 * channels leaves in the core's second cache. A sum of two convolutions (of a tangent: U∗x + W∗ẋ)
 * is one product with twice the inputs and one transform back. The weights are transformed once a
 * call, for 16 images 1 to 4 % of its time: kept, they would take four times their memory. Blocks,
 * and so bits, depend on the call alone. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "engine/net/convolution.h"
#include "engine/net/winograd.h"

enum {
    TILES = 48, /* of a block: a multiple of STRIP; 24 to 144 are as fast */
    PAD = 16,   /* elements: else the 36 points of a tile share a few sets of the cache */
    TERMS = 2
};

static size_t stride_of(size_t rows, size_t columns)
{
    return rows * columns + PAD;
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

bool iml_convolution_winograd_is_possible(const struct iml_convolution_options *o)
{
#if defined(__x86_64__)
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return false;
#endif
    return o->window.height == 3 && o->window.width == 3 && o->window.stride == 1 &&
           o->window.padding == 1 && o->from.block == WINOGRAD_LANES &&
           o->to.block == WINOGRAD_LANES && o->from.channels % WINOGRAD_PANEL == 0 &&
           o->to.channels % WINOGRAD_PANEL == 0;
}

/* Elements of a worker's scratch: what the widest of the three kinds of call needs. */
static size_t scratch_elements(const struct iml_convolution_options *o)
{
    const size_t in = o->from.channels, out = o->to.channels,
                 terms = o->is_forward_only ? 1 : TERMS;
    const size_t weights = stride_of(in, out);
    const size_t forward = stride_of(TILES, terms * in) + stride_of(TILES, out) + terms * weights;
    const size_t data = stride_of(TILES, TERMS * out) + stride_of(TILES, in) + TERMS * weights;
    return WINOGRAD_POINTS * (o->wants_backward_data ? larger(forward, data) : forward);
}

static enum iml_code winograd_create(const struct iml_convolution_options *options,
                                     struct iml_convolution **convolution, struct iml_error *error)
{
    assert(iml_convolution_winograd_is_possible(options));
    struct iml_convolution *self = calloc(1, sizeof *self);
    if (!self) return iml_error_set(error, IML_ERROR_MEMORY, "can't allocate a convolution");
    const size_t in = options->from.channels, out = options->to.channels;
    const size_t packed = WINOGRAD_TAPS * in * out;
    self->kind = &iml_convolution_winograd;
    self->options = *options;
    self->sizes = (struct iml_convolution_sizes){
        .packed = {packed, options->wants_backward_data ? packed : 0},
        .gradient = options->is_forward_only ? 0 : packed,
        .scratch_bytes = scratch_elements(options) * sizeof(iml_real)};
    *convolution = self;
    return IML_OK;
}

static void winograd_destroy(struct iml_convolution *convolution)
{
    free(convolution);
}

/* Tap j of W as (outputs / PANEL) × inputs × PANEL; of an adjoint with inputs and outputs exchanged
 * and the taps turned round. */
static void winograd_pack(const struct iml_convolution *self, enum iml_packing packing,
                          const iml_real *w, iml_real *packed)
{
    const size_t in = self->options.from.channels, out = self->options.to.channels;
    const bool is_forward = packing == IML_PACKING_FORWARD;
    const size_t inputs = is_forward ? in : out;
    const size_t c_stride = is_forward ? WINOGRAD_TAPS : in * WINOGRAD_TAPS;
    const size_t k_stride = is_forward ? in * WINOGRAD_TAPS : WINOGRAD_TAPS;
    for (size_t i = 0; i < in * out; i += WINOGRAD_PANEL) {
        const size_t c = i / WINOGRAD_PANEL % inputs,
                     k = i / WINOGRAD_PANEL / inputs * WINOGRAD_PANEL;
        const iml_real *from = w + c * c_stride + k * k_stride;
        for (size_t j = 0; j < WINOGRAD_TAPS; j++) {
            const size_t tap = is_forward ? j : WINOGRAD_TAPS - 1 - j;
            iml_real *to = packed + j * in * out + i;
            for (size_t l = 0; l < WINOGRAD_PANEL; l++) to[l] = from[l * k_stride + tap];
        }
    }
}

static void winograd_unpack(const struct iml_convolution *self, const iml_real *gradient,
                            iml_real *w)
{
    const size_t in = self->options.from.channels, out = self->options.to.channels;
    for (size_t o = 0; o < out; o++) {
        for (size_t i = 0; i < in; i++) {
            iml_real *taps = w + (o * in + i) * WINOGRAD_TAPS;
            for (size_t j = 0; j < WINOGRAD_TAPS; j++) taps[j] = gradient[(j * in + i) * out + o];
        }
    }
}

/* --- calls --- */

/* The tiles of a call, numbered row by row and image by image. */
struct tiling {
    size_t rows, columns, count;
};

static struct tiling tiling_of(const struct iml_convolution *self, size_t images)
{
    const struct iml_image *form = &self->options.to;
    const size_t rows = (form->height + WINOGRAD_TILE - 1) / WINOGRAD_TILE;
    const size_t columns = (form->width + WINOGRAD_TILE - 1) / WINOGRAD_TILE;
    return (struct tiling){.rows = rows, .columns = columns, .count = images * rows * columns};
}

static size_t image_of(const struct tiling *tiling, size_t tile)
{
    return tile / (tiling->rows * tiling->columns);
}

static struct iml_tile_place place_of(const struct tiling *tiling, size_t tile)
{
    const size_t within = tile % (tiling->rows * tiling->columns);
    return (struct iml_tile_place){.row = within / tiling->columns,
                                   .column = within % tiling->columns};
}

static struct iml_points moved(struct iml_points points, size_t elements)
{
    points.at += elements;
    return points;
}

static iml_real *scratch_of(const struct iml_convolution *self, unsigned worker)
{
    return (iml_real *)(void *)(self->scratch + (size_t)worker * self->stride_bytes);
}

/* One way through: images of `from` to images of `to`, a sum of `count` terms. */
struct way {
    const struct iml_image *from, *to;
    const iml_real *const *x, *const *packed;
    size_t count;
    iml_real *y;
};

static void transform_block(const struct way *way, const struct tiling *tiling, size_t first,
                            size_t tiles, struct iml_points v)
{
    const size_t elements = iml_image_elements(way->from), channels = way->from->channels;
    for (size_t i = 0; i < tiles; i++) {
        const struct iml_tile_place place = place_of(tiling, first + i);
        const size_t image = image_of(tiling, first + i) * elements;
        for (size_t t = 0; t < way->count; t++)
            iml_winograd_transform_input(way->from, way->x[t] + image, place,
                                         moved(v, (i * way->count + t) * channels));
    }
}

static void multiply_block(const struct way *way, size_t tiles, const struct iml_points u[TERMS],
                           struct iml_points v, struct iml_points m)
{
    const size_t in = way->from->channels, out = way->to->channels;
    struct iml_winograd_product product = {.term_count = way->count,
                                           .tiles = (tiles + WINOGRAD_STRIP - 1) / WINOGRAD_STRIP *
                                                    WINOGRAD_STRIP,
                                           .inputs = in,
                                           .outputs = out,
                                           .v_stride = way->count * in};
    for (size_t point = 0; point < WINOGRAD_POINTS; point++) {
        for (size_t t = 0; t < way->count; t++)
            product.terms[t] = (struct iml_winograd_term){.v = v.at + point * v.stride + t * in,
                                                          .u = u[t].at + point * u[t].stride};
        product.m = m.at + point * m.stride;
        iml_winograd_multiply(&product);
    }
}

static void go(const struct iml_convolution *self, const struct iml_convolution_call *call,
               const struct way *way)
{
    const struct tiling tiling = tiling_of(self, call->images);
    const size_t elements = iml_image_elements(way->to), out = way->to->channels;
    const struct iml_points v = {.at = scratch_of(self, call->worker),
                                 .stride = stride_of(TILES, way->count * way->from->channels)};
    const struct iml_points m = {.at = v.at + WINOGRAD_POINTS * v.stride,
                                 .stride = stride_of(TILES, out)};
    struct iml_points u[TERMS];
    for (size_t t = 0; t < way->count; t++) {
        u[t].stride = stride_of(way->from->channels, out);
        u[t].at = m.at + WINOGRAD_POINTS * (m.stride + t * u[t].stride);
        iml_winograd_transform_weights(way->packed[t], way->from->channels, out, u[t]);
    }
    for (size_t first = 0; first < tiling.count; first += TILES) {
        const size_t tiles = tiling.count - first < TILES ? tiling.count - first : TILES;
        transform_block(way, &tiling, first, tiles, v);
        multiply_block(way, tiles, u, v, m);
        for (size_t i = 0; i < tiles; i++)
            iml_winograd_transform_output(way->to, moved(m, i * out), place_of(&tiling, first + i),
                                          call->has_sum,
                                          way->y + image_of(&tiling, first + i) * elements);
    }
}

static void
winograd_forward(const struct iml_convolution *self, const struct iml_convolution_call *call,
                 const struct iml_convolution_terms *terms,
                 iml_real *y) /* NOLINT(readability-non-const-parameter): a kernel's form */
{
    const struct way way = {.from = &self->options.from,
                            .to = &self->options.to,
                            .x = terms->x,
                            .packed = terms->packed,
                            .count = terms->count,
                            .y = y};
    go(self, call, &way);
}

static void winograd_backward_data(const struct iml_convolution *self,
                                   const struct iml_convolution_call *call,
                                   const struct iml_convolution_terms *terms,
                                   iml_real *x_bar) /* NOLINT(readability-non-const-parameter) */
{
    const struct way way = {.from = &self->options.to,
                            .to = &self->options.from,
                            .x = terms->y_bar,
                            .packed = terms->packed,
                            .count = terms->count,
                            .y = x_bar};
    go(self, call, &way);
}

/* --- weights --- */

/* u += vᵀm at each point, of a block of one term. */
static void sum_block(const struct iml_convolution *self, const struct tiling *tiling, size_t first,
                      const iml_real *x, const iml_real *y_bar, const struct iml_points points[3])
{
    const struct iml_image *from = &self->options.from, *to = &self->options.to;
    const size_t tiles = tiling->count - first < TILES ? tiling->count - first : TILES;
    for (size_t i = 0; i < tiles; i++) {
        const struct iml_tile_place place = place_of(tiling, first + i);
        const size_t image = image_of(tiling, first + i);
        iml_winograd_transform_input(from, x + image * iml_image_elements(from), place,
                                     moved(points[0], i * from->channels));
        iml_winograd_transform_adjoint(to, y_bar + image * iml_image_elements(to), place,
                                       moved(points[1], i * to->channels));
    }
    for (size_t point = 0; point < WINOGRAD_POINTS; point++) {
        const struct iml_winograd_sum sum = {.v = points[0].at + point * points[0].stride,
                                             .m = points[1].at + point * points[1].stride,
                                             .tiles = tiles,
                                             .inputs = from->channels,
                                             .outputs = to->channels,
                                             .u = points[2].at + point * points[2].stride};
        iml_winograd_multiply_transposed(&sum);
    }
}

static void winograd_backward_weights(const struct iml_convolution *self,
                                      const struct iml_convolution_call *call,
                                      const struct iml_convolution_terms *terms, iml_real *gradient)
{
    const size_t in = self->options.from.channels, out = self->options.to.channels;
    const struct tiling tiling = tiling_of(self, call->images);
    struct iml_points points[3] = {
        {.at = scratch_of(self, call->worker), .stride = stride_of(TILES, in)},
        {.stride = stride_of(TILES, out)},
        {.stride = stride_of(in, out)}};
    points[1].at = points[0].at + WINOGRAD_POINTS * points[0].stride;
    points[2].at = points[1].at + WINOGRAD_POINTS * points[1].stride;
    memset(points[2].at, 0, WINOGRAD_POINTS * points[2].stride * sizeof(iml_real));
    for (size_t t = 0; t < terms->count; t++) {
        for (size_t first = 0; first < tiling.count; first += TILES)
            sum_block(self, &tiling, first, terms->x[t], terms->y_bar[t], points);
    }
    iml_winograd_transform_gradient(points[2], in, out, call->has_sum, gradient);
}

const struct iml_convolution_kind iml_convolution_winograd = {
    .name = "Winograd F(4×4, 3×3)",
    .sums_terms = true,
    .create = winograd_create,
    .destroy = winograd_destroy,
    .pack = winograd_pack,
    .unpack = winograd_unpack,
    .forward = winograd_forward,
    .backward_data = winograd_backward_data,
    .backward_weights = winograd_backward_weights,
};
