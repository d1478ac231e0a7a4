/* convolution_primitives.c: oneDNN's primitives of a convolution; see onednn.h. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/net/onednn.h"

const size_t iml_onednn_images[ONEDNN_PARTS] = {1, 4, 16, 64};

enum iml_code iml_onednn_failed(dnnl_status_t status, const char *what, struct iml_error *error)
{
    if (status == dnnl_success) return IML_OK;
    return iml_error_set(error, status == dnnl_out_of_memory ? IML_ERROR_MEMORY : IML_ERROR_LIMIT,
                         "oneDNN can't make %s: status %d", what, (int)status);
}

/* --- descriptions --- */

size_t iml_convolution_compiled_block(void)
{
    return (dnnl_get_effective_cpu_isa() & dnnl_cpu_isa_avx512_core) == dnnl_cpu_isa_avx512_core
               ? 16
               : 8;
}

static bool is_input(const struct iml_image *image)
{
    return image->block == 1 && (image->channels == 1 || image->channels == 3);
}

bool iml_convolution_is_compiled(const struct iml_convolution_options *options)
{
    const size_t block = iml_convolution_compiled_block();
    return options->to.block == block &&
           (options->from.block == block ||
            (is_input(&options->from) && !options->wants_backward_data));
}

static dnnl_format_tag_t tag_of(const struct iml_image *image)
{
    if (image->block == 1) return dnnl_nchw;
    return image->block == 8 ? dnnl_nChw8c : dnnl_nChw16c;
}

static dnnl_status_t describe_image(const struct iml_image *image, size_t images,
                                    dnnl_memory_desc_t *out)
{
    const dnnl_dims_t dims = {(int64_t)images, (int64_t)image->channels, (int64_t)image->height,
                              (int64_t)image->width};
    return dnnl_memory_desc_init_by_tag(out, 4, dims, dnnl_f32, tag_of(image));
}

dnnl_status_t iml_onednn_describe_weights(const struct iml_convolution_options *o,
                                          dnnl_format_tag_t tag, dnnl_memory_desc_t *out)
{
    const dnnl_dims_t dims = {(int64_t)o->to.channels, (int64_t)o->from.channels,
                              (int64_t)o->window.height, (int64_t)o->window.width};
    return dnnl_memory_desc_init_by_tag(out, 4, dims, dnnl_f32, tag);
}

static dnnl_status_t describe(const struct onednn_making *making, enum onednn_kind kind,
                              size_t images, dnnl_convolution_desc_t *out)
{
    const struct iml_convolution_options *o = &making->self->head.options;
    const dnnl_dims_t strides = {(int64_t)o->window.stride, (int64_t)o->window.stride};
    const dnnl_dims_t padding = {(int64_t)o->window.padding, (int64_t)o->window.padding};
    dnnl_memory_desc_t from, to;
    const dnnl_memory_desc_t *weights = &making->weights[kind];
    dnnl_status_t status = describe_image(&o->from, images, &from);
    if (status == dnnl_success) status = describe_image(&o->to, images, &to);
    if (status != dnnl_success) return status;
    if (kind == ONEDNN_BACKWARD_DATA)
        return dnnl_convolution_backward_data_desc_init(out, making->algorithm, &from, weights, &to,
                                                        strides, padding, padding);
    if (kind == ONEDNN_BACKWARD_WEIGHTS)
        return dnnl_convolution_backward_weights_desc_init(out, making->algorithm, &from, weights,
                                                           NULL, &to, strides, padding, padding);
    return dnnl_convolution_forward_desc_init(out, dnnl_forward_training, making->algorithm, &from,
                                              weights, NULL, &to, strides, padding, padding);
}

/* --- operations --- */

static const struct {
    int arguments[ONEDNN_ARGUMENTS];
    dnnl_query_t queries[ONEDNN_ARGUMENTS];
    dnnl_query_t weights; /* which of them is W */
    const char *name;
} forms[ONEDNN_KINDS] = {
    [ONEDNN_FORWARD] = {{DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST, DNNL_ARG_SCRATCHPAD},
                        {dnnl_query_src_md, dnnl_query_weights_md, dnnl_query_dst_md,
                         dnnl_query_scratchpad_md},
                        dnnl_query_weights_md,
                        "a convolution"},
    [ONEDNN_FORWARD_SUM] = {{DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST, DNNL_ARG_SCRATCHPAD},
                            {dnnl_query_src_md, dnnl_query_weights_md, dnnl_query_dst_md,
                             dnnl_query_scratchpad_md},
                            dnnl_query_weights_md,
                            "a convolution that adds"},
    [ONEDNN_BACKWARD_DATA] = {{DNNL_ARG_DIFF_DST, DNNL_ARG_WEIGHTS, DNNL_ARG_DIFF_SRC,
                               DNNL_ARG_SCRATCHPAD},
                              {dnnl_query_diff_dst_md, dnnl_query_weights_md,
                               dnnl_query_diff_src_md, dnnl_query_scratchpad_md},
                              dnnl_query_weights_md,
                              "a convolution's adjoint"},
    [ONEDNN_BACKWARD_WEIGHTS] = {{DNNL_ARG_SRC, DNNL_ARG_DIFF_DST, DNNL_ARG_DIFF_WEIGHTS,
                                  DNNL_ARG_SCRATCHPAD},
                                 {dnnl_query_src_md, dnnl_query_diff_dst_md,
                                  dnnl_query_diff_weights_md, dnnl_query_scratchpad_md},
                                 dnnl_query_diff_weights_md,
                                 "the adjoint of a convolution's weights"},
};

