/* problem.c: the problems of tests/fixtures as nets and batches; see problem.h. */
#include "problem.h"

#include <math.h>
#include <string.h>

#include "../check.h"
#include "fixture.h"

struct iml_net_options mlp_options(const json_t *json)
{
    const bool is_tanh = strcmp(fixture_text(json, "activation"), "tanh") == 0;
    return (struct iml_net_options){.inputs = 5,
                                    .hidden = {4},
                                    .hidden_count = 1,
                                    .outputs = 3,
                                    .activation =
                                        is_tanh ? IML_ACTIVATION_TANH : IML_ACTIVATION_RELU,
                                    .loss = IML_LOSS_CROSS_ENTROPY,
                                    .has_bias = true};
}

struct iml_net_options logistic_options(void)
{
    return (struct iml_net_options){
        .inputs = 6, .outputs = 3, .loss = IML_LOSS_CROSS_ENTROPY, .has_bias = true};
}

struct iml_net_options ridge_options(void)
{
    return (struct iml_net_options){
        .inputs = 8, .outputs = 1, .loss = IML_LOSS_SQUARED_ERROR, .has_bias = false};
}

static bool is_given(const json_t *json, const char *path)
{
    return path && fixture_has(json, path);
}

void batch_read(struct problem_batch *self, const json_t *json, const struct iml_net_options *net,
                const char *inputs, const char *labels, const char *targets, const char *weights)
{
    const size_t rows = json_array_size(fixture_at(json, inputs));
    assert_true(rows > 0 && rows <= PROBLEM_ROWS && net->inputs <= PROBLEM_INPUTS);
    *self = (struct problem_batch){.batch = {.rows = rows, .divisor = (double)rows}};
    fixture_reals(json, inputs, rows * net->inputs, self->inputs);
    self->batch.inputs = self->inputs;
    if (is_given(json, labels)) {
        fixture_labels(json, labels, rows, self->labels);
        self->batch.labels = self->labels;
    } else {
        fixture_reals(json, targets, rows * net->outputs, self->targets);
        self->batch.targets = self->targets;
    }
    if (is_given(json, weights)) {
        fixture_reals(json, weights, rows, self->weights);
        self->batch.weights = self->weights;
    }
}

void knowledge_open(struct iml_knowledge *self, struct iml_arena *arena, const char *kind,
                    const struct iml_net *net, const double *lambda)
{
    struct iml_error error = {0};
    struct iml_arena plan;
    iml_real outside[DENSE_MAX];
    const struct iml_knowledge_options options = {.kind = iml_knowledge_kind_find(kind),
                                                  .initial = 1,
                                                  .clamp_low = 0,
                                                  .clamp_high = HUGE_VAL};
    assert_non_null(options.kind);
    iml_arena_measure(&plan);
    iml_knowledge_layout(self, &options, net, &plan);
    assert_int_equal(iml_arena_open(arena, &plan.plan, &error), IML_OK);
    iml_knowledge_layout(self, &options, net, arena);
    narrow(self->size, lambda, outside);
    if (options.kind->is_theta_shaped)
        iml_net_import(net, outside, self->lambda);
    else
        memcpy(self->lambda, outside, self->size * sizeof *outside);
    iml_knowledge_refresh(self);
}

void dense_from_curvature(struct dense *self, const struct iml_curvature *curvature,
                          unsigned *products)
{
    static double h[DENSE_MAX * DENSE_MAX];
    const size_t n = curvature->size;
    assert_true(n <= DENSE_MAX);
    for (size_t j = 0; j < n; j++) {
        iml_real unit[DENSE_MAX] = {0}, column[DENSE_MAX];
        unit[j] = 1;
        curvature->apply(curvature, unit, column);
        for (size_t i = 0; i < n; i++) h[i * n + j] = (double)column[i];
    }
    dense_from_elements(self, n, h, products);
}
