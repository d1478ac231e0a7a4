/* rmsprop.c: RMSprop, not centered, no bias correction, ε outside the root (MATH §1). */
#include "engine/optimizer/kinds.h"

#include <tgmath.h>

/* s ← ρs + (1−ρ)g², x ← x − ηg/(√s + ε) */
static void rmsprop_step(struct iml_optimizer *self, iml_real *x, const iml_real *gradient,
                         size_t first, size_t end)
{
    const struct iml_optimizer_options *o = &self->options;
    const iml_real rate = (iml_real)o->learning_rate;
    const iml_real epsilon = (iml_real)o->epsilon;
    const iml_real rho = (iml_real)o->rho, rest = (iml_real)(1 - o->rho);
    iml_real *s = self->moments[0];
    for (size_t j = first; j < end; j++) {
        const iml_real g = gradient[j];
        s[j] = rho * s[j] + rest * g * g;
        x[j] -= rate * g / (sqrt(s[j]) + epsilon);
    }
}

const struct iml_optimizer_kind iml_rmsprop = {
    .name = "rmsprop",
    .moment_names = {"square_average", NULL},
    .step = rmsprop_step,
};
