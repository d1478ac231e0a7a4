/* adam.c: Adam with bias correction, ε outside the root (MATH §1; Kingma and Ba 2015). */
#include "engine/optimizer/kinds.h"

#include <tgmath.h>

/* m ← β₁m + (1−β₁)g, s ← β₂s + (1−β₂)g², x ← x − η (m/(1−β₁ᵗ)) / (√(s/(1−β₂ᵗ)) + ε). The
 * corrections are scalars in double; what is left for an element is in iml_real. */
static void adam_step(struct iml_optimizer *self, iml_real *x, const iml_real *gradient,
                      size_t first, size_t end)
{
    const struct iml_optimizer_options *o = &self->options;
    const double t = (double)*self->steps;
    const iml_real rate = (iml_real)(o->learning_rate / (1 - pow(o->beta1, t)));
    const iml_real root_scale = (iml_real)(1 / sqrt(1 - pow(o->beta2, t)));
    const iml_real epsilon = (iml_real)o->epsilon;
    const iml_real beta1 = (iml_real)o->beta1, rest1 = (iml_real)(1 - o->beta1);
    const iml_real beta2 = (iml_real)o->beta2, rest2 = (iml_real)(1 - o->beta2);
    iml_real *m = self->moments[0], *s = self->moments[1];
    for (size_t j = first; j < end; j++) {
        const iml_real g = gradient[j];
        m[j] = beta1 * m[j] + rest1 * g;
        s[j] = beta2 * s[j] + rest2 * g * g;
        x[j] -= rate * m[j] / (sqrt(s[j]) * root_scale + epsilon);
    }
}

const struct iml_optimizer_kind iml_adam = {
    .name = "adam",
    .moment_names = {"average", "square_average"},
    .step = adam_step,
};
