/* layer_check.c: kernels against central differences and each other; see layer_check.h. */
#include "layer_check.h"

#include <math.h>
#include <string.h>

#include "../check.h"
#include "engine/net/convolution.h"
#include "imld/random.h"

/* elements of an array; of a row; parameter rows of a tile; batch rows of one, about */
enum { MAX = 224, WIDTH = 11, TILE = 3, ROWS = 2 };

static const double step = 1e-5; /* of central differences; the second one is twice as long */
static const double kink_distance = 0.01; /* |x| at least: no step crosses a kink */

/* A point, or a direction from one: what the kernels are given. */
struct point {
    iml_real x[MAX], theta[MAX], y_bar[MAX];
};

/* What the kernels give. */
struct values {
    iml_real y[MAX];
    iml_real x_bar[MAX], theta_bar[MAX];
    /* what they leave for each other */
    iml_real kept[MAX], means[IML_PHASES][2 * WIDTH];
    double sums[IML_PHASES][WIDTH * 2 * WIDTH];
    iml_real packed_theta[IML_PACKINGS][MAX], packed_u[IML_PACKINGS][MAX];
};

struct subject {
    struct iml_layer layer;
    size_t rows, inputs, outputs, parameters; /* elements of x, y, θ */
    iml_real running[2 * WIDTH];
    struct iml_mode mode; /* its statistics: `running`, set where it is used */
    struct iml_convolution *convolution;
};

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

static struct subject subject_of(const struct iml_layer_kind *kind, const struct layer_case *shape)
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
    assert_true(self.inputs <= MAX && self.outputs <= MAX && self.parameters <= MAX);
    return self;
}

static void draw(struct point *point, uint32_t seed, uint32_t index)
{
    const struct iml_stream stream = {.seed = seed, .purpose = IML_PURPOSE_PROBE, .index = index};
    iml_real all[3 * MAX];
    iml_stream_uniform(&stream, -1, 1, 3 * MAX, all);
    memcpy(point->x, all, sizeof point->x);
    memcpy(point->theta, all + MAX, sizeof point->theta);
    memcpy(point->y_bar, all + 2 * MAX, sizeof point->y_bar);
}

static void leave_kinks(struct point *point)
{
    for (size_t i = 0; i < MAX; i++) {
        if (fabs((double)point->x[i]) < kink_distance) point->x[i] = (iml_real)kink_distance;
    }
}

/* point + h·direction */
static struct point shifted(const struct point *point, double h, const struct point *direction)
{
    struct point result = {0};
    for (size_t i = 0; i < MAX; i++) {
        result.x[i] = point->x[i] + (iml_real)h * direction->x[i];
        result.theta[i] = point->theta[i] + (iml_real)h * direction->theta[i];
        result.y_bar[i] = point->y_bar[i] + (iml_real)h * direction->y_bar[i];
    }
    return result;
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

/* Calls a row kernel, with what its kind keeps in `memory`. */
static void run_kernel(const struct subject *self, enum iml_phase phase, struct iml_row_pass pass,
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
    iml_real sum[MAX] = {0}, shard[MAX], *out = pass.out;
    for (size_t i = 0; i < tiles; i++) {
        iml_tile_range(self->rows, tiles, i, &pass.first, &pass.count);
        pass.out = shard;
        kernel(&self->layer, &pass);
        for (size_t j = 0; j < self->parameters; j++) sum[j] += shard[j];
    }
    iml_convolution_unpack(self->convolution, sum, out);
}

/* Calls a parameter kernel tile by tile, as the evaluator does. */
static void run_parameters(const struct subject *self, iml_parameter_kernel *kernel,
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
    for (pass.first = 0; pass.first < self->layer.parameter_rows; pass.first += TILE) {
        const size_t left = self->layer.parameter_rows - pass.first;
        pass.count = left < TILE ? left : TILE;
        kernel(&self->layer, &pass);
    }
}

static void run(const struct subject *self, const struct point *at, struct values *values)
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

/* The derivatives of what `run` gives along `direction`, by the kernels. */
static void run_tangent(const struct subject *self, const struct point *at,
                        const struct values *values, const struct point *direction,
                        struct values *dots)
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

/* y, and x̄ with θ̄ as one vector, in double. */
struct vectors {
    double y[MAX], bars[2 * MAX];
};

static struct vectors vectors_of(const struct subject *self, const struct values *values)
{
    struct vectors result = {0};
    for (size_t i = 0; i < self->outputs; i++) result.y[i] = (double)values->y[i];
    for (size_t i = 0; i < self->inputs; i++) result.bars[i] = (double)values->x_bar[i];
    for (size_t i = 0; i < self->parameters; i++)
        result.bars[self->inputs + i] = (double)values->theta_bar[i];
    return result;
}

static struct vectors difference(const struct subject *self, const struct point *at,
                                 const struct point *direction, double h)
{
    static struct values after, before; /* static: large, and a test has one thread */
    static struct point above, below;
    above = shifted(at, h, direction);
    below = shifted(at, -h, direction);
    run(self, &above, &after);
    run(self, &below, &before);
    static struct vectors a, b;
    a = vectors_of(self, &after);
    b = vectors_of(self, &before);
    for (size_t i = 0; i < MAX; i++) a.y[i] = (a.y[i] - b.y[i]) / (2 * h);
    for (size_t i = 0; i < 2 * MAX; i++) a.bars[i] = (a.bars[i] - b.bars[i]) / (2 * h);
    return a;
}

/* x̄ and θ̄ by differences of ȳ·f, coordinate by coordinate. */
static void difference_gradient(const struct subject *self, const struct point *at, double h,
                                double *bars)
{
    for (size_t j = 0; j < self->inputs + self->parameters; j++) {
        struct point unit = {0};
        if (j < self->inputs)
            unit.x[j] = 1;
        else
            unit.theta[j - self->inputs] = 1;
        const struct vectors slope = difference(self, at, &unit, h);
        bars[j] = 0;
        for (size_t i = 0; i < self->outputs; i++) bars[j] += (double)at->y_bar[i] * slope.y[i];
    }
}

static double dot(size_t n, const iml_real *a, const iml_real *b)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += (double)a[i] * (double)b[i];
    return sum;
}

