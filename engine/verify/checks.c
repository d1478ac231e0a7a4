/* checks.c: the memory of a set of checks, and its point; see checks.h. */
#include "engine/verify/checks.h"

#include <assert.h>
#include <stdlib.h>

#include "base/size.h"
#include "engine/net/convolution.h"
#include "engine/net/kinks.h"
#include "engine/verify/state.h"

_Static_assert(sizeof(iml_real) == sizeof(double), "this is the double engine's");

static void lay_out_batches(struct iml_checks *self, struct iml_arena *arena)
{
    size_t row_bytes = 0; /* where it does not fit, the arena's own check fails as well */
    (void)iml_size_multiply(self->options.net.inputs, sizeof *self->inputs[0], &row_bytes);
    for (size_t b = 0; b < IML_CHECKS_BATCHES; b++) {
        self->inputs[b] = iml_arena_take(arena, self->options.rows[b], row_bytes);
        self->labels[b] = iml_arena_take(arena, self->options.rows[b], sizeof *self->labels[b]);
    }
}

static void lay_out_knowledge(struct iml_checks *self, struct iml_arena *arena)
{
    const struct iml_knowledge_options options = {
        .kind = iml_knowledge_kind_find(self->options.knowledge), .clamp_high = 1};
    assert(options.kind);
    self->has_knowledge = true;
    iml_knowledge_layout(&self->knowledge, &options, self->nets[IML_CHECKS_PLAIN], arena);
    const size_t size = self->knowledge.size;
    self->moved_lambda = iml_arena_take(arena, size, sizeof *self->moved_lambda);
    self->lambda_u = iml_arena_take(arena, size, sizeof *self->lambda_u);
    self->lambda_pull = iml_arena_take(arena, size, sizeof *self->lambda_pull);
}

static enum iml_code lay_out(struct iml_checks *self, struct iml_team *team,
                             struct iml_arena *arena, struct iml_error *error)
{
    const struct iml_net *net = self->nets[IML_CHECKS_PLAIN];
    self->size = iml_net_parameters(net);
    for (size_t i = 0; i < IML_CHECKS_VECTORS; i++)
        self->vectors[i] = iml_arena_take(arena, self->size, sizeof *self->vectors[i]);
    const size_t statistics = iml_net_statistics(net);
    if (statistics > 0)
        self->statistics = iml_arena_take(arena, statistics, sizeof *self->statistics);
    if (self->options.knowledge) lay_out_knowledge(self, arena);
    lay_out_batches(self, arena);
    iml_sample_layout(&self->sample, net, self->has_knowledge ? &self->knowledge : NULL, arena);
    const size_t *rows = self->options.rows;
    const size_t most = rows[0] > rows[1] ? rows[0] : rows[1];
    enum iml_code code = IML_OK;
    for (size_t side = 0; side < IML_CHECKS_SIDES && code == IML_OK; side++)
        code = iml_evaluator_new(self->nets[side], most, side == IML_CHECKS_PLAIN, team, arena,
                                 &self->evaluators[side], error);
    return code;
}

enum iml_code iml_checks_new(const struct iml_checks_options *options, struct iml_team *team,
                             struct iml_arena *arena, struct iml_checks **checks,
                             struct iml_error *error)
{
    *checks = NULL;
    struct iml_checks *self = calloc(1, sizeof *self);
    if (!self) return iml_error_set(error, IML_ERROR_MEMORY, "can't allocate the checks");
    self->options = *options;
    struct iml_net_options net = options->net;
    net.model = iml_model_kind_find(options->model);
    enum iml_code code = IML_OK;
    for (size_t side = 0; side < IML_CHECKS_SIDES && code == IML_OK; side++) {
        net.keeps_kinks = side == IML_CHECKS_HELD;
        code = iml_net_new(&net, &self->nets[side], error);
    }
    if (code == IML_OK) code = lay_out(self, team, arena, error);
    if (code != IML_OK) {
        iml_checks_free(self);
        return code;
    }
    *checks = self;
    return IML_OK;
}

void iml_checks_free(struct iml_checks *checks)
{
    if (!checks) return;
    for (size_t side = 0; side < IML_CHECKS_SIDES; side++) {
        iml_evaluator_free(checks->evaluators[side]);
        iml_net_free(checks->nets[side]);
    }
    free(checks);
}

