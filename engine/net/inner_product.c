/* inner_product.c: ℓ = t·z: a net as a part of a larger function, t that function's derivative in z
 * (MATH §3.4: the confidence network). */
#include "engine/net/loss.h"

static double inner_product_value(const struct iml_loss_row *row)
{
    double sum = 0;
    for (size_t c = 0; c < row->outputs; c++) sum += iml_loss_target(row, c) * (double)row->z[c];
    return sum;
}

static void inner_product_backward(const struct iml_loss_row *row, iml_real *z_bar)
{
    for (size_t c = 0; c < row->outputs; c++)
        z_bar[c] = (iml_real)(row->scale * iml_loss_target(row, c));
}

static double inner_product_tangent(const struct iml_loss_row *row, const iml_real *z_dot)
{
    double sum = 0;
    for (size_t c = 0; c < row->outputs; c++) sum += iml_loss_target(row, c) * (double)z_dot[c];
    return sum;
}

/* t moves of itself, not with z. */
static void inner_product_tangent_backward(const struct iml_loss_row *row, const iml_real *z_dot,
                                           iml_real *z_bar_dot)
{
    (void)z_dot;
    for (size_t c = 0; c < row->outputs; c++) {
        const double t_dot = row->targets_dot ? (double)row->targets_dot[c] : 0;
        z_bar_dot[c] = (iml_real)(row->scale * t_dot + row->scale_dot * iml_loss_target(row, c));
    }
}

const struct iml_loss_kind iml_inner_product = {
    .name = "inner_product",
    .id = IML_LOSS_INNER_PRODUCT,
    .value = inner_product_value,
    .backward = inner_product_backward,
    .tangent = inner_product_tangent,
    .tangent_backward = inner_product_tangent_backward,
};
