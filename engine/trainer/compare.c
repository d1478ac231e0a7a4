/* compare.c: solvers beside each other at a job's θ and λ, on the same batches (MATH §5.4, §5.7).
 * The first step is the reference, each further one a solver; the evaluation at the end makes the
 * report.
 */
#include "engine/trainer/compare.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/core/arena_reset.h"
#include "engine/core/vector.h"

static const char reference_name[] = "reference";

/* The place of the estimate that a step makes. */
static size_t estimate_of(const struct iml_compare *compare, uint64_t step)
{
    return step == 0 ? compare->count - 1 : (size_t)step - 1;
}

double *iml_compare_column(const struct iml_compare *compare, enum iml_compare_column column)
{
    return compare->table + (size_t)column * compare->count;
}

static iml_real *q_of(const struct iml_trainer *self, size_t estimate)
{
    return self->compare->q + estimate * iml_net_parameters(self->net);
}

void iml_compare_pull(const struct iml_trainer *self, size_t estimate, iml_real *out)
{
    iml_knowledge_pull(&self->knowledge, self->theta, q_of(self, estimate), out);
}

/* ---- memory and state ---- */

/* exact where it fits, else minres (MATH §5.4). */
static struct iml_solver_options reference_of(const struct iml_trainer *self)
{
    const struct iml_compare_options *options = &self->options.compare;
    if (iml_net_parameters(self->net) <= options->max_parameters)
        return (struct iml_solver_options){.kind = iml_solver_kind_find("exact"),
                                           .max_parameters = options->max_parameters,
                                           .skips_eigenvalues = true};
    return (struct iml_solver_options){.kind = iml_solver_kind_find("minres"),
                                       .terms = options->max_products,
                                       .target_residual = options->target_residual};
}

static enum iml_code check_solvers(const struct iml_trainer *self, struct iml_error *error)
{
    const struct iml_compare *compare = self->compare;
    for (size_t i = 0; i < compare->count; i++) {
        const enum iml_code code =
            iml_solver_check(&compare->options[i], iml_net_parameters(self->net), error);
        if (code == IML_OK) continue;
        if (i + 1 < compare->count)
            iml_error_where(error, "/compare/solvers/%zu", i);
        else
            iml_error_where(error, "/compare/reference");
        return code;
    }
    return IML_OK;
}

/* One solver works at a time, so the most that one takes is enough for all. */
static void lay_out_solvers(struct iml_trainer *self)
{
    struct iml_compare *compare = self->compare;
    for (size_t i = 0; i < compare->count; i++) {
        struct iml_solver unused;
        struct iml_arena arena;
        iml_arena_measure(&arena);
        iml_arena_part(&arena, "solver");
        iml_solver_layout(&unused, &compare->options[i], iml_net_parameters(self->net), &arena);
        if (arena.plan.overflow) self->work.plan.overflow = true;
        if (arena.plan.total_bytes > compare->memory_bytes)
            compare->memory_bytes = arena.plan.total_bytes;
    }
    iml_arena_part(&self->work, "solver");
    compare->memory = iml_arena_take(&self->work, compare->memory_bytes, 1);
}

static enum iml_code compare_layout(struct iml_trainer *self, struct iml_error *error)
{
    struct iml_compare *compare = self->compare = calloc(1, sizeof *self->compare);
    if (!compare) return iml_error_set(error, IML_ERROR_MEMORY, "can't allocate a report");
    const struct iml_compare_options *options = &self->options.compare;
    const size_t parameters = iml_net_parameters(self->net);
    struct iml_arena *arena = &self->work;
    compare->count = options->count + 1;
    for (size_t i = 0; i < options->count; i++) {
        compare->options[i] = options->solvers[i].solver;
        compare->options[i].skips_eigenvalues = true; /* the report has no place for them */
        compare->names[i] = options->solvers[i].name;
    }
    compare->names[options->count] = reference_name;
    compare->options[options->count] = reference_of(self);
    const enum iml_code code = check_solvers(self, error);
    if (code != IML_OK) return code;
    lay_out_solvers(self);
    iml_arena_part(arena, "compare");
    compare->g = iml_arena_take(arena, self->knowledge.size, sizeof *compare->g);
    compare->other = iml_arena_take(arena, self->knowledge.size, sizeof *compare->other);
    compare->q = iml_arena_take(arena, parameters, compare->count * sizeof *compare->q);
    compare->table =
        iml_arena_take(arena, IML_COMPARE_COLUMNS * compare->count, sizeof *compare->table);
    return IML_OK;
}

