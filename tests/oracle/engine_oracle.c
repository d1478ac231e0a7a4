/* engine_oracle.c: the engine's side of the comparison with PyTorch: reads problems from a JSON
 * file (see engine_oracle.py, which writes it), computes loss, gradient, both products and pull of
 * each under every knowledge, and prints them as JSON, with the dropout masks used. Ends with 1 and
 * a line on stderr at any failure. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "imld/curvature.h"
#include "imld/knowledge.h"
#include "imld/random.h"

static _Noreturn void fail(const char *what, const char *detail)
{
    (void)fprintf(stderr, "engine_oracle: %s: %s\n", what, detail);
    exit(1); /* NOLINT(concurrency-mt-unsafe): the team is of one thread, this one */
}

static void must(enum iml_code code, const struct iml_error *error)
{
    if (code) fail(iml_code_name(code), error->what);
}

static void *allocate(size_t count, size_t size)
{
    void *memory = calloc(count ? count : 1, size);
    if (!memory) fail("memory", "calloc failed");
    return memory;
}

/* The numbers of a list, NULL where the member is missing or null. The caller frees. */
static iml_real *read_reals(const json_t *problem, const char *name)
{
    const json_t *list = json_object_get(problem, name);
    if (!list || json_is_null(list)) return NULL;
    iml_real *out = allocate(json_array_size(list), sizeof *out);
    for (size_t i = 0; i < json_array_size(list); i++)
        out[i] = (iml_real)json_number_value(json_array_get(list, i));
    return out;
}

static uint32_t *read_labels(const json_t *problem)
{
    const json_t *list = json_object_get(problem, "labels");
    if (!list || json_is_null(list)) return NULL;
    uint32_t *out = allocate(json_array_size(list), sizeof *out);
    for (size_t i = 0; i < json_array_size(list); i++)
        out[i] = (uint32_t)json_integer_value(json_array_get(list, i));
    return out;
}

static size_t read_size(const json_t *problem, const char *name)
{
    const json_t *number = json_object_get(problem, name);
    if (!json_is_integer(number)) fail("no whole number", name);
    return (size_t)json_integer_value(number);
}

static const char *read_text(const json_t *problem, const char *name)
{
    const char *text = json_string_value(json_object_get(problem, name));
    if (!text) fail("no text", name);
    return text;
}

static json_t *write_reals(size_t count, const iml_real *numbers)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        if (json_array_append_new(list, json_real((double)numbers[i])))
            fail("not finite, or no memory", "a result");
    }
    return list;
}

static double read_number(const json_t *problem, const char *name)
{
    const json_t *number = json_object_get(problem, name);
    if (!json_is_number(number)) fail("no number", name);
    return json_number_value(number);
}

static enum iml_activation read_activation(const json_t *problem)
{
    static const char *const names[] = {[IML_ACTIVATION_RELU] = "relu",
                                        [IML_ACTIVATION_TANH] = "tanh",
                                        [IML_ACTIVATION_LEAKY_RELU] = "leaky_relu"};
    const char *name = read_text(problem, "activation");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(names[i], name) == 0) return (enum iml_activation)i;
    }
    fail("unknown activation", name);
}

/* A net of images (net_oracle.py): "model" with its kind and sizes. */
static struct iml_net_options read_image_net(const json_t *problem, const json_t *model)
{
    struct iml_net_options options = {
        .model = iml_model_kind_find(read_text(model, "kind")),
        .channels = read_size(model, "channels"),
        .height = read_size(model, "height"),
        .width = read_size(model, "width"),
        .depth = read_size(model, "depth"),
        .widening = read_size(model, "widening"),
        .outputs = read_size(problem, "outputs"),
        .epsilon = read_number(problem, "epsilon"),
        .loss = IML_LOSS_CROSS_ENTROPY,
    };
    if (!options.model) fail("unknown model", read_text(model, "kind"));
    options.inputs = options.channels * options.height * options.width;
    return options;
}

