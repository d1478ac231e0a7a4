/* check.c: closeness of numbers, with both printed; see check.h. */
#include "check.h"

#include <float.h>
#include <math.h>

void check_close_at(double a, double b, double tolerance, const char *what, const char *file,
                    int line)
{
    const double scale = fmax(fabs(a), fabs(b));
    if (a == b || fabs(a - b) <= tolerance * scale) return;
    print_error("%s: %.17g against %.17g, relative error %.3g above %.3g\n", what, a, b,
                fabs(a - b) / scale, tolerance);
    _fail(file, line);
}

double relative_error(size_t n, const double *a, const double *b)
{
    double difference = 0, norm_a = 0, norm_b = 0;
    for (size_t i = 0; i < n; i++) {
        difference += (a[i] - b[i]) * (a[i] - b[i]);
        norm_a += a[i] * a[i];
        norm_b += b[i] * b[i];
    }
    return sqrt(difference) / fmax(fmax(sqrt(norm_a), sqrt(norm_b)), DBL_MIN);
}

void check_vectors_close_at(size_t n, const double *a, const double *b, double tolerance,
                            const char *what, const char *file, int line)
{
    const double error = relative_error(n, a, b);
    if (error <= tolerance) return;
    print_error("%s: relative error %.3g above %.3g\n", what, error, tolerance);
    _fail(file, line);
}
