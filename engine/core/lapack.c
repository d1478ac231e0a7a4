/* lapack.c: LAPACK by its Fortran names; see lapack.h. */
#include "engine/core/lapack.h"

#include <assert.h>
#include <cblas.h>
#include <limits.h>
#include <pthread.h>

enum { BLOCK_COLUMNS = 64 }; /* ilaenv's largest block size among these routines: dsytrf's */

/* Fortran passes the lengths of texts behind all other arguments. */
/* NOLINTBEGIN(readability-identifier-naming,readability-function-size): LAPACK's own names */
extern void dsysv_(const char *uplo, const int *n, const int *nrhs, double *a, const int *lda,
                   int *ipiv, double *b, const int *ldb, double *work, const int *lwork, int *info,
                   size_t uplo_length);
extern void dsyevd_(const char *jobz, const char *uplo, const int *n, double *a, const int *lda,
                    double *w, double *work, const int *lwork, int *iwork, const int *liwork,
                    int *info, size_t jobz_length, size_t uplo_length);
extern void dsyev_(const char *jobz, const char *uplo, const int *n, double *a, const int *lda,
                   double *w, double *work, const int *lwork, int *info, size_t jobz_length,
                   size_t uplo_length);
extern void dstev_(const char *jobz, const int *n, double *d, double *e, double *z, const int *ldz,
                   double *work, int *info, size_t jobz_length);
/* NOLINTEND(readability-identifier-naming,readability-function-size) */

/* The BLAS below LAPACK would start threads of its own beside the run's team (gemm_blas.c makes the
 * same setting for its products). */
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void prepare(void)
{
    openblas_set_num_threads(1);
}

static int order_of(size_t n)
{
    (void)pthread_once(&once, prepare);
    assert(n > 0 && n <= INT_MAX / BLOCK_COLUMNS - 1);
    return (int)n;
}

size_t iml_lapack_work(size_t n)
{
    return BLOCK_COLUMNS * (n + 1);
}

int iml_lapack_solve_upper(size_t n, double *a, int *pivots, double *b, double *work)
{
    const int order = order_of(n), one = 1, count = (int)iml_lapack_work(n);
    int info = 0;
    dsysv_("U", &order, &one, a, &order, pivots, b, &order, work, &count, &info, 1);
    assert(info >= 0);
    return info;
}

int iml_lapack_eigenvalues_lower(size_t n, double *a, double *values, double *work)
{
    const int order = order_of(n), one = 1, count = (int)iml_lapack_work(n);
    int info = 0, integers = 0; /* without eigenvectors one integer of work is enough */
    dsyevd_("N", "L", &order, a, &order, values, work, &count, &integers, &one, &info, 1, 1);
    assert(info >= 0);
    return info;
}

int iml_lapack_eigenvectors(size_t n, double *a, double *values, double *work)
{
    const int order = order_of(n), count = (int)iml_lapack_work(n);
    int info = 0;
    dsyev_("V", "L", &order, a, &order, values, work, &count, &info, 1, 1);
    assert(info >= 0);
    return info;
}

int iml_lapack_tridiagonal(size_t n, double *d, double *e, double *z, double *work)
{
    const int order = order_of(n);
    int info = 0;
    dstev_("V", &order, d, e, z, &order, work, &info, 1);
    assert(info >= 0);
    return info;
}