static void compare_free(struct iml_trainer *self)
{
    free(self->compare);
    self->compare = NULL;
}

static enum iml_code compare_register(struct iml_trainer *self, struct iml_error *error)
{
    const struct iml_compare *compare = self->compare;
    const struct iml_item q = {.name = "state/compare/q",
                               .type = IML_ITEM_REAL,
                               .rank = 2,
                               .shape = {compare->count, iml_net_parameters(self->net)},
                               .data = compare->q};
    const struct iml_item table = {.name = "state/compare/table",
                                   .type = IML_ITEM_F64,
                                   .rank = 2,
                                   .shape = {IML_COMPARE_COLUMNS, compare->count},
                                   .data = compare->table};
    const enum iml_code code = iml_registry_add(&self->registry, &q, error);
    return code == IML_OK ? iml_registry_add(&self->registry, &table, error) : code;
}

static enum iml_code compare_check(const struct iml_trainer *self, struct iml_error *error)
{
    const struct iml_compare_options *options = &self->options.compare;
    assert(options->count <= IML_COMPARED_MAX);
    if (!self->options.meta.knowledge.kind) {
        const enum iml_code code = iml_error_set(
            error, IML_ERROR_ARGUMENT, "estimates are compared by their dL_V/dλ: there is no λ");
        iml_error_where(error, "/knowledge/kind");
        iml_error_mend(error, "start from an iml job's checkpoint");
        return code;
    }
    return iml_point_check(self, "/compare", error);
}

/* ---- one estimate ---- */

static enum iml_code cancelled(struct iml_error *error)
{
    return iml_error_set(error, IML_ERROR_CANCELLED, "the comparison was cancelled");
}

/* The solver of that estimate, in the one memory, as a run that has just opened has it. */
static void open_solver(const struct iml_trainer *self, size_t estimate, struct iml_solver *solver)
{
    const struct iml_compare *compare = self->compare;
    struct iml_arena arena = {.base = compare->memory, .capacity_bytes = compare->memory_bytes};
    iml_arena_part(&arena, "solver");
    iml_arena_reset(&arena, 0);
    iml_solver_layout(solver, &compare->options[estimate], iml_net_parameters(self->net), &arena);
    iml_solver_draw(solver, self->options.seed, 0);
}

static enum iml_code measure(struct iml_trainer *self, size_t estimate,
                             const struct iml_curvature *curvature, const struct iml_report *report,
                             struct iml_error *error)
{
    const struct iml_compare *compare = self->compare;
    const size_t n = iml_net_parameters(self->net);
    const iml_real *q = q_of(self, estimate);
    const struct iml_residuals residuals =
        iml_residuals_measure(curvature, 0, 1, self->v, q, self->q);
    if (residuals.end == IML_END_CANCELLED) return cancelled(error);
    iml_compare_pull(self, estimate, compare->g);
    const double values[IML_COMPARE_COLUMNS] = {
        [IML_COMPARE_RESIDUAL] = residuals.plain,
        [IML_COMPARE_RESIDUAL_REPORTED] = report->residual,
        [IML_COMPARE_Q_NORM] = sqrt(iml_norm_squared(n, q)),
        [IML_COMPARE_VQ] = iml_dot(n, self->v, q),
        [IML_COMPARE_PRODUCTS] = report->products,
        [IML_COMPARE_SECONDS] = report->seconds,
        [IML_COMPARE_BYTES] = (double)report->bytes,
        [IML_COMPARE_STEP_SIZE] = report->step_size,
        [IML_COMPARE_HYPERGRADIENT_NORM] = sqrt(iml_norm_squared(self->knowledge.size, compare->g)),
        [IML_COMPARE_END] = report->end,
    };
    for (unsigned c = 0; c < IML_COMPARE_COLUMNS; c++)
        iml_compare_column(compare, (enum iml_compare_column)c)[estimate] = values[c];
    return IML_OK;
}

/* ‖a − b‖/‖b‖ */
static double relative_error(size_t n, const iml_real *a, const iml_real *b)
{
    double sum = 0;
    for (size_t j = 0; j < n; j++) {
        const double d = (double)a[j] - (double)b[j];
        sum += d * d;
    }
    return sqrt(sum / iml_norm_squared(n, b));
}

