/* rmsprop.c: RMSprop, not centered, no bias correction, ε outside the root (MATH §1). */
#include "engine/core/clones.h"
#include "engine/optimizer/kinds.h"

#include <tgmath.h>

/* s ← ρs + (1−ρ)g², x ← x − ηg/(√s + ε) */
IML_CLONES static void move(size_t n, const struct iml_optimizer_options *options,
                            const iml_real *restrict gradient, iml_real *restrict s,
                            iml_real *restrict x)
{
    const iml_real rate = (iml_real)options->learning_rate;
    const iml_real epsilon = (iml_real)options->epsilon;
    const iml_real rho = (iml_real)options->rho, rest = (iml_real)(1 - options->rho);
    for (size_t j = 0; j < n; j++) {
        const iml_real g = gradient[j];
        s[j] = rho * s[j] + rest * g * g;
        x[j] -= rate * g / (sqrt(s[j]) + epsilon);
    }
}

static void rmsprop_step(const struct iml_optimizer *self, iml_real *x, const iml_real *gradient,
                         size_t first, size_t end)
{
    move(end - first, &self->options, gradient + first, self->moments[0] + first, x + first);
}

const struct iml_optimizer_kind iml_rmsprop = {
    .name = "rmsprop",
    .moment_names = {"square_average", NULL},
    .step = rmsprop_step,
};
