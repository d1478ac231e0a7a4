/* convolution.c: which implementation a convolution has; see convolution.h. */
#include "engine/net/convolution.h"

size_t iml_convolution_block(size_t channels)
{
    const size_t block = iml_convolution_compiled_block();
    return channels % block == 0 ? block : 1;
}

enum iml_code iml_convolution_new(const struct iml_convolution_options *options,
                                  struct iml_convolution **convolution, struct iml_error *error)
{
    const bool is_compiled = !options->is_plain && iml_convolution_is_compiled(options);
    const struct iml_convolution_kind *kind =
        is_compiled ? iml_convolution_compiled : &iml_convolution_plain;
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

void iml_convolution_forward(const struct iml_convolution *self,
                             const struct iml_convolution_call *call, const iml_real *x,
                             const iml_real *packed, iml_real *y)
{
    self->kind->forward(self, call, x, packed, y);
}

void iml_convolution_backward_data(const struct iml_convolution *self,
                                   const struct iml_convolution_call *call, const iml_real *y_bar,
                                   const iml_real *packed, iml_real *x_bar)
{
    self->kind->backward_data(self, call, y_bar, packed, x_bar);
}

void iml_convolution_backward_weights(const struct iml_convolution *self,
                                      const struct iml_convolution_call *call, const iml_real *x,
                                      const iml_real *y_bar, iml_real *gradient)
{
    self->kind->backward_weights(self, call, x, y_bar, gradient);
}