static void compare_with_differences(const struct subject *self, const struct point *at,
                                     const struct point *direction, const struct values *values,
                                     const struct values *dots, struct kernel_errors *errors)
{
    const size_t n = self->outputs, m = self->inputs + self->parameters;
    static struct vectors kernels, tangents, near, far; /* large */
    kernels = vectors_of(self, values);
    tangents = vectors_of(self, dots);
    near = difference(self, at, direction, step);
    far = difference(self, at, direction, 2 * step);
    static double gradient[2 * MAX], gradient_far[2 * MAX];
    difference_gradient(self, at, step, gradient);
    difference_gradient(self, at, 2 * step, gradient_far);
    errors->agreement =
        fmax(fmax(relative_error(n, near.y, far.y), relative_error(m, near.bars, far.bars)),
             relative_error(m, gradient, gradient_far));
    errors->tangent = relative_error(n, tangents.y, near.y);
    errors->backward = relative_error(m, kernels.bars, gradient);
    errors->tangent_backward = relative_error(m, tangents.bars, near.bars);
}

/* An in-place kind on shared arrays, in the evaluator's order of calls. */
static bool is_same_in_place(const struct subject *self, const struct point *at,
                             const struct point *direction, const struct values *values,
                             const struct values *dots)
{
    const struct iml_layer_kind *kind = self->layer.kind;
    struct point value = *at, dot_of = *direction;
    iml_real x_bar[MAX];
    memcpy(x_bar, at->y_bar, sizeof x_bar);
    const struct iml_row_pass rows = {.rows = self->rows,
                                      .x = value.x,
                                      .x_dot = dot_of.x,
                                      .y = value.x,
                                      .y_dot = dot_of.x,
                                      .y_bar = kind->keeps_adjoint ? at->y_bar : x_bar,
                                      .x_bar = x_bar,
                                      .y_bar_dot = dot_of.y_bar,
                                      .x_bar_dot = dot_of.y_bar,
                                      .x2 = value.x + self->outputs,
                                      .x2_dot = dot_of.x + self->outputs,
                                      .x2_bar = x_bar + self->outputs,
                                      .x2_bar_dot = dot_of.y_bar + self->outputs};
    kind->forward(&self->layer, &rows);
    kind->backward(&self->layer, &rows);
    kind->tangent(&self->layer, &rows);
    kind->tangent_backward(&self->layer, &rows);
    const size_t bytes = self->outputs * sizeof(iml_real), bars = self->inputs * sizeof(iml_real);
    return memcmp(value.x, values->y, bytes) == 0 && memcmp(x_bar, values->x_bar, bars) == 0 &&
           memcmp(dot_of.x, dots->y, bytes) == 0 && memcmp(dot_of.y_bar, dots->x_bar, bars) == 0;
}

