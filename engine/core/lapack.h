/* lapack.h: the few LAPACK routines that the engine needs, from OpenBLAS. Everything is in double
 * in every build, column-major, and computed by the caller's thread alone. Nothing is allocated; a
 * call can't be cancelled. All return 0, or LAPACK's info (> 0: exactly singular, or no
 * convergence). Sizes are ≤ INT_MAX. */
#ifndef IMLD_ENGINE_CORE_LAPACK_H
#define IMLD_ENGINE_CORE_LAPACK_H

#include <stddef.h>

/* Doubles of `work` for an n × n matrix: enough for LAPACK's blocked forms (32 and 64 columns). */
size_t iml_lapack_work(size_t n);

/* b ← A⁻¹b by dsysv. Reads and overwrites the upper triangle of A with its diagonal alone: the
 * strict lower triangle stays as it is. pivots: n. */
int iml_lapack_solve_upper(size_t n, double *a, int *pivots, double *b, double *work);

/* values ← the eigenvalues of A, ascending, by dsyevd. Reads and overwrites the lower triangle of A
 * with its diagonal alone. */
int iml_lapack_eigenvalues_lower(size_t n, double *a, double *values, double *work);

/* values ← the eigenvalues of A, ascending, and A ← its eigenvectors as columns, by dsyev. */
int iml_lapack_eigenvectors(size_t n, double *a, double *values, double *work);

/* The same of the symmetric tridiagonal matrix with diagonal d (n; becomes the eigenvalues,
 * ascending) and off-diagonal e (n − 1; overwritten), by dstev. z: n × n; work: 2n. */
int iml_lapack_tridiagonal(size_t n, double *d, double *e, double *z, double *work);

#endif
