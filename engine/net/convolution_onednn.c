/* convolution_onednn.c: convolutions by oneDNN's compiled kernels, float; see convolution.h.
 *
 * A primitive is made for one number of images, so a call is cut into parts of 16, 4 and 1 images
 * (64 too where weights are summed): what a tile's last rows need is there, whatever the batch.
 * Images between layers lie in blocks of channels as wide as the machine's vectors (nChw8c,
 * nChw16c), the net's input as it comes (nchw); weights are packed in the form that each primitive
 * asks for. oneDNN takes its threads from OpenMP, by a setting of each thread and at creation:
 * always one here, in the thread of whoever calls. */
#include <assert.h>
#include <dnnl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/core/vector.h"
#include "engine/net/convolution.h"

/* Of libgomp, whose header only gcc has. */
void omp_set_num_threads(int threads);

static _Thread_local bool is_single;

static void make_single(void)
{
    if (is_single) return;
    omp_set_num_threads(1);
    is_single = true;
}

enum { PARTS = 4, ARGUMENTS = 4, ALIGNMENT = 64 };
static const size_t part_images[PARTS] = {1, 4, 16, 64};
enum { DATA_PARTS = 3 }; /* of the primitives that are no sums over images */

/* One primitive, with memory objects for each worker: data handles are set at each call. */
struct operation {
    dnnl_primitive_t primitive;
    int arguments[ARGUMENTS]; /* the last is the scratchpad */
    dnnl_memory_t *memory;    /* owned: workers × ARGUMENTS */
};

enum operation_kind { FORWARD, FORWARD_SUM, BACKWARD_DATA, BACKWARD_WEIGHTS, OPERATION_KINDS };

struct reorder {
    dnnl_primitive_t primitive;
    dnnl_memory_t from, to;
};

struct onednn {
    struct iml_convolution head; /* first */
    dnnl_engine_t engine;
    dnnl_stream_t *streams; /* owned: one a worker */
    struct operation operations[OPERATION_KINDS][PARTS];
    struct reorder pack[IML_PACKINGS], unpack;
    size_t pad_bytes;       /* of oneDNN's own scratch, at the head of a worker's */
    bool has_plain_weights; /* the sum over images is by plain loops */
};

static const struct onednn *onednn_of(const struct iml_convolution *head)
{
    return (const struct onednn *)(const void *)head;
}

static enum iml_code failed(dnnl_status_t status, const char *what, struct iml_error *error)
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

static dnnl_status_t describe_weights(const struct iml_convolution_options *o,
                                      dnnl_format_tag_t tag, dnnl_memory_desc_t *out)
{
    const dnnl_dims_t dims = {(int64_t)o->to.channels, (int64_t)o->from.channels,
                              (int64_t)o->window.height, (int64_t)o->window.width};
    return dnnl_memory_desc_init_by_tag(out, 4, dims, dnnl_f32, tag);
}

/* What a primitive of a kind is made from. */
struct making {
    struct onednn *self;
    dnnl_primitive_attr_t plain, sum;
    dnnl_alg_kind_t algorithm;
    dnnl_memory_desc_t weights[OPERATION_KINDS]; /* `any` until the first part has chosen */
    dnnl_primitive_desc_t hint;                  /* of forward: the backward kinds ask for one */
};

static dnnl_status_t describe(const struct making *making, enum operation_kind kind, size_t images,
                              dnnl_convolution_desc_t *out)
{
    const struct iml_convolution_options *o = &making->self->head.options;
    const dnnl_dims_t strides = {(int64_t)o->window.stride, (int64_t)o->window.stride};
    const dnnl_dims_t padding = {(int64_t)o->window.padding, (int64_t)o->window.padding};
    dnnl_memory_desc_t from, to;
    const dnnl_memory_desc_t *weights = &making->weights[kind];
    dnnl_status_t status = describe_image(&o->from, images, &from);
    if (status == dnnl_success) status = describe_image(&o->to, images, &to);
    if (status != dnnl_success) return status;
    if (kind == BACKWARD_DATA)
        return dnnl_convolution_backward_data_desc_init(out, making->algorithm, &from, weights, &to,
                                                        strides, padding, padding);
    if (kind == BACKWARD_WEIGHTS)
        return dnnl_convolution_backward_weights_desc_init(out, making->algorithm, &from, weights,
                                                           NULL, &to, strides, padding, padding);
    return dnnl_convolution_forward_desc_init(out, dnnl_forward_training, making->algorithm, &from,
                                              weights, NULL, &to, strides, padding, padding);
}

