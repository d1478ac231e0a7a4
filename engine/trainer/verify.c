/* verify.c: the engine's derivatives checked at a job's θ and λ, in double (MATH §5.7). A step is
 * one check; the evaluation at the end is the verdict, and makes the report. */
#include "engine/trainer/verify.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef enum iml_code check_in_double(struct iml_checks *checks, struct iml_checks_result *result,
                                      struct iml_error *error);

/* NULL: the one that both sides take part in. */
static const struct check {
    check_in_double *in_double;
    enum iml_verified first;
    size_t count; /* of results */
} checks[] = {
    {iml_checks_gradient, IML_VERIFIED_GRADIENT, 1},
    {iml_checks_symmetry, IML_VERIFIED_SYMMETRY, 1},
    {iml_checks_product, IML_VERIFIED_PRODUCT, 1},
    {iml_checks_mixed, IML_VERIFIED_MIXED, 1},
    {NULL, IML_VERIFIED_FLOAT, IML_CHECKS_QUANTITIES},
};
enum { CHECKS = sizeof checks / sizeof checks[0] };

/* Bounds of the errors with signs held (MATH §5.7, §7.1, §7.5). */
static const struct result {
    const char *name;
    double bound;
} kinds[IML_VERIFIED_COUNT] = {
    [IML_VERIFIED_GRADIENT] = {"gradient", 1e-6},
    [IML_VERIFIED_SYMMETRY] = {"symmetry", 1e-12},
    [IML_VERIFIED_PRODUCT] = {"product", 1e-6},
    [IML_VERIFIED_MIXED] = {"mixed_derivative", 1e-6},
    [IML_VERIFIED_FLOAT + IML_CHECKS_GRADIENT_OF] = {"float_gradient", 1e-5},
    [IML_VERIFIED_FLOAT + IML_CHECKS_PRODUCT_OF] = {"float_product", 1e-5},
    [IML_VERIFIED_FLOAT + IML_CHECKS_NEUMANN_OF] = {"float_neumann", 1e-5},
    [IML_VERIFIED_FLOAT + IML_CHECKS_CG_OF] = {"float_cg", 1e-5},
};

/* The columns of the report, and its numbers. */
enum { ERROR, BOUND, IS_PASSED, PLAIN, AGREEMENT };
enum { PASSED, WORST, DIRECTIONS, PARAMETERS };

/* A net without λ has no mixed derivative. */
static bool is_asked(const struct iml_trainer *self, size_t i)
{
    return i != IML_VERIFIED_MIXED || iml_run_has_knowledge(self);
}

/* Above 1: not passed. An error that is not a number is above all. */
static double share_of_bound(const struct iml_trainer *self, size_t i)
{
    const double share = self->verify->results[i].held / kinds[i].bound;
    return isnan(share) ? HUGE_VAL : share;
}

static double worst_of(const struct iml_trainer *self, size_t first, size_t end, size_t *which)
{
    double worst = -1;
    for (size_t i = first; i < end; i++) {
        if (!is_asked(self, i) || share_of_bound(self, i) <= worst) continue;
        worst = share_of_bound(self, i);
        *which = i;
    }
    return worst;
}

/* ---- memory and state ---- */

static enum iml_code lay_out_double(struct iml_trainer *self, struct iml_error *error)
{
    const struct iml_meta_options *meta = &self->options.meta;
    const struct iml_net_options net = iml_run_net_options(self);
    const struct iml_checks_options options = {
        .net = net,
        .model = iml_model_kind_name(net.model),
        .knowledge = iml_run_has_knowledge(self) ? meta->knowledge.kind->name : NULL,
        .rows = {[IML_CHECKS_CURVATURE] = meta->curvature_batch,
                 [IML_CHECKS_VALIDATION] = meta->validation_batch},
        .seed = self->options.seed};
    iml_arena_part(&self->work, "double");
    return iml_checks_new(&options, self->team, &self->work, &self->verify->checks, error);
}

