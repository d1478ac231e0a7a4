/* deviation.c: how much the last evaluations scatter; see deviation.h. */
#include "daemon/deviation.h"

#include <math.h>

enum { EVALUATIONS = 10 };

bool imld_deviation(const struct imld_history *history, int64_t step, double *deviation)
{
    const struct imld_series *series = imld_history_find(history, "validation/accuracy");
    const size_t count = imld_series_until(series, step);
    const size_t n = count < EVALUATIONS ? count : EVALUATIONS;
    if (n < 2) return false;
    const float *values = series->values + (count - n);
    double mean = 0;
    double squares = 0;
    for (size_t i = 0; i < n; i++) mean += (double)values[i] / (double)n;
    for (size_t i = 0; i < n; i++)
        squares += ((double)values[i] - mean) * ((double)values[i] - mean);
    *deviation = sqrt(squares / (double)(n - 1));
    return isfinite(*deviation);
}
