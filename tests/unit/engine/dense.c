/* dense.c: dense symmetric matrices for the tests of solvers; see dense.h. */
#include "dense.h"

#include <math.h>
#include <string.h>

#include "../check.h"
#include "imld/random.h"

/* out = (H − diag(d))u; d NULL: 0 */
static void multiply(const struct dense *self, const iml_real *d, const iml_real *u, iml_real *out)
{
    for (size_t i = 0; i < self->n; i++) {
        long double sum = d ? -(long double)d[i] * (long double)u[i] : 0;
        for (size_t j = 0; j < self->n; j++)
            sum += (long double)self->h[i * self->n + j] * (long double)u[j];
        out[i] = (iml_real)sum;
    }
    ++*self->products;
    if (self->fault_at == 0 || *self->products < self->fault_at) return;
    if (self->fault == DENSE_CANCEL)
        atomic_store(self->cancel, true);
    else
        out[0] = (iml_real)nan("");
}

static void dense_apply(const struct iml_curvature *curvature, const iml_real *u, iml_real *hu)
{
    multiply((const struct dense *)curvature, NULL, u, hu);
}

/* In two parts. */
static double dense_consume(const struct iml_curvature *curvature, const iml_real *u, iml_real *au,
                            const struct iml_consumer *consumer)
{
    const struct dense *self = (const struct dense *)curvature;
    const size_t half = self->n / 2;
    iml_real own[DENSE_MAX];
    if (!au) au = own;
    multiply(self, curvature->diagonal, u, au);
    const double sum = half > 0 ? consumer->take(consumer->context, 0, half, au) : 0;
    return sum + consumer->take(consumer->context, half, self->n - half, au + half);
}

void dense_from_elements(struct dense *self, size_t n, const double *elements, unsigned *products)
{
    assert_true(n <= DENSE_MAX);
    memset(self, 0, sizeof *self);
    self->curvature =
        (struct iml_curvature){.size = n, .apply = dense_apply, .consume = dense_consume};
    self->n = n;
    memcpy(self->h, elements, n * n * sizeof *elements);
    self->products = products;
    *products = 0;
}

/* H ← (I − 2wwᵀ) H (I − 2wwᵀ), w of norm 1 */
static void reflect(size_t n, const double *w, long double *h)
{
    for (int side = 0; side < 2; side++) {
        for (size_t i = 0; i < n; i++) {
            long double *row = side ? h + i : h + i * n;
            const size_t stride = side ? n : 1;
            long double dot = 0;
            for (size_t j = 0; j < n; j++) dot += row[j * stride] * (long double)w[j];
            for (size_t j = 0; j < n; j++) row[j * stride] -= 2 * dot * (long double)w[j];
        }
    }
}

void dense_from_eigenvalues(struct dense *self, size_t n, const double *mu, uint32_t seed,
                            unsigned *products)
{
    static long double h[DENSE_MAX * DENSE_MAX];
    static double elements[DENSE_MAX * DENSE_MAX];
    memset(h, 0, sizeof h);
    for (size_t i = 0; i < n; i++) h[i * n + i] = (long double)mu[i];
    for (uint32_t reflection = 0; reflection < 6; reflection++) {
        iml_real w[DENSE_MAX];
        double unit[DENSE_MAX];
        double norm = 0;
        random_vector(n, seed * 16 + reflection, w);
        for (size_t i = 0; i < n; i++) norm += (double)w[i] * (double)w[i];
        for (size_t i = 0; i < n; i++) unit[i] = (double)w[i] / sqrt(norm);
        reflect(n, unit, h);
    }
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < n; j++)
            elements[i * n + j] = (double)((h[i * n + j] + h[j * n + i]) / 2);
    }
    dense_from_elements(self, n, elements, products);
}

double spectrum_eigenvalue(enum spectrum spectrum, size_t i)
{
    const double share = (double)i / (SPECTRUM_SIZE - 1);
    const double even = 0.1 + 3.1 * share;
    const double values[SPECTRA] = {
        [POSITIVE] = even,
        [ILL_CONDITIONED] = pow(10, -6 + 6 * share),
        [INDEFINITE] = i < 2 ? -0.3 + 0.1 * (double)i : even, /* 5 % negative */
        [SINGULAR] = i < 4 ? 0 : even,
    };
    return values[spectrum];
}

void dense_from_spectrum(struct dense *self, enum spectrum spectrum, unsigned *products)
{
    double mu[SPECTRUM_SIZE];
    for (size_t i = 0; i < SPECTRUM_SIZE; i++) mu[i] = spectrum_eigenvalue(spectrum, i);
    dense_from_eigenvalues(self, SPECTRUM_SIZE, mu, 3, products);
}

void dense_add_diagonal(struct dense *self, const double *d)
{
    for (size_t j = 0; j < self->n; j++) {
        self->diagonal[j] = (iml_real)d[j];
        self->h[j * self->n + j] += (double)self->diagonal[j];
    }
    self->curvature.diagonal = self->diagonal;
}

