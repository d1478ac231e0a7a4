/* images.c: imld's side of `bench/run convolution`: libiml through its public headers, on random
 * images, one process a (net, threads).
 *
 * bench_images NET BATCH THREADS PROBLEM gradient | fixmatch | errors. PROBLEM: a file to write θ
 * (outside order), images, labels and v to, so that the peer differentiates the same loss at the
 * same place. gradient: gradients and products of BATCH images. fixmatch: steps of FixMatch on 15
 * BATCH rows (μ = 7). errors: gradients of a net without kinks by both methods of convolution, to
 * PROBLEM.auto and PROBLEM.direct. */
#include "bench/images.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/serve.h"
#include "bench/side.h"
#include "imld/curvature.h"
#include "imld/optimizer.h"
#include "imld/random.h"
#include "imld/solver.h"

enum { TERMS = 3, SEED = 1, CLASSES = 10, RATIO = 7, ROWS_A_LABEL = 1 + 2 * RATIO };

static const double step_size = 0.01, decay = 5e-4, epsilon = 1e-3, momentum = 0.001;
static const double threshold = 0.3, average = 0.999, learning_rate = 1e-6;

struct bench {
    struct iml_net_options options;
    size_t rows, parameters;
    bool is_fixmatch;
    struct iml_net *net;
    struct iml_team *team;
    /* given */
    iml_real *theta, *inputs, *v, *diagonal, *statistics;
    uint32_t *labels;
    /* working */
    struct iml_evaluator *evaluator;
    struct iml_solver neumann;
    const struct iml_curvature *curvature;
    iml_real *gradient, *q;
    /* of fixmatch */
    iml_real *mean_theta, *weights;
    struct iml_chooser chooser;
    struct iml_optimizer optimizer;
    struct bench_convolutions *convolutions;
    struct iml_error error;
};

bool bench_read_net(const char *name, unsigned threads, struct iml_net_options *options)
{
    const bool is_grey = strcmp(name, "cnn_small") == 0;
    *options = (struct iml_net_options){.channels = is_grey ? 1 : 3,
                                        .height = is_grey ? 28 : 32,
                                        .width = is_grey ? 28 : 32,
                                        .outputs = CLASSES,
                                        .loss = IML_LOSS_CROSS_ENTROPY,
                                        .epsilon = epsilon,
                                        .threads = threads};
    options->inputs = options->channels * options->height * options->width;
    if (is_grey || strcmp(name, "resnet18") == 0) {
        options->model = iml_model_kind_find(name);
        return true;
    }
    options->model = iml_model_kind_find("wrn");
    return sscanf(name, "wrn-%zu-%zu", &options->depth, &options->widening) == 2;
}

/* --- memory --- */

static void lay_out_given(struct bench *self, struct iml_arena *arena)
{
    iml_arena_part(arena, "given");
    self->theta = iml_arena_take(arena, self->parameters, sizeof(iml_real));
    self->v = iml_arena_take(arena, self->parameters, sizeof(iml_real));
    self->diagonal = iml_arena_take(arena, self->parameters, sizeof(iml_real));
    self->statistics = iml_arena_take(arena, iml_net_statistics(self->net), sizeof(iml_real));
    self->inputs = iml_arena_take(arena, self->rows * self->options.inputs, sizeof(iml_real));
    self->labels = iml_arena_take(arena, self->rows, sizeof *self->labels);
    self->weights = iml_arena_take(arena, self->rows, sizeof(iml_real));
    self->mean_theta = iml_arena_take(arena, self->parameters, sizeof(iml_real));
    self->gradient = iml_arena_take(arena, self->parameters, sizeof(iml_real));
    const struct iml_optimizer_options sgd = {.kind = iml_optimizer_kind_find("sgd"),
                                              .learning_rate = learning_rate,
                                              .momentum = 0.9,
                                              .nesterov = true};
    iml_optimizer_layout(&self->optimizer, &sgd, self->parameters, arena);
}

