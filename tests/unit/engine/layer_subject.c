/* layer_subject.c: a kind of layer, its kernels called as the evaluator does; see layer_subject.h.
 */
#include "layer_subject.h"

#include <math.h>
#include <string.h>

#include "../check.h"
#include "imld/random.h"

enum { TILE = 3, ROWS = 2 }; /* parameter rows of a tile; batch rows of one, about */

static const double kink_distance = 0.01; /* |x| at least: no step crosses a kink */

static bool is_like(const struct iml_layer_kind *kind, const struct iml_layer_kind *of)
{
    return strcmp(kind->name, of->name) == 0; /* a mutant is a copy */
}

bool is_of_images(const struct iml_layer_kind *kind)
{
    return is_like(kind, &iml_conv_2d) || is_like(kind, &iml_batch_norm_2d) ||
           is_like(kind, &iml_max_pool) || is_like(kind, &iml_average_pool) ||
           is_like(kind, &iml_flatten);
}

static size_t side(size_t in, size_t window, const struct iml_window *of)
{
    return (in + 2 * of->padding - window) / of->stride + 1;
}

/* The sizes of a layer of images; others leave the image as it is. */
static void shape_image(struct iml_layer *layer, const struct layer_case *shape)
{
    const bool has_window =
        is_of_images(layer->kind) && !layer->kind->sums && !is_like(layer->kind, &iml_flatten);
    layer->from = layer->to = shape->from;
    layer->window = shape->window;
    layer->channels = shape->from.channels;
    if (has_window) {
        layer->to.height = side(shape->from.height, shape->window.height, &shape->window);
        layer->to.width = side(shape->from.width, shape->window.width, &shape->window);
    }
    if (layer->kind->has_convolution) {
        layer->to.channels = shape->channels;
        layer->to.block = shape->block;
    }
    layer->in = iml_image_elements(&layer->from);
    layer->out = iml_image_elements(&layer->to);
}

static struct iml_convolution *new_convolution(const struct iml_layer *layer)
{
    const struct iml_convolution_options options = {.from = layer->from,
                                                    .to = layer->to,
                                                    .window = layer->window,
                                                    .wants_backward_data = true,
                                                    .is_plain = true,
                                                    .workers = 1};
    struct iml_convolution *convolution = NULL;
    struct iml_error error = {0};
    assert_int_equal(iml_convolution_new(&options, &convolution, &error), IML_OK);
    return convolution;
}

struct subject subject_of(const struct iml_layer_kind *kind, const struct layer_case *shape)
{
    const bool has_width = kind->parameter_rows && !kind->sums;
    struct subject self = {.layer = {.kind = kind,
                                     .in = shape->in,
                                     .out = has_width ? shape->out : shape->in,
                                     .has_bias = has_width && shape->has_bias,
                                     .slope = 0.1,
                                     .epsilon = 0.01,
                                     .rate = 0.3,
                                     .first_word = 5},
                           .rows = shape->rows};
    self.layer.channels = self.layer.out;
    if (is_of_images(kind)) shape_image(&self.layer, shape);
    const size_t channels = self.layer.channels;
    assert_true(channels <= WIDTH);
    for (size_t c = 0; c < channels; c++) {
        self.running[c] = (iml_real)(0.1 * (double)c - 0.3);
        self.running[channels + c] = (iml_real)(0.5 + 0.2 * (double)c);
    }
    self.mode = shape->is_evaluation
                    ? (struct iml_mode){.batch_norm = IML_BATCH_NORM_RUNNING}
                    : (struct iml_mode){.batch_norm = IML_BATCH_NORM_BATCH,
                                        .dropout = {.is_on = true, .seed = 4, .pass = 9}};
    if (kind->parameter_rows) {
        self.layer.parameter_rows = kind->parameter_rows(&self.layer);
        self.layer.parameter_width = kind->sums ? channels : self.layer.out;
    }
    if (kind->has_convolution) {
        self.layer.parameter_width =
            shape->from.channels * shape->window.height * shape->window.width;
        self.convolution = new_convolution(&self.layer);
    }
    self.inputs = self.rows * self.layer.in * (kind->has_second ? 2 : 1);
    self.outputs = self.rows * self.layer.out;
    self.parameters = self.layer.parameter_rows * self.layer.parameter_width;
    assert_true(self.inputs <= ELEMENTS_MAX && self.outputs <= ELEMENTS_MAX &&
                self.parameters <= ELEMENTS_MAX);
    return self;
}