void spread_diagonal(double low, double high, double *d)
{
    for (size_t j = 0; j < SPECTRUM_SIZE; j++) /* 17 is coprime to 40: the values are shuffled */
        d[j] = low * pow(high / low, (double)(j * 17 % SPECTRUM_SIZE) / (SPECTRUM_SIZE - 1));
}

void dense_multiply(const struct dense *self, double delta, const double *x, double *y)
{
    for (size_t i = 0; i < self->n; i++) {
        long double sum = (long double)delta * (long double)x[i];
        for (size_t j = 0; j < self->n; j++)
            sum += (long double)self->h[i * self->n + j] * (long double)x[j];
        y[i] = (double)sum;
    }
}

static void eliminate(size_t n, long double *a, long double *b, size_t k)
{
    size_t pivot = k;
    for (size_t i = k + 1; i < n; i++) {
        if (fabsl(a[i * n + k]) > fabsl(a[pivot * n + k])) pivot = i;
    }
    assert_true(fabsl(a[pivot * n + k]) > 0);
    for (size_t j = 0; j < n; j++) {
        const long double swap = a[k * n + j];
        a[k * n + j] = a[pivot * n + j];
        a[pivot * n + j] = swap;
    }
    const long double swap = b[k];
    b[k] = b[pivot];
    b[pivot] = swap;
    for (size_t i = k + 1; i < n; i++) {
        const long double factor = a[i * n + k] / a[k * n + k];
        for (size_t j = k; j < n; j++) a[i * n + j] -= factor * a[k * n + j];
        b[i] -= factor * b[k];
    }
}

void dense_solve(size_t n, const double *h, const double *b, double *x)
{
    static long double a[DENSE_MAX * DENSE_MAX];
    long double y[DENSE_MAX];
    for (size_t i = 0; i < n * n; i++) a[i] = (long double)h[i];
    for (size_t i = 0; i < n; i++) y[i] = (long double)b[i];
    for (size_t k = 0; k < n; k++) eliminate(n, a, y, k);
    for (size_t i = n; i-- > 0;) {
        for (size_t j = i + 1; j < n; j++) y[i] -= a[i * n + j] * y[j];
        y[i] /= a[i * n + i];
        x[i] = (double)y[i];
    }
}

void dense_solve_damped(const struct dense *self, double delta, const double *b, double *x)
{
    static double damped[DENSE_MAX * DENSE_MAX];
    memcpy(damped, self->h, sizeof damped);
    for (size_t j = 0; j < self->n; j++) damped[j * self->n + j] += delta;
    dense_solve(self->n, damped, b, x);
}

double dense_residual(const struct dense *self, double delta, const iml_real *v, const iml_real *q)
{
    double wide[DENSE_MAX] = {0}, hq[DENSE_MAX];
    double r_squared = 0, v_squared = 0;
    widen(self->n, q, wide);
    dense_multiply(self, delta, wide, hq);
    for (size_t i = 0; i < self->n; i++) {
        const double r = (double)v[i] - hq[i];
        r_squared += r * r;
        v_squared += (double)v[i] * (double)v[i];
    }
    return sqrt(r_squared / v_squared);
}

struct iml_solver_options options_of(const char *name, unsigned terms)
{
    const struct iml_solver_kind *kind = iml_solver_kind_find(name);
    assert_non_null(kind);
    return (struct iml_solver_options){.kind = kind, .terms = terms};
}

void solver_open(struct iml_solver *solver, struct iml_arena *arena,
                 const struct iml_solver_options *options, size_t size)
{
    struct iml_error error = {0};
    struct iml_arena plan;
    iml_arena_measure(&plan);
    iml_solver_layout(solver, options, size, &plan);
    assert_int_equal(iml_arena_open(arena, &plan.plan, &error), IML_OK);
    iml_solver_layout(solver, options, size, arena);
    assert_int_equal(arena->plan.total_bytes, plan.plan.total_bytes);
}

struct iml_report solve_once(const struct iml_solver_options *options,
                             const struct iml_curvature *curvature, const iml_real *v, iml_real *q)
{
    struct iml_solver solver;
    struct iml_arena arena;
    struct iml_report report;
    solver_open(&solver, &arena, options, curvature->size);
    iml_solver_solve(&solver, curvature, v, q, &report);
    iml_arena_close(&arena);
    return report;
}

void random_vector(size_t n, uint32_t seed, iml_real *out)
{
    const struct iml_stream stream = {.seed = seed, .purpose = IML_PURPOSE_PROBE};
    iml_stream_normal(&stream, 1, n, out);
}

void widen(size_t n, const iml_real *in, double *out)
{
    for (size_t i = 0; i < n; i++) out[i] = (double)in[i];
}

void narrow(size_t n, const double *in, iml_real *out)
{
    for (size_t i = 0; i < n; i++) out[i] = (iml_real)in[i];
}
