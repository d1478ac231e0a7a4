/* cross_entropy.c: ℓ = −Σ t log softmax(z), in nats, MATH §2; t a class or a distribution (Σt = 1).
 */
#include <math.h>

#include "engine/net/loss.h"

static double largest(const struct iml_loss_row *row)
{
    double max = (double)row->z[0];
    for (size_t c = 1; c < row->outputs; c++) max = fmax(max, (double)row->z[c]);
    return max;
}

enum { KEPT = 64 }; /* exponentials that are not taken twice */

/* kept = p. The exponentials are shifted by the maximum: none overflows. */
static double cross_entropy_value(const struct iml_loss_row *row)
{
    const double max = largest(row);
    double sum = 0, exponentials[KEPT];
    for (size_t c = 0; c < row->outputs; c++) {
        const double exponential = exp((double)row->z[c] - max);
        if (c < KEPT) exponentials[c] = exponential;
        sum += exponential;
    }
    const double log_sum = log(sum);
    double loss = 0;
    for (size_t c = 0; c < row->outputs; c++) {
        const double shifted = (double)row->z[c] - max;
        const double t = iml_loss_target(row, c);
        row->kept[c] = (iml_real)((c < KEPT ? exponentials[c] : exp(shifted)) / sum);
        if (t != 0) loss -= t * (shifted - log_sum); /* 0 · log 0 = 0 */
    }
    return loss;
}

static void cross_entropy_backward(const struct iml_loss_row *row, iml_real *z_bar)
{
    for (size_t c = 0; c < row->outputs; c++)
        z_bar[c] = (iml_real)(row->scale * ((double)row->kept[c] - iml_loss_target(row, c)));
}

static double cross_entropy_tangent(const struct iml_loss_row *row, const iml_real *z_dot)
{
    double sum = 0;
    for (size_t c = 0; c < row->outputs; c++)
        sum += ((double)row->kept[c] - iml_loss_target(row, c)) * (double)z_dot[c];
    return sum;
}

static void cross_entropy_tangent_backward(const struct iml_loss_row *row, const iml_real *z_dot,
                                           iml_real *z_bar_dot)
{
    double mean = 0; /* p·ż */
    for (size_t c = 0; c < row->outputs; c++) mean += (double)row->kept[c] * (double)z_dot[c];
    for (size_t c = 0; c < row->outputs; c++)
        z_bar_dot[c] =
            (iml_real)(row->scale * (double)row->kept[c] * ((double)z_dot[c] - mean) +
                       row->scale_dot * ((double)row->kept[c] - iml_loss_target(row, c)));
}

const struct iml_loss_kind iml_cross_entropy = {
    .name = "cross_entropy",
    .id = IML_LOSS_CROSS_ENTROPY,
    .value = cross_entropy_value,
    .backward = cross_entropy_backward,
    .tangent = cross_entropy_tangent,
    .tangent_backward = cross_entropy_tangent_backward,
};
