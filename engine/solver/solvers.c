/* solvers.c: the table of solvers, and what all of them share: memory, state, the empty report. */
#include "imld/solver.h"

#include <assert.h>
#include <math.h>
#include <string.h>
#include <time.h>

#include "engine/core/chunks.h"
#include "engine/core/vector.h"
#include "engine/solver/kinds.h"
#include "engine/solver/power.h"

const struct iml_solver_kind *const iml_solver_kinds[] = {
    &iml_identity, &iml_neumann, &iml_cg, &iml_minres, &iml_nystrom, &iml_exact, &iml_auto, NULL,
};

const struct iml_solver_kind *iml_solver_kind_find(const char *name)
{
    for (const struct iml_solver_kind *const *kind = iml_solver_kinds; *kind; kind++) {
        if (strcmp((*kind)->name, name) == 0) return *kind;
    }
    return NULL;
}

const char *iml_end_name(enum iml_end end)
{
    static const char *const names[] = {
        [IML_END_TERMS] = "terms",
        [IML_END_TARGET] = "target_residual",
        [IML_END_NEGATIVE_CURVATURE] = "negative_curvature",
        [IML_END_NOT_FINITE] = "not_finite",
        [IML_END_CANCELLED] = "cancelled",
    };
    assert((size_t)end < sizeof names / sizeof *names);
    return names[end];
}

enum iml_code iml_solver_check(const struct iml_solver_options *options, size_t size,
                               struct iml_error *error)
{
    return options->kind->check ? options->kind->check(options, size, error) : IML_OK;
}

void iml_solver_layout(struct iml_solver *self, const struct iml_solver_options *options,
                       size_t size, struct iml_arena *arena)
{
    assert(options->kind && options->damping >= 0 && options->step_size >= 0);
    assert(iml_solver_check(options, size, NULL) == IML_OK);
    const size_t before = arena->plan.total_bytes;
    *self = (struct iml_solver){.options = *options, .size = size};
    options->kind->layout(self, arena);
    self->bytes = arena->plan.total_bytes - before;
}

void iml_solver_draw(struct iml_solver *self, uint32_t seed, uint32_t update)
{
    self->seed = seed;
    self->update = update;
}

enum iml_code iml_solver_register(const struct iml_solver *self, const struct iml_net *net,
                                  struct iml_registry *registry, struct iml_error *error)
{
    return iml_power_register(self, net, registry, error);
}

static double seconds_now(void)
{
    const double nanoseconds = 1e-9;
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + nanoseconds * (double)now.tv_nsec;
}

struct start {
    const iml_real *v;
    iml_real *q;
};

/* q = 0; ‖v‖² of the chunk. */
static double start_chunk(void *context, size_t first, size_t count)
{
    const struct start *start = context;
    memset(start->q + first, 0, count * sizeof *start->q);
    return iml_norm_squared(count, start->v + first);
}

static void solve(struct iml_solver *self, const struct iml_curvature *curvature, const iml_real *v,
                  iml_real *q, struct iml_report *report)
{
    struct start start = {.v = v, .q = q};
    const double v_squared = iml_in_chunks(curvature->team, self->size, start_chunk, &start);
    self->v_norm = sqrt(v_squared);
    if (!isfinite(v_squared)) {
        report->end = IML_END_NOT_FINITE;
        return;
    }
    if (v_squared == 0) { /* q = 0 is exact, and there is no direction to start from */
        report->residual = 0;
        report->residual_kind = IML_RESIDUAL_EXACT;
        report->end = IML_END_TARGET;
        return;
    }
    self->options.kind->solve(self, curvature, v, q, report);
}

void iml_solver_solve(struct iml_solver *self, const struct iml_curvature *curvature,
                      const iml_real *v, iml_real *q, struct iml_report *report)
{
    assert(curvature->size == self->size && q != v);
    const double began = seconds_now();
    *report = (struct iml_report){.residual = nan(""),
                                  .smallest_curvature = nan(""),
                                  .step_size = nan(""),
                                  .largest_curvature = nan(""),
                                  .smallest_eigenvalue = nan(""),
                                  .largest_eigenvalue = nan(""),
                                  .condition = nan(""),
                                  .bytes = self->bytes,
                                  .end = IML_END_TERMS};
    solve(self, curvature, v, q, report);
    report->seconds = seconds_now() - began;
}
