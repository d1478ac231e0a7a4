/* loss_check.c: losses against central differences and each other; see layer_check.h. */
#include <math.h>

#include "../check.h"
#include "layer_check.h"
#include "layer_subject.h"

static const double step = 1e-5; /* of central differences; the second one is twice as long */

enum { OUTPUTS_MAX = 11 };

/* ℓ at z + h·direction, and z̄ there. */
static double loss_at(const struct iml_loss_kind *kind, struct iml_loss_row row, double h,
                      const iml_real *direction, iml_real *z_bar)
{
    iml_real z[OUTPUTS_MAX], kept[OUTPUTS_MAX];
    for (size_t c = 0; c < row.outputs; c++) z[c] = row.z[c] + (iml_real)h * direction[c];
    row.z = z;
    row.kept = kept;
    row.scale += h * row.scale_dot;
    const double loss = kind->value(&row);
    if (z_bar) kind->backward(&row, z_bar);
    return loss;
}

static double loss_slope(const struct iml_loss_kind *kind, const struct iml_loss_row *row, double h,
                         const iml_real *direction)
{
    return (loss_at(kind, *row, h, direction, NULL) - loss_at(kind, *row, -h, direction, NULL)) /
           (2 * h);
}

/* The slopes along each coordinate and along z_dot (n + 1 numbers), and the derivative of z̄. */
static void loss_differences(const struct iml_loss_kind *kind, const struct iml_loss_row *row,
                             double h, const iml_real *z_dot, double *slopes, double *bar_dots)
{
    const size_t n = row->outputs;
    iml_real after[OUTPUTS_MAX], before[OUTPUTS_MAX];
    for (size_t c = 0; c < n; c++) {
        iml_real unit[OUTPUTS_MAX] = {0};
        unit[c] = 1;
        slopes[c] = row->scale * loss_slope(kind, row, h, unit);
    }
    slopes[n] = loss_slope(kind, row, h, z_dot);
    (void)loss_at(kind, *row, h, z_dot, after);
    (void)loss_at(kind, *row, -h, z_dot, before);
    for (size_t c = 0; c < n; c++) bar_dots[c] = ((double)after[c] - (double)before[c]) / (2 * h);
}

/* A distribution from numbers in (−1, 1). */
static void make_distribution(size_t n, const iml_real *numbers, iml_real *targets)
{
    double sum = 0;
    for (size_t c = 0; c < n; c++) sum += 1.1 + (double)numbers[c];
    for (size_t c = 0; c < n; c++) targets[c] = (iml_real)((1.1 + (double)numbers[c]) / sum);
}

struct kernel_errors check_loss(const struct iml_loss_kind *kind, size_t outputs, bool has_label,
                                uint32_t seed)
{
    assert_true(outputs <= OUTPUTS_MAX);
    struct point drawn;
    draw_point(&drawn, seed, 2);
    iml_real targets[OUTPUTS_MAX], kept[OUTPUTS_MAX];
    make_distribution(outputs, drawn.y_bar, targets);
    for (size_t c = 0; c < outputs; c++) drawn.x[c] *= 3;
    const iml_real *z_dot = drawn.theta;
    const struct iml_loss_row row = {.outputs = outputs,
                                     .z = drawn.x,
                                     .targets = has_label ? NULL : targets,
                                     .label = (uint32_t)(outputs - 1),
                                     .scale = 0.7 / 5,
                                     .scale_dot = 0.31,
                                     .kept = kept};
    (void)kind->value(&row);
    iml_real z_bar[OUTPUTS_MAX], z_bar_dot[OUTPUTS_MAX];
    kind->backward(&row, z_bar);
    kind->tangent_backward(&row, z_dot, z_bar_dot);
    const double tangent = kind->tangent(&row, z_dot);

    double near[OUTPUTS_MAX + 1], far[OUTPUTS_MAX + 1], near_dots[OUTPUTS_MAX];
    double far_dots[OUTPUTS_MAX], bars[OUTPUTS_MAX], bar_dots[OUTPUTS_MAX];
    loss_differences(kind, &row, step, z_dot, near, near_dots);
    loss_differences(kind, &row, 2 * step, z_dot, far, far_dots);
    for (size_t c = 0; c < outputs; c++) {
        bars[c] = (double)z_bar[c];
        bar_dots[c] = (double)z_bar_dot[c];
    }
    const double size = row.scale * sqrt(inner_product(outputs, z_dot, z_dot));
    return (struct kernel_errors){
        .agreement = fmax(relative_error(outputs + 1, near, far),
                          relative_error(outputs, near_dots, far_dots)),
        .tangent = relative_error(1, &tangent, &near[outputs]),
        .backward = relative_error(outputs, bars, near),
        .adjoint = fabs(inner_product(outputs, z_bar, z_dot) - row.scale * tangent) / size,
        .tangent_backward = relative_error(outputs, bar_dots, near_dots),
    };
}