static struct iml_net_options read_net(const json_t *problem)
{
    const json_t *model = json_object_get(problem, "model");
    if (model) return read_image_net(problem, model);
    const json_t *hidden = json_object_get(problem, "hidden");
    struct iml_net_options options = {
        .inputs = read_size(problem, "inputs"),
        .hidden_count = json_array_size(hidden),
        .outputs = read_size(problem, "outputs"),
        .activation = read_activation(problem),
        .loss = strcmp(read_text(problem, "loss"), "cross_entropy") == 0 ? IML_LOSS_CROSS_ENTROPY
                                                                         : IML_LOSS_SQUARED_ERROR,
        .has_bias = json_is_true(json_object_get(problem, "has_bias")),
        .slope = read_number(problem, "slope"),
        .has_batch_norm = json_is_string(json_object_get(problem, "batch_norm")),
        .epsilon = read_number(problem, "epsilon"),
        .dropout = read_number(problem, "dropout"),
    };
    if (options.hidden_count > IML_HIDDEN_MAX) fail("too many hidden layers", "hidden");
    for (size_t i = 0; i < options.hidden_count; i++)
        options.hidden[i] = (size_t)json_integer_value(json_array_get(hidden, i));
    return options;
}

/* Running statistics are read in any case; dropout is on where there is a rate. */
static struct iml_mode read_mode(const json_t *problem)
{
    const json_t *batch_norm = json_object_get(problem, "batch_norm");
    const bool is_batch =
        json_is_string(batch_norm) && strcmp(json_string_value(batch_norm), "batch") == 0;
    return (struct iml_mode){.batch_norm = is_batch ? IML_BATCH_NORM_BATCH : IML_BATCH_NORM_RUNNING,
                             .statistics = read_reals(problem, "statistics"),
                             .dropout = {.is_on = true, .seed = 5, .pass = 8}};
}

/* A problem with all that its evaluation needs. */
struct problem {
    const json_t *json;
    struct iml_net *net;
    struct iml_team *team;
    struct iml_arena arena;
    struct iml_evaluator *evaluator;
    struct iml_batch batch;
    iml_real *theta, *u, *q; /* in the inside's order */
};

/* A θ-shaped vector, turned into the inside's order. */
static iml_real *read_theta_shaped(const struct problem *self, const char *name)
{
    iml_real *outside = read_reals(self->json, name);
    if (!outside) fail("missing", name);
    iml_real *inside = allocate(iml_net_parameters(self->net), sizeof *inside);
    iml_net_import(self->net, outside, inside);
    free(outside);
    return inside;
}

static json_t *write_theta_shaped(const struct problem *self, const iml_real *inside)
{
    const size_t parameters = iml_net_parameters(self->net);
    iml_real *outside = allocate(parameters, sizeof *outside);
    iml_net_export(self->net, inside, outside);
    json_t *list = write_reals(parameters, outside);
    free(outside);
    return list;
}

static void problem_open(struct problem *self, const json_t *json)
{
    struct iml_error error = {0};
    struct iml_arena plan;
    *self = (struct problem){.json = json};
    const struct iml_net_options options = read_net(json);
    must(iml_net_new(&options, &self->net, &error), &error);
    must(iml_team_open(1, 0, NULL, &self->team, &error), &error);
    const size_t rows = read_size(json, "rows");
    iml_arena_measure(&plan);
    must(iml_evaluator_new(self->net, rows, true, self->team, &plan, &self->evaluator, &error),
         &error);
    iml_evaluator_free(self->evaluator);
    must(iml_arena_open(&self->arena, &plan.plan, &error), &error);
    must(iml_evaluator_new(self->net, rows, true, self->team, &self->arena, &self->evaluator,
                           &error),
         &error);
    self->batch = (struct iml_batch){
        .rows = rows,
        .inputs = read_reals(json, "x"),
        .labels = read_labels(json),
        .targets = read_reals(json, "targets"),
        .weights = read_reals(json, "weights"),
        .divisor = read_number(json, "divisor"),
        .mode = read_mode(json),
    };
    self->theta = read_theta_shaped(self, "theta");
    self->u = read_theta_shaped(self, "u");
    self->q = read_theta_shaped(self, "q");
}

