/* convolution.c: which implementation a convolution has; see convolution.h. */
#include "engine/net/convolution.h"

size_t iml_convolution_block(size_t channels)
{
    const size_t block = iml_convolution_compiled_block();
    return channels % block == 0 ? block : 1;
}

/* Whether the layer's tiles of 4 × 4 pixels are at least half full: measured (decision 0130), it is
 * then 1.5 to 3 times as fast as oneDNN's direct kernels with AVX2. By shape alone, since another
 * kernel means other bits. */
static bool is_for_winograd(const struct iml_convolution_options *o)
{
    if (o->method != IML_CONVOLUTION_AUTO || !iml_convolution_winograd_is_possible(o)) return false;
    const size_t tiles = ((o->to.height + 3) / 4) * ((o->to.width + 3) / 4);
    return 2 * o->to.height * o->to.width >= 16 * tiles;
}

enum iml_code iml_convolution_new(const struct iml_convolution_options *options,
                                  struct iml_convolution **convolution, struct iml_error *error)
{
    const struct iml_convolution_kind *kind = &iml_convolution_plain;
    if (!options->is_plain && iml_convolution_is_compiled(options))
        kind = is_for_winograd(options) ? &iml_convolution_winograd : iml_convolution_compiled;
    else if (!options->is_plain && iml_convolution_columns_are_possible(options))
        kind = &iml_convolution_columns;
    *convolution = NULL;
    return kind->create(options, convolution, error);
}

void iml_convolution_free(struct iml_convolution *convolution)
{
    if (convolution) convolution->kind->destroy(convolution);
}

const struct iml_convolution_sizes *iml_convolution_sizes(const struct iml_convolution *self)
{
    return &self->sizes;
}

const char *iml_convolution_name(const struct iml_convolution *self)
{
    return self->kind->name;
}

void iml_convolution_use(struct iml_convolution *self, void *scratch, size_t stride_bytes)
{
    self->scratch = scratch;
    self->stride_bytes = stride_bytes;
}

void iml_convolution_pack(const struct iml_convolution *self, enum iml_packing packing,
                          const iml_real *w, iml_real *packed)
{
    self->kind->pack(self, packing, w, packed);
}

void iml_convolution_unpack(const struct iml_convolution *self, const iml_real *gradient,
                            iml_real *w)
{
    self->kind->unpack(self, gradient, w);
}

/* Term by term where the kind sums none. */
static void run(const struct iml_convolution *self, const struct iml_convolution_call *call,
                const struct iml_convolution_terms *terms, iml_convolution_kernel *kernel,
                iml_real *out)
{
    if (self->kind->sums_terms || terms->count == 1) {
        kernel(self, call, terms, out);
        return;
    }
    struct iml_convolution_call one = *call;
    for (size_t t = 0; t < terms->count; t++) {
        const struct iml_convolution_terms term = {.count = 1,
                                                   .x = {terms->x[t]},
                                                   .y_bar = {terms->y_bar[t]},
                                                   .packed = {terms->packed[t]}};
        kernel(self, &one, &term, out);
        one.has_sum = true;
    }
}

void iml_convolution_forward(const struct iml_convolution *self,
                             const struct iml_convolution_call *call,
                             const struct iml_convolution_terms *terms, iml_real *y)
{
    run(self, call, terms, self->kind->forward, y);
}

void iml_convolution_backward_data(const struct iml_convolution *self,
                                   const struct iml_convolution_call *call,
                                   const struct iml_convolution_terms *terms, iml_real *x_bar)
{
    run(self, call, terms, self->kind->backward_data, x_bar);
}

void iml_convolution_backward_weights(const struct iml_convolution *self,
                                      const struct iml_convolution_call *call,
                                      const struct iml_convolution_terms *terms, iml_real *gradient)
{
    run(self, call, terms, self->kind->backward_weights, gradient);
}