static enum iml_code lay_out_float(struct iml_trainer *self, struct iml_error *error)
{
    struct iml_verify *verify = self->verify;
    struct iml_arena *arena = &self->work;
    const struct iml_meta_options *meta = &self->options.meta;
    const size_t parameters = iml_net_parameters(self->net);
    const size_t rows = meta->curvature_batch > meta->validation_batch ? meta->curvature_batch
                                                                       : meta->validation_batch;
    struct iml_net_options held = iml_run_net_options(self);
    held.keeps_kinks = true;
    iml_arena_part(arena, "curvature");
    verify->u = iml_arena_take(arena, parameters, sizeof *verify->u);
    verify->u_in_double = iml_arena_take(arena, parameters, sizeof *verify->u_in_double);
    verify->results = iml_arena_take(arena, IML_VERIFIED_COUNT, sizeof *verify->results);
    iml_sample_layout(&verify->sample, self->net, iml_point_knowledge(self), arena);
    const enum iml_code code = iml_net_new(&held, &verify->held_net, error);
    if (code != IML_OK) return code;
    return iml_evaluator_new(verify->held_net, rows, true, self->team, arena, &verify->held, error);
}

static enum iml_code verify_layout(struct iml_trainer *self, struct iml_error *error)
{
    self->verify = calloc(1, sizeof *self->verify);
    if (!self->verify) return iml_error_set(error, IML_ERROR_MEMORY, "can't allocate a report");
    const enum iml_code code = lay_out_float(self, error);
    return code == IML_OK ? lay_out_double(self, error) : code;
}

static void verify_free(struct iml_trainer *self)
{
    if (!self->verify) return;
    iml_checks_free(self->verify->checks);
    iml_evaluator_free(self->verify->held);
    iml_net_free(self->verify->held_net);
    free(self->verify);
    self->verify = NULL;
}

static enum iml_code verify_register(struct iml_trainer *self, struct iml_error *error)
{
    const size_t columns = sizeof self->verify->results[0] / sizeof(double);
    const struct iml_item results = {.name = "state/verify/results",
                                     .type = IML_ITEM_F64,
                                     .rank = 2,
                                     .shape = {IML_VERIFIED_COUNT, columns},
                                     .data = self->verify->results};
    return iml_registry_add(&self->registry, &results, error);
}

/* ---- the report ---- */

static void fill_columns(struct iml_trainer *self, size_t *count)
{
    struct iml_verify *verify = self->verify;
    *count = 0;
    for (size_t i = 0; i < IML_VERIFIED_COUNT; i++) {
        if (!is_asked(self, i)) continue;
        const size_t row = (*count)++;
        verify->names[row] = kinds[i].name;
        verify->columns[ERROR][row] = verify->results[i].held;
        verify->columns[BOUND][row] = kinds[i].bound;
        verify->columns[IS_PASSED][row] = share_of_bound(self, i) <= 1;
        verify->columns[PLAIN][row] = verify->results[i].plain;
        verify->columns[AGREEMENT][row] = verify->results[i].agreement;
    }
}

static void write_headline(struct iml_trainer *self, size_t count)
{
    struct iml_verify *verify = self->verify;
    size_t which = 0, failed = 0;
    const double worst = worst_of(self, 0, IML_VERIFIED_COUNT, &which);
    for (size_t i = 0; i < count; i++) failed += verify->columns[IS_PASSED][i] == 0;
    verify->numbers[PASSED] = failed == 0;
    verify->numbers[WORST] = worst;
    (void)snprintf(verify->headline, sizeof verify->headline,
                   "%zu of %zu checks passed; nearest to its bound, or furthest beyond: %s, %.2g "
                   "(bound %.0e)",
                   count - failed, count, kinds[which].name, verify->results[which].held,
                   kinds[which].bound);
}

static void make_report(struct iml_trainer *self)
{
    struct iml_verify *verify = self->verify;
    struct iml_artifact *artifact = &verify->artifact;
    static const char *const columns[] = {"error", "bound", "is_passed", "error_plain",
                                          "agreement"};
    static const char *const numbers[] = {"passed", "worst", "directions", "parameters"};
    size_t count = 0;
    fill_columns(self, &count);
    write_headline(self, count);
    verify->numbers[DIRECTIONS] = IML_CHECKS_DIRECTIONS;
    verify->numbers[PARAMETERS] = (double)iml_net_parameters(self->net);
    *artifact = (struct iml_artifact){.name = "verify"};
    iml_artifact_text(artifact, "headline", verify->headline);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        iml_artifact_list(artifact, numbers[i], &verify->numbers[i], 0);
    iml_artifact_texts(artifact, "check", verify->names, count);
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++)
        iml_artifact_list(artifact, columns[i], verify->columns[i], count);
    self->artifacts = artifact;
    self->artifact_count = 1;
}