/* --- operations --- */

static const struct {
    int arguments[ARGUMENTS];
    dnnl_query_t queries[ARGUMENTS];
    dnnl_query_t weights; /* which of them is W */
    const char *name;
} forms[OPERATION_KINDS] = {
    [FORWARD] = {{DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST, DNNL_ARG_SCRATCHPAD},
                 {dnnl_query_src_md, dnnl_query_weights_md, dnnl_query_dst_md,
                  dnnl_query_scratchpad_md},
                 dnnl_query_weights_md,
                 "a convolution"},
    [FORWARD_SUM] = {{DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST, DNNL_ARG_SCRATCHPAD},
                     {dnnl_query_src_md, dnnl_query_weights_md, dnnl_query_dst_md,
                      dnnl_query_scratchpad_md},
                     dnnl_query_weights_md,
                     "a convolution that adds"},
    [BACKWARD_DATA] = {{DNNL_ARG_DIFF_DST, DNNL_ARG_WEIGHTS, DNNL_ARG_DIFF_SRC,
                        DNNL_ARG_SCRATCHPAD},
                       {dnnl_query_diff_dst_md, dnnl_query_weights_md, dnnl_query_diff_src_md,
                        dnnl_query_scratchpad_md},
                       dnnl_query_weights_md,
                       "a convolution's adjoint"},
    [BACKWARD_WEIGHTS] = {{DNNL_ARG_SRC, DNNL_ARG_DIFF_DST, DNNL_ARG_DIFF_WEIGHTS,
                           DNNL_ARG_SCRATCHPAD},
                          {dnnl_query_src_md, dnnl_query_diff_dst_md, dnnl_query_diff_weights_md,
                           dnnl_query_scratchpad_md},
                          dnnl_query_diff_weights_md,
                          "the adjoint of a convolution's weights"},
};

/* The reference loops of oneDNN are 2,000 × slower than a kernel: an error, never taken in silence.
 */
static enum iml_code check_kernel(dnnl_primitive_desc_t description, enum operation_kind kind,
                                  const struct iml_convolution_options *o, struct iml_error *error)
{
    const char *name = "";
    const enum iml_code code =
        failed(dnnl_primitive_desc_query(description, dnnl_query_impl_info_str, 0, (void *)&name),
               "the name of a kernel", error);
    if (code != IML_OK) return code;
    if (strncmp(name, "ref", 3) != 0 && strncmp(name, "gemm:ref", 8) != 0) return IML_OK;
    return iml_error_set(error, IML_ERROR_LIMIT,
                         "oneDNN has no kernel for %s of %zu to %zu channels at %zu × %zu: %s",
                         forms[kind].name, o->from.channels, o->to.channels, o->from.height,
                         o->from.width, name);
}

static enum iml_code take_memories(struct onednn *self, dnnl_primitive_desc_t description,
                                   enum operation_kind kind, struct operation *operation,
                                   struct iml_error *error)
{
    const size_t workers = self->head.options.workers;
    memcpy(operation->arguments, forms[kind].arguments, sizeof operation->arguments);
    operation->memory = calloc(workers * ARGUMENTS, sizeof(dnnl_memory_t));
    if (!operation->memory)
        return iml_error_set(error, IML_ERROR_MEMORY, "can't allocate a convolution");
    for (size_t i = 0; i < workers * ARGUMENTS; i++) {
        const dnnl_memory_desc_t *form =
            dnnl_primitive_desc_query_md(description, forms[kind].queries[i % ARGUMENTS], 0);
        if (i == ARGUMENTS - 1) {
            const size_t bytes = dnnl_memory_desc_get_size(form);
            if (bytes > self->pad_bytes) self->pad_bytes = bytes;
        }
        const enum iml_code code =
            failed(dnnl_memory_create(&operation->memory[i], form, self->engine, DNNL_MEMORY_NONE),
                   forms[kind].name, error);
        if (code != IML_OK) return code;
    }
    return IML_OK;
}

