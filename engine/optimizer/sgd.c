/* sgd.c: stochastic gradient descent with momentum or Nesterov's, no dampening (MATH §1). */
#include "engine/optimizer/kinds.h"

static void sgd_step(const struct iml_optimizer *self, iml_real *x, const iml_real *gradient,
                     size_t first, size_t end)
{
    const iml_real rate = (iml_real)self->options.learning_rate;
    const iml_real momentum = (iml_real)self->options.momentum;
    const bool nesterov = self->options.nesterov;
    iml_real *m = self->moments[0];
    if (!m) {
        for (size_t j = first; j < end; j++) x[j] -= rate * gradient[j];
        return;
    }
    for (size_t j = first; j < end; j++) { /* m starts as 0, so that the first m is g */
        m[j] = momentum * m[j] + gradient[j];
        x[j] -= rate * (nesterov ? gradient[j] + momentum * m[j] : m[j]);
    }
}

static bool sgd_has_moment(const struct iml_optimizer_options *options, size_t i)
{
    return i == 0 && options->momentum != 0;
}

const struct iml_optimizer_kind iml_sgd = {
    .name = "sgd",
    .moment_names = {"momentum", NULL},
    .has_moment = sgd_has_moment,
    .step = sgd_step,
};