struct iml_checks_point iml_checks_point(struct iml_checks *self)
{
    struct iml_checks_point point = {
        .theta = self->vectors[IML_CHECKS_THETA],
        .statistics = self->statistics,
        .lambda = self->has_knowledge ? self->knowledge.lambda : NULL,
    };
    for (size_t b = 0; b < IML_CHECKS_BATCHES; b++) {
        point.inputs[b] = self->inputs[b];
        point.labels[b] = self->labels[b];
    }
    return point;
}

void iml_checks_linearize_as(struct iml_checks *self, enum iml_batch_norm batch_norm,
                             const struct iml_dropout_key *dropout)
{
    self->batch_norm = batch_norm;
    self->dropout = *dropout;
}

struct iml_batch iml_checks_batch_of(const struct iml_checks *self, enum iml_checks_batch batch)
{
    struct iml_mode mode = {.batch_norm = IML_BATCH_NORM_RUNNING, .statistics = self->statistics};
    if (batch == IML_CHECKS_CURVATURE) {
        mode.batch_norm = self->batch_norm;
        mode.dropout = self->dropout;
    }
    const size_t rows = self->options.rows[batch];
    return (struct iml_batch){.rows = rows,
                              .inputs = self->inputs[batch],
                              .labels = self->labels[batch],
                              .divisor = (double)rows,
                              .mode = mode};
}

const iml_real *iml_checks_diagonal(const struct iml_checks *self)
{
    return self->has_knowledge ? self->knowledge.diagonal : NULL;
}

enum iml_code iml_checks_hold(struct iml_checks *self, enum iml_checks_batch batch,
                              struct iml_error *error)
{
    const struct iml_batch rows = iml_checks_batch_of(self, batch);
    struct iml_batch_result result;
    if (self->has_knowledge) iml_knowledge_refresh(&self->knowledge);
    return iml_evaluate(self->evaluators[IML_CHECKS_HELD], self->vectors[IML_CHECKS_THETA], &rows,
                        &result, NULL, NULL, error);
}

const double *iml_checks_kinks(const struct iml_checks *self, enum iml_checks_batch batch, size_t n,
                               size_t *count)
{
    size_t width = 0;
    assert(iml_convolution_compiled_block() == 1); /* plain order */
    const double *kinks = iml_kept_kinks(self->evaluators[IML_CHECKS_HELD], n, &width);
    *count = kinks ? self->options.rows[batch] * width : 0;
    return kinks;
}

enum iml_code iml_checks_run(struct iml_checks *self, const double *u, struct iml_error *error)
{
    const struct iml_batch validation = iml_checks_batch_of(self, IML_CHECKS_VALIDATION);
    const struct iml_batch curvature = iml_checks_batch_of(self, IML_CHECKS_CURVATURE);
    struct iml_evaluator *evaluator = self->evaluators[IML_CHECKS_PLAIN];
    const iml_real *theta = self->vectors[IML_CHECKS_THETA];
    if (self->has_knowledge) iml_knowledge_refresh(&self->knowledge);
    const enum iml_code code =
        iml_sample_take_v(&self->sample, evaluator, theta, &validation, error);
    if (code != IML_OK) return code;
    return iml_sample_take(&self->sample, evaluator, self->has_knowledge ? &self->knowledge : NULL,
                           theta, &curvature, u, error);
}

const double *iml_checks_quantity(const struct iml_checks *self, enum iml_checks_quantity quantity,
                                  size_t *count)
{
    const struct iml_sample *sample = &self->sample;
    const double *const quantities[IML_CHECKS_QUANTITIES] = {
        [IML_CHECKS_GRADIENT_OF] = sample->gradient,
        [IML_CHECKS_PRODUCT_OF] = sample->product,
        [IML_CHECKS_NEUMANN_OF] = sample->hypergradients[0],
        [IML_CHECKS_CG_OF] = sample->hypergradients[1],
    };
    const bool is_theta_shaped = quantity <= IML_CHECKS_PRODUCT_OF;
    *count = is_theta_shaped ? sample->size : sample->hypergradient_size;
    return quantities[quantity];
}
