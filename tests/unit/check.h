/* check.h: what our unit tests add to cmocka 1.1.5: its headers in their order, and closeness of
 * numbers with both printed. */
#ifndef IMLD_TESTS_CHECK_H
#define IMLD_TESTS_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Fails unless |a − b| ≤ tolerance · max(|a|, |b|) (or a = b). */
#define check_close(a, b, tolerance) check_close_at((a), (b), (tolerance), #a, __FILE__, __LINE__)
void check_close_at(double a, double b, double tolerance, const char *what, const char *file,
                    int line);

/* ‖a − b‖ / max(‖a‖, ‖b‖, tiny): MATH §7's relative error. */
double relative_error(size_t n, const double *a, const double *b);

/* Fails unless relative_error ≤ tolerance. */
#define check_vectors_close(n, a, b, tolerance)                                                    \
    check_vectors_close_at((n), (a), (b), (tolerance), #a, __FILE__, __LINE__)
void check_vectors_close_at(size_t n, const double *a, const double *b, double tolerance,
                            const char *what, const char *file, int line);

#endif
