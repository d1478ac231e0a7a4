/* confidence.c: imld's side of `bench/run confidence`: the trainers fixmatch and confidence on
 * cnn_small and images from a folder, one process a form, one thread.
 *
 * bench_confidence FORM ROOT BATCH VALIDATION PROBLEM. FORM: fixmatch or a row of `forms`; ROOT: a
 * data root with the set "noise"; BATCH: labeled images of a step, which has 15 times as many rows;
 * PROBLEM: a file for what the peer's update reads. The threshold is 0, so that every pool image
 * counts, as late in training. It reaches into the trainer for two things: when an update is due,
 * and the parts of one update, whose norms the peer must meet. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/serve.h"
#include "bench/side.h"
#include "engine/trainer/run.h"

enum { RATIO = 7, TERMS = 3, LABELS = 100, SEED = 1 };

static const char set_name[] = "noise";
static const double decay = 5e-4;

struct form {
    const char *name, *knowledge; /* knowledge NULL: plain FixMatch */
    struct iml_weigher_options weigher;
};

static const struct form forms[] = {
    {.name = "fixmatch"},
    {.name = "separate", .knowledge = "confidence"},
    {.name = "shared",
     .knowledge = "confidence",
     .weigher = {.input = IML_WEIGHER_FEATURES, .hidden = {64}, .hidden_count = 1}},
    {.name = "shared through_features",
     .knowledge = "confidence",
     .weigher = {.input = IML_WEIGHER_FEATURES,
                 .through_features = true,
                 .hidden = {64},
                 .hidden_count = 1}},
    {.name = "weights_per_example", .knowledge = "weights_per_example"},
};

struct bench {
    struct iml_trainer *trainer;
    struct iml_rows rows;
    struct iml_error error;
};

/* --- the job --- */

static struct iml_meta_options meta_options(const struct form *form, size_t validation)
{
    if (!form->knowledge) return (struct iml_meta_options){0};
    return (struct iml_meta_options){
        .knowledge = {.kind = iml_knowledge_kind_find(form->knowledge)},
        .optimizer = {.kind = iml_optimizer_kind_find("adam"),
                      .learning_rate = 1e-6,
                      .beta1 = 0.9,
                      .beta2 = 0.999,
                      .epsilon = 1e-8},
        .validation_batch = validation,
        .solver = {.kind = iml_solver_kind_find("neumann"), .terms = TERMS}};
}

static struct iml_trainer_options job(const struct form *form, size_t batch, size_t validation)
{
    return (struct iml_trainer_options){
        .kind = iml_trainer_kind_find(form->knowledge ? "confidence" : "fixmatch"),
        .data = {.set = set_name,
                 .validation = validation,
                 .pixels = IML_PIXELS_SYMMETRIC,
                 .pool = {.labels = LABELS},
                 .views = IML_VIEWS_WEAK,
                 .flip = IML_VIEW_FLIP_HALF},
        .model = {.kind = iml_model_kind_find("cnn_small"),
                  .activation = IML_ACTIVATION_LEAKY_RELU,
                  .slope = 0.1,
                  .has_batch_norm = true,
                  .batch_norm_epsilon = 1e-3},
        .inner = {.optimizer = {.kind = iml_optimizer_kind_find("sgd"),
                                .learning_rate = 1e-6,
                                .momentum = 0.9,
                                .nesterov = true},
                  .batch = batch,
                  .steps = 1000000,
                  .weight_decay = decay,
                  .steps_per_update = form->knowledge ? 100 : 0,
                  .average = {.is_on = true, .has_warmup = true, .decay = 0.999}},
        .consistency = {.ratio = RATIO, .threshold = 0, .weight = 1},
        .confidence = form->weigher,
        .meta = meta_options(form, validation),
        .seed = SEED,
        .threads = 1,
    };
}

/* --- quantities --- */

static void step(struct bench *self)
{
    bench_must(iml_trainer_step(self->trainer, &self->rows, &self->error), &self->error);
}

static void run_step(void *context, size_t argument)
{
    (void)argument;
    struct bench *self = context;
    self->trainer->state->steps_left = 2;
    step(self);
}

static void run_update(void *context, size_t argument)
{
    (void)argument;
    struct bench *self = context;
    self->trainer->state->steps_left = 0;
    step(self);
}

static const struct bench_quantity quantities[] = {{.name = "step", .run = run_step},
                                                   {.name = "update", .run = run_update}};

/* --- the problem: counts, then numbers, all as float --- */

struct file {
    FILE *stream;
    bool is_whole;
};

static void put(struct file *file, size_t count, const iml_real *values)
{
    const float length = (float)count;
    if (fwrite(&length, sizeof length, 1, file->stream) != 1 ||
        fwrite(values, sizeof *values, count, file->stream) != count)
        file->is_whole = false;
}

static void put_integers(struct file *file, size_t count, const uint32_t *values)
{
    iml_real *reals = calloc(count, sizeof *reals);
    for (size_t i = 0; reals && i < count; i++) reals[i] = (iml_real)values[i];
    if (reals)
        put(file, count, reals);
    else
        file->is_whole = false;
    free(reals);
}