void draw_point(struct point *point, uint32_t seed, uint32_t index)
{
    const struct iml_stream stream = {.seed = seed, .purpose = IML_PURPOSE_PROBE, .index = index};
    iml_real all[3 * ELEMENTS_MAX];
    iml_stream_uniform(&stream, -1, 1, 3 * ELEMENTS_MAX, all);
    memcpy(point->x, all, sizeof point->x);
    memcpy(point->theta, all + ELEMENTS_MAX, sizeof point->theta);
    memcpy(point->y_bar, all + 2 * ELEMENTS_MAX, sizeof point->y_bar);
}

void leave_kinks(struct point *point)
{
    for (size_t i = 0; i < ELEMENTS_MAX; i++) {
        if (fabs((double)point->x[i]) < kink_distance) point->x[i] = (iml_real)kink_distance;
    }
}

/* The same pass on `rows` rows from `first` on: arrays that gather reads. */
static struct iml_row_pass part_of(const struct subject *self, const struct iml_row_pass *pass,
                                   size_t first, size_t rows)
{
    const size_t x = first * self->layer.in, y = first * self->layer.out;
    struct iml_row_pass part = *pass;
    part.rows = rows;
    part.x += x;
    if (part.x_dot) part.x_dot += x;
    if (part.y_bar) part.y_bar += y;
    if (part.y_bar_dot) part.y_bar_dot += y;
    return part;
}

/* The tiles' sums of a phase, as the evaluator gathers them. */
static void gather(const struct subject *self, enum iml_phase phase,
                   const struct iml_row_pass *pass, struct values *memory)
{
    const size_t tiles = iml_tile_count(self->rows, ROWS);
    memset(memory->sums[phase], 0, sizeof memory->sums[phase]);
    for (size_t i = 0; i < tiles; i++) {
        size_t first = 0, rows = 0;
        iml_tile_range(self->rows, tiles, i, &first, &rows);
        const struct iml_row_pass part = part_of(self, pass, first, rows);
        self->layer.kind->sums->gather[phase](&self->layer, &part,
                                              memory->sums[phase] + i * 2 * self->layer.channels);
    }
}

/* Sets the means of a phase as the evaluator does: sums of tiles, or running statistics. */
static void settle(const struct subject *self, enum iml_phase phase,
                   const struct iml_row_pass *pass, struct values *memory)
{
    const struct iml_sums_kind *kind = self->layer.kind->sums;
    const bool is_batch = self->mode.batch_norm == IML_BATCH_NORM_BATCH;
    const bool is_down = phase == IML_PHASE_BACKWARD || phase == IML_PHASE_TANGENT_BACKWARD;
    iml_real variance[WIDTH];
    if (is_batch || (kind->keeps_sums && is_down)) gather(self, phase, pass, memory);
    const struct iml_settling settling = {.phase = phase,
                                          .rows = self->rows,
                                          .tiles = iml_tile_count(self->rows, ROWS),
                                          .sums = is_batch ? memory->sums[phase] : NULL,
                                          .backward = memory->sums[IML_PHASE_BACKWARD],
                                          .theta = pass->theta,
                                          .u = pass->u,
                                          .running = self->running,
                                          .means = memory->means[phase],
                                          .variance = variance};
    kind->settle(&self->layer, &settling);
}

static void pack(const struct subject *self, struct iml_row_pass *pass, struct values *memory)
{
    pass->convolution = self->convolution;
    for (enum iml_packing p = 0; p < IML_PACKINGS; p++) {
        iml_convolution_pack(self->convolution, p, pass->theta, memory->packed_theta[p]);
        if (pass->u) iml_convolution_pack(self->convolution, p, pass->u, memory->packed_u[p]);
        pass->packed_theta[p] = memory->packed_theta[p];
        pass->packed_u[p] = memory->packed_u[p];
    }
}

void run_kernel(const struct subject *self, enum iml_phase phase, struct iml_row_pass pass,
                struct values *memory)
{
    const struct iml_layer_kind *kind = self->layer.kind;
    iml_row_kernel *const kernels[IML_PHASES] = {kind->forward, kind->backward, kind->tangent,
                                                 kind->tangent_backward};
    pass.mode = &self->mode;
    pass.kept = memory->kept;
    for (enum iml_phase p = 0; p < IML_PHASES; p++) pass.means[p] = memory->means[p];
    if (kind->sums) settle(self, phase, &pass, memory);
    if (kind->has_convolution) pack(self, &pass, memory);
    kernels[phase](&self->layer, &pass);
}

