/* convolution_creation.c: making and freeing a convolution by oneDNN: primitives, packings,
 * scratch; see onednn.h. */
#include <stdlib.h>

#include "engine/net/onednn.h"

enum { ALIGNMENT = 64 };

/* --- packing --- */

static enum iml_code make_reorder(struct onednn *self, const dnnl_memory_desc_t *from,
                                  const dnnl_memory_desc_t *to, struct onednn_reorder *out,
                                  struct iml_error *error)
{
    dnnl_primitive_desc_t description = NULL;
    dnnl_status_t status = dnnl_reorder_primitive_desc_create(&description, from, self->engine, to,
                                                              self->engine, NULL);
    if (status == dnnl_success) status = dnnl_primitive_create(&out->primitive, description);
    if (description) (void)dnnl_primitive_desc_destroy(description);
    if (status == dnnl_success)
        status = dnnl_memory_create(&out->from, from, self->engine, DNNL_MEMORY_NONE);
    if (status == dnnl_success)
        status = dnnl_memory_create(&out->to, to, self->engine, DNNL_MEMORY_NONE);
    return iml_onednn_failed(status, "a packing of weights", error);
}

static size_t elements_of(const dnnl_memory_desc_t *form)
{
    return dnnl_memory_desc_get_size(form) / sizeof(float);
}

static enum iml_code make_packings(struct onednn_making *making, struct iml_error *error)
{
    struct onednn *self = making->self;
    struct iml_convolution_sizes *sizes = &self->head.sizes;
    dnnl_memory_desc_t outside;
    enum iml_code code =
        iml_onednn_failed(iml_onednn_describe_weights(&self->head.options, dnnl_oihw, &outside),
                          "a packing of weights", error);
    if (code == IML_OK)
        code = make_reorder(self, &outside, &making->weights[ONEDNN_FORWARD],
                            &self->pack[IML_PACKING_FORWARD], error);
    sizes->packed[IML_PACKING_FORWARD] = elements_of(&making->weights[ONEDNN_FORWARD]);
    if (code == IML_OK && self->head.options.wants_backward_data) {
        code = make_reorder(self, &outside, &making->weights[ONEDNN_BACKWARD_DATA],
                            &self->pack[IML_PACKING_BACKWARD], error);
        sizes->packed[IML_PACKING_BACKWARD] = elements_of(&making->weights[ONEDNN_BACKWARD_DATA]);
    }
    if (code == IML_OK && self->head.options.is_forward_only) return IML_OK;
    sizes->gradient = elements_of(&outside);
    if (code != IML_OK || self->has_plain_weights) return code;
    sizes->gradient = elements_of(&making->weights[ONEDNN_BACKWARD_WEIGHTS]);
    return make_reorder(self, &making->weights[ONEDNN_BACKWARD_WEIGHTS], &outside, &self->unpack,
                        error);
}

