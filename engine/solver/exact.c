/* exact.c: H by P products, in double, and q by LAPACK (MATH §4); for small nets, as the reference
 * that other estimates are compared with. */
#include <math.h>
#include <string.h>

#include "base/size.h"
#include "engine/core/lapack.h"
#include "engine/core/vector.h"
#include "engine/solver/kinds.h"
#include "engine/solver/system.h"

enum { UNIT, COLUMN, DEFAULT_MAX_PARAMETERS = 16384 };

/* The strict lower triangle of `matrix` keeps H, while LAPACK works in the upper one: P² numbers
 * serve both the solution and the eigenvalues. */
static void exact_layout(struct iml_solver *self, struct iml_arena *arena)
{
    const size_t n = self->size;
    size_t column_bytes = 0; /* where it does not fit, the arena's own check fails as well */
    (void)iml_size_multiply(n, sizeof *self->matrix, &column_bytes);
    self->vectors[UNIT] = iml_arena_take(arena, n, sizeof *self->vectors[UNIT]);
    self->vectors[COLUMN] = iml_arena_take(arena, n, sizeof *self->vectors[COLUMN]);
    self->matrix = iml_arena_take(arena, n, column_bytes);
    self->small = iml_arena_take(arena, 2, column_bytes); /* H's diagonal; v, q, then μ */
    self->work = iml_arena_take(arena, iml_lapack_work(n), sizeof *self->work);
    self->pivots = iml_arena_take(arena, n, sizeof *self->pivots);
}

static enum iml_code exact_check(const struct iml_solver_options *options, size_t size,
                                 struct iml_error *error)
{
    const size_t most =
        options->max_parameters > 0 ? options->max_parameters : DEFAULT_MAX_PARAMETERS;
    if (size <= most) return IML_OK;
    struct iml_solver unused = {.options = *options, .size = size};
    struct iml_arena arena;
    iml_arena_measure(&arena);
    exact_layout(&unused, &arena);
    const enum iml_code code =
        arena.plan.overflow
            ? iml_error_set(error, IML_ERROR_LIMIT,
                            "the exact solver is limited to %zu parameters; the net has %zu, for "
                            "which the bytes don't fit a size_t",
                            most, size)
            : iml_error_set(error, IML_ERROR_LIMIT,
                            "the exact solver is limited to %zu parameters; the net has %zu, for "
                            "which it would take %zu bytes",
                            most, size, arena.plan.total_bytes);
    iml_error_mend(error, "take a smaller net, another solver, or raise max_parameters");
    return code;
}

/* H_δ into both triangles of the matrix and its diagonal also into `diagonal`. */
static bool take_matrix(struct iml_solver *self, const struct iml_system *system, double *diagonal)
{
    const size_t n = self->size;
    double *h = self->matrix;
    iml_real *unit = self->vectors[UNIT], *column = self->vectors[COLUMN];
    memset(unit, 0, n * sizeof *unit);
    for (size_t j = 0; j < n; j++) {
        unit[j] = 1;
        if (!iml_system_apply(system, unit, column)) return false;
        unit[j] = 0;
        if (!isfinite(iml_norm_squared(n, column))) {
            system->report->end = IML_END_NOT_FINITE;
            return false;
        }
        for (size_t i = 0; i < n; i++) h[i + j * n] = (double)column[i];
    }
    for (size_t j = 0; j < n; j++) { /* a curvature's rounding is not symmetric */
        h[j + j * n] += self->options.damping;
        diagonal[j] = h[j + j * n];
        for (size_t i = j + 1; i < n; i++)
            h[i + j * n] = h[j + i * n] = (h[i + j * n] + h[j + i * n]) / 2;
    }
    return true;
}

/* ‖v − H_δq‖² from the lower triangle and the diagonal; r is overwritten. No product. */
static double residual_squared(const struct iml_solver *self, const double *diagonal,
                               const iml_real *v, const iml_real *q, double *r)
{
    const size_t n = self->size;
    double sum = 0;
    for (size_t j = 0; j < n; j++) r[j] = (double)v[j] - diagonal[j] * (double)q[j];
    for (size_t j = 0; j < n; j++) {
        const double *below = self->matrix + j * n;
        for (size_t i = j + 1; i < n; i++) {
            r[i] -= below[i] * (double)q[j];
            r[j] -= below[i] * (double)q[i];
        }
        sum += r[j] * r[j];
    }
    return sum;
}

/* Smallest and largest eigenvalue, condition number. The matrix is gone afterwards. */
static void find_eigenvalues(struct iml_solver *self, const double *diagonal, double *values,
                             struct iml_report *report)
{
    const size_t n = self->size;
    for (size_t j = 0; j < n; j++) self->matrix[j + j * n] = diagonal[j];
    if (iml_lapack_eigenvalues_lower(n, self->matrix, values, self->work) != 0) return;
    double nearest = HUGE_VAL;
    for (size_t j = 0; j < n; j++) nearest = fmin(nearest, fabs(values[j]));
    report->smallest_eigenvalue = values[0];
    report->largest_eigenvalue = values[n - 1];
    report->condition = fmax(fabs(values[0]), fabs(values[n - 1])) / nearest;
}

static void exact_solve(struct iml_solver *self, const struct iml_curvature *curvature,
                        const iml_real *v, iml_real *q, struct iml_report *report)
{
    const size_t n = self->size;
    const struct iml_system system = {curvature, 0, report};
    double *diagonal = self->small, *x = self->small + n;
    if (!take_matrix(self, &system, diagonal)) return;
    const double scale = iml_scale_of_norm(self->v_norm);
    iml_real *scaled = self->vectors[COLUMN];
    iml_scaled_copy(n, scale, v, scaled);
    for (size_t j = 0; j < n; j++) x[j] = (double)scaled[j];
    if (iml_lapack_solve_upper(n, self->matrix, self->pivots, x, self->work) != 0) {
        report->end = IML_END_NOT_FINITE; /* exactly singular: H⁻¹v does not exist */
    } else {
        for (size_t j = 0; j < n; j++) q[j] = (iml_real)x[j];
        report->residual =
            sqrt(residual_squared(self, diagonal, scaled, q, x) / iml_norm_squared(n, scaled));
        report->residual_kind = IML_RESIDUAL_EXACT;
        iml_scale(n, 1 / scale, q);
    }
    if (!self->options.skips_eigenvalues) find_eigenvalues(self, diagonal, x, report);
}

const struct iml_solver_kind iml_exact = {
    .name = "exact",
    .check = exact_check,
    .layout = exact_layout,
    .solve = exact_solve,
};
