/* gate.c: the gate of a run: its options, the facts that the trainer alone knows, what it keeps
 * (MATH §5.6). */
#include <math.h>
#include <string.h>

#include "engine/trainer/run.h"

bool iml_run_has_gate(const struct iml_trainer *self)
{
    const struct iml_meta_options *meta = &self->options.meta;
    return meta->on_failure != IML_ON_FAILURE_USE || meta->residual_below.is_asked ||
           meta->cosine_above.is_asked || meta->norm_below.is_asked;
}

static double bound(const struct iml_bound *bound)
{
    return bound->is_asked ? bound->value : nan("");
}

/* cg ends before its answer could be anything else; with G so does every solver that converges. */
static bool promises_positive(const struct iml_meta_options *meta)
{
    return meta->curvature_kind == IML_CURVATURE_GAUSS_NEWTON ||
           meta->solver.kind == iml_solver_kind_find("cg");
}

struct iml_gate_verdict iml_run_judge(struct iml_trainer *self, struct iml_gate_facts *facts)
{
    const struct iml_meta_options *meta = &self->options.meta;
    const struct iml_gate_options options = {.on_failure = meta->on_failure,
                                             .residual_below = bound(&meta->residual_below),
                                             .cosine_above = bound(&meta->cosine_above),
                                             .norm_below = bound(&meta->norm_below)};
    facts->promises_positive = promises_positive(meta);
    facts->cosine = nan("");
    if (self->previous && facts->is_finite) {
        const size_t size = self->knowledge.size;
        facts->cosine = iml_cosine(size, self->hypergradient, self->previous);
        memcpy(self->previous, self->hypergradient, size * sizeof *self->previous);
    }
    return iml_gate_judge(&options, &self->state->gate, facts);
}
