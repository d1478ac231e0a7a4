/* gate.c: whether an estimate may move λ (MATH §5.6). It judges before the optimizer on λ sees the
 * value: one burst stays in RMSprop's second moment for thousands of updates. */
#include <assert.h>
#include <math.h>

#include "imld/diagnostics.h"

enum { STALLED_AFTER = 10, NORMS_NEEDED = 5 };

const char *iml_failure_name(enum iml_failure failure)
{
    static const char *const names[] = {
        [IML_FAILURE_NONE] = "none",
        [IML_FAILURE_NOT_FINITE] = "not_finite",
        [IML_FAILURE_NOT_POSITIVE] = "not_positive",
        [IML_FAILURE_RESIDUAL] = "residual",
        [IML_FAILURE_COSINE] = "cosine",
        [IML_FAILURE_NORM] = "norm",
    };
    assert((size_t)failure < sizeof names / sizeof *names);
    return names[failure];
}

struct iml_gate_options iml_gate_none(void)
{
    return (struct iml_gate_options){
        .residual_below = nan(""), .cosine_above = nan(""), .norm_below = nan("")};
}

/* Comparisons with NaN are false: an unset bound, and a fact that is not known, fail nothing. */
static enum iml_failure find_failure(const struct iml_gate_options *options,
                                     const struct iml_recent *norms,
                                     const struct iml_gate_facts *facts)
{
    if (!facts->is_finite) return IML_FAILURE_NOT_FINITE;
    if (facts->promises_positive && facts->vq <= 0) return IML_FAILURE_NOT_POSITIVE;
    if (facts->residual >= options->residual_below) return IML_FAILURE_RESIDUAL;
    if (facts->cosine <= options->cosine_above) return IML_FAILURE_COSINE;
    if (norms->seen >= NORMS_NEEDED &&
        facts->norm >= options->norm_below * iml_recent_median(norms))
        return IML_FAILURE_NORM;
    return IML_FAILURE_NONE;
}

static enum iml_on_failure find_action(const struct iml_gate_options *options,
                                       enum iml_failure failure)
{
    if (failure == IML_FAILURE_NONE) return IML_ON_FAILURE_USE;
    if (failure == IML_FAILURE_NOT_FINITE && options->on_failure == IML_ON_FAILURE_USE)
        return IML_ON_FAILURE_SKIP;
    return options->on_failure;
}

struct iml_gate_verdict iml_gate_judge(const struct iml_gate_options *options,
                                       struct iml_gate_state *state,
                                       const struct iml_gate_facts *facts)
{
    const uint64_t stalled_after =
        options->stalled_after > 0 ? options->stalled_after : STALLED_AFTER;
    struct iml_gate_verdict verdict = {.failure = find_failure(options, &state->norms, facts)};
    verdict.action = find_action(options, verdict.failure);
    if (verdict.failure != IML_FAILURE_NONE) {
        verdict.is_first = state->failures == 0;
        state->failures++;
    }
    state->skipped_in_a_row =
        verdict.action == IML_ON_FAILURE_SKIP ? state->skipped_in_a_row + 1 : 0;
    verdict.is_stalled = state->skipped_in_a_row == stalled_after;
    if (facts->is_finite && isfinite(facts->norm)) iml_recent_add(&state->norms, facts->norm);
    return verdict;
}
