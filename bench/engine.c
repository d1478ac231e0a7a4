/* engine.c: imld's side of `bench/run hypergradient`: libiml through its public headers, on random
 * images, one process a (net, threads).
 *
 * bench_engine INPUTS-HIDDEN-…-OUTPUTS BATCH THREADS [PROBLEM]. PROBLEM: a file to write θ (outside
 * order), images and labels to, so that the peer differentiates the same loss at the same place. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/serve.h"
#include "bench/side.h"
#include "imld/curvature.h"
#include "imld/knowledge.h"
#include "imld/net.h"
#include "imld/optimizer.h"
#include "imld/random.h"
#include "imld/solver.h"

enum { TERMS = 3, SEED = 1 };

/* e^λ = 1 makes H positive definite at random weights, so that cg takes all of its steps. λ hardly
 * moves: a bench may take thousands of updates, and e^λ must stay where it was. */
static const double step_size = 0.01, coefficient = 1, learning_rate = 1e-6;

/* Images and labels of one batch. */
struct sample {
    iml_real *inputs;
    uint32_t *labels;
};

struct bench {
    struct iml_net_options options;
    size_t rows, parameters;
    struct iml_net *net;
    struct iml_team *team;
    /* given: what the peer holds too, and what memory_vs_torch does not count */
    struct sample train, validation;
    iml_real *theta, *v;
    struct iml_knowledge knowledge;
    struct iml_optimizer optimizer;
    /* working */
    struct iml_evaluator *evaluator;
    struct iml_solver neumann, cg;
    const struct iml_curvature *curvature;
    iml_real *gradient, *q, *hypergradient;
    struct iml_error error;
};

static bool read_net(const char *text, struct iml_net_options *options)
{
    size_t sizes[IML_HIDDEN_MAX + 2], count = 0;
    for (const char *at = text; count < IML_HIDDEN_MAX + 2;) {
        char *end = NULL;
        sizes[count] = strtoul(at, &end, 10);
        if (end == at || sizes[count++] == 0) return false;
        if (*end == '\0') break;
        at = end + 1;
    }
    if (count < 2) return false;
    *options = (struct iml_net_options){.inputs = sizes[0],
                                        .outputs = sizes[count - 1],
                                        .hidden_count = count - 2,
                                        .activation = IML_ACTIVATION_RELU,
                                        .loss = IML_LOSS_CROSS_ENTROPY,
                                        .has_bias = true};
    for (size_t i = 0; i + 2 < count; i++) options->hidden[i] = sizes[i + 1];
    return true;
}

static void lay_out_sample(const struct bench *self, struct sample *sample, struct iml_arena *arena)
{
    sample->inputs =
        iml_arena_take(arena, self->rows * self->options.inputs, sizeof *sample->inputs);
    sample->labels = iml_arena_take(arena, self->rows, sizeof *sample->labels);
}

static void lay_out_given(struct bench *self, struct iml_arena *arena)
{
    iml_arena_part(arena, "given");
    lay_out_sample(self, &self->train, arena);
    lay_out_sample(self, &self->validation, arena);
    self->theta = iml_arena_take(arena, self->parameters, sizeof *self->theta);
    self->v = iml_arena_take(arena, self->parameters, sizeof *self->v);
    const struct iml_knowledge_options knowledge = {.kind =
                                                        iml_knowledge_kind_find("l2_per_parameter"),
                                                    .initial = coefficient,
                                                    .clamp_high = HUGE_VAL};
    iml_knowledge_layout(&self->knowledge, &knowledge, self->net, arena);
    const struct iml_optimizer_options optimizer = {.kind = iml_optimizer_kind_find("rmsprop"),
                                                    .learning_rate = learning_rate,
                                                    .rho = 0.99,
                                                    .epsilon = 1e-8};
    iml_optimizer_layout(&self->optimizer, &optimizer, self->knowledge.size, arena);
}

