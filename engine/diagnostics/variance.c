/* variance.c: how much estimates differ from batch to batch and from update to update (MATH §5.3).
 */
#include <assert.h>
#include <math.h>

#include "engine/core/vector.h"
#include "imld/diagnostics.h"

double iml_cosine(size_t n, const iml_real *a, const iml_real *b)
{
    const double norms = sqrt(iml_norm_squared(n, a)) * sqrt(iml_norm_squared(n, b));
    return isfinite(norms) && norms > 0 ? iml_dot(n, a, b) / norms : nan("");
}

static double distance_squared(size_t n, const iml_real *a, const iml_real *b)
{
    double sum = 0;
    for (size_t j = 0; j < n; j++) {
        const double d = (double)a[j] - (double)b[j];
        sum += d * d;
    }
    return sum;
}

struct iml_spread iml_spread_of(size_t n, size_t count, const iml_real *vectors)
{
    /* Σ‖gⱼ − ḡ‖² = (1/r) Σ_{i<j} ‖gᵢ − gⱼ‖² needs no memory for ḡ and cancels nothing */
    double distances = 0, dots = 0, cosines = 0;
    if (count < 2) return (struct iml_spread){nan(""), nan("")};
    for (size_t i = 0; i < count; i++) {
        const iml_real *g_i = vectors + i * n;
        dots += iml_norm_squared(n, g_i);
        for (size_t j = i + 1; j < count; j++) {
            const iml_real *g_j = vectors + j * n;
            distances += distance_squared(n, g_i, g_j);
            dots += 2 * iml_dot(n, g_i, g_j);
            cosines += iml_cosine(n, g_i, g_j);
        }
    }
    const double r = (double)count, mean_squared = dots / (r * r); /* ‖ḡ‖² */
    return (struct iml_spread){.relative_variance = distances / r / ((r - 1) * mean_squared),
                               .mean_cosine = cosines / (r * (r - 1) / 2)};
}

void iml_recent_add(struct iml_recent *self, double value)
{
    self->values[self->seen % IML_RECENT_MAX] = value;
    self->seen++;
}

static size_t held(const struct iml_recent *self)
{
    return self->seen < IML_RECENT_MAX ? (size_t)self->seen : IML_RECENT_MAX;
}

double iml_recent_median(const struct iml_recent *self)
{
    double sorted[IML_RECENT_MAX];
    const size_t n = held(self);
    if (n == 0) return nan("");
    for (size_t i = 0; i < n; i++) {
        size_t at = i;
        for (; at > 0 && sorted[at - 1] > self->values[i]; at--) sorted[at] = sorted[at - 1];
        sorted[at] = self->values[i];
    }
    return n % 2 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
}

double iml_recent_relative_variance(const struct iml_recent *self, size_t count)
{
    const size_t n = held(self) < count ? held(self) : count;
    double mean = 0, squares = 0;
    assert(count <= IML_RECENT_MAX);
    if (n < 2) return nan("");
    for (size_t i = 1; i <= n; i++) mean += self->values[(self->seen - i) % IML_RECENT_MAX];
    mean /= (double)n;
    for (size_t i = 1; i <= n; i++) {
        const double d = self->values[(self->seen - i) % IML_RECENT_MAX] - mean;
        squares += d * d;
    }
    return squares / (double)(n - 1) / (mean * mean);
}