/* What is compared with the peer's growth: of neumann(3), or of a step of FixMatch. */
static void lay_out_working(struct bench *self, struct iml_arena *arena)
{
    iml_arena_part(arena, "working");
    bench_must(iml_evaluator_new(self->net, self->rows, !self->is_fixmatch, self->team, arena,
                                 &self->evaluator, &self->error),
               &self->error);
    if (self->is_fixmatch) return;
    const struct iml_solver_options options = {
        .kind = iml_solver_kind_find("neumann"), .terms = TERMS, .step_size = step_size};
    iml_solver_layout(&self->neumann, &options, self->parameters, arena);
    self->q = iml_arena_take(arena, self->parameters, sizeof(iml_real));
}

static void lay_out(struct bench *self, struct iml_arena *arena)
{
    lay_out_given(self, arena);
    lay_out_working(self, arena);
}

/* Planned bytes of an evaluator for gradients alone. */
static size_t gradient_bytes(struct bench *self)
{
    struct iml_arena arena;
    struct iml_evaluator *evaluator = NULL;
    iml_arena_measure(&arena);
    bench_must(iml_evaluator_new(self->net, self->rows, false, self->team, &arena, &evaluator,
                                 &self->error),
               &self->error);
    iml_evaluator_free(evaluator);
    return arena.plan.total_bytes;
}

/* --- quantities --- */

static struct iml_batch batch_of(const struct bench *self)
{
    return (struct iml_batch){.rows = self->rows,
                              .inputs = self->inputs,
                              .labels = self->labels,
                              .divisor = (double)self->rows,
                              .mode = {.batch_norm = IML_BATCH_NORM_BATCH}};
}

static void run_gradient(void *context, size_t argument)
{
    (void)argument;
    struct bench *self = context;
    const struct iml_batch batch = batch_of(self);
    struct iml_batch_result result;
    bench_must(iml_gradient(self->evaluator, self->theta, &batch, self->diagonal, self->gradient,
                            &result, &self->error),
               &self->error);
}

static void run_linearize(void *context, size_t argument)
{
    (void)argument;
    struct bench *self = context;
    const struct iml_batch batch = batch_of(self);
    struct iml_batch_result result;
    bench_must(iml_linearize(self->evaluator, self->theta, &batch, self->diagonal, NULL, &result,
                             &self->curvature, &self->error),
               &self->error);
}

static void run_product(void *context, size_t argument)
{
    (void)argument;
    const struct bench *self = context;
    self->curvature->apply(self->curvature, self->v, self->gradient);
}

/* The linearization is part of it: the solver can't be had without. */
static void run_neumann(void *context, size_t argument)
{
    struct bench *self = context;
    run_linearize(context, argument);
    bench_solve(&self->neumann, self->curvature, self->v, self->q);
}

static void run_convolutions(void *context, size_t argument)
{
    (void)argument;
    const struct bench *self = context;
    bench_convolutions_run(self->convolutions);
}

/* FIXMATCH 1.3: labels of the weak rows and of their strong twins, and the twins' weights. */
static void choose(void *context, const struct iml_evaluator *evaluator, size_t rows,
                   const iml_real *logits)
{
    (void)evaluator;
    struct bench *self = context;
    const size_t labeled = rows / ROWS_A_LABEL, unlabeled = labeled * RATIO;
    for (size_t i = 0; i < unlabeled; i++) {
        const iml_real *z = logits + (labeled + i) * CLASSES;
        size_t best = 0;
        double sum = 0;
        for (size_t c = 1; c < CLASSES; c++)
            if (z[c] > z[best]) best = c;
        for (size_t c = 0; c < CLASSES; c++) sum += exp((double)z[c] - (double)z[best]);
        const size_t weak = labeled + i, strong = weak + unlabeled;
        self->labels[weak] = self->labels[strong] = (uint32_t)best;
        self->weights[weak] = 0;
        self->weights[strong] = 1 / sum >= threshold ? (iml_real)(1.0 / RATIO) : 0;
    }
}

