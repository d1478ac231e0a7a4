/* convolutions.c: the convolutions of a net alone: what a gradient cannot be faster than; see
 * images.h. */
#include <stdlib.h>
#include <string.h>

#include "bench/images.h"
#include "engine/net/convolution.h"
#include "engine/net/graph.h"
#include "imld/random.h"

enum { IMAGES = 16 /* of a task, as in engine/net */ };

/* One convolution with buffers of its own for one task's images and each worker. */
struct layer {
    struct iml_convolution *convolution;
    size_t in, out;
    bool has_data;
    iml_real *x, *y_bar, *packed[IML_PACKINGS];
    iml_real *out_of[3]; /* y, x̄, W̄: workers × */
    size_t strides[3];
    void *scratch;
};

struct bench_convolutions {
    struct layer layers[IML_LAYERS_MAX];
    size_t count, tasks;
    struct iml_team *team;
};

static iml_real *drawn(size_t count)
{
    iml_real *out = aligned_alloc(64, (count * sizeof *out + 63) / 64 * 64);
    const struct iml_stream stream = {.seed = 1, .purpose = IML_PURPOSE_PROBE};
    if (out) iml_stream_normal(&stream, 1, count, out);
    return out;
}

static bool open_layer(struct layer *self, const struct iml_layer *of,
                       const struct iml_net_options *options, unsigned workers)
{
    struct iml_error error;
    const struct iml_convolution_options wanted = {.from = of->from,
                                                   .to = of->to,
                                                   .window = of->window,
                                                   .method = options->convolution,
                                                   .wants_backward_data = of->input > 0,
                                                   .workers = workers};
    if (iml_convolution_new(&wanted, &self->convolution, &error) != IML_OK) return false;
    const struct iml_convolution_sizes *sizes = iml_convolution_sizes(self->convolution);
    const size_t stride = (sizes->scratch_bytes + 63) / 64 * 64;
    self->in = of->in;
    self->out = of->out;
    self->has_data = of->input > 0;
    self->scratch = aligned_alloc(64, workers * stride + 64);
    iml_real *w = drawn(of->parameter_rows * of->parameter_width);
    self->x = drawn(IMAGES * of->in);
    self->y_bar = drawn(IMAGES * of->out);
    const size_t counts[] = {IMAGES * of->out, IMAGES * of->in, sizes->gradient};
    bool is_whole = self->scratch && w && self->x && self->y_bar;
    for (size_t i = 0; i < 3; i++) {
        self->strides[i] = counts[i];
        self->out_of[i] = drawn(workers * counts[i]);
        is_whole = is_whole && self->out_of[i];
    }
    iml_convolution_use(self->convolution, self->scratch, stride);
    for (enum iml_packing p = 0; p < IML_PACKINGS && is_whole; p++) {
        self->packed[p] = drawn(sizes->packed[p] + 1);
        is_whole = self->packed[p] != NULL;
        if (is_whole && sizes->packed[p] > 0)
            iml_convolution_pack(self->convolution, p, w, self->packed[p]);
    }
    free(w);
    return is_whole;
}

struct bench_convolutions *bench_convolutions_open(const struct iml_net *net, size_t rows,
                                                   struct iml_team *team)
{
    struct bench_convolutions *self = calloc(1, sizeof *self);
    if (!self) return NULL;
    self->team = team;
    self->tasks = (rows + IMAGES - 1) / IMAGES;
    for (size_t l = 0; l < net->layer_count; l++) {
        if (!net->layers[l].kind->has_convolution) continue;
        if (!open_layer(&self->layers[self->count++], &net->layers[l], &net->options,
                        iml_team_size(team))) {
            bench_convolutions_close(self);
            return NULL;
        }
    }
    return self;
}

static void run_layer(void *context, size_t i, unsigned worker)
{
    (void)i;
    const struct layer *layer = context;
    const struct iml_convolution_call call = {.images = IMAGES, .worker = worker};
    const struct iml_convolution_terms forward = {
        .count = 1, .x = {layer->x}, .packed = {layer->packed[IML_PACKING_FORWARD]}};
    const struct iml_convolution_terms data = {
        .count = 1, .y_bar = {layer->y_bar}, .packed = {layer->packed[IML_PACKING_BACKWARD]}};
    const struct iml_convolution_terms weights = {
        .count = 1, .x = {layer->x}, .y_bar = {layer->y_bar}};
    iml_convolution_forward(layer->convolution, &call, &forward,
                            layer->out_of[0] + worker * layer->strides[0]);
    if (layer->has_data)
        iml_convolution_backward_data(layer->convolution, &call, &data,
                                      layer->out_of[1] + worker * layer->strides[1]);
    iml_convolution_backward_weights(layer->convolution, &call, &weights,
                                     layer->out_of[2] + worker * layer->strides[2]);
}

void bench_convolutions_run(struct bench_convolutions *self)
{
    for (size_t l = 0; l < self->count; l++)
        (void)iml_team_run(self->team, self->tasks, run_layer, &self->layers[l]);
}

void bench_convolutions_close(struct bench_convolutions *self)
{
    if (!self) return;
    for (size_t l = 0; l < self->count; l++) {
        struct layer *layer = &self->layers[l];
        iml_convolution_free(layer->convolution);
        for (size_t i = 0; i < 3; i++) free(layer->out_of[i]);
        for (size_t p = 0; p < IML_PACKINGS; p++) free(layer->packed[p]);
        free(layer->x);
        free(layer->y_bar);
        free(layer->scratch);
    }
    free(self);
}

void bench_straighten(struct iml_net *net)
{
    for (size_t l = 0; l < net->layer_count; l++) {
        struct iml_layer *layer = &net->layers[l];
        if (layer->kind == &iml_relu) layer->kind = &iml_leaky_relu;
        if (layer->kind == &iml_leaky_relu) layer->slope = 1;
    }
}
