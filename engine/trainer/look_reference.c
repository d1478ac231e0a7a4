/* look_reference.c: the hypergradient beside the one of H⁻¹v itself: exact where the net is small
 * enough, else minres to a small residual (MATH §5.4). Without damping: what δ or ρ takes from an
 * estimate is part of its error. */
#include <math.h>
#include <stddef.h>

#include "engine/core/vector.h"
#include "engine/trainer/run.h"

enum { Q, RESIDUAL };

static void lay_out(struct iml_trainer *self, struct iml_arena *arena)
{
    struct iml_diagnosis *d = &self->diagnosis;
    const struct iml_reference_look *asked = &self->options.diagnostics.reference;
    const struct iml_solver_options *own = &self->options.meta.solver;
    const struct iml_solver_kind *exact = iml_solver_kind_find("exact");
    const size_t parameters = iml_net_parameters(self->net);
    d->reference_gradient =
        iml_arena_take(arena, self->knowledge.size, sizeof *d->reference_gradient);
    d->is_own_reference = own->kind == exact && own->damping == 0;
    if (d->is_own_reference) return;
    const bool fits = parameters <= asked->max_parameters;
    const struct iml_solver_options options = {.kind =
                                                   fits ? exact : iml_solver_kind_find("minres"),
                                               .max_parameters = asked->max_parameters,
                                               .skips_eigenvalues = true,
                                               .terms = asked->max_products,
                                               .target_residual = asked->target_residual};
    iml_solver_layout(&d->reference, &options, parameters, arena);
}

/* H⁻¹v, with the residual that was reached: minres' by one product more, since without keeping
 * all Lanczos vectors its own drifts away from it. NaN: there is no reference. */
static const iml_real *find_reference(const struct iml_look *look, double *residual,
                                      struct iml_report *report)
{
    struct iml_trainer *self = look->trainer;
    struct iml_diagnosis *d = &self->diagnosis;
    iml_real *q = d->vectors[Q];
    *report = *look->report;
    *residual = look->report->residual;
    if (d->is_own_reference) return self->q;
    iml_solver_solve(&d->reference, look->curvature, self->v, q, report);
    *residual = report->residual;
    if (report->end == IML_END_CANCELLED || report->end == IML_END_NOT_FINITE) return q;
    if (d->reference.options.kind == iml_solver_kind_find("minres")) {
        *residual =
            iml_residuals_measure(look->curvature, 0, 1, self->v, q, d->vectors[RESIDUAL]).plain;
        report->products++;
    }
    return q;
}

/* ‖a − b‖/‖b‖; b is overwritten. */
static double relative_error(size_t n, const iml_real *a, iml_real *b)
{
    const double norm = sqrt(iml_norm_squared(n, b));
    iml_xpby(n, a, -1, b);
    return norm > 0 ? sqrt(iml_norm_squared(n, b)) / norm : nan("");
}

static void tell(const struct iml_look *look, struct iml_artifact *artifact, const iml_real *q)
{
    struct iml_trainer *self = look->trainer;
    iml_real *g = self->diagnosis.reference_gradient;
    const size_t size = self->knowledge.size, parameters = iml_net_parameters(self->net);
    iml_knowledge_pull(&self->knowledge, self->theta, q, g);
    const double cosine = iml_cosine(size, self->hypergradient, g);
    const double norm = sqrt(iml_norm_squared(size, g));
    const double error = relative_error(size, self->hypergradient, g);
    iml_rows_add_known(look->rows, IML_METRIC_META_COSINE_TO_EXACT, cosine);
    iml_rows_add_known(look->rows, IML_METRIC_META_ERROR_TO_EXACT, error);
    iml_artifact_number(look, artifact, "cosine", cosine);
    iml_artifact_number(look, artifact, "error", error);
    iml_artifact_number(look, artifact, "gradient_norm", norm);
    iml_artifact_number(look, artifact, "q_norm", sqrt(iml_norm_squared(parameters, q)));
    iml_artifact_number(look, artifact, "q_cosine", iml_cosine(parameters, self->q, q));
}

static enum iml_code look(const struct iml_look *look, struct iml_artifact *artifact,
                          struct iml_error *error)
{
    const struct iml_diagnosis *d = &look->trainer->diagnosis;
    struct iml_report report;
    double residual = 0;
    const iml_real *q = find_reference(look, &residual, &report);
    if (iml_curvature_is_cancelled(look->curvature)) return iml_look_cancelled(error);
    if (!isfinite(residual)) return IML_OK; /* H is singular or not finite */
    iml_rows_add(look->rows, IML_METRIC_META_REFERENCE_RESIDUAL, residual);
    iml_artifact_number(look, artifact, "update", look->update + 1);
    iml_artifact_text(artifact, "solver",
                      d->is_own_reference ? "exact" : d->reference.options.kind->name);
    iml_artifact_number(look, artifact, "residual", residual);
    iml_artifact_number(look, artifact, "products", report.products);
    iml_artifact_text(artifact, "end", iml_end_name(report.end));
    tell(look, artifact, q);
    return IML_OK;
}

const struct iml_diagnostic iml_look_reference = {
    .name = "reference",
    .every = offsetof(struct iml_diagnostics_options, reference.every_updates),
    .makes_artifact = true,
    .layout = lay_out,
    .look = look,
};