/* ---- the state machine ---- */

/* θ, λ, statistics and both batches as double: exactly what float has. */
static enum iml_code tell_point(struct iml_trainer *self, struct iml_error *error)
{
    const struct iml_checks_point point = iml_checks_point(self->verify->checks);
    const size_t inputs = iml_net_inputs(self->net);
    const struct iml_mode mode = iml_curvature_mode(self);
    iml_checks_linearize_as(self->verify->checks, mode.batch_norm, &mode.dropout);
    for (size_t j = 0; j < iml_net_parameters(self->net); j++)
        point.theta[j] = (double)self->theta[j];
    for (size_t j = 0; j < iml_net_statistics(self->net); j++)
        point.statistics[j] = (double)self->statistics[j];
    for (size_t m = 0; point.lambda && m < self->knowledge.size; m++)
        point.lambda[m] = (double)self->knowledge.lambda[m];
    for (enum iml_point_batch which = 0; which <= IML_POINT_VALIDATION; which++) {
        const bool is_curvature = which == IML_POINT_CURVATURE;
        const enum iml_checks_batch to =
            is_curvature ? IML_CHECKS_CURVATURE : IML_CHECKS_VALIDATION;
        struct iml_batch batch;
        const enum iml_code code = iml_point_batch(self, which, &batch, error);
        if (code != IML_OK) return code;
        for (size_t i = 0; i < batch.rows * inputs; i++)
            point.inputs[to][i] = (double)batch.inputs[i];
        memcpy(point.labels[to], batch.labels, batch.rows * sizeof *batch.labels);
    }
    return IML_OK;
}

static enum iml_code verify_step(struct iml_trainer *self, struct iml_rows *rows,
                                 struct iml_error *error)
{
    struct iml_state *state = self->state;
    const struct check *check = &checks[state->step];
    struct iml_checks_result *result = &self->verify->results[check->first];
    const struct iml_curvature *unused = NULL;
    enum iml_code code = iml_point_linearize(self, &unused, error); /* for the loss of the point */
    if (code == IML_OK) code = tell_point(self, error);
    if (code == IML_OK && is_asked(self, check->first))
        code = check->in_double ? check->in_double(self->verify->checks, result, error)
                                : iml_verify_float(self, error);
    if (code != IML_OK) return code;
    state->step++;
    size_t which = check->first;
    const double worst = worst_of(self, check->first, check->first + check->count, &which);
    if (is_asked(self, check->first)) {
        iml_rows_add(rows, IML_METRIC_VERIFY_ERROR, worst);
        iml_rows_add(rows, IML_METRIC_VERIFY_PLAIN,
                     self->verify->results[which].plain / kinds[which].bound);
    }
    if (state->step < CHECKS) return IML_OK;
    state->is_evaluation_due = 1;
    return IML_OK;
}

static bool verify_is_finished(const struct iml_trainer *self)
{
    return self->state->step >= CHECKS;
}

static uint64_t verify_steps_of(const struct iml_trainer *self)
{
    (void)self;
    return CHECKS;
}

static void verify_evaluate(struct iml_trainer *self, struct iml_rows *rows)
{
    size_t which = 0;
    const double worst = worst_of(self, 0, IML_VERIFIED_COUNT, &which);
    iml_rows_add(rows, IML_METRIC_VERIFY_PASSED, worst <= 1);
    iml_rows_add(rows, IML_METRIC_VERIFY_WORST, worst);
    make_report(self);
}

static enum iml_code verify_check(const struct iml_trainer *self, struct iml_error *error)
{
    if (iml_run_is_synthetic(self)) {
        const enum iml_code code =
            iml_error_set(error, IML_ERROR_ARGUMENT,
                          "verify looks at nets that classify; a synthetic problem is none");
        iml_error_where(error, "/from/job");
        return code;
    }
    return iml_point_check(self, "/verify", error);
}

static const struct iml_trainer_methods methods = {
    .is_report = true,
    .step = verify_step,
    .is_finished = verify_is_finished,
    .steps_of = verify_steps_of,
    .check = verify_check,
    .layout = verify_layout,
    .free = verify_free,
    .register_items = verify_register,
    .evaluate = verify_evaluate,
};

const struct iml_trainer_kind iml_verify = {.name = "verify", .methods = &methods};
