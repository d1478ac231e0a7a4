/* look_residual.c: how far q is from solving H_δq = v, plainly and on the scale of M, by one
 * product (MATH §5.6). */
#include <math.h>
#include <stddef.h>

#include "engine/core/vector.h"
#include "engine/trainer/run.h"

enum { RESIDUAL, DIRECTION, SCALED_Q };
enum { POWER_PRODUCTS = 20 };

static void lay_out(struct iml_trainer *self, struct iml_arena *arena)
{
    (void)self;
    (void)arena; /* the scratch that all looks share is enough */
}

/* μ̂_A of M: the preconditioner's, or where the solver has none by a power iteration of its own. */
static double find_mu(const struct iml_look *look)
{
    struct iml_trainer *self = look->trainer;
    iml_real **vectors = self->diagnosis.vectors;
    if (self->options.meta.solver.precondition == IML_PRECONDITION_L2 &&
        look->report->step_size > 0)
        return 1 / look->report->step_size;
    return iml_data_curvature(look->curvature, POWER_PRODUCTS, vectors[DIRECTION],
                              vectors[RESIDUAL]);
}

/* q, times α where the solver left its factor out (`scale: false`). */
static const iml_real *scaled_q(const struct iml_look *look)
{
    const struct iml_trainer *self = look->trainer;
    const struct iml_solver_options *solver = &self->options.meta.solver;
    iml_real *scaled = self->diagnosis.vectors[SCALED_Q];
    if (!solver->is_unscaled || solver->precondition != IML_PRECONDITION_NONE) return self->q;
    iml_scaled_copy(iml_net_parameters(self->net), look->report->step_size, self->q, scaled);
    return scaled;
}

static enum iml_code look(const struct iml_look *look, struct iml_artifact *artifact,
                          struct iml_error *error)
{
    const struct iml_trainer *self = look->trainer;
    (void)artifact;
    const double mu = find_mu(look);
    const struct iml_residuals residuals =
        iml_residuals_measure(look->curvature, iml_look_damping(self), mu, self->v, scaled_q(look),
                              self->diagnosis.vectors[RESIDUAL]);
    if (iml_curvature_is_cancelled(look->curvature)) return iml_look_cancelled(error);
    iml_rows_add_known(look->rows, IML_METRIC_SOLVER_RESIDUAL_EXACT, residuals.plain);
    iml_rows_add_known(look->rows, IML_METRIC_SOLVER_RESIDUAL_SCALED, residuals.scaled);
    return IML_OK;
}

const struct iml_diagnostic iml_look_residual = {
    .name = "residual",
    .every = offsetof(struct iml_diagnostics_options, residual.every_updates),
    .layout = lay_out,
    .look = look,
};