/* The net's input: ẋ NULL means 0, x̄ NULL and x̄̇ NULL are not written. */
static bool is_same_at_the_input(const struct subject *self, const struct point *at,
                                 const struct point *direction)
{
    const struct iml_layer_kind *kind = self->layer.kind;
    struct point still = *direction;
    memset(still.x, 0, sizeof still.x);
    static struct values values, dots;
    run(self, at, &values);
    run_tangent(self, at, &values, &still, &dots);
    iml_real y_dot[MAX] = {0}, theta_bar_dot[MAX] = {0};
    const struct iml_row_pass rows = {.rows = self->rows,
                                      .theta = at->theta,
                                      .u = direction->theta,
                                      .x = at->x,
                                      .y = values.y,
                                      .y_dot = y_dot,
                                      .y_bar = at->y_bar,
                                      .y_bar_dot = direction->y_bar};
    run_kernel(self, IML_PHASE_BACKWARD, rows, &values);
    run_kernel(self, IML_PHASE_TANGENT, rows, &values);
    run_kernel(self, IML_PHASE_TANGENT_BACKWARD, rows, &values);
    run_parameters(self, kind->parameter_tangent_backward,
                   (struct iml_parameter_pass){.rows = self->rows,
                                               .x = at->x,
                                               .y_bar = at->y_bar,
                                               .y_bar_dot = direction->y_bar,
                                               .out = theta_bar_dot},
                   &values);
    for (size_t i = 0; i < self->outputs; i++) { /* as numbers: a 0 may have either sign */
        if (y_dot[i] != dots.y[i]) return false;
    }
    return memcmp(theta_bar_dot, dots.theta_bar, sizeof theta_bar_dot) == 0;
}

struct kernel_errors check_layer(const struct iml_layer_kind *kind, const struct layer_case *shape,
                                 uint32_t seed)
{
    const struct subject self = subject_of(kind, shape);
    static struct point at, direction; /* static: large, and a test has one thread */
    static struct values values, dots;
    struct kernel_errors errors = {0};
    draw(&at, seed, 0);
    draw(&direction, seed, 1);
    leave_kinks(&at);
    run(&self, &at, &values);
    run_tangent(&self, &at, &values, &direction, &dots);
    compare_with_differences(&self, &at, &direction, &values, &dots, &errors);

    const double scale =
        sqrt(dot(self.outputs, at.y_bar, at.y_bar)) * sqrt(dot(self.outputs, dots.y, dots.y));
    const double upwards = dot(self.outputs, at.y_bar, dots.y);
    const double downwards = dot(self.inputs, values.x_bar, direction.x) +
                             dot(self.parameters, values.theta_bar, direction.theta);
    errors.adjoint = scale > 0 ? fabs(upwards - downwards) / scale : fabs(upwards - downwards);

    const bool holds =
        (!kind->is_in_place || is_same_in_place(&self, &at, &direction, &values, &dots)) &&
        is_same_at_the_input(&self, &at, &direction);
    errors.conventions = holds ? 0 : 1;
    iml_convolution_free(self.convolution);
    return errors;
}

/* --- losses --- */

enum { OUTPUTS_MAX = 11 };

/* ℓ at z + h·direction, and z̄ there. */
static double loss_at(const struct iml_loss_kind *kind, struct iml_loss_row row, double h,
                      const iml_real *direction, iml_real *z_bar)
{
    iml_real z[OUTPUTS_MAX], kept[OUTPUTS_MAX];
    for (size_t c = 0; c < row.outputs; c++) z[c] = row.z[c] + (iml_real)h * direction[c];
    row.z = z;
    row.kept = kept;
    const double loss = kind->value(&row);
    if (z_bar) kind->backward(&row, z_bar);
    return loss;
}

static double loss_slope(const struct iml_loss_kind *kind, const struct iml_loss_row *row, double h,
                         const iml_real *direction)
{
    return (loss_at(kind, *row, h, direction, NULL) - loss_at(kind, *row, -h, direction, NULL)) /
           (2 * h);
}