/* Views are there already: they are measured by themselves. */
static void run_fixmatch(void *context, size_t argument)
{
    (void)argument;
    struct bench *self = context;
    const size_t labeled = self->rows / ROWS_A_LABEL;
    struct iml_batch batch = batch_of(self);
    struct iml_batch_result result;
    for (size_t r = 0; r < labeled; r++) self->weights[r] = 1;
    batch.weights = self->weights;
    batch.divisor = (double)labeled;
    batch.chooser = &self->chooser;
    bench_must(iml_gradient(self->evaluator, self->theta, &batch, self->diagonal, self->gradient,
                            &result, &self->error),
               &self->error);
    iml_update_statistics(self->evaluator, momentum, self->statistics);
    iml_optimizer_step(&self->optimizer, self->theta, self->gradient);
    for (size_t i = 0; i < self->parameters; i++)
        self->mean_theta[i] = (iml_real)(average * (double)self->mean_theta[i] +
                                         (1 - average) * (double)self->theta[i]);
}

static const struct bench_quantity of_gradients[] = {
    {.name = "gradient", .run = run_gradient},
    {.name = "product", .prepare = run_linearize, .run = run_product},
    {.name = "neumann3", .run = run_neumann},
    {.name = "convolutions", .run = run_convolutions},
};
static const struct bench_quantity of_fixmatch[] = {{.name = "fixmatch_step", .run = run_fixmatch}};

/* --- the problem --- */

static void draw_problem(struct bench *self)
{
    const struct iml_stream images = {.seed = SEED, .purpose = IML_PURPOSE_PROBE, .index = 1};
    const struct iml_stream direction = {.seed = SEED, .purpose = IML_PURPOSE_PROBE, .index = 2};
    iml_net_initialize(self->net, SEED, self->theta);
    iml_net_initialize_statistics(self->net, self->statistics);
    memcpy(self->mean_theta, self->theta, self->parameters * sizeof *self->theta);
    iml_stream_normal(&images, 1, self->rows * self->options.inputs, self->inputs);
    iml_stream_normal(&direction, 1, self->parameters, self->v);
    for (size_t r = 0; r < self->rows; r++) self->labels[r] = (uint32_t)(r * 7 % CLASSES);
    for (size_t b = 0; b < iml_net_block_count(self->net); b++) {
        const struct iml_block *block = iml_net_block(self->net, b);
        for (size_t i = 0; i < block->count; i++)
            self->diagonal[block->offset + i] = block->is_kernel ? (iml_real)decay : 0;
    }
    self->chooser = (struct iml_chooser){.choose = choose, .context = self};
}

/* An inside vector in the outside's order, `count` numbers, or all that `more` has. */
static bool write_outside(const struct bench *self, const iml_real *inside, FILE *file)
{
    iml_real *outside = calloc(self->parameters, sizeof *outside);
    if (!outside) return false;
    iml_net_export(self->net, inside, outside);
    const bool is_written =
        fwrite(outside, sizeof *outside, self->parameters, file) == self->parameters;
    free(outside);
    return is_written;
}

static void write_file(const struct bench *self, const char *path, const iml_real *vector,
                       bool has_images)
{
    const size_t pixels = self->rows * self->options.inputs;
    FILE *file = fopen(path, "wbe");
    bool is_written = file && write_outside(self, vector, file);
    if (is_written && has_images)
        is_written = write_outside(self, self->v, file) &&
                     fwrite(self->inputs, sizeof(iml_real), pixels, file) == pixels &&
                     fwrite(self->labels, sizeof(uint32_t), self->rows, file) == self->rows;
    if (file && fclose(file) != 0) is_written = false;
    if (is_written) return;
    (void)fprintf(stderr, "bench_images: can't write %s\n", path);
    exit(1);
}

/* --- the program --- */

