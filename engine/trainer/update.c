/* update.c: one update of λ (MATH §1): v on the validation batch, H linearized once on the
 * curvature batch, q by the solver, dL_V/dλ, the optimizer's step on λ. θ stays as it is. */
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "engine/core/vector.h"
#include "engine/trainer/diagnose.h"
#include "engine/trainer/run.h"

enum { Q_NORMS = 10 /* updates whose ‖q‖ is held against each other (MATH §5.3) */ };

/* What the rows of an update tell. */
struct estimate {
    struct iml_report report;
    double validation_loss;
    double v_norm, q_norm, remaining, remaining_ratio, gradient_norm, cosine;
    double seconds; /* of the update, diagnostics left out */
    enum iml_failure failure;
    bool is_skipped;
};

/* out = the part of ∇θ L_V from rows first … first + rows − 1 of the batch; adds its loss. In
 * evaluation mode no row depends on another. */
static enum iml_code find_part(struct iml_trainer *self, const struct iml_batch *batch,
                               size_t first, size_t rows, iml_real *out, double *loss,
                               struct iml_error *error)
{
    struct iml_batch part = *batch;
    struct iml_batch_result result;
    part.rows = rows;
    part.inputs += first * iml_net_inputs(self->net);
    part.labels += first;
    const enum iml_code code =
        iml_gradient(self->curvature, self->theta, &part, NULL, out, &result, error);
    if (code == IML_OK) *loss += result.loss;
    return code;
}

/* The whole batch at once where the curvature's buffers hold it, else in parts of their size. */
static enum iml_code find_gradient(struct iml_trainer *self, const struct iml_batch *batch,
                                   iml_real *v, double *loss, struct iml_error *error)
{
    const size_t most = self->v_part ? self->options.meta.curvature_batch : batch->rows;
    *loss = 0;
    for (size_t first = 0; first < batch->rows; first += most) {
        const size_t left = batch->rows - first, rows = left < most ? left : most;
        iml_real *out = first == 0 ? v : self->v_part;
        const enum iml_code code = find_part(self, batch, first, rows, out, loss, error);
        if (code != IML_OK) return code;
        if (first > 0) iml_axpy(iml_net_parameters(self->net), 1, out, v);
    }
    return IML_OK;
}

const struct iml_images *iml_run_validation(const struct iml_trainer *self)
{
    const bool is_labeled = self->options.meta.validation_from == IML_VALIDATION_LABELED;
    return is_labeled ? &self->train : &self->validation;
}

/* FIXMATCH 3.4: with a pool, the step keys what an update draws. */
uint32_t iml_update_pass(const struct iml_trainer *self)
{
    return (uint32_t)(self->methods->has_pool ? self->state->step : self->state->update);
}

enum iml_code iml_find_v(struct iml_trainer *self, uint32_t pass, iml_real *v, double *loss,
                         struct iml_error *error)
{
    const size_t rows = self->options.meta.validation_batch;
    const struct iml_images *images = iml_run_validation(self);
    struct iml_batch batch;
    if (rows < images->count)
        iml_sampler_head(&self->validation_order, pass, rows, self->maker.places);
    else
        iml_batch_place_run(&self->maker, 0, rows);
    enum iml_code code = iml_batch_make(&self->maker, images, rows, &batch, error);
    batch.mode = iml_evaluation_mode(self);
    return code == IML_OK ? find_gradient(self, &batch, v, loss, error) : code;
}

/* Training images, as they are. */
static enum iml_code find_batch(struct iml_trainer *self, uint32_t pass, struct iml_batch *batch,
                                struct iml_error *error)
{
    const size_t rows = self->options.meta.curvature_batch;
    if (self->methods->curvature_batch)
        return self->methods->curvature_batch(self, pass, batch, error);
    iml_sampler_head(&self->curvature_order, pass, rows, self->maker.places);
    return iml_batch_make(&self->maker, &self->train, rows, batch, error);
}

enum iml_code iml_find_curvature(struct iml_trainer *self, uint32_t pass, iml_real *gradient,
                                 const struct iml_curvature **curvature, struct iml_error *error)
{
    struct iml_batch batch;
    struct iml_batch_result result;
    enum iml_code code = find_batch(self, pass, &batch, error);
    batch.mode = iml_curvature_mode(self);
    batch.mode.dropout.pass = pass;
    if (code == IML_OK)
        code = iml_linearize(self->curvature, self->theta, &batch, iml_run_diagonal(self), gradient,
                             &result, curvature, error);
    if (code == IML_OK)
        *curvature = iml_linearized(self->curvature, self->options.meta.curvature_kind);
    return code;
}

/* |q·g| over what the last move of λ gained; NaN where none has, or nothing. */
static double remaining_ratio(double last_gain, double remaining)
{
    return last_gain > 0 ? fabs(remaining) / last_gain : nan("");
}

