/* convolution_plain.c: convolutions by plain loops, for any shape and form; see convolution.h.
 *
 * Weights are packed as (out / block) × in × height × width × block, block that of `to`: all loops
 * below end in one over a block of output channels. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "engine/core/watch.h"
#include "engine/net/convolution.h"

enum { BLOCK_MAX = 16 };

static size_t weight_count(const struct iml_convolution *self)
{
    const struct iml_convolution_options *o = &self->options;
    return o->to.channels * o->from.channels * o->window.height * o->window.width;
}

static enum iml_code plain_create(const struct iml_convolution_options *options,
                                  struct iml_convolution **convolution, struct iml_error *error)
{
    assert(options->to.block <= BLOCK_MAX && options->to.channels % options->to.block == 0);
    struct iml_convolution *self = calloc(1, sizeof *self);
    if (!self) return iml_error_set(error, IML_ERROR_MEMORY, "can't allocate a convolution");
    self->kind = &iml_convolution_plain;
    self->options = *options;
    const size_t weights = weight_count(self);
    self->sizes.packed[IML_PACKING_FORWARD] = weights;
    self->sizes.packed[IML_PACKING_BACKWARD] = options->wants_backward_data ? weights : 0;
    self->sizes.gradient = options->is_forward_only ? 0 : weights;
    *convolution = self;
    return IML_OK;
}

static void plain_destroy(struct iml_convolution *convolution)
{
    free(convolution);
}

/* Where row `o` of W (in × height × width elements) lies in the packing: its elements are `block`
 * apart. */
static size_t packed_row(const struct iml_convolution *self, size_t o, size_t elements)
{
    const size_t block = self->options.to.block;
    return o / block * elements * block + o % block;
}

static void plain_pack(const struct iml_convolution *self, enum iml_packing packing,
                       const iml_real *w, iml_real *packed)
{
    (void)packing; /* one for all */
    const size_t elements = weight_count(self) / self->options.to.channels;
    const size_t block = self->options.to.block;
    for (size_t o = 0; o < self->options.to.channels; o++) {
        iml_real *row = packed + packed_row(self, o, elements);
        for (size_t j = 0; j < elements; j++) row[j * block] = w[o * elements + j];
    }
}

void iml_convolution_plain_unpack(const struct iml_convolution *self, const iml_real *gradient,
                                  iml_real *w)
{
    const size_t elements = weight_count(self) / self->options.to.channels;
    const size_t block = self->options.to.block;
    for (size_t o = 0; o < self->options.to.channels; o++) {
        const iml_real *row = gradient + packed_row(self, o, elements);
        for (size_t j = 0; j < elements; j++) w[o * elements + j] = row[j * block];
    }
}

/* What an output pixel does with one weight and one input pixel. */
enum operation { FORWARD, BACKWARD_DATA, BACKWARD_WEIGHTS };

/* What one call reads and writes. */
struct arrays {
    const iml_real *x, *w, *y_bar;
    iml_real *y, *x_bar, *w_bar;
};

/* Where an operation's elements start: x one element, y and w a block of output channels each. */
struct starts {
    size_t x, y, w;
};

__attribute__((always_inline)) IML_UNWATCHED static inline void
visit_block(const struct arrays *a, enum operation operation, size_t block, struct starts at)
{
    if (operation == FORWARD) {
        for (size_t b = 0; b < block; b++) a->y[at.y + b] += a->x[at.x] * a->w[at.w + b];
    } else if (operation == BACKWARD_DATA) {
        iml_real sum = 0;
        for (size_t b = 0; b < block; b++) sum += a->y_bar[at.y + b] * a->w[at.w + b];
        a->x_bar[at.x] += sum;
    } else {
        for (size_t b = 0; b < block; b++) a->w_bar[at.w + b] += a->x[at.x] * a->y_bar[at.y + b];
    }
}

/* One block of one output pixel over the window and all input channels. */
__attribute__((always_inline)) IML_UNWATCHED static inline void
visit_pixel(const struct iml_convolution_options *o, const struct arrays *a,
            enum operation operation, size_t block, const size_t place[3])
{
    const size_t ob = place[0], oy = place[1], ox = place[2];
    const size_t at_y = ((ob * o->to.height + oy) * o->to.width + ox) * block;
    const size_t window = o->window.height * o->window.width;
    for (size_t ky = 0; ky < o->window.height; ky++) {
        const size_t y = oy * o->window.stride + ky; /* in the padded image */
        if (y < o->window.padding || y >= o->from.height + o->window.padding) continue;
        for (size_t kx = 0; kx < o->window.width; kx++) {
            const size_t x = ox * o->window.stride + kx;
            if (x < o->window.padding || x >= o->from.width + o->window.padding) continue;
            for (size_t i = 0; i < o->from.channels; i++) {
                const struct starts at = {
                    .x = iml_image_at(&o->from, i, y - o->window.padding, x - o->window.padding),
                    .y = at_y,
                    .w =
                        ((ob * o->from.channels + i) * window + ky * o->window.width + kx) * block};
                visit_block(a, operation, block, at);
            }
        }
    }
}

