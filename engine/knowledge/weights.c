/* weights.c: outputs of a confidence network and their normalization; see weights.h (MATH §3.4). */
#include "engine/knowledge/weights.h"

#include <math.h>

/* --- c(a) --- */

static double sigmoid(double a)
{
    const double e = exp(-fabs(a)); /* never overflows */
    return a >= 0 ? 1 / (1 + e) : e / (1 + e);
}

static double sigmoid_slope(double a)
{
    const double s = sigmoid(a);
    return s * (1 - s);
}

static double sigmoid_bend(double a)
{
    const double s = sigmoid(a);
    return s * (1 - s) * (1 - 2 * s);
}

static double two_sigmoid(double a)
{
    return 2 * sigmoid(a);
}

static double two_sigmoid_slope(double a)
{
    return 2 * sigmoid_slope(a);
}

static double two_sigmoid_bend(double a)
{
    return 2 * sigmoid_bend(a);
}

static double linear(double a)
{
    return a;
}

static double linear_slope(double a)
{
    (void)a;
    return 1;
}

static double linear_bend(double a)
{
    (void)a;
    return 0;
}

const struct iml_weight_output iml_weight_outputs[IML_WEIGHER_OUTPUTS] = {
    [IML_WEIGHER_TWO_SIGMOID] = {.name = "two_sigmoid",
                                 .value = two_sigmoid,
                                 .slope = two_sigmoid_slope,
                                 .bend = two_sigmoid_bend,
                                 .high = 2},
    [IML_WEIGHER_LINEAR] = {.name = "linear",
                            .value = linear,
                            .slope = linear_slope,
                            .bend = linear_bend,
                            .rest_bias = 1},
    [IML_WEIGHER_SIGMOID] = {.name = "sigmoid",
                             .value = sigmoid,
                             .slope = sigmoid_slope,
                             .bend = sigmoid_bend,
                             .high = 1},
};

const char *iml_weigher_output_name(enum iml_weigher_output output)
{
    return iml_weight_outputs[output].name;
}

/* --- lists --- */

const double iml_least_mean = 1e-3;

static double mean_of(size_t n, const double *x)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += x[i];
    return sum / (double)n;
}

static double mean_product(size_t n, const double *x, const double *y)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += x[i] * y[i];
    return sum / (double)n;
}

bool iml_weights_divide(size_t n, double *w, double *mean)
{
    *mean = mean_of(n, w);
    const bool is_small = *mean < iml_least_mean; /* false for a NaN, which stays seen */
    for (size_t i = 0; i < n; i++) w[i] = is_small ? 1 : w[i] / *mean;
    return !is_small;
}

void iml_weights_find(struct iml_weights *self)
{
    const size_t n = self->count;
    for (size_t i = 0; i < n; i++) self->w[i] = self->output->value(self->a[i]);
    self->mean = 1;
    self->is_unequal = true;
    if (self->normalize == IML_WEIGHER_PLAIN) return;
    self->is_unequal = iml_weights_divide(n, self->w, &self->found_mean);
    self->mean = self->is_unequal ? self->found_mean : 1;
}

/* ċ = c′ȧ; ẇ = (ċ − w⟨ċ⟩)/⟨c⟩ */
void iml_weights_tangent(const struct iml_weights *self, const double *a_dot, double *w_dot)
{
    const size_t n = self->count;
    for (size_t i = 0; i < n; i++)
        w_dot[i] = self->is_unequal ? self->output->slope(self->a[i]) * a_dot[i] : 0;
    if (self->normalize == IML_WEIGHER_PLAIN) return;
    const double mean_dot = mean_of(n, w_dot);
    for (size_t i = 0; i < n; i++) w_dot[i] = (w_dot[i] - self->w[i] * mean_dot) / self->mean;
}

/* c̄ of image i, ⟨w̄∘w⟩ given: (w̄ − ⟨w̄∘w⟩)/⟨c⟩ */
static double c_bar(const struct iml_weights *self, double w_bar, double mean)
{
    return (w_bar - mean) / self->mean;
}

static double shift_of(const struct iml_weights *self, const double *w_bar)
{
    return self->normalize == IML_WEIGHER_PLAIN ? 0 : mean_product(self->count, w_bar, self->w);
}

/* ā = c′c̄ */
void iml_weights_adjoint(const struct iml_weights *self, const double *w_bar, double *a_bar)
{
    const double shift = shift_of(self, w_bar);
    for (size_t i = 0; i < self->count; i++)
        a_bar[i] =
            self->is_unequal ? self->output->slope(self->a[i]) * c_bar(self, w_bar[i], shift) : 0;
}

/* ā̇ = c″ȧc̄ + c′c̄̇ with c̄̇ = (w̄̇ − ⟨w̄̇∘w + w̄∘ẇ⟩)/⟨c⟩ − c̄⟨ċ⟩/⟨c⟩ */
void iml_weights_adjoint_tangent(const struct iml_weights *self, const double *w_bar,
                                 const double *w_bar_dot, const double *a_dot, const double *w_dot,
                                 double *a_bar_dot)
{
    const size_t n = self->count;
    const struct iml_weight_output *output = self->output;
    const double shift = shift_of(self, w_bar);
    double shift_dot = 0, mean_dot = 0;
    if (self->normalize == IML_WEIGHER_BATCH_MEAN) {
        shift_dot = mean_product(n, w_bar_dot, self->w) + mean_product(n, w_bar, w_dot);
        for (size_t i = 0; i < n; i++) mean_dot += output->slope(self->a[i]) * a_dot[i] / (double)n;
    }
    for (size_t i = 0; i < n; i++) {
        const double bar = c_bar(self, w_bar[i], shift);
        const double bar_dot = (w_bar_dot[i] - shift_dot - bar * mean_dot) / self->mean;
        const double a = self->a[i];
        a_bar_dot[i] =
            self->is_unequal ? output->bend(a) * a_dot[i] * bar + output->slope(a) * bar_dot : 0;
    }
}
