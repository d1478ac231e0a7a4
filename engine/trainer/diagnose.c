/* diagnose.c: which looks are taken at an update (MATH §5); see diagnose.h. */
#include "engine/trainer/diagnose.h"

#include <math.h>
#include <string.h>

#include "engine/core/vector.h"
#include "engine/trainer/run.h"

/* In the order in which they look: variance linearizes at other batches, so it is the last. */
static const struct iml_diagnostic *const diagnostics[] = {
    &iml_look_residual, &iml_look_lens, &iml_look_spectrum, &iml_look_reference, &iml_look_variance,
};
enum { DIAGNOSTICS = sizeof diagnostics / sizeof diagnostics[0] };

static size_t every(const struct iml_trainer *self, const struct iml_diagnostic *diagnostic)
{
    size_t updates = 0;
    memcpy(&updates, (const char *)&self->options.diagnostics + diagnostic->every, sizeof updates);
    return updates;
}

/* At the first update, and at each whose number, from 1, is a multiple. */
static bool is_due(const struct iml_trainer *self, const struct iml_diagnostic *diagnostic)
{
    const size_t updates = every(self, diagnostic);
    const uint64_t number = self->state->update + 1;
    return updates > 0 && (number == 1 || number % updates == 0);
}

void iml_diagnose_layout(struct iml_trainer *self, struct iml_arena *arena)
{
    const size_t parameters = iml_net_parameters(self->net);
    size_t asked = 0, artifacts = iml_run_weighs(self) ? IML_WEIGHED_ARTIFACTS : 0;
    iml_arena_part(arena, "diagnostics");
    for (size_t i = 0; i < DIAGNOSTICS; i++) {
        if (every(self, diagnostics[i]) == 0) continue;
        diagnostics[i]->layout(self, arena);
        artifacts += diagnostics[i]->makes_artifact;
        asked++;
    }
    for (size_t i = 0; i < IML_LOOK_VECTORS && asked > 0; i++)
        self->diagnosis.vectors[i] = iml_arena_take(arena, parameters, sizeof(iml_real));
    self->artifacts =
        artifacts > 0 ? iml_arena_take(arena, artifacts, sizeof *self->artifacts) : NULL;
}

static enum iml_code take(const struct iml_look *look, const struct iml_diagnostic *diagnostic,
                          struct iml_error *error)
{
    struct iml_trainer *self = look->trainer;
    if (!diagnostic->makes_artifact) return diagnostic->look(look, NULL, error);
    struct iml_artifact *artifact = &self->artifacts[self->artifact_count];
    *artifact = (struct iml_artifact){.name = diagnostic->name};
    const enum iml_code code = diagnostic->look(look, artifact, error);
    self->artifact_count += artifact->count > 0;
    return code;
}

enum iml_code iml_diagnose(struct iml_trainer *self, const struct iml_curvature *curvature,
                           const struct iml_report *report, struct iml_rows *rows,
                           struct iml_error *error)
{
    const struct iml_look look = {.trainer = self,
                                  .curvature = curvature,
                                  .report = report,
                                  .update = (uint32_t)self->state->update,
                                  .rows = rows};
    const double v_squared = iml_norm_squared(iml_net_parameters(self->net), self->v);
    enum iml_code code = IML_OK;
    self->diagnosis.number_count = 0;
    if (v_squared == 0 || !isfinite(v_squared)) return IML_OK; /* no direction to look from */
    for (size_t i = 0; i < DIAGNOSTICS && code == IML_OK; i++)
        if (is_due(self, diagnostics[i])) code = take(&look, diagnostics[i], error);
    return code;
}

double iml_look_damping(const struct iml_trainer *self)
{
    const struct iml_solver_options *solver = &self->options.meta.solver;
    return solver->kind == iml_solver_kind_find("nystrom") ? 0 : solver->damping;
}

enum iml_code iml_look_cancelled(struct iml_error *error)
{
    return iml_error_set(error, IML_ERROR_CANCELLED, "the update was cancelled");
}