/* In the order that PyTorch's modules have; net NULL: as it is. */
static void put_vector(struct file *file, const struct iml_net *net, size_t count,
                       const iml_real *inside)
{
    iml_real *outside = net ? calloc(count, sizeof *outside) : NULL;
    if (net && !outside) {
        file->is_whole = false;
        return;
    }
    if (net) iml_net_export(net, inside, outside);
    put(file, count, net ? outside : inside);
    free(outside);
}

static void put_rows(struct file *file, const struct iml_trainer *trainer, size_t rows)
{
    put(file, rows * trainer->maker.inputs, trainer->maker.values);
    put_integers(file, rows, trainer->maker.labels);
}

struct norms {
    double v, q, hypergradient;
};

/* The parts of the update at hand, one by one; what it reads goes to the file. */
static struct norms write_update(struct bench *self, struct file *file)
{
    struct iml_trainer *trainer = self->trainer;
    const struct iml_net *net = trainer->net, *network = trainer->weigher->net;
    const struct iml_consistency *consistency = &trainer->curvature_consistency;
    const size_t parameters = iml_net_parameters(net), size = trainer->knowledge.size;
    const uint32_t pass = iml_update_pass(trainer);
    const struct iml_curvature *curvature = NULL;
    struct iml_report report;
    double loss = 0;
    put_vector(file, net, parameters, trainer->theta);
    put(file, iml_net_statistics(net), trainer->statistics);
    put_vector(file, network, size, trainer->knowledge.lambda);
    put(file, network ? iml_net_statistics(network) : 0, trainer->weigher->statistics);
    bench_must(iml_find_v(trainer, pass, trainer->v, &loss, &self->error), &self->error);
    put_rows(file, trainer, trainer->options.meta.validation_batch);
    bench_must(iml_find_curvature(trainer, pass, trainer->gradient, &curvature, &self->error),
               &self->error);
    put_rows(file, trainer, consistency->labeled + 2 * consistency->unlabeled);
    put_integers(file, consistency->unlabeled, consistency->places);
    iml_solver_solve(&trainer->solver, curvature, trainer->v, trainer->q, &report);
    iml_knowledge_pull(&trainer->knowledge, trainer->theta, trainer->q, trainer->hypergradient);
    put(file, 1, &(iml_real){(iml_real)report.step_size});
    return (struct norms){.v = bench_norm(parameters, trainer->v),
                          .q = bench_norm(parameters, trainer->q),
                          .hypergradient = bench_norm(size, trainer->hypergradient)};
}

/* ω that is no starting point, so that each layer of C gets a gradient. */
static void draw_omega(struct iml_trainer *trainer)
{
    const struct iml_stream stream = {.seed = SEED, .purpose = IML_PURPOSE_PROBE};
    if (trainer->weigher->net)
        iml_stream_uniform(&stream, -0.1, 0.1, trainer->knowledge.size, trainer->knowledge.lambda);
}

static struct norms write_problem(struct bench *self, const char *path)
{
    struct file file = {.stream = fopen(path, "wbe"), .is_whole = true};
    struct norms norms = {0};
    if (file.stream) {
        draw_omega(self->trainer);
        run_update(self, 0);
        norms = write_update(self, &file);
    }
    const bool is_closed = file.stream && fclose(file.stream) == 0;
    if (is_closed && file.is_whole) return norms;
    (void)fprintf(stderr, "bench_confidence: can't write %s\n", path);
    exit(1); /* NOLINT(concurrency-mt-unsafe): the program has one thread */
}

/* --- the program --- */

static const struct form *find_form(const char *name)
{
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++)
        if (strcmp(forms[i].name, name) == 0) return &forms[i];
    return NULL;
}

int main(int argc, char **argv)
{
    static struct bench self;
    const struct form *form = argc == 6 ? find_form(argv[1]) : NULL;
    if (!form) {
        (void)fprintf(stderr, "usage: bench_confidence FORM ROOT BATCH VALIDATION PROBLEM\n");
        return 2;
    }
    const char *const roots[] = {argv[2]};
    struct iml_trainer_options options =
        job(form, strtoul(argv[3], NULL, 10), strtoul(argv[4], NULL, 10));
    struct norms norms = {0};
    char note[256];
    options.roots = (struct iml_set_roots){.paths = roots, .count = 1};
    bench_must(iml_trainer_open(&options, NULL, &self.trainer, &self.error), &self.error);
    if (form->knowledge) norms = write_problem(&self, argv[5]);
    (void)snprintf(note, sizeof note,
                   "{\"bytes\": %zu, \"v_norm\": %.9g, \"q_norm\": %.9g, "
                   "\"hypergradient_norm\": %.9g}",
                   iml_trainer_memory(self.trainer)->total_bytes, norms.v, norms.q,
                   norms.hypergradient);
    const int code = bench_serve(quantities, form->knowledge ? 2 : 1, &self, note);
    iml_trainer_close(self.trainer);
    return code;
}