/* The reference loops of oneDNN are 2,000 × slower than a kernel: an error, never taken in silence.
 */
static enum iml_code check_kernel(dnnl_primitive_desc_t description, enum onednn_kind kind,
                                  const struct iml_convolution_options *o, struct iml_error *error)
{
    const char *name = "";
    const enum iml_code code = iml_onednn_failed(
        dnnl_primitive_desc_query(description, dnnl_query_impl_info_str, 0, (void *)&name),
        "the name of a kernel", error);
    if (code != IML_OK) return code;
    if (strncmp(name, "ref", 3) != 0 && strncmp(name, "gemm:ref", 8) != 0) return IML_OK;
    return iml_error_set(error, IML_ERROR_LIMIT,
                         "oneDNN has no kernel for %s of %zu to %zu channels at %zu × %zu: %s",
                         forms[kind].name, o->from.channels, o->to.channels, o->from.height,
                         o->from.width, name);
}

static enum iml_code take_memories(struct onednn *self, dnnl_primitive_desc_t description,
                                   enum onednn_kind kind, struct onednn_operation *operation,
                                   struct iml_error *error)
{
    const size_t workers = self->head.options.workers;
    memcpy(operation->arguments, forms[kind].arguments, sizeof operation->arguments);
    operation->memory = calloc(workers * ONEDNN_ARGUMENTS, sizeof(dnnl_memory_t));
    if (!operation->memory)
        return iml_error_set(error, IML_ERROR_MEMORY, "can't allocate a convolution");
    for (size_t i = 0; i < workers * ONEDNN_ARGUMENTS; i++) {
        const dnnl_memory_desc_t *form =
            dnnl_primitive_desc_query_md(description, forms[kind].queries[i % ONEDNN_ARGUMENTS], 0);
        if (i == ONEDNN_ARGUMENTS - 1) {
            const size_t bytes = dnnl_memory_desc_get_size(form);
            if (bytes > self->pad_bytes) self->pad_bytes = bytes;
        }
        const enum iml_code code = iml_onednn_failed(
            dnnl_memory_create(&operation->memory[i], form, self->engine, DNNL_MEMORY_NONE),
            forms[kind].name, error);
        if (code != IML_OK) return code;
    }
    return IML_OK;
}

static enum iml_code make_operation(struct onednn_making *making, enum onednn_kind kind,
                                    size_t part, struct iml_error *error)
{
    struct onednn *self = making->self;
    struct onednn_operation *operation = &self->operations[kind][part];
    dnnl_convolution_desc_t wanted;
    dnnl_primitive_desc_t description = NULL;
    dnnl_status_t status = describe(making, kind, iml_onednn_images[part], &wanted);
    if (status == dnnl_success)
        status = dnnl_primitive_desc_create(
            &description, &wanted, kind == ONEDNN_FORWARD_SUM ? making->sum : making->plain,
            self->engine,
            kind == ONEDNN_BACKWARD_DATA || kind == ONEDNN_BACKWARD_WEIGHTS ? making->hint : NULL);
    if (status != dnnl_success) return iml_onednn_failed(status, forms[kind].name, error);
    enum iml_code code = check_kernel(description, kind, &self->head.options, error);
    if (code == IML_OK) {
        making->weights[kind] = *dnnl_primitive_desc_query_md(description, forms[kind].weights, 0);
        code = take_memories(self, description, kind, operation, error);
    }
    if (code == IML_OK)
        code = iml_onednn_failed(dnnl_primitive_create(&operation->primitive, description),
                                 forms[kind].name, error);
    if (kind == ONEDNN_FORWARD && !making->hint)
        making->hint = description;
    else
        (void)dnnl_primitive_desc_destroy(description);
    return code;
}

/* All parts of a kind have one form of W. */
enum iml_code iml_onednn_make_kind(struct onednn_making *making, enum onednn_kind kind,
                                   struct iml_error *error)
{
    const size_t parts = kind == ONEDNN_BACKWARD_WEIGHTS ? ONEDNN_PARTS : ONEDNN_DATA_PARTS;
    enum iml_code code =
        iml_onednn_failed(iml_onednn_describe_weights(&making->self->head.options,
                                                      dnnl_format_tag_any, &making->weights[kind]),
                          forms[kind].name, error);
    /* the sum reads the weights of the plain call */
    if (kind == ONEDNN_FORWARD_SUM) making->weights[kind] = making->weights[ONEDNN_FORWARD];
    for (size_t part = parts; part-- > 0 && code == IML_OK;)
        code = make_operation(making, kind, part, error);
    return code;
}