static enum iml_code make_operation(struct making *making, enum operation_kind kind, size_t part,
                                    struct iml_error *error)
{
    struct onednn *self = making->self;
    struct operation *operation = &self->operations[kind][part];
    dnnl_convolution_desc_t wanted;
    dnnl_primitive_desc_t description = NULL;
    dnnl_status_t status = describe(making, kind, part_images[part], &wanted);
    if (status == dnnl_success)
        status = dnnl_primitive_desc_create(
            &description, &wanted, kind == FORWARD_SUM ? making->sum : making->plain, self->engine,
            kind == BACKWARD_DATA || kind == BACKWARD_WEIGHTS ? making->hint : NULL);
    if (status != dnnl_success) return failed(status, forms[kind].name, error);
    enum iml_code code = check_kernel(description, kind, &self->head.options, error);
    if (code == IML_OK) {
        making->weights[kind] = *dnnl_primitive_desc_query_md(description, forms[kind].weights, 0);
        code = take_memories(self, description, kind, operation, error);
    }
    if (code == IML_OK)
        code = failed(dnnl_primitive_create(&operation->primitive, description), forms[kind].name,
                      error);
    if (kind == FORWARD && !making->hint)
        making->hint = description;
    else
        (void)dnnl_primitive_desc_destroy(description);
    return code;
}

/* All parts of a kind have one form of W. */
static enum iml_code make_kind(struct making *making, enum operation_kind kind,
                               struct iml_error *error)
{
    const size_t parts = kind == BACKWARD_WEIGHTS ? PARTS : DATA_PARTS;
    enum iml_code code = failed(
        describe_weights(&making->self->head.options, dnnl_format_tag_any, &making->weights[kind]),
        forms[kind].name, error);
    /* the sum reads the weights of the plain call */
    if (kind == FORWARD_SUM) making->weights[kind] = making->weights[FORWARD];
    for (size_t part = parts; part-- > 0 && code == IML_OK;)
        code = make_operation(making, kind, part, error);
    return code;
}

/* --- packing --- */

static enum iml_code make_reorder(struct onednn *self, const dnnl_memory_desc_t *from,
                                  const dnnl_memory_desc_t *to, struct reorder *out,
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
    return failed(status, "a packing of weights", error);
}

static size_t elements_of(const dnnl_memory_desc_t *form)
{
    return dnnl_memory_desc_get_size(form) / sizeof(float);
}

static enum iml_code make_packings(struct making *making, struct iml_error *error)
{
    struct onednn *self = making->self;
    struct iml_convolution_sizes *sizes = &self->head.sizes;
    dnnl_memory_desc_t outside;
    enum iml_code code = failed(describe_weights(&self->head.options, dnnl_oihw, &outside),
                                "a packing of weights", error);
    if (code == IML_OK)
        code = make_reorder(self, &outside, &making->weights[FORWARD],
                            &self->pack[IML_PACKING_FORWARD], error);
    sizes->packed[IML_PACKING_FORWARD] = elements_of(&making->weights[FORWARD]);
    if (code == IML_OK && self->head.options.wants_backward_data) {
        code = make_reorder(self, &outside, &making->weights[BACKWARD_DATA],
                            &self->pack[IML_PACKING_BACKWARD], error);
        sizes->packed[IML_PACKING_BACKWARD] = elements_of(&making->weights[BACKWARD_DATA]);
    }
    if (code == IML_OK && self->head.options.is_forward_only) return IML_OK;
    sizes->gradient = elements_of(&outside);
    if (code != IML_OK || self->has_plain_weights) return code;
    sizes->gradient = elements_of(&making->weights[BACKWARD_WEIGHTS]);
    return make_reorder(self, &making->weights[BACKWARD_WEIGHTS], &outside, &self->unpack, error);
}

static size_t padded(size_t bytes)
{
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

/* --- creation --- */

static dnnl_status_t make_attributes(struct making *making)
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

static enum iml_code make_kinds(struct making *making, dnnl_alg_kind_t algorithm,
                                struct iml_error *error)
{
    const struct onednn *self = making->self;
    making->algorithm = algorithm;
    enum iml_code code = make_kind(making, FORWARD, error);
    if (code == IML_OK) code = make_kind(making, FORWARD_SUM, error);
    if (code == IML_OK && self->head.options.wants_backward_data)
        code = make_kind(making, BACKWARD_DATA, error);
    if (code == IML_OK && !self->has_plain_weights && !self->head.options.is_forward_only)
        code = make_kind(making, BACKWARD_WEIGHTS, error);
    return code;
}

static void free_operations(struct onednn *self)
{
    const size_t memories = (size_t)self->head.options.workers * ARGUMENTS;
    for (size_t i = 0; i < (size_t)OPERATION_KINDS * PARTS; i++) {
        struct operation *operation = &self->operations[i / PARTS][i % PARTS];
        for (size_t m = 0; operation->memory && m < memories; m++)
            if (operation->memory[m]) (void)dnnl_memory_destroy(operation->memory[m]);
        if (operation->primitive) (void)dnnl_primitive_destroy(operation->primitive);
        free(operation->memory);
        *operation = (struct operation){0};
    }
}

/* Winograd where it may be and can be had, else direct. */
static enum iml_code make_operations(struct making *making, struct iml_error *error)
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
    enum iml_code code = failed(dnnl_engine_create(&self->engine, dnnl_cpu, 0), "an engine", error);
    for (size_t i = 0; i < workers && code == IML_OK; i++)
        code =
            failed(dnnl_stream_create(&self->streams[i], self->engine, dnnl_stream_default_flags),
                   "a stream", error);
    return code;
}

