/* fixmatch_oracle.c: the engine's side of fixmatch_oracle.py: runs the trainers of few labels for
 * some steps on a set that the Python side has written, and tells what they read and made. Standard
 * output is a row of records: a line of JSON {"name", "step", "count"}, then so many doubles. Ends
 * with 1 and a line on stderr at any failure. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "engine/trainer/run.h"
#include "side.h"

static struct iml_trainer_options read_options(const json_t *job)
{
    struct iml_trainer_options options = {
        .kind = iml_trainer_kind_find(text(job, "algorithm")),
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
                  .batch_norm_epsilon = 1e-3,
                  .depth = size(job, "depth"),
                  .widening = size(job, "widening")},
        .inner = {.optimizer = {.kind = iml_optimizer_kind_find("sgd"),
                                .learning_rate = number(job, "learning_rate"),
                                .momentum = 0.9,
                                .nesterov = true},
                  .batch = size(job, "batch"),
                  .steps = size(job, "steps"),
                  .weight_decay = number(job, "weight_decay"),
                  .schedule = IML_SCHEDULE_COSINE,
                  .average = {.is_on = true,
                              .has_warmup = json_is_true(json_object_get(job, "warmup")),
                              .decay = number(job, "decay")}},
        .consistency = {.ratio = size(job, "ratio"),
                        .threshold = number(job, "threshold"),
                        .weight = number(job, "weight")},
        .seed = (uint32_t)size(job, "seed"),
        .threads = 2,
    };
    if (!options.kind) fail("no such algorithm", text(job, "algorithm"));
    return options;
}

static void tell_vector(const struct iml_trainer *trainer, const char *name, const iml_real *inside)
{
    const size_t parameters = iml_net_parameters(trainer->net);
    iml_real *outside = calloc(parameters, sizeof *outside);
    if (!outside) fail("memory", "calloc failed");
    iml_net_export(trainer->net, inside, outside);
    tell_reals(name, trainer->state->step, parameters, outside);
    free(outside);
}

/* What step k begins from, or the run ends with. */
static void tell_state(const struct iml_trainer *trainer)
{
    tell_vector(trainer, "theta", trainer->theta);
    tell_vector(trainer, "average", trainer->average);
    tell_vector(trainer, "momentum", trainer->optimizer.moments[0]);
    tell_reals("statistics", trainer->state->step, iml_net_statistics(trainer->net),
               trainer->statistics);
}

/* FIXMATCH 1.4 without the decay's term. */
static double loss_of(const struct iml_trainer *trainer)
{
    const struct iml_consistency *consistency = &trainer->consistency;
    if (!trainer->methods->has_pool) return trainer->state->last_loss;
    return iml_consistency_labeled_loss(consistency) +
           trainer->options.consistency.weight * iml_consistency_loss(consistency);
}

/* What the step that has been done read and found; its number is that of the state it began from.
 */
static void tell_step(const struct iml_trainer *trainer)
{
    const uint64_t k = trainer->state->step - 1;
    const struct iml_consistency *consistency = &trainer->consistency;
    const size_t unlabeled = trainer->methods->has_pool ? consistency->unlabeled : 0;
    const size_t rows = trainer->options.inner.batch + 2 * unlabeled;
    tell_reals("inputs", k, rows * trainer->maker.inputs, trainer->maker.values);
    tell_integers("labels", k, rows, trainer->maker.labels);
    const double loss = loss_of(trainer);
    tell("loss", k, 1, &loss);
    double *masks = allocate(unlabeled);
    for (size_t i = 0; i < unlabeled; i++) masks[i] = consistency->masks[i];
    tell("masks", k, unlabeled, masks);
    tell("confidences", k, unlabeled, consistency->confidences);
    free(masks);
    const size_t parameters = iml_net_parameters(trainer->net);
    iml_real *outside = calloc(parameters, sizeof *outside);
    if (!outside) fail("memory", "calloc failed");
    iml_net_export(trainer->net, trainer->gradient, outside);
    tell_reals("gradient", k, parameters, outside);
    free(outside);
}

static void evaluate(struct iml_trainer *trainer)
{
    struct iml_rows rows;
    struct iml_error error = {0};
    must(iml_trainer_evaluate(trainer, &rows, &error), &error);
    for (size_t i = 0; i < rows.count; i++)
        tell(rows.rows[i].metric, trainer->state->step, 1, &rows.rows[i].value);
}

static void run(const json_t *job, const struct iml_set_roots *roots)
{
    struct iml_trainer *trainer = NULL;
    struct iml_rows rows;
    struct iml_error error = {0};
    struct iml_trainer_options options = read_options(job);
    options.roots = *roots;
    must(iml_trainer_open(&options, NULL, &trainer, &error), &error);
    tell_integers("labeled", 0, trainer->train.count, trainer->train_indices);
    tell_integers("validation", 0, trainer->validation.count, trainer->validation_indices);
    tell_state(trainer);
    while (!trainer->methods->is_finished(trainer)) {
        must(iml_trainer_step(trainer, &rows, &error), &error);
        tell_step(trainer);
        tell_state(trainer);
    }
    evaluate(trainer);
    tell("end", 0, 0, NULL);
    iml_trainer_close(trainer);
}

int main(int count, char **arguments)
{
    if (count != 3) fail("usage", "fixmatch_oracle DATA_ROOT JOBS.json");
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