__attribute__((always_inline)) IML_UNWATCHED static inline void
visit_images(const struct iml_convolution *self, size_t images, struct arrays a,
             enum operation operation, size_t block)
{
    const struct iml_convolution_options *o = &self->options;
    const size_t in = iml_image_elements(&o->from), out = iml_image_elements(&o->to);
    for (size_t n = 0; n < images; n++) {
        size_t place[3];
        for (place[0] = 0; place[0] < o->to.channels / block; place[0]++) {
            for (place[1] = 0; place[1] < o->to.height; place[1]++) {
                for (place[2] = 0; place[2] < o->to.width; place[2]++)
                    visit_pixel(o, &a, operation, block, place);
            }
        }
        if (operation != BACKWARD_DATA) a.x += in;
        if (operation == BACKWARD_DATA) a.x_bar += in;
        if (operation == FORWARD) a.y += out;
        if (operation != FORWARD) a.y_bar += out;
    }
}

static void clear(const struct iml_convolution_call *call, size_t count, iml_real *out)
{
    if (!call->has_sum) memset(out, 0, count * sizeof *out);
}

static void watch(const iml_real *array, size_t count, bool is_written)
{
    if (array) iml_watch(array, 1, count * sizeof *array, 0, is_written);
}

/* Tells what a call reads and writes (watch.h). */
static void watch_arrays(const struct iml_convolution *self, size_t images, const struct arrays *a)
{
    const size_t in = images * iml_image_elements(&self->options.from);
    const size_t out = images * iml_image_elements(&self->options.to);
    const size_t weights = weight_count(self);
    watch(a->x, in, false);
    watch(a->w, weights, false);
    watch(a->y_bar, out, false);
    watch(a->y, out, true);
    watch(a->x_bar, in, true);
    watch(a->w_bar, weights, true);
}

IML_UNWATCHED static void plain_forward(const struct iml_convolution *self,
                                        const struct iml_convolution_call *call,
                                        const struct iml_convolution_terms *terms, iml_real *y)
{
    clear(call, call->images * iml_image_elements(&self->options.to), y);
    const struct arrays arrays = {.x = terms->x[0], .w = terms->packed[0], .y = y};
    watch_arrays(self, call->images, &arrays);
    visit_images(self, call->images, arrays, FORWARD, self->options.to.block);
}

IML_UNWATCHED static void plain_backward_data(const struct iml_convolution *self,
                                              const struct iml_convolution_call *call,
                                              const struct iml_convolution_terms *terms,
                                              iml_real *x_bar)
{
    clear(call, call->images * iml_image_elements(&self->options.from), x_bar);
    const struct arrays arrays = {.y_bar = terms->y_bar[0], .w = terms->packed[0], .x_bar = x_bar};
    watch_arrays(self, call->images, &arrays);
    visit_images(self, call->images, arrays, BACKWARD_DATA, self->options.to.block);
}

IML_UNWATCHED void iml_convolution_plain_backward_weights(const struct iml_convolution *self,
                                                          const struct iml_convolution_call *call,
                                                          const struct iml_convolution_terms *terms,
                                                          iml_real *gradient)
{
    const struct arrays arrays = {.x = terms->x[0], .y_bar = terms->y_bar[0], .w_bar = gradient};
    const size_t block = self->options.to.block;
    clear(call, weight_count(self), gradient);
    watch_arrays(self, call->images, &arrays);
    if (block == 8) /* a constant: vectorized; the grey input layer comes here in every build */
        visit_images(self, call->images, arrays, BACKWARD_WEIGHTS, 8);
    else
        visit_images(self, call->images, arrays, BACKWARD_WEIGHTS, block);
}

const struct iml_convolution_kind iml_convolution_plain = {
    .name = "plain loops",
    .create = plain_create,
    .destroy = plain_destroy,
    .pack = plain_pack,
    .unpack = iml_convolution_plain_unpack,
    .forward = plain_forward,
    .backward_data = plain_backward_data,
    .backward_weights = iml_convolution_plain_backward_weights,
};