/* free takes no pointer to const; what it gets here came from read_reals and read_labels. */
static void free_const(const void *memory)
{
    void *owned;
    memcpy(&owned, &memory, sizeof owned);
    free(owned);
}

static void problem_close(struct problem *self)
{
    free_const(self->batch.inputs);
    free_const(self->batch.labels);
    free_const(self->batch.targets);
    free_const(self->batch.weights);
    free_const(self->batch.mode.statistics);
    free(self->theta);
    free(self->u);
    free(self->q);
    iml_evaluator_free(self->evaluator);
    iml_arena_close(&self->arena);
    iml_team_close(self->team);
    iml_net_free(self->net);
}

/* λ of this kind, read from the problem's member of the kind's name. */
static void knowledge_open(struct iml_knowledge *knowledge, struct iml_arena *arena,
                           const struct iml_knowledge_kind *kind, const struct problem *problem)
{
    struct iml_error error = {0};
    struct iml_arena plan;
    const struct iml_knowledge_options options = {
        .kind = kind, .initial = 1, .clamp_high = HUGE_VAL};
    iml_arena_measure(&plan);
    iml_knowledge_layout(knowledge, &options, problem->net, &plan);
    must(iml_arena_open(arena, &plan.plan, &error), &error);
    iml_knowledge_layout(knowledge, &options, problem->net, arena);
    iml_real *lambda = kind->is_theta_shaped ? read_theta_shaped(problem, kind->name)
                                             : read_reals(problem->json, kind->name);
    if (!lambda) fail("missing", kind->name);
    memcpy(knowledge->lambda, lambda, knowledge->size * sizeof *lambda);
    free(lambda);
    iml_knowledge_refresh(knowledge);
}

/* The statistics after one update, where the batch has any of its own; else those given. */
static json_t *update_statistics(const struct problem *problem)
{
    const size_t count = iml_net_statistics(problem->net);
    iml_real *statistics = allocate(count, sizeof *statistics);
    memcpy(statistics, problem->batch.mode.statistics, count * sizeof *statistics);
    if (problem->batch.mode.batch_norm == IML_BATCH_NORM_BATCH)
        iml_update_statistics(problem->evaluator, 0.1, statistics);
    json_t *list = write_reals(count, statistics);
    free(statistics);
    return list;
}

/* The masks of each hidden layer, rows × width, by the contract of struct iml_dropout_key. */
static json_t *write_masks(const struct problem *problem)
{
    const struct iml_net_options options = read_net(problem->json);
    json_t *masks = json_array();
    uint64_t word = 0;
    for (size_t l = 0; l < options.hidden_count; l++) {
        const size_t width = options.hidden[l], rows = problem->batch.rows;
        iml_real *mask = allocate(rows * width, sizeof *mask);
        for (size_t i = 0; i < rows * width; i++) {
            const struct iml_stream stream = {.seed = 5,
                                              .purpose = IML_PURPOSE_DROPOUT,
                                              .index = (uint32_t)(i / width),
                                              .pass = 8};
            const double draw = (double)iml_stream_word(&stream, word + i % width);
            mask[i] =
                (iml_real)(draw < options.dropout * 4294967296.0 ? 0 : 1 / (1 - options.dropout));
        }
        if (json_array_append_new(masks, write_reals(rows * width, mask)))
            fail("can't build the answer", "masks");
        free(mask);
        word += width;
    }
    return masks;
}

/* Name and shape of each tensor of θ, in order. */
static json_t *write_blocks(const struct problem *problem)
{
    json_t *list = json_array();
    for (size_t i = 0; i < iml_net_block_count(problem->net); i++) {
        const struct iml_block *block = iml_net_block(problem->net, i);
        json_t *shape = json_array();
        for (size_t d = 0; d < block->rank; d++) {
            if (json_array_append_new(shape, json_integer((json_int_t)block->shape[d])))
                fail("can't build the answer", block->name);
        }
        if (json_array_append_new(list, json_pack("[s, o]", block->name, shape)))
            fail("can't build the answer", block->name);
    }
    return list;
}

