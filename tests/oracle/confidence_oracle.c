/* confidence_oracle.c: the engine's side of confidence_oracle.py: takes some steps of the trainer
 * confidence with an ω that is drawn, and the parts of an update one by one, and tells what they
 * read and made. Standard output is a row of records: a line of JSON {"name", "step", "count"},
 * then so many doubles. Ends with 1 and a line on stderr at any failure. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "engine/trainer/run.h"
#include "imld/random.h"
#include "side.h"

/* The number of a word in a list that ends with NULL. */
static unsigned choice(const json_t *job, const char *name, const char *const *words)
{
    const char *const word = text(job, name);
    for (unsigned i = 0; words[i]; i++)
        if (strcmp(words[i], word) == 0) return i;
    fail("no such choice", word);
}

static struct iml_weigher_options read_confidence(const json_t *job)
{
    static const char *const inputs[] = {"image", "probabilities", "features", NULL};
    static const char *const outputs[] = {"two_sigmoid", "linear", "sigmoid", NULL};
    static const char *const normalizations[] = {"none", "batch_mean", NULL};
    static const char *const used[] = {"learned", "ones", "permuted", NULL};
    return (struct iml_weigher_options){.input = choice(job, "input", inputs),
                                        .output = choice(job, "output", outputs),
                                        .normalize = choice(job, "normalize", normalizations),
                                        .used = choice(job, "weights", used),
                                        .through_features =
                                            json_is_true(json_object_get(job, "through_features")),
                                        .decay = number(job, "confidence_decay"),
                                        .hidden = {size(job, "confidence_hidden")},
                                        .hidden_count = 1,
                                        .activation = IML_ACTIVATION_TANH};
}

static struct iml_meta_options read_meta(const json_t *job)
{
    return (struct iml_meta_options){
        .knowledge = {.kind = iml_knowledge_kind_find(text(job, "knowledge"))},
        .optimizer = {.kind = iml_optimizer_kind_find("adam"),
                      .learning_rate = 0.01,
                      .beta1 = 0.9,
                      .beta2 = 0.999,
                      .epsilon = 1e-8},
        .validation_batch = size(job, "validation_batch"),
        .validation_from = json_is_true(json_object_get(job, "validation_from_labeled"))
                               ? IML_VALIDATION_LABELED
                               : IML_VALIDATION_HELD_OUT,
        .curvature_batch = size(job, "rows"),
        .solver = {.kind = iml_solver_kind_find("neumann"),
                   .terms = (unsigned)size(job, "terms"),
                   .step_size = number(job, "step_size")}};
}

static struct iml_trainer_options read_options(const json_t *job)
{
    struct iml_trainer_options options = {
        .kind = iml_trainer_kind_find("confidence"),
        .data = {.set = text(job, "set"),
                 .validation = size(job, "validation"),
                 .pixels = IML_PIXELS_SYMMETRIC,
                 .pool = {.labels = size(job, "labels")},
                 .views = IML_VIEWS_WEAK,
                 .flip = IML_VIEW_FLIP_HALF},
        .model = {.kind = iml_model_kind_find(text(job, "model")),
                  .hidden = {size(job, "hidden")},
                  .hidden_count = 1,
                  .activation = IML_ACTIVATION_LEAKY_RELU,
                  .slope = number(job, "slope"),
                  .has_batch_norm = true,
                  .batch_norm_epsilon = 1e-3},
        .inner = {.optimizer = {.kind = iml_optimizer_kind_find("sgd"),
                                .learning_rate = 0.03,
                                .momentum = 0.9,
                                .nesterov = true},
                  .batch = size(job, "batch"),
                  .steps = 100,
                  .weight_decay = number(job, "weight_decay"),
                  .warmup_steps = 50,
                  .steps_per_update = 10,
                  .average = {.is_on = true, .has_warmup = true, .decay = 0.999}},
        .consistency = {.ratio = size(job, "ratio"),
                        .threshold = number(job, "threshold"),
                        .weight = number(job, "weight")},
        .confidence = read_confidence(job),
        .meta = read_meta(job),
        .seed = (uint32_t)size(job, "seed"),
        .threads = 2,
    };
    return options;
}

static void tell_vector(const struct iml_net *net, const char *name, uint64_t step,
                        const iml_real *inside)
{
    const size_t parameters = iml_net_parameters(net);
    iml_real *outside = calloc(parameters, sizeof *outside);
    if (!outside) fail("memory", "calloc failed");
    iml_net_export(net, inside, outside);
    tell_reals(name, step, parameters, outside);
    free(outside);
}

/* A vector of λ's shape. */
static void tell_lambda(const struct iml_trainer *trainer, const char *name, uint64_t step,
                        const iml_real *lambda)
{
    if (trainer->weigher->net)
        tell_vector(trainer->weigher->net, name, step, lambda);
    else
        tell_reals(name, step, trainer->knowledge.size, lambda);
}

static void tell_state(const struct iml_trainer *trainer)
{
    const uint64_t k = trainer->state->step;
    const struct iml_net *net = trainer->weigher->net;
    tell_vector(trainer->net, "theta", k, trainer->theta);
    tell_reals("statistics", k, iml_net_statistics(trainer->net), trainer->statistics);
    tell_lambda(trainer, "omega", k, trainer->knowledge.lambda);
    tell_reals("omega_statistics", k, net ? iml_net_statistics(net) : 0,
               trainer->weigher->statistics);
}