/* Beside the reference, whose q is there: it came first. g holds the estimate's hypergradient. */
static void set_beside_reference(const struct iml_trainer *self, size_t estimate)
{
    const struct iml_compare *compare = self->compare;
    const size_t n = iml_net_parameters(self->net), m = self->knowledge.size;
    const size_t reference = compare->count - 1;
    const iml_real *q = q_of(self, estimate), *exact = q_of(self, reference);
    iml_compare_pull(self, reference, compare->other);
    const double values[] = {iml_cosine(m, compare->g, compare->other),
                             relative_error(m, compare->g, compare->other), iml_cosine(n, q, exact),
                             relative_error(n, q, exact)};
    for (unsigned i = 0; i < sizeof values / sizeof values[0]; i++)
        iml_compare_column(compare, (enum iml_compare_column)(IML_COMPARE_COSINE + i))[estimate] =
            values[i];
}

static void tell(const struct iml_trainer *self, size_t estimate, struct iml_rows *rows)
{
    static const struct {
        enum iml_metric metric;
        enum iml_compare_column column;
    } told[] = {
        {IML_METRIC_COMPARE_RESIDUAL, IML_COMPARE_RESIDUAL},
        {IML_METRIC_COMPARE_Q_NORM, IML_COMPARE_Q_NORM},
        {IML_METRIC_COMPARE_VQ, IML_COMPARE_VQ},
        {IML_METRIC_COMPARE_PRODUCTS, IML_COMPARE_PRODUCTS},
        {IML_METRIC_COMPARE_SECONDS, IML_COMPARE_SECONDS},
        {IML_METRIC_COMPARE_COSINE, IML_COMPARE_COSINE},
        {IML_METRIC_COMPARE_RELATIVE_ERROR, IML_COMPARE_RELATIVE_ERROR},
    };
    for (size_t i = 0; i < sizeof told / sizeof told[0]; i++)
        iml_rows_add(rows, told[i].metric,
                     iml_compare_column(self->compare, told[i].column)[estimate]);
}

static enum iml_code compare_step(struct iml_trainer *self, struct iml_rows *rows,
                                  struct iml_error *error)
{
    const size_t estimate = estimate_of(self->compare, self->state->step);
    const struct iml_curvature *curvature = NULL;
    enum iml_code code = iml_point_v(self, error);
    if (code == IML_OK) code = iml_point_linearize(self, &curvature, error);
    if (code != IML_OK) return code;
    struct iml_solver solver;
    struct iml_report report;
    open_solver(self, estimate, &solver);
    iml_solver_solve(&solver, curvature, self->v, q_of(self, estimate), &report);
    if (report.end == IML_END_CANCELLED || iml_curvature_is_cancelled(curvature))
        return cancelled(error);
    code = measure(self, estimate, curvature, &report, error);
    if (code != IML_OK) return code;
    set_beside_reference(self, estimate);
    self->state->step++;
    tell(self, estimate, rows);
    if (self->state->step == self->compare->count) self->state->is_evaluation_due = 1;
    return IML_OK;
}

static bool compare_is_finished(const struct iml_trainer *self)
{
    return self->state->step >= self->options.compare.count + 1;
}

static uint64_t compare_steps_of(const struct iml_trainer *self)
{
    return self->options.compare.count + 1;
}

static void compare_evaluate(struct iml_trainer *self, struct iml_rows *rows)
{
    const struct iml_compare *compare = self->compare;
    const size_t best = iml_compare_best(compare);
    iml_rows_add(rows, IML_METRIC_COMPARE_REFERENCE_RESIDUAL,
                 iml_compare_column(compare, IML_COMPARE_RESIDUAL)[compare->count - 1]);
    iml_rows_add(rows, IML_METRIC_COMPARE_BEST_COSINE,
                 best < compare->count ? iml_compare_column(compare, IML_COMPARE_COSINE)[best]
                                       : nan(""));
    iml_compare_report(self);
}

static const struct iml_trainer_methods methods = {
    .is_report = true,
    .step = compare_step,
    .is_finished = compare_is_finished,
    .steps_of = compare_steps_of,
    .check = compare_check,
    .layout = compare_layout,
    .free = compare_free,
    .register_items = compare_register,
    .evaluate = compare_evaluate,
};

const struct iml_trainer_kind iml_compare = {.name = "compare", .methods = &methods};
