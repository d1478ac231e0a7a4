/* convolution_onednn.c: running oneDNN's kernels, float; see onednn.h and convolution.h. */
#include <assert.h>

#include "engine/core/vector.h"
#include "engine/net/onednn.h"

/* Of libgomp, whose header only gcc has. */
void omp_set_num_threads(int threads);

static _Thread_local bool is_single;

void iml_onednn_make_single(void)
{
    if (is_single) return;
    omp_set_num_threads(1);
    is_single = true;
}

static const struct onednn *onednn_of(const struct iml_convolution *head)
{
    return (const struct onednn *)(const void *)head;
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

static void run(const struct onednn *self, enum onednn_kind kind, size_t part, unsigned worker,
                const struct operands *operands)
{
    const struct onednn_operation *operation = &self->operations[kind][part];
    dnnl_memory_t *memory = operation->memory + (size_t)worker * ONEDNN_ARGUMENTS;
    dnnl_exec_arg_t arguments[ONEDNN_ARGUMENTS];
    void *const handles[ONEDNN_ARGUMENTS] = {
        handle(operands->in[0]), handle(operands->in[1]), operands->out,
        self->head.scratch + (size_t)worker * self->head.stride_bytes};
    for (size_t i = 0; i < ONEDNN_ARGUMENTS; i++) {
        const dnnl_status_t set = dnnl_memory_set_data_handle(memory[i], handles[i]);
        assert(set == dnnl_success);
        arguments[i] = (dnnl_exec_arg_t){operation->arguments[i], memory[i]};
        (void)set;
    }
    const dnnl_status_t status = dnnl_primitive_execute(operation->primitive, self->streams[worker],
                                                        ONEDNN_ARGUMENTS, arguments);
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
    while (iml_onednn_images[part] > images) part--;
    return part;
}

static void onednn_forward(const struct iml_convolution *head,
                           const struct iml_convolution_call *call,
                           const struct iml_convolution_terms *terms, iml_real *y)
{
    const struct onednn *self = onednn_of(head);
    const size_t in = iml_image_elements(&head->options.from);
    const size_t out = iml_image_elements(&head->options.to);
    iml_onednn_make_single();
    for (size_t i = 0; i < call->images;) {
        const size_t part = part_of(call->images - i, ONEDNN_DATA_PARTS);
        iml_real *to = y + i * out;
        const struct operands operands = {{terms->x[0] + i * in, terms->packed[0]}, to};
        run(self, call->has_sum ? ONEDNN_FORWARD_SUM : ONEDNN_FORWARD, part, call->worker,
            &operands);
        i += iml_onednn_images[part];
    }
}

static void onednn_backward_data(const struct iml_convolution *head,
                                 const struct iml_convolution_call *call,
                                 const struct iml_convolution_terms *terms, iml_real *x_bar)
{
    const struct onednn *self = onednn_of(head);
    const size_t in = iml_image_elements(&head->options.from);
    const size_t out = iml_image_elements(&head->options.to);
    iml_onednn_make_single();
    for (size_t i = 0; i < call->images;) {
        const size_t part = part_of(call->images - i, ONEDNN_DATA_PARTS);
        iml_real *to = call->has_sum ? temporary(self, call->worker) : x_bar + i * in;
        const struct operands operands = {{terms->y_bar[0] + i * out, terms->packed[0]}, to};
        run(self, ONEDNN_BACKWARD_DATA, part, call->worker, &operands);
        if (call->has_sum) iml_axpy(iml_onednn_images[part] * in, 1, to, x_bar + i * in);
        i += iml_onednn_images[part];
    }
}

static void onednn_backward_weights(const struct iml_convolution *head,
                                    const struct iml_convolution_call *call,
                                    const struct iml_convolution_terms *terms, iml_real *gradient)
{
    const struct onednn *self = onednn_of(head);
    const size_t in = iml_image_elements(&head->options.from);
    const size_t out = iml_image_elements(&head->options.to);
    if (self->has_grey_weights) {
        iml_convolution_grey_backward_weights(head, call, terms, temporary(self, call->worker),
                                              gradient);
        return;
    }
    if (self->has_plain_weights) {
        iml_convolution_plain_backward_weights(head, call, terms, gradient);
        return;
    }
    iml_onednn_make_single();
    for (size_t i = 0; i < call->images;) {
        const size_t part = part_of(call->images - i, ONEDNN_PARTS);
        const bool is_added = call->has_sum || i > 0;
        iml_real *to = is_added ? temporary(self, call->worker) : gradient;
        const struct operands operands = {{terms->x[0] + i * in, terms->y_bar[0] + i * out}, to};
        run(self, ONEDNN_BACKWARD_WEIGHTS, part, call->worker, &operands);
        if (is_added) iml_axpy(head->sizes.gradient, 1, to, gradient);
        i += iml_onednn_images[part];
    }
}

/* By one thread at a time a convolution. */
static void run_reorder(const struct onednn *self, const struct onednn_reorder *reorder,
                        const iml_real *from, iml_real *to)
{
    iml_onednn_make_single();
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
    .create = iml_onednn_create,
    .destroy = iml_onednn_destroy,
    .pack = onednn_pack,
    .unpack = onednn_unpack,
    .forward = onednn_forward,
    .backward_data = onednn_backward_data,
    .backward_weights = onednn_backward_weights,
};

const struct iml_convolution_kind *const iml_convolution_compiled = &onednn;