static void open_bench(struct bench *self, unsigned threads, struct iml_arena *arena,
                       struct iml_plan *plan)
{
    bench_must(iml_net_new(&self->options, &self->net, &self->error), &self->error);
    self->parameters = iml_net_parameters(self->net);
    bench_must(iml_team_open(threads, 0, NULL, &self->team, &self->error), &self->error);
    iml_arena_measure(arena);
    lay_out(self, arena);
    iml_evaluator_free(self->evaluator);
    *plan = arena->plan;
    bench_must(iml_arena_open(arena, plan, &self->error), &self->error);
    lay_out(self, arena);
    draw_problem(self);
}

static void close_bench(struct bench *self, struct iml_arena *arena)
{
    bench_convolutions_close(self->convolutions);
    iml_evaluator_free(self->evaluator);
    iml_team_close(self->team);
    iml_arena_close(arena);
    iml_net_free(self->net);
}

/* The gradient of a net without kinks, by one method, to PATH. */
static void write_straight(struct bench *self, const char *path, struct iml_arena *arena)
{
    bench_straighten(self->net);
    run_gradient(self, 0);
    write_file(self, path, self->gradient, false);
    close_bench(self, arena);
}

static int write_errors(const struct bench *form, unsigned threads, const char *problem)
{
    static const struct {
        enum iml_convolution_method method;
        const char *name;
    } methods[] = {{IML_CONVOLUTION_AUTO, "auto"}, {IML_CONVOLUTION_DIRECT, "direct"}};
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        struct bench self = *form;
        struct iml_arena arena;
        struct iml_plan plan;
        char path[4096];
        self.options.convolution = methods[i].method;
        (void)snprintf(path, sizeof path, "%s.%s", problem, methods[i].name);
        open_bench(&self, threads, &arena, &plan);
        write_file(&self, problem, self.theta, true);
        write_straight(&self, path, &arena);
    }
    return 0;
}

static int serve_gradients(struct bench *self, const struct iml_plan *plan)
{
    char note[256];
    self->convolutions = bench_convolutions_open(self->net, self->rows, self->team);
    if (!self->convolutions) return 1;
    run_neumann(self, 0);
    const double q_norm = bench_norm(self->parameters, self->q);
    run_gradient(self, 0);
    (void)snprintf(note, sizeof note,
                   "{\"working_bytes\": %zu, \"gradient_bytes\": %zu, \"gradient_norm\": %.9g, "
                   "\"q_norm\": %.9g}",
                   bench_part_bytes(plan, "working"), gradient_bytes(self),
                   bench_norm(self->parameters, self->gradient), q_norm);
    return bench_serve(of_gradients, sizeof of_gradients / sizeof *of_gradients, self, note);
}

static int serve_fixmatch(struct bench *self, const struct iml_plan *plan)
{
    char note[128];
    (void)snprintf(note, sizeof note, "{\"working_bytes\": %zu}",
                   bench_part_bytes(plan, "working"));
    return bench_serve(of_fixmatch, 1, self, note);
}

int main(int argc, char **argv)
{
    static struct bench self;
    struct iml_arena arena;
    struct iml_plan plan;
    const size_t threads = argc > 3 ? strtoul(argv[3], NULL, 10) : 0;
    self.rows = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;
    if (argc != 6 || self.rows == 0 || !bench_read_net(argv[1], (unsigned)threads, &self.options)) {
        (void)fprintf(stderr, "usage: bench_images NET BATCH THREADS PROBLEM MODE\n");
        return 2;
    }
    if (strcmp(argv[5], "errors") == 0) return write_errors(&self, (unsigned)threads, argv[4]);
    self.is_fixmatch = strcmp(argv[5], "fixmatch") == 0;
    if (self.is_fixmatch) self.rows *= ROWS_A_LABEL;
    open_bench(&self, (unsigned)threads, &arena, &plan);
    write_file(&self, argv[4], self.theta, true);
    const int code =
        self.is_fixmatch ? serve_fixmatch(&self, &plan) : serve_gradients(&self, &plan);
    close_bench(&self, &arena);
    return code;
}
