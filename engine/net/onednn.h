/* onednn.h: a convolution by oneDNN's compiled kernels: private to convolution_primitives.c (its
 * primitives), convolution_creation.c (their making, packing and end) and convolution_onednn.c
 * (their running).
 *
 * A primitive is made for one number of images, so a call is cut into parts of 16, 4 and 1 images
 * (64 too where weights are summed): what a tile's last rows need is there, whatever the batch.
 * Images between layers lie in blocks of channels as wide as the machine's vectors (nChw8c,
 * nChw16c), the net's input as it comes (nchw); weights are packed in the form that each primitive
 * asks for. oneDNN takes its threads from OpenMP, by a setting of each thread and at creation:
 * always one here, in the thread of whoever calls. */
#ifndef IMLD_ENGINE_NET_ONEDNN_H
#define IMLD_ENGINE_NET_ONEDNN_H

#include <dnnl.h>

#include "engine/net/convolution.h"

enum {
    ONEDNN_PARTS = 4,
    ONEDNN_DATA_PARTS = 3, /* of the primitives that are no sums over images */
    ONEDNN_ARGUMENTS = 4
};
/* images of a part */
extern const size_t iml_onednn_images[ONEDNN_PARTS];

/* One primitive, with memory objects for each worker: data handles are set at each call. */
struct onednn_operation {
    dnnl_primitive_t primitive;
    int arguments[ONEDNN_ARGUMENTS]; /* the last is the scratchpad */
    dnnl_memory_t *memory;           /* owned: workers × ONEDNN_ARGUMENTS */
};

enum onednn_kind {
    ONEDNN_FORWARD,
    ONEDNN_FORWARD_SUM,
    ONEDNN_BACKWARD_DATA,
    ONEDNN_BACKWARD_WEIGHTS,
    ONEDNN_KINDS
};

struct onednn_reorder {
    dnnl_primitive_t primitive;
    dnnl_memory_t from, to;
};

struct onednn {
    struct iml_convolution head; /* first */
    dnnl_engine_t engine;
    dnnl_stream_t *streams; /* owned: one a worker */
    struct onednn_operation operations[ONEDNN_KINDS][ONEDNN_PARTS];
    struct onednn_reorder pack[IML_PACKINGS], unpack;
    size_t pad_bytes;       /* of oneDNN's own scratch, at the head of a worker's */
    bool has_plain_weights; /* the sum over images is by plain loops, */
    bool has_grey_weights;  /* or in their packing by convolution_grey.c */
};

/* What a primitive of a kind is made from. */
struct onednn_making {
    struct onednn *self;
    dnnl_primitive_attr_t plain, sum;
    dnnl_alg_kind_t algorithm;
    dnnl_memory_desc_t weights[ONEDNN_KINDS]; /* `any` until the first part has chosen */
    dnnl_primitive_desc_t hint;               /* of forward: the backward kinds ask for one */
};

/* IML_OK, or an error that names what could not be made. */
enum iml_code iml_onednn_failed(dnnl_status_t status, const char *what, struct iml_error *error);
dnnl_status_t iml_onednn_describe_weights(const struct iml_convolution_options *options,
                                          dnnl_format_tag_t tag, dnnl_memory_desc_t *out);
/* Primitives of all parts of a kind, which have one form of W; an error where oneDNN has only its
 * reference loops. */
IML_MUST_USE enum iml_code iml_onednn_make_kind(struct onednn_making *making, enum onednn_kind kind,
                                                struct iml_error *error);

/* One OpenMP thread for oneDNN in the calling thread. */
void iml_onednn_make_single(void);

enum iml_code iml_onednn_create(const struct iml_convolution_options *options,
                                struct iml_convolution **convolution, struct iml_error *error);
void iml_onednn_destroy(struct iml_convolution *convolution);

#endif
