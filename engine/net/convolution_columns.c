/* convolution_columns.c: convolutions as products of matrices, image by image, for images in blocks
 * of one channel; see convolution.h.
 *
 * An image's windows are laid out as columns: row (i, ky, kx) holds, for each output pixel, the
 * input element that W's element (·, i, ky, kx) meets, and 0 where that lies in the padding. Then
 * y = W·columns, W̄ += ȳ·columnsᵀ, and x̄ gathers Wᵀ·ȳ from where the columns came. Packed weights
 * are W itself. In double the plain loops took tens of times as long
 * (docs/decisions/0135). */
#include <stdlib.h>
#include <string.h>

#include "engine/core/gemm.h"
#include "engine/net/convolution.h"

/* Sizes of the matrices: W is out × taps, columns are taps × pixels. */
struct sizes {
    size_t out, taps, pixels;
};

static struct sizes sizes_of(const struct iml_convolution_options *o)
{
    return (struct sizes){.out = o->to.channels,
                          .taps = o->from.channels * o->window.height * o->window.width,
                          .pixels = o->to.height * o->to.width};
}

/* 1 × 1 and nothing left out: the image is its own columns. */
static bool is_its_own_columns(const struct iml_convolution_options *o)
{
    return o->window.height == 1 && o->window.width == 1 && o->window.stride == 1 &&
           o->window.padding == 0;
}

bool iml_convolution_columns_are_possible(const struct iml_convolution_options *options)
{
    return options->from.block == 1 && options->to.block == 1;
}

static enum iml_code columns_create(const struct iml_convolution_options *options,
                                    struct iml_convolution **convolution, struct iml_error *error)
{
    struct iml_convolution *self = calloc(1, sizeof *self);
    if (!self) return iml_error_set(error, IML_ERROR_MEMORY, "can't allocate a convolution");
    const struct sizes n = sizes_of(options);
    self->kind = &iml_convolution_columns;
    self->options = *options;
    self->sizes = (struct iml_convolution_sizes){
        .packed = {n.out * n.taps, options->wants_backward_data ? n.out * n.taps : 0},
        .gradient = options->is_forward_only ? 0 : n.out * n.taps,
        .scratch_bytes = is_its_own_columns(options) ? 0 : n.taps * n.pixels * sizeof(iml_real)};
    iml_gemm_prepare();
    *convolution = self;
    return IML_OK;
}

static void columns_destroy(struct iml_convolution *convolution)
{
    free(convolution);
}

static void columns_pack(const struct iml_convolution *self, enum iml_packing packing,
                         const iml_real *w, iml_real *packed)
{
    memcpy(packed, w, self->sizes.packed[packing] * sizeof *packed);
}

static void columns_unpack(const struct iml_convolution *self, const iml_real *gradient,
                           iml_real *w)
{
    memcpy(w, gradient, self->sizes.gradient * sizeof *w);
}

/* Of one output row at window column kx: the pixels first … end − 1 meet the image, not the
 * padding; the first of them its column x. */
struct span {
    size_t first, end, x;
};

static struct span span_of(const struct iml_convolution_options *o, size_t kx)
{
    const size_t stride = o->window.stride, padding = o->window.padding;
    struct span span = {.first = kx < padding ? (padding - kx + stride - 1) / stride : 0};
    const size_t last = o->from.width + padding; /* x·s + kx − p < width */
    const size_t beyond = last > kx ? last - kx : 0;
    span.end = (beyond + stride - 1) / stride;
    if (span.end > o->to.width) span.end = o->to.width;
    if (span.first > span.end) span.first = span.end;
    span.x = span.first * stride + kx - padding;
    return span;
}

/* One output row of the columns' row (i, ky, kx), from the image's row x, or back into it. */
static void take_row(const struct span *span, size_t stride, size_t width, const iml_real *x,
                     iml_real *row)
{
    for (size_t p = 0; p < span->first; p++) row[p] = 0;
    if (stride == 1)
        memcpy(row + span->first, x + span->x, (span->end - span->first) * sizeof *row);
    else
        for (size_t p = span->first; p < span->end; p++)
            row[p] = x[span->x + (p - span->first) * stride];
    for (size_t p = span->end; p < width; p++) row[p] = 0;
}

static void give_row(const struct span *span, size_t stride, const iml_real *row, iml_real *x)
{
    for (size_t p = span->first; p < span->end; p++)
        x[span->x + (p - span->first) * stride] += row[p];
}

