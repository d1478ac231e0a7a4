/* look_lens.c: H as v sees it, and what neumann, cg and minres would make of it (MATH §5.1). */
#include <math.h>
#include <stddef.h>

#include "engine/trainer/run.h"

/* Target of the best in hindsight where the solver has none. */
static const double usual_target = 0.1;

/* Names of the entries that are estimates (MATH §5.1): Ritz values stand in for eigenvalues. */
static const char *const estimates[] = {"smallest", "largest", "alpha_mu_max", "negative_share",
                                        "v_inverse_v"};

static void lay_out(struct iml_trainer *self, struct iml_arena *arena)
{
    struct iml_diagnosis *d = &self->diagnosis;
    iml_lens_layout(&d->lens, self->options.diagnostics.lens.steps, iml_look_damping(self),
                    iml_net_parameters(self->net), arena);
    d->lens_curves = iml_arena_take(arena, (size_t)d->lens.lanczos.steps + 1,
                                    IML_LENS_SOLVERS * sizeof *d->lens_curves);
}

/* The α in use; NaN where the solver has none: a preconditioner's is another thing. */
static double own_step_size(const struct iml_look *look)
{
    const struct iml_solver_options *solver = &look->trainer->options.meta.solver;
    const bool is_plain = solver->kind == iml_solver_kind_find("neumann") &&
                          solver->precondition == IML_PRECONDITION_NONE;
    return is_plain && look->report->step_size > 0 ? look->report->step_size : nan("");
}

/* What `step_size: "auto"` would come to, by the Ritz values. */
static double usual_step_size(const struct iml_lens *lens)
{
    const struct iml_lens_estimates ritz = iml_lens_estimate(lens, 1);
    const double norm = fmax(fabs(ritz.smallest), fabs(ritz.largest));
    return isfinite(1 / norm) ? 1 / norm : 1;
}

static void tell_curves(const struct iml_look *look, double step_size,
                        struct iml_artifact *artifact)
{
    struct iml_diagnosis *d = &look->trainer->diagnosis;
    const size_t count = (size_t)d->lens.lanczos.steps + 1;
    for (int s = 0; s < IML_LENS_SOLVERS; s++) {
        double *curve = d->lens_curves + (size_t)s * count;
        iml_lens_curve(&d->lens, (enum iml_lens_solver)s, step_size, count, curve);
        iml_artifact_list(artifact, iml_lens_solver_name((enum iml_lens_solver)s), curve, count);
    }
}

static void tell_best(const struct iml_look *look, double step_size, struct iml_artifact *artifact)
{
    const struct iml_trainer *self = look->trainer;
    const struct iml_lens *lens = &self->diagnosis.lens;
    const double own_target = self->options.meta.solver.target_residual;
    const double target = own_target > 0 ? own_target : usual_target;
    const struct iml_lens_best best =
        iml_lens_find_best(lens, step_size, target, lens->lanczos.reached);
    const struct iml_lens_best least =
        iml_lens_find_best(lens, step_size, -1, look->report->products);
    iml_rows_add_known(look->rows, IML_METRIC_LENS_BEST_PRODUCTS,
                       best.is_reached ? best.terms : nan(""));
    iml_rows_add(look->rows, IML_METRIC_LENS_BEST_RESIDUAL, least.residual);
    iml_artifact_number(look, artifact, "target_residual", target);
    iml_artifact_text(artifact, "best_solver",
                      best.is_reached ? iml_lens_solver_name(best.solver) : "none");
    iml_artifact_number(look, artifact, "best_products", best.is_reached ? best.terms : nan(""));
    iml_artifact_number(look, artifact, "own_products", look->report->products);
    iml_artifact_number(look, artifact, "best_residual_with_own_products", least.residual);
}

static void tell_estimates(const struct iml_look *look, double own_alpha,
                           struct iml_artifact *artifact)
{
    const struct iml_lens_estimates e =
        iml_lens_estimate(&look->trainer->diagnosis.lens, own_alpha);
    const double values[] = {e.smallest, e.largest, e.alpha_mu_max, e.negative_share,
                             e.v_inverse_v};
    static const enum iml_metric metrics[] = {
        IML_METRIC_LENS_SMALLEST, IML_METRIC_LENS_LARGEST, IML_METRIC_LENS_ALPHA_MU_MAX,
        IML_METRIC_LENS_NEGATIVE_SHARE, IML_METRIC_LENS_V_INVERSE_V};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        iml_rows_add_known(look->rows, metrics[i], values[i]);
        iml_artifact_number(look, artifact, estimates[i], values[i]);
    }
    iml_artifact_texts(artifact, "estimates", estimates, sizeof estimates / sizeof estimates[0]);
}

static enum iml_code look(const struct iml_look *look, struct iml_artifact *artifact,
                          struct iml_error *error)
{
    struct iml_lens *lens = &look->trainer->diagnosis.lens;
    iml_lens_look(lens, look->curvature, look->trainer->v);
    if (lens->lanczos.end == IML_END_CANCELLED) return iml_look_cancelled(error);
    if (lens->lanczos.reached == 0) return IML_OK; /* H is not finite */
    const double own_alpha = own_step_size(look);
    const double alpha = isnan(own_alpha) ? usual_step_size(lens) : own_alpha;
    iml_artifact_number(look, artifact, "update", look->update + 1);
    iml_artifact_number(look, artifact, "steps", lens->lanczos.reached);
    iml_artifact_number(look, artifact, "is_complete", lens->lanczos.is_complete);
    iml_artifact_number(look, artifact, "damping", lens->damping);
    iml_artifact_number(look, artifact, "step_size", alpha);
    iml_artifact_text(artifact, "step_size_of", isnan(own_alpha) ? "largest" : "solver");
    iml_artifact_list(artifact, "ritz_values", lens->lanczos.values, lens->lanczos.reached);
    iml_artifact_list(artifact, "weights", lens->lanczos.firsts, lens->lanczos.reached);
    tell_curves(look, alpha, artifact);
    tell_best(look, alpha, artifact);
    tell_estimates(look, own_alpha, artifact);
    return IML_OK;
}

const struct iml_diagnostic iml_look_lens = {
    .name = "lens",
    .every = offsetof(struct iml_diagnostics_options, lens.every_updates),
    .makes_artifact = true,
    .layout = lay_out,
    .look = look,
};