/* q ≈ H⁻¹v, and q·g with g = ∇θ L_T on the same batch: no product more (MATH §6). */
static enum iml_code find_q(struct iml_trainer *self, const struct iml_curvature *curvature,
                            struct estimate *estimate, struct iml_error *error)
{
    const size_t parameters = iml_net_parameters(self->net);
    iml_solver_draw(&self->solver, self->options.seed, iml_update_pass(self));
    iml_solver_solve(&self->solver, curvature, self->v, self->q, &estimate->report);
    if (estimate->report.end == IML_END_CANCELLED || iml_curvature_is_cancelled(curvature))
        return iml_error_set(error, IML_ERROR_CANCELLED, "the update was cancelled");
    estimate->v_norm = sqrt(iml_norm_squared(parameters, self->v));
    estimate->q_norm = sqrt(iml_norm_squared(parameters, self->q));
    estimate->remaining = iml_dot(parameters, self->q, self->gradient);
    estimate->remaining_ratio = remaining_ratio(self->state->last_gain, estimate->remaining);
    if (isfinite(estimate->q_norm)) iml_recent_add(&self->state->q_norms, estimate->q_norm);
    iml_knowledge_pull(&self->knowledge, self->theta, self->q, self->hypergradient);
    if (iml_curvature_is_cancelled(curvature))
        return iml_error_set(error, IML_ERROR_CANCELLED, "the update was cancelled");
    estimate->gradient_norm = sqrt(iml_norm_squared(self->knowledge.size, self->hypergradient));
    return IML_OK;
}

/* The estimate's size is finite only if each element of it is. */
static bool is_finite(const struct estimate *estimate)
{
    return isfinite(estimate->v_norm) && isfinite(estimate->q_norm) &&
           isfinite(estimate->gradient_norm) && estimate->report.end != IML_END_NOT_FINITE;
}

/* One value that is not finite would stay in the optimizer's moments for ever (MATH §5.6). */
static enum iml_on_failure judge(struct iml_trainer *self, struct estimate *estimate)
{
    const struct iml_report *report = &estimate->report;
    struct iml_gate_facts facts = {
        .is_finite = is_finite(estimate),
        .vq = iml_dot(iml_net_parameters(self->net), self->v, self->q),
        .residual = report->residual_kind == IML_RESIDUAL_NONE ? nan("") : report->residual,
        .norm = estimate->gradient_norm};
    const struct iml_gate_verdict verdict = iml_run_judge(self, &facts);
    estimate->failure = verdict.failure;
    estimate->cosine = facts.cosine;
    return verdict.action;
}

/* With q = v, into lambda_change: before a look may linearize at another batch. */
static void pull_identity(struct iml_trainer *self)
{
    iml_knowledge_pull(&self->knowledge, self->theta, self->v, self->lambda_change);
}

/* That in place of the estimate; false: it is not finite either. */
static bool take_identity(struct iml_trainer *self)
{
    const size_t size = self->knowledge.size;
    memcpy(self->hypergradient, self->lambda_change, size * sizeof *self->hypergradient);
    return isfinite(iml_norm_squared(size, self->hypergradient));
}

/* η of the update at hand. */
static double meta_rate(const struct iml_trainer *self)
{
    const struct iml_meta_options *meta = &self->options.meta;
    const double rate = meta->optimizer.learning_rate;
    if (meta->schedule == IML_SCHEDULE_CONSTANT) return rate;
    return rate * (1 + cos(acos(-1) * (double)self->state->update / (double)meta->updates)) / 2;
}

/* Moves λ, and keeps what that gains to first order, |∇λL·Δλ| (MATH §6). */
static void move_lambda(struct iml_trainer *self)
{
    const size_t size = self->knowledge.size;
    struct iml_optimizer *optimizer = &self->meta_optimizer;
    optimizer->options.learning_rate = meta_rate(self);
    memcpy(self->lambda_change, self->knowledge.lambda, size * sizeof *self->lambda_change);
    if (self->knowledge.options.kind->move)
        self->knowledge.options.kind->move(&self->knowledge, &optimizer->options,
                                           self->hypergradient);
    else
        iml_optimizer_step(optimizer, self->knowledge.lambda, self->hypergradient);
    iml_knowledge_clamp(&self->knowledge);
    iml_knowledge_refresh(&self->knowledge);
    iml_xpby(size, self->knowledge.lambda, -1, self->lambda_change);
    self->state->last_gain = fabs(iml_dot(size, self->hypergradient, self->lambda_change));
}

/* Share of λ with √s < ε; NaN for an optimizer without a second moment. */
static double stalled_share(const struct iml_optimizer *optimizer)
{
    const double bound = optimizer->options.epsilon;
    for (size_t i = 0; i < sizeof optimizer->moments / sizeof optimizer->moments[0]; i++) {
        const char *name = optimizer->options.kind->moment_names[i];
        if (!optimizer->moments[i] || !name || strcmp(name, "square_average") != 0) continue;
        size_t stalled = 0;
        for (size_t m = 0; m < optimizer->size; m++)
            stalled += (double)optimizer->moments[i][m] < bound * bound;
        return (double)stalled / (double)optimizer->size;
    }
    return nan("");
}

