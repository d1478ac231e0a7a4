/* look_variance.c: how much the estimate differs from batch to batch: the update's own
 * (curvature, validation) pair and others drawn like it, at one (θ, λ) (MATH §5.3). */
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "engine/core/vector.h"
#include "engine/trainer/run.h"

enum { V, WARM };

/* Passes of the updates' own batches count from 0, those of other pairs from here. */
static const uint32_t first_pass = UINT32_C(1) << 31;

static void lay_out(struct iml_trainer *self, struct iml_arena *arena)
{
    struct iml_diagnosis *d = &self->diagnosis;
    const size_t pairs = self->options.diagnostics.variance.pairs;
    const size_t parameters = iml_net_parameters(self->net), size = self->knowledge.size;
    d->pair_gradients = iml_arena_take(arena, size, pairs * sizeof *d->pair_gradients);
    d->pair_q = iml_arena_take(arena, parameters, pairs * sizeof *d->pair_q);
    d->pair_norms = iml_arena_take(arena, pairs, sizeof *d->pair_norms);
    d->pair_q_norms = iml_arena_take(arena, pairs, sizeof *d->pair_q_norms);
    d->pair_cosines = iml_arena_take(arena, pairs, pairs * sizeof *d->pair_cosines);
    d->pair_q_cosines = iml_arena_take(arena, pairs, pairs * sizeof *d->pair_q_cosines);
}

/* q of one pair as this update would have found it: the solver's work vectors are free, what it
 * keeps between updates is a copy's. */
static void solve(struct iml_trainer *self, const struct iml_curvature *curvature, uint32_t pass,
                  iml_real *q, struct iml_report *report)
{
    struct iml_solver solver = self->solver;
    uint64_t warm_products = 0;
    if (solver.warm) {
        warm_products = *solver.warm_products;
        memcpy(self->diagnosis.vectors[WARM], solver.warm, solver.size * sizeof *solver.warm);
        solver.warm = self->diagnosis.vectors[WARM];
        solver.warm_products = &warm_products;
    }
    iml_solver_draw(&solver, self->options.seed, pass);
    iml_solver_solve(&solver, curvature, self->diagnosis.vectors[V], q, report);
}

static enum iml_code take_pair(struct iml_trainer *self, uint32_t pass, size_t j,
                               struct iml_error *error)
{
    struct iml_diagnosis *d = &self->diagnosis;
    const struct iml_curvature *curvature = NULL;
    struct iml_report report = {0};
    iml_real *q = d->pair_q + j * iml_net_parameters(self->net);
    double loss = 0;
    enum iml_code code = iml_find_v(self, pass, d->vectors[V], &loss, error);
    if (code == IML_OK) code = iml_find_curvature(self, pass, NULL, &curvature, error);
    if (code != IML_OK) return code;
    solve(self, curvature, pass, q, &report);
    if (iml_curvature_is_cancelled(curvature)) return iml_look_cancelled(error);
    iml_knowledge_pull(&self->knowledge, self->theta, q,
                       d->pair_gradients + j * self->knowledge.size);
    return IML_OK;
}

/* Norms and pairwise cosines of `pairs` vectors of n. */
static void compare(size_t n, size_t pairs, const iml_real *vectors, double *norms, double *cosines)
{
    for (size_t i = 0; i < pairs; i++) {
        norms[i] = sqrt(iml_norm_squared(n, vectors + i * n));
        for (size_t j = 0; j < pairs; j++)
            cosines[i * pairs + j] = iml_cosine(n, vectors + i * n, vectors + j * n);
    }
}

static void tell(const struct iml_look *look, struct iml_artifact *artifact)
{
    const struct iml_trainer *self = look->trainer;
    const struct iml_diagnosis *d = &self->diagnosis;
    const size_t pairs = self->options.diagnostics.variance.pairs;
    const size_t size = self->knowledge.size, parameters = iml_net_parameters(self->net);
    const struct iml_spread g = iml_spread_of(size, pairs, d->pair_gradients);
    const struct iml_spread q = iml_spread_of(parameters, pairs, d->pair_q);
    compare(size, pairs, d->pair_gradients, d->pair_norms, d->pair_cosines);
    compare(parameters, pairs, d->pair_q, d->pair_q_norms, d->pair_q_cosines);
    iml_rows_add_known(look->rows, IML_METRIC_META_VARIANCE, g.relative_variance);
    iml_rows_add_known(look->rows, IML_METRIC_META_MEAN_COSINE, g.mean_cosine);
    iml_rows_add_known(look->rows, IML_METRIC_SOLVER_Q_VARIANCE, q.relative_variance);
    iml_rows_add_known(look->rows, IML_METRIC_SOLVER_Q_MEAN_COSINE, q.mean_cosine);
    iml_artifact_number(look, artifact, "update", look->update + 1);
    iml_artifact_number(look, artifact, "variance", g.relative_variance);
    iml_artifact_number(look, artifact, "mean_cosine", g.mean_cosine);
    iml_artifact_list(artifact, "gradient_norms", d->pair_norms, pairs);
    iml_artifact_table(artifact, "cosines", d->pair_cosines, pairs, pairs);
    iml_artifact_number(look, artifact, "q_variance", q.relative_variance);
    iml_artifact_number(look, artifact, "q_mean_cosine", q.mean_cosine);
    iml_artifact_list(artifact, "q_norms", d->pair_q_norms, pairs);
    iml_artifact_table(artifact, "q_cosines", d->pair_q_cosines, pairs, pairs);
}

static enum iml_code look(const struct iml_look *look, struct iml_artifact *artifact,
                          struct iml_error *error)
{
    struct iml_trainer *self = look->trainer;
    struct iml_diagnosis *d = &self->diagnosis;
    const size_t pairs = self->options.diagnostics.variance.pairs;
    const uint32_t others = (uint32_t)pairs - 1;
    memcpy(d->pair_q, self->q, iml_net_parameters(self->net) * sizeof *d->pair_q);
    memcpy(d->pair_gradients, self->hypergradient,
           self->knowledge.size * sizeof *d->pair_gradients);
    for (uint32_t j = 0; j < others; j++) {
        const uint32_t pass = first_pass | ((look->update * others + j) & (first_pass - 1));
        const enum iml_code code = take_pair(self, pass, j + 1, error);
        if (code != IML_OK) return code;
    }
    tell(look, artifact);
    return IML_OK;
}

const struct iml_diagnostic iml_look_variance = {
    .name = "variance",
    .every = offsetof(struct iml_diagnostics_options, variance.every_updates),
    .makes_artifact = true,
    .layout = lay_out,
    .look = look,
};