/* Scratch of a worker: oneDNN's own, then a part's x̄, or one gradient of W, before it is added. */
static void size_scratch(struct onednn *self)
{
    const size_t images = part_images[DATA_PARTS - 1];
    const size_t x_bar = images * iml_image_elements(&self->head.options.from);
    const size_t most = x_bar > self->head.sizes.gradient ? x_bar : self->head.sizes.gradient;
    self->pad_bytes = padded(self->pad_bytes);
    self->head.sizes.scratch_bytes = self->pad_bytes;
    if (self->head.options.is_forward_only) return;
    self->head.sizes.scratch_bytes = self->pad_bytes + padded(most * sizeof(float));
}

static void onednn_destroy(struct iml_convolution *convolution)
{
    struct onednn *self = (struct onednn *)(void *)convolution;
    struct reorder *const reorders[] = {&self->pack[0], &self->pack[1], &self->unpack};
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

static const struct iml_convolution_kind onednn;

static enum iml_code onednn_create(const struct iml_convolution_options *options,
                                   struct iml_convolution **convolution, struct iml_error *error)
{
    struct onednn *self = calloc(1, sizeof *self);
    if (!self) return iml_error_set(error, IML_ERROR_MEMORY, "can't allocate a convolution");
    struct making making = {.self = self};
    make_single();
    self->head.kind = &onednn;
    self->head.options = *options;
    /* oneDNN 2.6 has only its reference loops for the weights of a grey input and of images lower
     * than the window */
    self->has_plain_weights = (options->from.block == 1 && options->from.channels == 1) ||
                              options->from.height < options->window.height;
    enum iml_code code = make_streams(self, error);
    if (code == IML_OK) code = failed(make_attributes(&making), "an attribute", error);
    if (code == IML_OK) code = make_operations(&making, error);
    if (code == IML_OK) code = make_packings(&making, error);
    if (code == IML_OK) size_scratch(self);
    if (making.hint) (void)dnnl_primitive_desc_destroy(making.hint);
    if (making.plain) (void)dnnl_primitive_attr_destroy(making.plain);
    if (making.sum) (void)dnnl_primitive_attr_destroy(making.sum);
    if (code != IML_OK) {
        onednn_destroy(&self->head);
        return code;
    }
    *convolution = &self->head;
    return IML_OK;
}

/* --- calls --- */

static void *handle(const iml_real *input)
{
    const union { /* oneDNN's handles are not const; what is an input it only reads */
        const iml_real *given;
        void *taken;
    } data = {.given = input};
    return data.taken;
}

/* What a primitive reads and writes, in the order of `forms`. */
struct operands {
    const iml_real *in[2];
    iml_real *out;
};

static void run(const struct onednn *self, enum operation_kind kind, size_t part, unsigned worker,
                const struct operands *operands)
{
    const struct operation *operation = &self->operations[kind][part];
    dnnl_memory_t *memory = operation->memory + (size_t)worker * ARGUMENTS;
    dnnl_exec_arg_t arguments[ARGUMENTS];
    void *const handles[ARGUMENTS] = {
        handle(operands->in[0]), handle(operands->in[1]), operands->out,
        self->head.scratch + (size_t)worker * self->head.stride_bytes};
    for (size_t i = 0; i < ARGUMENTS; i++) {
        const dnnl_status_t set = dnnl_memory_set_data_handle(memory[i], handles[i]);
        assert(set == dnnl_success);
        arguments[i] = (dnnl_exec_arg_t){operation->arguments[i], memory[i]};
        (void)set;
    }
    const dnnl_status_t status =
        dnnl_primitive_execute(operation->primitive, self->streams[worker], ARGUMENTS, arguments);
    assert(status == dnnl_success); /* it refuses only arguments that are wrong */
    (void)status;
}

/* Where a worker keeps what is to be added. */
static iml_real *temporary(const struct onednn *self, unsigned worker)
{
    char *scratch = self->head.scratch + (size_t)worker * self->head.stride_bytes;
    return (iml_real *)(void *)(scratch + self->pad_bytes);
}

/* The largest part within `images`. */
static size_t part_of(size_t images, size_t parts)
{
    size_t part = parts - 1;
    while (part_images[part] > images) part--;
    return part;
}

static void onednn_forward(const struct iml_convolution *head,
                           const struct iml_convolution_call *call, const iml_real *x,
                           const iml_real *packed, iml_real *y)
{
    const struct onednn *self = onednn_of(head);
    const size_t in = iml_image_elements(&head->options.from);
    const size_t out = iml_image_elements(&head->options.to);
    make_single();
    for (size_t i = 0; i < call->images;) {
        const size_t part = part_of(call->images - i, DATA_PARTS);
        iml_real *to = y + i * out;
        const struct operands operands = {{x + i * in, packed}, to};
        run(self, call->has_sum ? FORWARD_SUM : FORWARD, part, call->worker, &operands);
        i += part_images[part];
    }
}

static void onednn_backward_data(const struct iml_convolution *head,
                                 const struct iml_convolution_call *call, const iml_real *y_bar,
                                 const iml_real *packed, iml_real *x_bar)
{
    const struct onednn *self = onednn_of(head);
    const size_t in = iml_image_elements(&head->options.from);
    const size_t out = iml_image_elements(&head->options.to);
    make_single();
    for (size_t i = 0; i < call->images;) {
        const size_t part = part_of(call->images - i, DATA_PARTS);
        iml_real *to = call->has_sum ? temporary(self, call->worker) : x_bar + i * in;
        const struct operands operands = {{y_bar + i * out, packed}, to};
        run(self, BACKWARD_DATA, part, call->worker, &operands);
        if (call->has_sum) iml_axpy(part_images[part] * in, 1, to, x_bar + i * in);
        i += part_images[part];
    }
}

static void onednn_backward_weights(const struct iml_convolution *head,
                                    const struct iml_convolution_call *call, const iml_real *x,
                                    const iml_real *y_bar, iml_real *gradient)
{
    const struct onednn *self = onednn_of(head);
    const size_t in = iml_image_elements(&head->options.from);
    const size_t out = iml_image_elements(&head->options.to);
    if (self->has_plain_weights) {
        iml_convolution_plain_backward_weights(head, call, x, y_bar, gradient);
        return;
    }
    make_single();
    for (size_t i = 0; i < call->images;) {
        const size_t part = part_of(call->images - i, PARTS);
        const bool is_added = call->has_sum || i > 0;
        iml_real *to = is_added ? temporary(self, call->worker) : gradient;
        const struct operands operands = {{x + i * in, y_bar + i * out}, to};
        run(self, BACKWARD_WEIGHTS, part, call->worker, &operands);
        if (is_added) iml_axpy(head->sizes.gradient, 1, to, gradient);
        i += part_images[part];
    }
}

/* By one thread at a time a convolution. */
static void run_reorder(const struct onednn *self, const struct reorder *reorder,
                        const iml_real *from, iml_real *to)
{
    make_single();
    dnnl_status_t status = dnnl_memory_set_data_handle(reorder->from, handle(from));
    if (status == dnnl_success) status = dnnl_memory_set_data_handle(reorder->to, to);
    const dnnl_exec_arg_t arguments[] = {{DNNL_ARG_FROM, reorder->from},
                                         {DNNL_ARG_TO, reorder->to}};
    if (status == dnnl_success)
        status = dnnl_primitive_execute(reorder->primitive, self->streams[0], 2, arguments);
    assert(status == dnnl_success);
    (void)status;
}

static void onednn_pack(const struct iml_convolution *head, enum iml_packing packing,
                        const iml_real *w, iml_real *packed)
{
    run_reorder(onednn_of(head), &onednn_of(head)->pack[packing], w, packed);
}

static void onednn_unpack(const struct iml_convolution *head, const iml_real *gradient, iml_real *w)
{
    if (onednn_of(head)->has_plain_weights)
        iml_convolution_plain_unpack(head, gradient, w);
    else
        run_reorder(onednn_of(head), &onednn_of(head)->unpack, gradient, w);
}

static const struct iml_convolution_kind onednn = {
    .name = "oneDNN",
    .create = onednn_create,
    .destroy = onednn_destroy,
    .pack = onednn_pack,
    .unpack = onednn_unpack,
    .forward = onednn_forward,
    .backward_data = onednn_backward_data,
    .backward_weights = onednn_backward_weights,
};

const struct iml_convolution_kind *const iml_convolution_compiled = &onednn;