static size_t padded(size_t bytes)
{
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

/* --- creation --- */

static dnnl_status_t make_attributes(struct onednn_making *making)
{
    dnnl_post_ops_t sum = NULL;
    dnnl_status_t status = dnnl_primitive_attr_create(&making->plain);
    if (status == dnnl_success) status = dnnl_primitive_attr_create(&making->sum);
    if (status == dnnl_success)
        status = dnnl_primitive_attr_set_scratchpad_mode(making->plain, dnnl_scratchpad_mode_user);
    if (status == dnnl_success)
        status = dnnl_primitive_attr_set_scratchpad_mode(making->sum, dnnl_scratchpad_mode_user);
    if (status == dnnl_success) status = dnnl_post_ops_create(&sum);
    if (status == dnnl_success) status = dnnl_post_ops_append_sum(sum, 1);
    if (status == dnnl_success) status = dnnl_primitive_attr_set_post_ops(making->sum, sum);
    if (sum) (void)dnnl_post_ops_destroy(sum);
    return status;
}

static bool allows_winograd(const struct iml_convolution_options *o)
{
    return o->method == IML_CONVOLUTION_AUTO && iml_convolution_compiled_block() == 16 &&
           o->window.height == 3 && o->window.width == 3 && o->window.stride == 1 &&
           o->from.channels >= 16;
}

static enum iml_code make_kinds(struct onednn_making *making, dnnl_alg_kind_t algorithm,
                                struct iml_error *error)
{
    const struct onednn *self = making->self;
    making->algorithm = algorithm;
    enum iml_code code = iml_onednn_make_kind(making, ONEDNN_FORWARD, error);
    if (code == IML_OK) code = iml_onednn_make_kind(making, ONEDNN_FORWARD_SUM, error);
    if (code == IML_OK && self->head.options.wants_backward_data)
        code = iml_onednn_make_kind(making, ONEDNN_BACKWARD_DATA, error);
    if (code == IML_OK && !self->has_plain_weights && !self->head.options.is_forward_only)
        code = iml_onednn_make_kind(making, ONEDNN_BACKWARD_WEIGHTS, error);
    return code;
}

static void free_operations(struct onednn *self)
{
    const size_t memories = (size_t)self->head.options.workers * ONEDNN_ARGUMENTS;
    for (size_t i = 0; i < (size_t)ONEDNN_KINDS * ONEDNN_PARTS; i++) {
        struct onednn_operation *operation = &self->operations[i / ONEDNN_PARTS][i % ONEDNN_PARTS];
        for (size_t m = 0; operation->memory && m < memories; m++)
            if (operation->memory[m]) (void)dnnl_memory_destroy(operation->memory[m]);
        if (operation->primitive) (void)dnnl_primitive_destroy(operation->primitive);
        free(operation->memory);
        *operation = (struct onednn_operation){0};
    }
}

/* Winograd where it may be and can be had, else direct. */
static enum iml_code make_operations(struct onednn_making *making, struct iml_error *error)
{
    struct onednn *self = making->self;
    if (allows_winograd(&self->head.options)) {
        struct iml_error ignored = {0}; /* this layer has none: direct then */
        if (make_kinds(making, dnnl_convolution_winograd, &ignored) == IML_OK) return IML_OK;
        free_operations(self);
        self->pad_bytes = 0;
        if (making->hint) (void)dnnl_primitive_desc_destroy(making->hint);
        making->hint = NULL;
    }
    return make_kinds(making, dnnl_convolution_direct, error);
}

static enum iml_code make_streams(struct onednn *self, struct iml_error *error)
{
    const size_t workers = self->head.options.workers;
    self->streams = calloc(workers, sizeof(dnnl_stream_t));
    if (!self->streams)
        return iml_error_set(error, IML_ERROR_MEMORY, "can't allocate a convolution");
    enum iml_code code =
        iml_onednn_failed(dnnl_engine_create(&self->engine, dnnl_cpu, 0), "an engine", error);
    for (size_t i = 0; i < workers && code == IML_OK; i++)
        code = iml_onednn_failed(
            dnnl_stream_create(&self->streams[i], self->engine, dnnl_stream_default_flags),
            "a stream", error);
    return code;
}

static bool is_for_grey(const struct iml_convolution_options *o)
{
#if defined(__x86_64__)
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return false;
#endif
    return o->from.channels == 1 && o->to.block == 8 && o->window.height == 3 &&
           o->window.width == 3;
}

/* Elements of an image with its padding. */
static size_t padded_elements(const struct iml_convolution_options *o)
{
    return (o->from.height + 2 * o->window.padding) * (o->from.width + 2 * o->window.padding);
}

/* Scratch of a worker: oneDNN's own, then a part's x̄, or one gradient of W, before it is added. */
static void size_scratch(struct onednn *self)
{
    const size_t images = iml_onednn_images[ONEDNN_DATA_PARTS - 1];
    const size_t x_bar = images * iml_image_elements(&self->head.options.from);
    size_t most = x_bar > self->head.sizes.gradient ? x_bar : self->head.sizes.gradient;
    if (self->has_grey_weights && padded_elements(&self->head.options) > most)
        most = padded_elements(&self->head.options);
    self->pad_bytes = padded(self->pad_bytes);
    self->head.sizes.scratch_bytes = self->pad_bytes;
    if (self->head.options.is_forward_only) return;
    self->head.sizes.scratch_bytes = self->pad_bytes + padded(most * sizeof(float));
}

void iml_onednn_destroy(struct iml_convolution *convolution)
{
    struct onednn *self = (struct onednn *)(void *)convolution;
    struct onednn_reorder *const reorders[] = {&self->pack[0], &self->pack[1], &self->unpack};
    free_operations(self);
    for (size_t i = 0; i < sizeof reorders / sizeof reorders[0]; i++) {
        if (reorders[i]->from) (void)dnnl_memory_destroy(reorders[i]->from);
        if (reorders[i]->to) (void)dnnl_memory_destroy(reorders[i]->to);
        if (reorders[i]->primitive) (void)dnnl_primitive_destroy(reorders[i]->primitive);
    }
    for (size_t i = 0; self->streams && i < self->head.options.workers; i++)
        if (self->streams[i]) (void)dnnl_stream_destroy(self->streams[i]);
    free(self->streams);
    if (self->engine) (void)dnnl_engine_destroy(self->engine);
    free(self);
}

enum iml_code iml_onednn_create(const struct iml_convolution_options *options,
                                struct iml_convolution **convolution, struct iml_error *error)
{
    struct onednn *self = calloc(1, sizeof *self);
    if (!self) return iml_error_set(error, IML_ERROR_MEMORY, "can't allocate a convolution");
    struct onednn_making making = {.self = self};
    iml_onednn_make_single();
    self->head.kind = iml_convolution_compiled;
    self->head.options = *options;
    /* oneDNN 2.6 has only its reference loops for the weights of a grey input and of images lower
     * than the window */
    self->has_plain_weights = (options->from.block == 1 && options->from.channels == 1) ||
                              options->from.height < options->window.height;
    self->has_grey_weights = self->has_plain_weights && is_for_grey(options);
    enum iml_code code = make_streams(self, error);
    if (code == IML_OK) code = iml_onednn_failed(make_attributes(&making), "an attribute", error);
    if (code == IML_OK) code = make_operations(&making, error);
    if (code == IML_OK) code = make_packings(&making, error);
    if (code == IML_OK) size_scratch(self);
    if (making.hint) (void)dnnl_primitive_desc_destroy(making.hint);
    if (making.plain) (void)dnnl_primitive_attr_destroy(making.plain);
    if (making.sum) (void)dnnl_primitive_attr_destroy(making.sum);
    if (code != IML_OK) {
        iml_onednn_destroy(&self->head);
        return code;
    }
    *convolution = &self->head;
    return IML_OK;
}