/* The slopes along each coordinate and along z_dot (n + 1 numbers), and the derivative of z̄. */
static void loss_differences(const struct iml_loss_kind *kind, const struct iml_loss_row *row,
                             double h, const iml_real *z_dot, double *slopes, double *bar_dots)
{
    const size_t n = row->outputs;
    iml_real after[OUTPUTS_MAX], before[OUTPUTS_MAX];
    for (size_t c = 0; c < n; c++) {
        iml_real unit[OUTPUTS_MAX] = {0};
        unit[c] = 1;
        slopes[c] = row->scale * loss_slope(kind, row, h, unit);
    }
    slopes[n] = loss_slope(kind, row, h, z_dot);
    (void)loss_at(kind, *row, h, z_dot, after);
    (void)loss_at(kind, *row, -h, z_dot, before);
    for (size_t c = 0; c < n; c++) bar_dots[c] = ((double)after[c] - (double)before[c]) / (2 * h);
}

/* A distribution from numbers in (−1, 1). */
static void make_distribution(size_t n, const iml_real *numbers, iml_real *targets)
{
    double sum = 0;
    for (size_t c = 0; c < n; c++) sum += 1.1 + (double)numbers[c];
    for (size_t c = 0; c < n; c++) targets[c] = (iml_real)((1.1 + (double)numbers[c]) / sum);
}

struct kernel_errors check_loss(const struct iml_loss_kind *kind, size_t outputs, bool has_label,
                                uint32_t seed)
{
    assert_true(outputs <= OUTPUTS_MAX);
    struct point drawn;
    draw(&drawn, seed, 2);
    iml_real targets[OUTPUTS_MAX], kept[OUTPUTS_MAX];
    make_distribution(outputs, drawn.y_bar, targets);
    for (size_t c = 0; c < outputs; c++) drawn.x[c] *= 3;
    const iml_real *z_dot = drawn.theta;
    const struct iml_loss_row row = {.outputs = outputs,
                                     .z = drawn.x,
                                     .targets = has_label ? NULL : targets,
                                     .label = (uint32_t)(outputs - 1),
                                     .scale = 0.7 / 5,
                                     .kept = kept};
    (void)kind->value(&row);
    iml_real z_bar[OUTPUTS_MAX], z_bar_dot[OUTPUTS_MAX];
    kind->backward(&row, z_bar);
    kind->tangent_backward(&row, z_dot, z_bar_dot);
    const double tangent = kind->tangent(&row, z_dot);

    double near[OUTPUTS_MAX + 1], far[OUTPUTS_MAX + 1], near_dots[OUTPUTS_MAX];
    double far_dots[OUTPUTS_MAX], bars[OUTPUTS_MAX], bar_dots[OUTPUTS_MAX];
    loss_differences(kind, &row, step, z_dot, near, near_dots);
    loss_differences(kind, &row, 2 * step, z_dot, far, far_dots);
    for (size_t c = 0; c < outputs; c++) {
        bars[c] = (double)z_bar[c];
        bar_dots[c] = (double)z_bar_dot[c];
    }
    const double size = row.scale * sqrt(dot(outputs, z_dot, z_dot));
    return (struct kernel_errors){
        .agreement = fmax(relative_error(outputs + 1, near, far),
                          relative_error(outputs, near_dots, far_dots)),
        .tangent = relative_error(1, &tangent, &near[outputs]),
        .backward = relative_error(outputs, bars, near),
        .adjoint = fabs(dot(outputs, z_bar, z_dot) - row.scale * tangent) / size,
        .tangent_backward = relative_error(outputs, bar_dots, near_dots),
    };
}

struct kernel_errors kernel_tolerances(void)
{
#ifdef IML_REAL_DOUBLE
    return (struct kernel_errors){.agreement = 1e-7,
                                  .tangent = 1e-7,
                                  .backward = 1e-7,
                                  .adjoint = 1e-12,
                                  .tangent_backward = 1e-6,
                                  .conventions = 0};
#else
    return (struct kernel_errors){.agreement = HUGE_VAL,
                                  .tangent = HUGE_VAL,
                                  .backward = HUGE_VAL,
                                  .adjoint = 1e-5,
                                  .tangent_backward = HUGE_VAL,
                                  .conventions = 0};
#endif
}

bool kernel_errors_pass(const struct kernel_errors *errors)
{
    const struct kernel_errors limit = kernel_tolerances();
    return errors->agreement <= limit.agreement && errors->tangent <= limit.tangent &&
           errors->backward <= limit.backward && errors->adjoint <= limit.adjoint &&
           errors->tangent_backward <= limit.tangent_backward &&
           errors->conventions <= limit.conventions;
}