static json_t *evaluate(struct problem *problem, const struct iml_knowledge_kind *kind)
{
    const size_t parameters = iml_net_parameters(problem->net);
    struct iml_error error = {0};
    struct iml_knowledge knowledge;
    struct iml_arena arena;
    struct iml_batch_result result;
    const struct iml_curvature *curvature = NULL;
    iml_real *gradient = allocate(parameters, sizeof *gradient);
    iml_real *product = allocate(parameters, sizeof *product);
    iml_real *gauss_newton = allocate(parameters, sizeof *gauss_newton);
    iml_real *pull = allocate(parameters, sizeof *pull);

    knowledge_open(&knowledge, &arena, kind, problem);
    must(iml_gradient(problem->evaluator, problem->theta, &problem->batch, knowledge.diagonal,
                      gradient, &result, &error),
         &error);
    must(iml_linearize(problem->evaluator, problem->theta, &problem->batch, knowledge.diagonal,
                       NULL, &result, &curvature, &error),
         &error);
    curvature->apply(curvature, problem->u, product);
    curvature = iml_linearized(problem->evaluator, IML_CURVATURE_GAUSS_NEWTON);
    curvature->apply(curvature, problem->u, gauss_newton);
    iml_knowledge_pull(&knowledge, problem->theta, problem->q, pull);
    json_t *out = json_object();
    int failed = json_object_set_new(
        out, "loss", json_real(result.loss + iml_knowledge_loss(&knowledge, problem->theta)));
    failed |= json_object_set_new(out, "gradient", write_theta_shaped(problem, gradient));
    failed |= json_object_set_new(out, "hessian_product", write_theta_shaped(problem, product));
    failed |=
        json_object_set_new(out, "gauss_newton_product", write_theta_shaped(problem, gauss_newton));
    failed |= json_object_set_new(out, "statistics", update_statistics(problem));
    failed |= json_object_set_new(out, "pull",
                                  kind->is_theta_shaped ? write_theta_shaped(problem, pull)
                                                        : write_reals(knowledge.size, pull));
    if (failed) fail("can't build the answer", kind->name);
    iml_arena_close(&arena);
    free(gradient);
    free(product);
    free(gauss_newton);
    free(pull);
    return out;
}

static json_t *answer(const json_t *json)
{
    struct problem problem;
    json_t *out = json_object();
    problem_open(&problem, json);
    for (const struct iml_knowledge_kind *const *kind = iml_knowledge_kinds; *kind; kind++) {
        if ((*kind)->weighs) continue; /* confidence_oracle.py has them */
        if (json_object_set_new(out, (*kind)->name, evaluate(&problem, *kind)))
            fail("can't build the answer", (*kind)->name);
    }
    if (json_object_set_new(out, "masks", write_masks(&problem)) ||
        json_object_set_new(out, "blocks", write_blocks(&problem)))
        fail("can't build the answer", "masks");
    problem_close(&problem);
    return out;
}

int main(int count, char **arguments)
{
    if (count != 2) fail("usage", "engine_oracle PROBLEMS.json");
    json_error_t error;
    json_t *problems = json_load_file(arguments[1], 0, &error);
    if (!problems) fail(arguments[1], error.text);
    json_t *answers = json_array();
    for (size_t i = 0; i < json_array_size(problems); i++) {
        if (json_array_append_new(answers, answer(json_array_get(problems, i))))
            fail("can't build the answer", "answers");
    }
    if (json_dumpf(answers, stdout, JSON_REAL_PRECISION(17)) || fflush(stdout))
        fail("can't write", "standard output");
    json_decref(answers);
    json_decref(problems);
    return 0;
}
