/* convolution.h: y = W∗x of a few images and its adjoints, computed by the caller's thread alone
 * (MATH §2). Images are rows in the forms of `from` and `to`; W is out × in × height × width,
 * row-major, as PyTorch has it.
 *
 * Four implementations: convolution_plain.c (loops over any shape and form, in either type),
 * convolution_onednn.c (oneDNN's compiled kernels, float, where the machine has one for the shape),
 * convolution_winograd.c (3 × 3, stride 1, in either type) and convolution_columns.c (products of
 * matrices, in either type; what double has). All work on *packed* weights:
 * rearranged once for many calls. Which of them, and its kernels, follow from shape and machine
 * alone; so do the bits, and they depend on nothing else.
 *
 * Created once, with all its kernels; a call allocates no memory that a run would have to plan
 * (oneDNN keeps a few hundred bytes of its own during a call). Calls of different workers may run
 * at the same time. */
#ifndef IMLD_ENGINE_NET_CONVOLUTION_H
#define IMLD_ENGINE_NET_CONVOLUTION_H

#include <stdbool.h>

#include "engine/net/layer.h"
#include "imld/error.h"

struct iml_convolution_options {
    struct iml_image from, to;
    struct iml_window window;
    enum iml_convolution_method method;
    bool is_forward_only;     /* neither of the adjoints is ever asked */
    bool wants_backward_data; /* false: the net's first layer */
    bool is_plain;            /* the loops, whatever the machine has */
    unsigned workers;
};

/* Packings of W. */
enum iml_packing { IML_PACKING_FORWARD, IML_PACKING_BACKWARD, IML_PACKINGS };

struct iml_convolution_sizes {
    size_t packed[IML_PACKINGS]; /* elements; 0: not wanted */
    size_t gradient;             /* elements of a gradient of W in its own packing; 0: not wanted */
    size_t scratch_bytes;        /* of one worker */
};

/* Elements of a block of channels: what `block` of an image between two layers should be. */
size_t iml_convolution_block(size_t channels);

/* IML_ERROR_LIMIT: oneDNN has only its reference loops for this shape (2,000 × slower than a
 * compiled kernel): never taken in silence. Free with iml_convolution_free. */
IML_MUST_USE enum iml_code iml_convolution_new(const struct iml_convolution_options *options,
                                               struct iml_convolution **convolution,
                                               struct iml_error *error);
void iml_convolution_free(struct iml_convolution *convolution);
const struct iml_convolution_sizes *iml_convolution_sizes(const struct iml_convolution *self);

/* What its kernels are called, for a log: "plain loops", "jit:avx2". */
const char *iml_convolution_name(const struct iml_convolution *self);

/* scratch: workers × stride_bytes, borrowed; stride_bytes ≥ scratch_bytes, a multiple of 64. */
void iml_convolution_use(struct iml_convolution *self, void *scratch, size_t stride_bytes);

void iml_convolution_pack(const struct iml_convolution *self, enum iml_packing packing,
                          const iml_real *w, iml_real *packed);
/* w = a gradient in W's order. */
void iml_convolution_unpack(const struct iml_convolution *self, const iml_real *gradient,
                            iml_real *w);

/* One call; has_sum: the result is added to what is there. Nothing overlaps. */
struct iml_convolution_call {
    size_t images;
    bool has_sum;
    unsigned worker;
};

/* What is computed: a sum of one or two convolutions of the same shape (of tangents: U∗x + W∗ẋ).
 * Which of the three a call reads is said below. */
struct iml_convolution_terms {
    size_t count;
    const iml_real *x[2], *y_bar[2];
    const iml_real *packed[2];
};
/* y = Σ W∗x: x, packed (IML_PACKING_FORWARD) */
void iml_convolution_forward(const struct iml_convolution *self,
                             const struct iml_convolution_call *call,
                             const struct iml_convolution_terms *terms, iml_real *y);
/* x̄ = Σ W∗ᵀȳ: y_bar, packed (IML_PACKING_BACKWARD) */
void iml_convolution_backward_data(const struct iml_convolution *self,
                                   const struct iml_convolution_call *call,
                                   const struct iml_convolution_terms *terms, iml_real *x_bar);
/* W̄ = Σ x⋆ȳ, summed over the images: x, y_bar */
void iml_convolution_backward_weights(const struct iml_convolution *self,
                                      const struct iml_convolution_call *call,
                                      const struct iml_convolution_terms *terms,
                                      iml_real *gradient);

/* --- what an implementation offers --- */

typedef void iml_convolution_kernel(const struct iml_convolution *self,
                                    const struct iml_convolution_call *call,
                                    const struct iml_convolution_terms *terms, iml_real *out);

struct iml_convolution_kind {
    const char *name;
    bool sums_terms; /* its kernels take two terms; else each call has one */
    enum iml_code (*create)(const struct iml_convolution_options *options,
                            struct iml_convolution **convolution, struct iml_error *error);
    void (*destroy)(struct iml_convolution *convolution);
    void (*pack)(const struct iml_convolution *self, enum iml_packing packing, const iml_real *w,
                 iml_real *packed);
    void (*unpack)(const struct iml_convolution *self, const iml_real *gradient, iml_real *w);
    iml_convolution_kernel *forward, *backward_data, *backward_weights;
};

/* The head of every implementation's own struct. */
struct iml_convolution {
    const struct iml_convolution_kind *kind;
    struct iml_convolution_options options;
    struct iml_convolution_sizes sizes;
    char *scratch; /* borrowed */
    size_t stride_bytes;
};

extern const struct iml_convolution_kind iml_convolution_plain, iml_convolution_winograd,
    iml_convolution_columns;

/* Whether both images are in blocks of one channel. */
bool iml_convolution_columns_are_possible(const struct iml_convolution_options *options);

/* Whether Winograd can be had: 3 × 3, stride 1, blocks of 8 and multiples of 16 channels, on a
 * machine with AVX2 and FMA. */
bool iml_convolution_winograd_is_possible(const struct iml_convolution_options *options);

/* The compiled implementation of this build: oneDNN's, or NULL in builds on plain loops. */
extern const struct iml_convolution_kind *const iml_convolution_compiled;
/* Whether it has kernels for the shape; the width of its blocks. 0 and 1 where there is none. */
bool iml_convolution_is_compiled(const struct iml_convolution_options *options);
size_t iml_convolution_compiled_block(void);

/* Rough loops shared by both: gradient (plain packing: out/block × in × height × width × block). */
iml_convolution_kernel iml_convolution_plain_backward_weights;
/* The same for an input of one channel and a window of 3 × 3, in blocks of 8, on a machine with
 * AVX2 and FMA; padded: room for an image with its padding. */
void iml_convolution_grey_backward_weights(const struct iml_convolution *self,
                                           const struct iml_convolution_call *call,
                                           const struct iml_convolution_terms *terms,
                                           iml_real *padded, iml_real *gradient);
void iml_convolution_plain_unpack(const struct iml_convolution *self, const iml_real *gradient,
                                  iml_real *w);

#endif