static void lay_out_solver(const struct bench *self, struct iml_solver *solver, const char *kind,
                           struct iml_arena *arena)
{
    const struct iml_solver_options options = {
        .kind = iml_solver_kind_find(kind), .terms = TERMS, .step_size = step_size};
    iml_solver_layout(solver, &options, self->parameters, arena);
}

/* What neumann(3) and its linearization work in: the part "working" is the one that is compared. */
static void lay_out_working(struct bench *self, struct iml_arena *arena)
{
    iml_arena_part(arena, "working");
    bench_must(iml_evaluator_new(self->net, self->rows, true, self->team, arena, &self->evaluator,
                                 &self->error),
               &self->error);
    lay_out_solver(self, &self->neumann, "neumann", arena);
    self->q = iml_arena_take(arena, self->parameters, sizeof *self->q);
    iml_arena_part(arena, "other quantities");
    lay_out_solver(self, &self->cg, "cg", arena);
    self->gradient = iml_arena_take(arena, self->parameters, sizeof *self->gradient);
    self->hypergradient = iml_arena_take(arena, self->knowledge.size, sizeof *self->hypergradient);
}

static void lay_out(struct bench *self, struct iml_arena *arena)
{
    lay_out_given(self, arena);
    lay_out_working(self, arena);
}

/* --- quantities --- */

static struct iml_batch batch_of(const struct bench *self, const struct sample *sample)
{
    return (struct iml_batch){.rows = self->rows,
                              .inputs = sample->inputs,
                              .labels = sample->labels,
                              .divisor = (double)self->rows};
}

static void run_gradient(void *context, size_t argument)
{
    (void)argument;
    struct bench *self = context;
    const struct iml_batch batch = batch_of(self, &self->train);
    struct iml_batch_result result;
    bench_must(iml_gradient(self->evaluator, self->theta, &batch, self->knowledge.diagonal,
                            self->gradient, &result, &self->error),
               &self->error);
}

static void linearize(struct bench *self, iml_real *gradient)
{
    const struct iml_batch batch = batch_of(self, &self->train);
    struct iml_batch_result result;
    bench_must(iml_linearize(self->evaluator, self->theta, &batch, self->knowledge.diagonal,
                             gradient, &result, &self->curvature, &self->error),
               &self->error);
}

