/* dense.h: dense symmetric matrices for the tests of solvers: with given eigenvalues or given
 * elements, applied as a curvature that counts its products, and solved by elimination. All
 * arithmetic of its own is in long double. A struct dense is too large for the stack. */
#ifndef IMLD_TESTS_DENSE_H
#define IMLD_TESTS_DENSE_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "imld/solver.h"

#define DENSE_MAX 64

struct dense {
    struct iml_curvature curvature; /* first: apply finds the matrix behind it */
    size_t n;
    double h[DENSE_MAX * DENSE_MAX];
    iml_real diagonal[DENSE_MAX]; /* D; see dense_add_diagonal */
    unsigned *products;           /* calls of apply */
    unsigned fault_at;            /* product after which `fault` happens; 0: never */
    enum { DENSE_CANCEL, DENSE_NOT_FINITE } fault;
    atomic_bool *cancel;
};

/* H with these elements (row-major). products is borrowed and set to 0. */
void dense_from_elements(struct dense *self, size_t n, const double *elements, unsigned *products);

/* H = Q diag(μ) Qᵀ with a random orthogonal Q (reflections; from seed). */
void dense_from_eigenvalues(struct dense *self, size_t n, const double *mu, uint32_t seed,
                            unsigned *products);

/* The spectra of MATH §7.3, SPECTRUM_SIZE eigenvalues each: 0.1 … 3.2; 1e-6 … 1; 0.1 … 3.2 but two
 * negative ones; the same but four zeros. Always the same Q. */
enum { SPECTRUM_SIZE = 40 };
enum spectrum { POSITIVE, ILL_CONDITIONED, INDEFINITE, SINGULAR, SPECTRA };
double spectrum_eigenvalue(enum spectrum spectrum, size_t i);
void dense_from_spectrum(struct dense *self, enum spectrum spectrum, unsigned *products);

/* H ← H + diag(d), and d becomes the curvature's diagonal. */
void dense_add_diagonal(struct dense *self, const double *d);

/* y = (H + δI)x */
void dense_multiply(const struct dense *self, double delta, const double *x, double *y);

/* x with Hx = b by elimination with pivoting; fails the test on a singular H. */
void dense_solve(size_t n, const double *h, const double *b, double *x);
/* x with (H + δI)x = b */
void dense_solve_damped(const struct dense *self, double delta, const double *b, double *x);

/* d from low to high in equal ratios, shuffled; SPECTRUM_SIZE elements. */
void spread_diagonal(double low, double high, double *d);

/* ‖v − (H + δI)q‖/‖v‖ */
double dense_residual(const struct dense *self, double delta, const iml_real *v, const iml_real *q);

/* The solver of that name with K terms, the rest default; fails the test if there is none. */
struct iml_solver_options options_of(const char *name, unsigned terms);

/* Plans, opens the arena and lays the solver out in it; and a solve by a solver of its own. */
void solver_open(struct iml_solver *solver, struct iml_arena *arena,
                 const struct iml_solver_options *options, size_t size);
struct iml_report solve_once(const struct iml_solver_options *options,
                             const struct iml_curvature *curvature, const iml_real *v, iml_real *q);

/* n unit normal numbers from (seed, probe). */
void random_vector(size_t n, uint32_t seed, iml_real *out);

void widen(size_t n, const iml_real *in, double *out);
void narrow(size_t n, const double *in, iml_real *out);

#endif
