/* residuals.c: how far q is from solving the system, plainly and on the scale of M (MATH §5.6). */
#include <math.h>

#include "engine/core/vector.h"
#include "engine/solver/power.h"
#include "imld/diagnostics.h"
#include "imld/random.h"

double iml_data_curvature(const struct iml_curvature *curvature, unsigned products, iml_real *u,
                          iml_real *work)
{
    const struct iml_stream stream = {.seed = 0, .purpose = IML_PURPOSE_PROBE};
    struct iml_report report = {0};
    const struct iml_system system = {.curvature = curvature, .report = &report};
    iml_stream_normal(&stream, 1, curvature->size, u);
    iml_scale(curvature->size, 1 / sqrt(iml_norm_squared(curvature->size, u)), u);
    return iml_power_iterate(&system, IML_PART_DATA, products, u, work);
}

double iml_residual_scaled(size_t n, const iml_real *diagonal, double damping, double mu,
                           const iml_real *v, const iml_real *r)
{
    double r_squared = 0, v_squared = 0;
    for (size_t j = 0; j < n; j++) {
        const double m = mu + damping + (diagonal ? (double)diagonal[j] : 0);
        r_squared += (double)r[j] * (double)r[j] / m;
        v_squared += (double)v[j] * (double)v[j] / m;
    }
    return sqrt(r_squared / v_squared);
}

struct iml_residuals iml_residuals_measure(const struct iml_curvature *curvature, double damping,
                                           double mu, const iml_real *v, const iml_real *q,
                                           iml_real *r)
{
    const size_t n = curvature->size;
    struct iml_residuals residuals = {nan(""), nan(""), 1, IML_END_TERMS};
    curvature->apply(curvature, q, r);
    if (iml_curvature_is_cancelled(curvature)) {
        residuals.end = IML_END_CANCELLED;
        return residuals;
    }
    for (size_t j = 0; j < n; j++)
        r[j] = (iml_real)((double)v[j] - (double)r[j] - damping * (double)q[j]);
    const double r_squared = iml_norm_squared(n, r);
    if (!isfinite(r_squared)) {
        residuals.end = IML_END_NOT_FINITE;
        return residuals;
    }
    residuals.plain = sqrt(r_squared / iml_norm_squared(n, v));
    residuals.scaled = iml_residual_scaled(n, curvature->diagonal, damping, mu, v, r);
    return residuals;
}
