/* system.c: counted products with H_δ, the preconditioner M, the scale of v; see system.h. */
#include "engine/solver/system.h"

#include <float.h>
#include <math.h>

#include "base/size.h"
#include "engine/core/clones.h"
#include "engine/core/vector.h"

#ifdef IML_REAL_DOUBLE
enum { FINITE_EXPONENT = DBL_MAX_EXP };
static const double rounding = DBL_EPSILON;
#else
enum { FINITE_EXPONENT = FLT_MAX_EXP };
static const double rounding = (double)FLT_EPSILON;
#endif

/* Counts a product that was taken. false: it was cancelled. */
static bool is_done(const struct iml_system *system)
{
    system->report->products++;
    if (!iml_curvature_is_cancelled(system->curvature)) return true;
    system->report->end = IML_END_CANCELLED;
    return false;
}

static bool apply(const struct iml_system *system, const iml_real *u, iml_real *hu)
{
    system->curvature->apply(system->curvature, u, hu);
    return is_done(system);
}

bool iml_system_consume(const struct iml_system *system, const iml_real *u,
                        const struct iml_consumer *consumer, double *sum)
{
    *sum = system->curvature->consume(system->curvature, u, NULL, consumer);
    return is_done(system);
}

bool iml_system_apply(const struct iml_system *system, const iml_real *u, iml_real *hu)
{
    if (!apply(system, u, hu)) return false;
    if (system->damping != 0) iml_axpy(system->curvature->size, system->damping, u, hu);
    return true;
}

IML_CLONES static void take_diagonal_out(size_t n, const iml_real *d, const iml_real *u,
                                         iml_real *au)
{
    for (size_t j = 0; j < n; j++) {
        const double own = (double)d[j] * (double)u[j];
        const double rest = (double)au[j] - own;
        au[j] = (iml_real)(fabs(rest) <= 2 * rounding * fabs(own) ? 0 : rest);
    }
}

bool iml_system_apply_data(const struct iml_system *system, const iml_real *u, iml_real *au)
{
    const iml_real *d = system->curvature->diagonal;
    if (!apply(system, u, au)) return false;
    if (d) take_diagonal_out(system->curvature->size, d, u, au);
    return true;
}

/* to = 1/(shift + d) */
IML_CLONES static void invert(size_t n, double shift, const iml_real *d, iml_real *to)
{
    for (size_t j = 0; j < n; j++) to[j] = (iml_real)(1 / (shift + (d ? (double)d[j] : 0)));
}

struct iml_inverse iml_system_precondition(const struct iml_system *system, double step_size,
                                           iml_real *to)
{
    const size_t size = system->curvature->size;
    const double shift = 1 / step_size + system->damping;
    invert(size, shift, system->curvature->diagonal, to);
    return (struct iml_inverse){.vector = to, .size = size};
}

IML_CLONES void iml_inverse_apply(const struct iml_inverse *inverse, const iml_real *x,
                                  iml_real *out)
{
    const iml_real scalar = (iml_real)inverse->scalar;
    const iml_real *m = inverse->vector;
    for (size_t j = 0; j < inverse->size; j++) out[j] = (m ? m[j] : scalar) * x[j];
}

IML_CLONES void iml_inverse_xpby(const struct iml_inverse *inverse, const iml_real *x, double b,
                                 iml_real *out)
{
    const iml_real by = (iml_real)b, scalar = (iml_real)inverse->scalar;
    const iml_real *m = inverse->vector;
    for (size_t j = 0; j < inverse->size; j++) out[j] = (m ? m[j] : scalar) * x[j] + by * out[j];
}

double iml_inverse_dot(const struct iml_inverse *inverse, const iml_real *a, const iml_real *b)
{
    const iml_real *m = inverse->vector;
    if (!m) return inverse->scalar * iml_dot(inverse->size, a, b);
    return iml_dot_weighted(inverse->size, m, a, b);
}

struct iml_inverse iml_inverse_part(const struct iml_inverse *inverse, size_t first, size_t count)
{
    struct iml_inverse part = {.scalar = inverse->scalar, .size = count};
    if (inverse->vector) part.vector = inverse->vector + first;
    return part;
}

size_t iml_basis_rows(const struct iml_solver *self)
{
    if (!self->options.reorthogonalize) return 0;
    return self->options.terms < self->size ? self->options.terms : self->size;
}

iml_real *iml_basis_take(const struct iml_solver *self, struct iml_arena *arena, size_t rows)
{
    size_t row_bytes = 0; /* where it does not fit, the arena's own check fails as well */
    (void)iml_size_multiply(self->size, sizeof *self->basis, &row_bytes);
    return rows > 0 ? iml_arena_take(arena, rows, row_bytes) : NULL;
}

double iml_scale_of_norm(double norm)
{
    int exponent = 0;
    (void)frexp(norm, &exponent);
    const int most = FINITE_EXPONENT - 8; /* s and 1/s fit an iml_real also for denormal v */
    return ldexp(1, -(exponent < -most ? -most : exponent > most ? most : exponent));
}
