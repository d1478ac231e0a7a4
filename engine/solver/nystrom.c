/* nystrom.c: H by r of its columns: q = (v − C(ρB + CᵀC)⁻¹Cᵀv)/ρ with C = H[:, S], B = C[S, :]
 * (MATH §4) [H]. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "engine/core/lapack.h"
#include "engine/core/vector.h"
#include "engine/solver/kinds.h"
#include "engine/solver/system.h"
#include "imld/random.h"

enum { UNIT, V };

static const double cut_off = 1e-10; /* of the largest |eigenvalue| of ρB + CᵀC */

static size_t rank_of(const struct iml_solver *self)
{
    return self->options.rank < self->size ? self->options.rank : self->size;
}

static enum iml_code nystrom_check(const struct iml_solver_options *options, size_t size,
                                   struct iml_error *error)
{
    if (options->rank == 0)
        return iml_error_set(error, IML_ERROR_ARGUMENT, "nystrom's rank is 0; it is at least 1");
    if (!(options->damping > 0))
        return iml_error_set(error, IML_ERROR_ARGUMENT,
                             "nystrom's damping is %g; it divides by it, so it is above 0",
                             options->damping);
    if (size > UINT32_MAX)
        return iml_error_set(error, IML_ERROR_LIMIT,
                             "nystrom draws from at most 2^32 - 1 parameters, not from %zu", size);
    return IML_OK;
}

static void nystrom_layout(struct iml_solver *self, struct iml_arena *arena)
{
    const size_t r = rank_of(self);
    self->vectors[UNIT] = iml_arena_take(arena, self->size, sizeof *self->vectors[UNIT]);
    self->vectors[V] = iml_arena_take(arena, self->size, sizeof *self->vectors[V]);
    self->basis = iml_basis_take(self, arena, r);
    self->matrix = iml_arena_take(arena, r, r * sizeof *self->matrix);
    self->small = iml_arena_take(arena, 3 * r, sizeof *self->small);
    self->work = iml_arena_take(arena, iml_lapack_work(r), sizeof *self->work);
    self->coordinates = iml_arena_take(arena, r, sizeof *self->coordinates);
}

static bool is_among(uint32_t coordinate, const uint32_t *coordinates, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (coordinates[i] == coordinate) return true;
    }
    return false;
}

/* r distinct coordinates, each set equally likely, with one word each (Floyd's method). */
static void draw(struct iml_solver *self, size_t r)
{
    const struct iml_stream stream = {
        .seed = self->seed, .purpose = IML_PURPOSE_COORDINATES, .pass = self->update};
    for (size_t i = 0; i < r; i++) {
        const uint32_t last = (uint32_t)(self->size - r + i);
        const uint32_t drawn = iml_word_below(iml_stream_word(&stream, i), last + 1);
        self->coordinates[i] = is_among(drawn, self->coordinates, i) ? last : drawn;
    }
}

/* C's columns, as rows of the basis: one product each. */
static bool take_columns(struct iml_solver *self, const struct iml_system *system, size_t r)
{
    const size_t n = self->size;
    iml_real *unit = self->vectors[UNIT];
    memset(unit, 0, n * sizeof *unit);
    for (size_t i = 0; i < r; i++) {
        const uint32_t at = self->coordinates[i];
        iml_real *column = self->basis + i * n;
        assert(at < n);
        unit[at] = 1;
        if (!iml_system_apply(system, unit, column)) return false;
        unit[at] = 0;
        if (!isfinite(iml_norm_squared(n, column))) {
            system->report->end = IML_END_NOT_FINITE;
            return false;
        }
    }
    return true;
}

/* ρB + CᵀC, B symmetrized: a curvature's rounding is not symmetric. */
static void fill_matrix(struct iml_solver *self, size_t r)
{
    const size_t n = self->size;
    for (size_t i = 0; i < r; i++) {
        const iml_real *c_i = self->basis + i * n;
        for (size_t j = 0; j <= i; j++) {
            const iml_real *c_j = self->basis + j * n;
            const double b =
                ((double)c_i[self->coordinates[j]] + (double)c_j[self->coordinates[i]]) / 2;
            const double element = self->options.damping * b + iml_dot(n, c_i, c_j);
            self->matrix[i * r + j] = self->matrix[j * r + i] = element;
        }
    }
}

/* y ← (ρB + CᵀC)⁺b, eigenvalues below the cut-off left out. false: LAPACK found none. */
static bool solve_small(struct iml_solver *self, size_t r, const double *b, double *y)
{
    double *values = self->small + 2 * r;
    if (iml_lapack_eigenvectors(r, self->matrix, values, self->work) != 0) return false;
    const double largest = fmax(fabs(values[0]), fabs(values[r - 1]));
    memset(y, 0, r * sizeof *y);
    for (size_t k = 0; k < r; k++) {
        const double *eigenvector = self->matrix + k * r;
        if (!(fabs(values[k]) > cut_off * largest)) continue;
        double dot = 0;
        for (size_t i = 0; i < r; i++) dot += eigenvector[i] * b[i];
        for (size_t i = 0; i < r; i++) y[i] += dot / values[k] * eigenvector[i];
    }
    return true;
}

/* q = (v − Cy)/ρ, each element in double: for small ρ the difference is small. */
static void combine(const struct iml_solver *self, size_t r, const iml_real *v, const double *y,
                    double scale, iml_real *q)
{
    const size_t n = self->size;
    for (size_t j = 0; j < n; j++) {
        double sum = (double)v[j];
        for (size_t i = 0; i < r; i++) sum -= y[i] * (double)self->basis[i * n + j];
        q[j] = (iml_real)(sum / self->options.damping);
    }
    iml_scale(n, 1 / scale, q);
}

static void nystrom_solve(struct iml_solver *self, const struct iml_curvature *curvature,
                          const iml_real *v, iml_real *q, struct iml_report *report)
{
    const size_t n = self->size, r = rank_of(self);
    const struct iml_system system = {curvature, 0, report}; /* ρ is in the formula, not in C */
    double *b = self->small, *y = self->small + r;
    if (self->options.coordinates)
        memcpy(self->coordinates, self->options.coordinates, r * sizeof *self->coordinates);
    else
        draw(self, r);
    if (!take_columns(self, &system, r)) return;
    fill_matrix(self, r);
    const double scale = iml_scale_of_norm(self->v_norm);
    iml_scaled_copy(n, scale, v, self->vectors[V]);
    for (size_t i = 0; i < r; i++) b[i] = iml_dot(n, self->basis + i * n, self->vectors[V]);
    if (!solve_small(self, r, b, y)) {
        report->end = IML_END_NOT_FINITE;
        return;
    }
    combine(self, r, self->vectors[V], y, scale, q);
}

const struct iml_solver_kind iml_nystrom = {
    .name = "nystrom",
    .check = nystrom_check,
    .layout = nystrom_layout,
    .solve = nystrom_solve,
};
