/* adam.c: Adam with bias correction, ε outside the root (MATH §1; Kingma and Ba 2015). */
#include "engine/core/clones.h"
#include "engine/optimizer/kinds.h"

#include <tgmath.h>

/* The scalars of a step. */
struct factors {
    iml_real rate, root_scale, epsilon;
    iml_real beta1, rest1, beta2, rest2;
};

IML_CLONES static void move(size_t n, const struct factors *f, const iml_real *restrict gradient,
                            iml_real *restrict m, iml_real *restrict s, iml_real *restrict x)
{
    const struct factors k = *f;
    for (size_t j = 0; j < n; j++) {
        const iml_real g = gradient[j];
        m[j] = k.beta1 * m[j] + k.rest1 * g;
        s[j] = k.beta2 * s[j] + k.rest2 * g * g;
        x[j] -= k.rate * m[j] / (sqrt(s[j]) * k.root_scale + k.epsilon);
    }
}

/* m ← β₁m + (1−β₁)g, s ← β₂s + (1−β₂)g², x ← x − η (m/(1−β₁ᵗ)) / (√(s/(1−β₂ᵗ)) + ε). The
 * corrections are scalars in double; what is left for an element is in iml_real. */
static void adam_step(const struct iml_optimizer *self, iml_real *x, const iml_real *gradient,
                      size_t first, size_t end)
{
    const struct iml_optimizer_options *o = &self->options;
    const double t = (double)*self->steps;
    const struct factors factors = {.rate = (iml_real)(o->learning_rate / (1 - pow(o->beta1, t))),
                                    .root_scale = (iml_real)(1 / sqrt(1 - pow(o->beta2, t))),
                                    .epsilon = (iml_real)o->epsilon,
                                    .beta1 = (iml_real)o->beta1,
                                    .rest1 = (iml_real)(1 - o->beta1),
                                    .beta2 = (iml_real)o->beta2,
                                    .rest2 = (iml_real)(1 - o->beta2)};
    move(end - first, &factors, gradient + first, self->moments[0] + first,
         self->moments[1] + first, x + first);
}

const struct iml_optimizer_kind iml_adam = {
    .name = "adam",
    .moment_names = {"average", "square_average"},
    .step = adam_step,
};