static void tell_report(const struct iml_report *report, struct iml_rows *rows)
{
    iml_rows_add(rows, IML_METRIC_SOLVER_PRODUCTS, report->products);
    iml_rows_add(rows, IML_METRIC_SOLVER_BYTES, (double)report->bytes);
    iml_rows_add(rows, IML_METRIC_SOLVER_SECONDS, report->seconds);
    if (report->residual_kind != IML_RESIDUAL_NONE)
        iml_rows_add(rows, IML_METRIC_SOLVER_RESIDUAL, report->residual);
    iml_rows_add_known(rows, IML_METRIC_SOLVER_STEP_SIZE, report->step_size);
    iml_rows_add_known(rows, IML_METRIC_SOLVER_LARGEST_CURVATURE, report->largest_curvature);
    iml_rows_add_known(rows, IML_METRIC_SOLVER_SMALLEST_CURVATURE, report->smallest_curvature);
    iml_rows_add_known(rows, IML_METRIC_SOLVER_SMALLEST_EIGENVALUE, report->smallest_eigenvalue);
    iml_rows_add_known(rows, IML_METRIC_SOLVER_LARGEST_EIGENVALUE, report->largest_eigenvalue);
    iml_rows_add_known(rows, IML_METRIC_SOLVER_CONDITION, report->condition);
}

static void tell(const struct iml_trainer *self, const struct estimate *estimate,
                 struct iml_rows *rows)
{
    const double seconds = estimate->seconds;
    iml_rows_add(rows, IML_METRIC_GRADIENT_NORM, estimate->gradient_norm);
    iml_rows_add(rows, IML_METRIC_META_VALIDATION_LOSS, estimate->validation_loss);
    iml_rows_add_known(rows, IML_METRIC_META_COSINE, estimate->cosine);
    iml_rows_add(rows, IML_METRIC_META_FAILED, estimate->failure);
    iml_rows_add(rows, IML_METRIC_META_SKIPPED, estimate->is_skipped);
    iml_rows_add_known(rows, IML_METRIC_META_STALLED, stalled_share(&self->meta_optimizer));
    iml_rows_add(rows, IML_METRIC_META_SECONDS, seconds);
    iml_rows_add_known(rows, IML_METRIC_META_SHARE_OF_STEP,
                       seconds / (seconds + self->inner_seconds));
    tell_report(&estimate->report, rows);
    iml_rows_add(rows, IML_METRIC_SOLVER_Q_NORM, estimate->q_norm);
    iml_rows_add_known(rows, IML_METRIC_SOLVER_Q_NORM_VARIANCE,
                       iml_recent_relative_variance(&self->state->q_norms, Q_NORMS));
    iml_rows_add(rows, IML_METRIC_INNER_REMAINING, estimate->remaining);
    iml_rows_add_known(rows, IML_METRIC_INNER_REMAINING_RATIO, estimate->remaining_ratio);
    if (self->knowledge.options.kind->mean)
        iml_rows_add(rows, IML_METRIC_KNOWLEDGE_MEAN_COEFFICIENT,
                     iml_knowledge_mean(&self->knowledge));
}

enum iml_code iml_update(struct iml_trainer *self, struct iml_rows *rows, struct iml_error *error)
{
    const double began = imld_ticks_seconds();
    const uint32_t pass = iml_update_pass(self);
    const struct iml_curvature *curvature = NULL;
    struct estimate estimate = {0};
    enum iml_code code = iml_find_v(self, pass, self->v, &estimate.validation_loss, error);
    if (code == IML_OK) code = iml_find_curvature(self, pass, self->gradient, &curvature, error);
    if (code == IML_OK) code = find_q(self, curvature, &estimate, error);
    if (code != IML_OK) return code;
    if (self->methods->after_solve) self->methods->after_solve(self);
    const enum iml_on_failure action = judge(self, &estimate);
    if (action == IML_ON_FAILURE_IDENTITY) pull_identity(self);
    const double looked = imld_ticks_seconds(); /* before λ moves, and H's diagonal with it */
    code = iml_diagnose(self, curvature, &estimate.report, rows, error);
    if (code != IML_OK) return code;
    iml_tell_truth(self, rows);
    const double moved = imld_ticks_seconds();
    estimate.is_skipped = action == IML_ON_FAILURE_SKIP;
    if (action == IML_ON_FAILURE_IDENTITY) estimate.is_skipped = !take_identity(self);
    if (!estimate.is_skipped) move_lambda(self);
    if (self->methods->after_update) code = self->methods->after_update(self, rows, error);
    if (code != IML_OK) return code;
    self->state->update++;
    estimate.seconds = looked - began + (imld_ticks_seconds() - moved);
    tell(self, &estimate, rows);
    self->inner_seconds = 0;
    return IML_OK;
}
