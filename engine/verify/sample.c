/* sample.c: v, gradient, product, two hypergradients at one point (MATH §7.5); see sample.h. */
#include "engine/verify/sample.h"

#include <string.h>

enum { TERMS = 3 };
static const char *const names[IML_SAMPLE_SOLVERS] = {"neumann", "cg"};

void iml_sample_layout(struct iml_sample *self, const struct iml_net *net,
                       const struct iml_knowledge *knowledge, struct iml_arena *arena)
{
    const size_t size = iml_net_parameters(net);
    *self =
        (struct iml_sample){.size = size, .hypergradient_size = knowledge ? knowledge->size : size};
    self->v = iml_arena_take(arena, size, sizeof *self->v);
    self->gradient = iml_arena_take(arena, size, sizeof *self->gradient);
    self->product = iml_arena_take(arena, size, sizeof *self->product);
    self->q = iml_arena_take(arena, size, sizeof *self->q);
    for (size_t i = 0; i < IML_SAMPLE_SOLVERS; i++) {
        const struct iml_solver_options options = {.kind = iml_solver_kind_find(names[i]),
                                                   .terms = TERMS};
        self->hypergradients[i] =
            iml_arena_take(arena, self->hypergradient_size, sizeof *self->hypergradients[i]);
        iml_solver_layout(&self->solvers[i], &options, size, arena);
    }
}

enum iml_code iml_sample_take_v(struct iml_sample *self, struct iml_evaluator *evaluator,
                                const iml_real *theta, const struct iml_batch *batch,
                                struct iml_error *error)
{
    struct iml_batch_result result;
    return iml_gradient(evaluator, theta, batch, NULL, self->v, &result, error);
}

enum iml_code iml_sample_take(struct iml_sample *self, struct iml_evaluator *evaluator,
                              const struct iml_knowledge *knowledge, const iml_real *theta,
                              const struct iml_batch *batch, const iml_real *u,
                              struct iml_error *error)
{
    const struct iml_curvature *curvature = NULL;
    struct iml_batch_result result;
    const enum iml_code code =
        iml_linearize(evaluator, theta, batch, knowledge ? knowledge->diagonal : NULL,
                      self->gradient, &result, &curvature, error);
    if (code != IML_OK) return code;
    curvature->apply(curvature, u, self->product);
    for (size_t i = 0; i < IML_SAMPLE_SOLVERS; i++) {
        struct iml_report report;
        if (self->solvers[i].warm_products) *self->solvers[i].warm_products = 0;
        iml_solver_solve(&self->solvers[i], curvature, self->v, self->q, &report);
        if (knowledge)
            iml_knowledge_pull(knowledge, theta, self->q, self->hypergradients[i]);
        else
            memcpy(self->hypergradients[i], self->q, self->size * sizeof *self->q);
    }
    if (!iml_curvature_is_cancelled(curvature)) return IML_OK;
    return iml_error_set(error, IML_ERROR_CANCELLED, "the check was cancelled");
}