/* The batch that has gone through the base net; `what` begins the records' names. */
static void tell_batch(const struct iml_trainer *trainer, const char *what, uint64_t k,
                       const struct iml_consistency *consistency)
{
    char name[64];
    const size_t u = consistency->unlabeled, rows = consistency->labeled + 2 * u;
    double *masks = allocate(u);
    for (size_t i = 0; i < u; i++) masks[i] = consistency->masks[i];
    (void)snprintf(name, sizeof name, "%sinputs", what);
    tell_reals(name, k, rows * trainer->maker.inputs, trainer->maker.values);
    (void)snprintf(name, sizeof name, "%slabels", what);
    tell_integers(name, k, rows, trainer->maker.labels);
    (void)snprintf(name, sizeof name, "%splaces", what);
    tell_integers(name, k, u, consistency->places);
    (void)snprintf(name, sizeof name, "%smasks", what);
    tell(name, k, u, masks);
    (void)snprintf(name, sizeof name, "%sweights", what);
    tell(name, k, u, trainer->weigher->weights.w);
    free(masks);
}

/* What would have become of an update: v, the loss linearized, a product, q, influences, pull. */
static void tell_update(struct iml_trainer *trainer)
{
    struct iml_error error = {0};
    struct iml_report report = {0};
    const struct iml_curvature *curvature = NULL;
    const size_t parameters = iml_net_parameters(trainer->net);
    const uint32_t pass = iml_update_pass(trainer);
    iml_real *u = calloc(parameters, sizeof *u), *hu = calloc(parameters, sizeof *hu);
    double loss = 0;
    if (!u || !hu) fail("memory", "calloc failed");
    must(iml_find_v(trainer, pass, trainer->v, &loss, &error), &error);
    tell_vector(trainer->net, "v", pass, trainer->v);
    must(iml_find_curvature(trainer, pass, trainer->gradient, &curvature, &error), &error);
    tell_batch(trainer, "curvature_", pass, &trainer->curvature_consistency);
    tell_vector(trainer->net, "curvature_gradient", pass, trainer->gradient);
    const struct iml_stream stream = {.seed = 5, .purpose = IML_PURPOSE_PROBE};
    iml_stream_normal(&stream, 1, parameters, u);
    curvature->apply(curvature, u, hu);
    tell_vector(trainer->net, "u", pass, u);
    tell_vector(trainer->net, "hu", pass, hu);
    iml_solver_solve(&trainer->solver, curvature, trainer->v, trainer->q, &report);
    tell_vector(trainer->net, "q", pass, trainer->q);
    must(iml_weigher_influences(trainer->weigher, trainer->q, &error), &error);
    tell("influences", pass, trainer->curvature_consistency.unlabeled,
         trainer->weigher->influences);
    iml_knowledge_pull(&trainer->knowledge, trainer->theta, trainer->q, trainer->hypergradient);
    tell_lambda(trainer, "hypergradient", pass, trainer->hypergradient);
    free(u);
    free(hu);
}

/* ω (or w) that is no starting point. */
static void draw_lambda(struct iml_trainer *trainer)
{
    const struct iml_stream stream = {.seed = 7, .purpose = IML_PURPOSE_PROBE};
    const size_t size = trainer->knowledge.size;
    if (!trainer->weigher->net) {
        iml_stream_uniform(&stream, 0, 2, size, trainer->knowledge.lambda);
        return;
    }
    const double low = trainer->weigher->options.output == IML_WEIGHER_LINEAR ? 0.05 : -0.3;
    iml_stream_uniform(&stream, low, 0.3, size, trainer->knowledge.lambda);
}

/* FIXMATCH 1.4 with the weights that were used, without the decay's term. */
static double loss_of(const struct iml_consistency *self)
{
    const size_t first = self->labeled + self->unlabeled;
    double sum = 0;
    for (size_t r = first; r < first + self->unlabeled; r++)
        if (self->masks[r - first]) sum += (double)self->weights[r] * (double)self->losses[r];
    return iml_consistency_labeled_loss(self) + sum / (double)self->labeled;
}

static void run(const json_t *job, const struct iml_set_roots *roots)
{
    struct iml_trainer *trainer = NULL;
    struct iml_rows rows;
    struct iml_error error = {0};
    struct iml_trainer_options options = read_options(job);
    options.roots = *roots;
    must(iml_trainer_open(&options, NULL, &trainer, &error), &error);
    draw_lambda(trainer);
    tell_integers(
        "validation", 0,
        options.meta.validation_from == IML_VALIDATION_LABELED ? trainer->train.count
                                                               : trainer->validation.count,
        options.meta.validation_from == IML_VALIDATION_LABELED ? trainer->train_indices
                                                               : trainer->validation_indices);
    for (size_t k = 0; k < size(job, "steps"); k++) {
        must(trainer->methods->begin(trainer, &error), &error);
        tell_state(trainer);
        must(iml_trainer_step(trainer, &rows, &error), &error);
        tell_batch(trainer, "", k, &trainer->consistency);
        const double loss = loss_of(&trainer->consistency);
        tell("loss", k, 1, &loss);
        tell_vector(trainer->net, "gradient", k, trainer->gradient);
    }
    tell_state(trainer);
    tell_update(trainer);
    tell("end", 0, 0, NULL);
    iml_trainer_close(trainer);
}

int main(int count, char **arguments)
{
    if (count != 3) fail("usage", "confidence_oracle DATA_ROOT JOBS.json");
    json_error_t error;
    const char *paths[] = {arguments[1]};
    const struct iml_set_roots roots = {.paths = paths, .count = 1};
    json_t *jobs = json_load_file(arguments[2], 0, &error);
    if (!jobs) fail(arguments[2], error.text);
    for (size_t i = 0; i < json_array_size(jobs); i++) run(json_array_get(jobs, i), &roots);
    json_decref(jobs);
    if (fflush(stdout)) fail("can't write", "standard output");
    return 0;
}