/* Whether output row oy meets a row of the image at ky, and which. */
static bool find_row(const struct iml_convolution_options *o, size_t oy, size_t ky, size_t *y)
{
    const size_t padded = oy * o->window.stride + ky;
    *y = padded - o->window.padding;
    return padded >= o->window.padding && padded < o->from.height + o->window.padding;
}

/* The columns of an image x (NULL: of x̄, which then gathers them). */
static void visit_columns(const struct iml_convolution_options *o, const iml_real *x,
                          iml_real *x_bar, iml_real *columns)
{
    const size_t taps = sizes_of(o).taps, window = o->window.height * o->window.width;
    const size_t plane = o->from.height * o->from.width;
    for (size_t t = 0; t < taps; t++) {
        const size_t at = t / window * plane, ky = t % window / o->window.width;
        const struct span span = span_of(o, t % o->window.width);
        for (size_t oy = 0; oy < o->to.height; oy++) {
            iml_real *row = columns + (t * o->to.height + oy) * o->to.width;
            size_t y = 0;
            const bool is_inside = find_row(o, oy, ky, &y);
            if (is_inside && x)
                take_row(&span, o->window.stride, o->to.width, x + at + y * o->from.width, row);
            else if (is_inside)
                give_row(&span, o->window.stride, row, x_bar + at + y * o->from.width);
            else if (x)
                memset(row, 0, o->to.width * sizeof *row);
        }
    }
}

static iml_real *scratch_of(const struct iml_convolution *self,
                            const struct iml_convolution_call *call)
{
    return (iml_real *)(void *)(self->scratch + call->worker * self->stride_bytes);
}

static const iml_real *columns_of(const struct iml_convolution *self,
                                  const struct iml_convolution_call *call, const iml_real *x)
{
    if (is_its_own_columns(&self->options)) return x;
    iml_real *columns = scratch_of(self, call);
    visit_columns(&self->options, x, NULL, columns);
    return columns;
}

static void columns_forward(const struct iml_convolution *self,
                            const struct iml_convolution_call *call,
                            const struct iml_convolution_terms *terms, iml_real *y)
{
    const struct sizes n = sizes_of(&self->options);
    const size_t in = iml_image_elements(&self->options.from);
    for (size_t i = 0; i < call->images; i++)
        iml_gemm_nn(n.out, n.pixels, n.taps, terms->packed[0], n.taps,
                    columns_of(self, call, terms->x[0] + i * in), n.pixels, call->has_sum,
                    y + i * n.out * n.pixels, n.pixels);
}

static void columns_backward_data(const struct iml_convolution *self,
                                  const struct iml_convolution_call *call,
                                  const struct iml_convolution_terms *terms, iml_real *x_bar)
{
    const struct sizes n = sizes_of(&self->options);
    const size_t in = iml_image_elements(&self->options.from);
    const bool is_direct = is_its_own_columns(&self->options);
    if (!call->has_sum && !is_direct) memset(x_bar, 0, call->images * in * sizeof *x_bar);
    for (size_t i = 0; i < call->images; i++) {
        iml_real *image = x_bar + i * in, *to = is_direct ? image : scratch_of(self, call);
        iml_gemm_tn(n.taps, n.pixels, n.out, terms->packed[0], n.taps,
                    terms->y_bar[0] + i * n.out * n.pixels, n.pixels, is_direct && call->has_sum,
                    to, n.pixels);
        if (!is_direct) visit_columns(&self->options, NULL, image, to);
    }
}

static void columns_backward_weights(const struct iml_convolution *self,
                                     const struct iml_convolution_call *call,
                                     const struct iml_convolution_terms *terms, iml_real *gradient)
{
    const struct sizes n = sizes_of(&self->options);
    const size_t in = iml_image_elements(&self->options.from);
    if (call->images == 0 && !call->has_sum)
        memset(gradient, 0, self->sizes.gradient * sizeof *gradient);
    for (size_t i = 0; i < call->images; i++)
        iml_gemm_nt(n.out, n.taps, n.pixels, terms->y_bar[0] + i * n.out * n.pixels, n.pixels,
                    columns_of(self, call, terms->x[0] + i * in), n.pixels, call->has_sum || i > 0,
                    gradient, n.taps);
}

const struct iml_convolution_kind iml_convolution_columns = {
    .name = "columns",
    .create = columns_create,
    .destroy = columns_destroy,
    .pack = columns_pack,
    .unpack = columns_unpack,
    .forward = columns_forward,
    .backward_data = columns_backward_data,
    .backward_weights = columns_backward_weights,
};