static void run_linearize(void *context, size_t argument)
{
    (void)argument;
    linearize(context, NULL);
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

static void run_cg(void *context, size_t argument)
{
    struct bench *self = context;
    run_linearize(context, argument);
    bench_solve(&self->cg, self->curvature, self->v, self->q);
}

static void find_v(struct bench *self)
{
    const struct iml_batch batch = batch_of(self, &self->validation);
    struct iml_batch_result result;
    bench_must(
        iml_gradient(self->evaluator, self->theta, &batch, NULL, self->v, &result, &self->error),
        &self->error);
}

/* v, linearization with ∇L_T (inner/remaining needs it), q, pull, RMSprop's step on λ, d. */
static void run_meta_update(void *context, size_t argument)
{
    (void)argument;
    struct bench *self = context;
    find_v(self);
    linearize(self, self->gradient);
    bench_solve(&self->neumann, self->curvature, self->v, self->q);
    iml_knowledge_pull(&self->knowledge, self->theta, self->q, self->hypergradient);
    iml_optimizer_step(&self->optimizer, self->knowledge.lambda, self->hypergradient);
    iml_knowledge_refresh(&self->knowledge);
}

static const struct bench_quantity quantities[] = {
    {.name = "gradient", .run = run_gradient},
    {.name = "linearize", .run = run_linearize},
    {.name = "product", .prepare = run_linearize, .run = run_product},
    {.name = "neumann3", .run = run_neumann},
    {.name = "cg3", .run = run_cg},
    {.name = "meta_update", .run = run_meta_update},
};

/* --- the problem --- */

static void draw_sample(const struct bench *self, const struct sample *sample, uint32_t index)
{
    const struct iml_stream stream = {.seed = SEED, .purpose = IML_PURPOSE_PROBE, .index = index};
    iml_stream_normal(&stream, 1, self->rows * self->options.inputs, sample->inputs);
    for (size_t r = 0; r < self->rows; r++)
        sample->labels[r] = (uint32_t)((r * 7 + index) % self->options.outputs);
}

static void write_problem(const struct bench *self, const char *path)
{
    const size_t images = self->rows * self->options.inputs;
    FILE *file = fopen(path, "wbe");
    iml_real *outside = calloc(self->parameters, sizeof *outside);
    bool is_written = file && outside;
    if (is_written) {
        iml_net_export(self->net, self->theta, outside);
        is_written =
            fwrite(outside, sizeof *outside, self->parameters, file) == self->parameters &&
            fwrite(self->train.inputs, sizeof(iml_real), images, file) == images &&
            fwrite(self->validation.inputs, sizeof(iml_real), images, file) == images &&
            fwrite(self->train.labels, sizeof(uint32_t), self->rows, file) == self->rows &&
            fwrite(self->validation.labels, sizeof(uint32_t), self->rows, file) == self->rows;
    }
    free(outside);
    if (file && fclose(file) != 0) is_written = false;
    if (is_written) return;
    (void)fprintf(stderr, "bench_engine: can't write %s\n", path);
    exit(1);
}

static void draw_problem(struct bench *self)
{
    iml_net_initialize(self->net, SEED, self->theta);
    iml_knowledge_initialize(&self->knowledge, 1);
    draw_sample(self, &self->train, 1);
    draw_sample(self, &self->validation, 2);
    find_v(self);
}

/* Planned bytes of neumann(3), what the process grew by beside the other planned parts (the BLAS's
 * buffers are in it), and norms that the peer must find too. */
static void write_note(struct bench *self, char *note, size_t bytes, const struct iml_plan *plan,
                       size_t resident_bytes)
{
    run_neumann(self, 0);
    const size_t working = bench_part_bytes(plan, "working"), peak = bench_peak_bytes();
    const size_t rest = resident_bytes + plan->total_bytes - working;
    const double q_norm = bench_norm(self->parameters, self->q);
    run_gradient(self, 0);
    (void)snprintf(note, bytes,
                   "{\"working_bytes\": %zu, \"grown_bytes\": %zu, \"gradient_norm\": %.9g, "
                   "\"q_norm\": %.9g}",
                   working, peak > rest ? peak - rest : 0,
                   bench_norm(self->parameters, self->gradient), q_norm);
}

int main(int argc, char **argv)
{
    static struct bench self;
    struct iml_arena arena;
    char note[256];
    const size_t threads = argc > 3 ? strtoul(argv[3], NULL, 10) : 0;
    self.rows = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;
    if (argc < 4 || self.rows == 0 || !read_net(argv[1], &self.options)) {
        (void)fprintf(stderr, "usage: bench_engine 784-128-128-10 BATCH THREADS [PROBLEM]\n");
        return 2;
    }
    self.options.threads = (unsigned)threads;
    bench_must(iml_net_new(&self.options, &self.net, &self.error), &self.error);
    self.parameters = iml_net_parameters(self.net);
    bench_must(iml_team_open((unsigned)threads, 0, NULL, &self.team, &self.error), &self.error);
    iml_arena_measure(&arena);
    lay_out(&self, &arena);
    iml_evaluator_free(self.evaluator);
    const struct iml_plan plan = arena.plan;
    const size_t resident_bytes = bench_reset_peak_bytes();
    bench_must(iml_arena_open(&arena, &plan, &self.error), &self.error);
    lay_out(&self, &arena);
    draw_problem(&self);
    if (argc > 4) write_problem(&self, argv[4]);
    write_note(&self, note, sizeof note, &plan, resident_bytes);
    const int code = bench_serve(quantities, sizeof quantities / sizeof *quantities, &self, note);
    iml_evaluator_free(self.evaluator);
    iml_team_close(self.team);
    iml_arena_close(&arena);
    iml_net_free(self.net);
    return code;
}
