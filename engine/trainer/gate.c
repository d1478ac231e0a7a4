/* gate.c: the gate of a run: its options, the facts that the trainer alone knows, what it keeps
 * (MATH §5.6). */
#include <assert.h>
#include <math.h>
#include <stdio.h>
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

const char *iml_note_kind_name(enum iml_note_kind kind)
{
    static const char *const names[] = {[IML_NOTE_WARNING] = "warning",
                                        [IML_NOTE_ESTIMATE_FAILED] = "estimate_failed",
                                        [IML_NOTE_SMALL_WEIGHTS] = "small_weights"};
    return names[kind];
}

struct iml_note *iml_run_add_note(struct iml_trainer *self, enum iml_note_kind kind,
                                  const char *mend)
{
    assert(self->note_count < IML_NOTES_MAX);
    struct iml_note *note = &self->notes[self->note_count++];
    *note = (struct iml_note){.kind = kind, .mend = mend};
    return note;
}

/* The number that a failure is about; NaN: none, since what is not finite may be any of several. */
static double number_of(enum iml_failure failure, const struct iml_gate_facts *facts)
{
    const double numbers[] = {
        [IML_FAILURE_NONE] = nan(""),           [IML_FAILURE_NOT_FINITE] = nan(""),
        [IML_FAILURE_NOT_POSITIVE] = facts->vq, [IML_FAILURE_RESIDUAL] = facts->residual,
        [IML_FAILURE_COSINE] = facts->cosine,   [IML_FAILURE_NORM] = facts->norm,
    };
    return numbers[failure];
}

/* A weight has no coefficient e^λ that grows without bound, and no clamp. */
static const char *mend_stalled(const struct iml_trainer *self)
{
    if (self->options.meta.knowledge.kind->weighs)
        return "what failed may fail for ever, since a skipped update changes nothing: take "
               "meta.solver.step_size \"auto\", the solver \"auto\", a larger "
               "meta.curvature.batch, or wider bounds in meta.gate";
    return "what failed may fail for ever, since a skipped update changes nothing: take "
           "meta.solver.precondition \"l2\" or step_size \"auto\", the solver \"auto\", or "
           "bound the coefficients by meta.knowledge.clamp";
}

/* What is to be done about the first failure. */
static const char *mend_failed(enum iml_failure failure)
{
    if (failure == IML_FAILURE_NOT_FINITE)
        return "a series diverged, or the matrix of solver exact is singular: take "
               "meta.solver.step_size \"auto\", or meta.solver.damping above 0; the rows "
               "meta/failed and meta/skipped tell of each later failure; this event comes once, "
               "without a gate once in each attempt";
    return "the rows meta/failed and meta/skipped tell of each later failure; this event comes "
           "once, without a gate once in each attempt";
}

/* The first failure of a run, and the skip after which λ may be locked. */
static void tell_events(struct iml_trainer *self, const struct iml_gate_verdict *verdict,
                        const struct iml_gate_facts *facts)
{
    static const char *const actions[] = {[IML_ON_FAILURE_USE] = "it was used",
                                          [IML_ON_FAILURE_IDENTITY] = "q = v was taken",
                                          [IML_ON_FAILURE_SKIP] = "λ stayed as it was"};
    const unsigned long long update = self->state->update + 1;
    if (verdict->is_first) {
        struct iml_note *note =
            iml_run_add_note(self, IML_NOTE_ESTIMATE_FAILED, mend_failed(verdict->failure));
        char number[32] = "";
        const double value = number_of(verdict->failure, facts);
        if (!isnan(value)) (void)snprintf(number, sizeof number, " (%g)", value);
        (void)snprintf(note->what, sizeof note->what,
                       "the estimate of update %llu failed, %s%s: %s", update,
                       iml_failure_name(verdict->failure), number, actions[verdict->action]);
    }
    if (verdict->is_stalled) {
        struct iml_note *note = iml_run_add_note(self, IML_NOTE_WARNING, mend_stalled(self));
        (void)snprintf(
            note->what, sizeof note->what,
            "%llu updates in a row were skipped, the last one update %llu: λ stands still",
            (unsigned long long)self->state->gate.skipped_in_a_row, update);
    }
}

struct iml_gate_verdict iml_run_judge(struct iml_trainer *self, struct iml_gate_facts *facts)
{
    const struct iml_meta_options *meta = &self->options.meta;
    const struct iml_gate_options options = {.on_failure = meta->on_failure,
                                             .residual_below = bound(&meta->residual_below),
                                             .cosine_above = bound(&meta->cosine_above),
                                             .norm_below = bound(&meta->norm_below),
                                             .stalled_after = meta->stalled_after};
    facts->promises_positive = promises_positive(meta);
    facts->cosine = nan("");
    if (facts->is_finite) {
        const size_t size = self->knowledge.size;
        facts->cosine = iml_cosine(size, self->hypergradient, self->previous);
        memcpy(self->previous, self->hypergradient, size * sizeof *self->previous);
    }
    const struct iml_gate_verdict verdict = iml_gate_judge(&options, &self->state->gate, facts);
    tell_events(self, &verdict, facts);
    return verdict;
}
