/* lanczos.c: T = VᵀHV by m products from a vector, with full reorthogonalization, and T's
 * eigenvalues (MATH §5.1, §5.2). */
#include "engine/diagnostics/lanczos.h"

#include <math.h>
#include <string.h>

#include "base/size.h"
#include "engine/core/lapack.h"
#include "engine/core/vector.h"

static const double exhausted = 1e-12; /* β/‖T‖ below which the Krylov space is at its end */

void iml_lanczos_layout(struct iml_lanczos *self, unsigned steps, size_t size,
                        struct iml_arena *arena)
{
    const size_t m = steps < size ? steps : size;
    size_t row_bytes = 0; /* where it does not fit, the arena's own check fails as well */
    *self = (struct iml_lanczos){.size = size, .steps = (unsigned)m};
    (void)iml_size_multiply(size, sizeof *self->basis, &row_bytes);
    self->basis = iml_arena_take(arena, m, row_bytes);
    self->next = iml_arena_take(arena, size, sizeof *self->next);
    self->alpha = iml_arena_take(arena, m, sizeof *self->alpha);
    self->beta = iml_arena_take(arena, m, sizeof *self->beta);
    self->values = iml_arena_take(arena, m, sizeof *self->values);
    self->firsts = iml_arena_take(arena, m, sizeof *self->firsts);
    self->scratch = iml_arena_take(arena, m + 3, m * sizeof *self->scratch);
}

enum {
    BLOCK = 1024
}; /* elements of every vector that a pass works on at once: all of V's fit L2 */

/* In one pass over V: next ← next − Σ cᵢvᵢ, where `before` is given, then after ← Vᵀnext, where
 * asked for. */
static void project(const struct iml_lanczos *self, unsigned count, const double *before,
                    double *after)
{
    for (unsigned i = 0; after && i < count; i++) after[i] = 0;
    for (size_t at = 0; at < self->size; at += BLOCK) {
        const size_t n = self->size - at < BLOCK ? self->size - at : BLOCK;
        iml_real *next = self->next + at;
        for (unsigned i = 0; before && i < count; i++)
            iml_axpy(n, -before[i], self->basis + i * self->size + at, next);
        for (unsigned i = 0; after && i < count; i++)
            after[i] += iml_dot(n, self->basis + i * self->size + at, next);
    }
}

/* Makes `next` orthogonal to the first k + 1 vectors by Gram–Schmidt, twice: that is enough.
 * Returns vₖ·next as it was. Three passes over V; one vector at a time takes five times the memory
 * traffic. */
static double orthogonalize(struct iml_lanczos *self, unsigned k)
{
    double *first = self->scratch, *second = first + k + 1;
    project(self, k + 1, NULL, first);
    project(self, k + 1, first, second);
    project(self, k + 1, second, NULL);
    return first[k];
}

/* α and β of step k, and vector k + 1 in `next`, not yet of norm 1. false: `end` says why. */
static bool step(struct iml_lanczos *self, const struct iml_curvature *curvature, unsigned k)
{
    const iml_real *v = self->basis + k * self->size;
    curvature->apply(curvature, v, self->next);
    self->products++;
    if (iml_curvature_is_cancelled(curvature)) {
        self->end = IML_END_CANCELLED;
        return false;
    }
    self->alpha[k] = orthogonalize(self, k);
    self->beta[k] = sqrt(iml_norm_squared(self->size, self->next));
    if (isfinite(self->alpha[k]) && isfinite(self->beta[k])) return true;
    self->end = IML_END_NOT_FINITE;
    return false;
}

/* Eigenvalues of T and the squares of its eigenvectors' first components. */
static void find_eigenvalues(struct iml_lanczos *self)
{
    const size_t m = self->reached;
    double *vectors = self->scratch, *off = vectors + m * m, *work = off + m;
    if (m == 0) return;
    memcpy(self->values, self->alpha, m * sizeof *self->values);
    memcpy(off, self->beta, m * sizeof *off);
    if (iml_lapack_tridiagonal(m, self->values, off, vectors, work) != 0) {
        self->end = IML_END_NOT_FINITE;
        return;
    }
    for (size_t i = 0; i < m; i++) self->firsts[i] = vectors[i * m] * vectors[i * m];
}

void iml_lanczos_run(struct iml_lanczos *self, const struct iml_curvature *curvature,
                     double damping, const iml_real *v)
{
    const size_t n = self->size;
    double t_norm = 0, norm = sqrt(iml_norm_squared(n, v));
    self->reached = self->products = 0;
    self->is_complete = false;
    self->end = IML_END_TERMS;
    memcpy(self->next, v, n * sizeof *v);
    for (unsigned k = 0; k < self->steps && !self->is_complete; k++) {
        iml_real *v_k = self->basis + k * n;
        for (size_t j = 0; j < n; j++) v_k[j] = (iml_real)((double)self->next[j] / norm);
        if (!step(self, curvature, k)) break;
        norm = self->beta[k];
        t_norm = fmax(t_norm, fabs(self->alpha[k]) + norm + (k > 0 ? self->beta[k - 1] : 0));
        self->reached = k + 1;
        self->is_complete = norm <= exhausted * t_norm || self->reached == n;
    }
    if (self->is_complete) self->beta[self->reached - 1] = 0; /* rounding, or a vector too many */
    for (unsigned k = 0; k < self->reached; k++) self->alpha[k] += damping;
    find_eigenvalues(self);
}
