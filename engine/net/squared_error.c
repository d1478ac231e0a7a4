/* squared_error.c: ℓ = ½‖z − y‖², MATH §2 (ridge and synthetic problems). */
#include "engine/net/loss.h"

/* kept = z − y */
static double squared_error_value(const struct iml_loss_row *row)
{
    double sum = 0;
    for (size_t c = 0; c < row->outputs; c++) {
        const double difference = (double)row->z[c] - iml_loss_target(row, c);
        row->kept[c] = (iml_real)difference;
        sum += difference * difference;
    }
    return sum / 2;
}

static void squared_error_backward(const struct iml_loss_row *row, iml_real *z_bar)
{
    for (size_t c = 0; c < row->outputs; c++)
        z_bar[c] = (iml_real)(row->scale * (double)row->kept[c]);
}

static double squared_error_tangent(const struct iml_loss_row *row, const iml_real *z_dot)
{
    double sum = 0;
    for (size_t c = 0; c < row->outputs; c++) sum += (double)row->kept[c] * (double)z_dot[c];
    return sum;
}

static void squared_error_tangent_backward(const struct iml_loss_row *row, const iml_real *z_dot,
                                           iml_real *z_bar_dot)
{
    for (size_t c = 0; c < row->outputs; c++)
        z_bar_dot[c] =
            (iml_real)(row->scale * (double)z_dot[c] + row->scale_dot * (double)row->kept[c]);
}

const struct iml_loss_kind iml_squared_error = {
    .name = "squared_error",
    .id = IML_LOSS_SQUARED_ERROR,
    .value = squared_error_value,
    .backward = squared_error_backward,
    .tangent = squared_error_tangent,
    .tangent_backward = squared_error_tangent_backward,
};