/* The sum of shards of the batch's rows. */
static void run_shards(const struct subject *self, iml_parameter_kernel *kernel,
                       struct iml_parameter_pass pass)
{
    const size_t tiles = iml_tile_count(self->rows, ROWS);
    iml_real sum[ELEMENTS_MAX] = {0}, shard[ELEMENTS_MAX], *out = pass.out;
    for (size_t i = 0; i < tiles; i++) {
        iml_tile_range(self->rows, tiles, i, &pass.first, &pass.count);
        pass.out = shard;
        kernel(&self->layer, &pass);
        for (size_t j = 0; j < self->parameters; j++) sum[j] += shard[j];
    }
    iml_convolution_unpack(self->convolution, sum, out);
}

void run_parameters(const struct subject *self, iml_parameter_kernel *kernel,
                    struct iml_parameter_pass pass, const struct values *memory)
{
    if (!kernel) return;
    const bool is_second = kernel == self->layer.kind->parameter_tangent_backward && pass.y_bar_dot;
    for (enum iml_phase p = 0; p < IML_PHASES; p++) pass.means[p] = memory->means[p];
    pass.sums = memory->sums[is_second ? IML_PHASE_TANGENT_BACKWARD : IML_PHASE_BACKWARD];
    pass.tiles = iml_tile_count(self->rows, ROWS);
    pass.convolution = self->convolution;
    if (self->convolution) {
        run_shards(self, kernel, pass);
        return;
    }
    iml_real *out = pass.out;
    for (pass.first = 0; pass.first < self->layer.parameter_rows; pass.first += TILE) {
        const size_t left = self->layer.parameter_rows - pass.first;
        pass.count = left < TILE ? left : TILE;
        pass.out = out + pass.first * self->layer.parameter_width;
        kernel(&self->layer, &pass);
    }
}

void run_at(const struct subject *self, const struct point *at, struct values *values)
{
    const struct iml_layer_kind *kind = self->layer.kind;
    memset(values, 0, sizeof *values);
    const struct iml_row_pass rows = {.rows = self->rows,
                                      .theta = at->theta,
                                      .x = at->x,
                                      .x2 = at->x + self->rows * self->layer.in,
                                      .y = values->y,
                                      .y_bar = at->y_bar,
                                      .x_bar = values->x_bar,
                                      .x2_bar = values->x_bar + self->rows * self->layer.in};
    run_kernel(self, IML_PHASE_FORWARD, rows, values);
    run_kernel(self, IML_PHASE_BACKWARD, rows, values);
    run_parameters(
        self, kind->parameter_backward,
        (struct iml_parameter_pass){
            .rows = self->rows, .x = at->x, .y_bar = at->y_bar, .out = values->theta_bar},
        values);
}

void run_tangent(const struct subject *self, const struct point *at, const struct values *values,
                 const struct point *direction, struct values *dots)
{
    const struct iml_layer_kind *kind = self->layer.kind;
    static struct values kept; /* large */
    kept = *values;
    memset(dots, 0, sizeof *dots);
    const struct iml_row_pass rows = {.rows = self->rows,
                                      .theta = at->theta,
                                      .u = direction->theta,
                                      .x = at->x,
                                      .x_dot = direction->x,
                                      .y = kept.y,
                                      .y_dot = dots->y,
                                      .y_bar = at->y_bar,
                                      .y_bar_dot = direction->y_bar,
                                      .x_bar_dot = dots->x_bar,
                                      .x2 = at->x + self->rows * self->layer.in,
                                      .x2_dot = direction->x + self->rows * self->layer.in,
                                      .x2_bar_dot = dots->x_bar + self->rows * self->layer.in};
    run_kernel(self, IML_PHASE_TANGENT, rows, &kept);
    run_kernel(self, IML_PHASE_TANGENT_BACKWARD, rows, &kept);
    run_parameters(self, kind->parameter_tangent_backward,
                   (struct iml_parameter_pass){.rows = self->rows,
                                               .x = at->x,
                                               .x_dot = direction->x,
                                               .y_bar = at->y_bar,
                                               .y_bar_dot = direction->y_bar,
                                               .out = dots->theta_bar},
                   &kept);
}

double inner_product(size_t n, const iml_real *a, const iml_real *b)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += (double)a[i] * (double)b[i];
    return sum;
}
