/* l2_per_parameter.c: R = ½ Σⱼ e^{λⱼ} θⱼ², one λ for each parameter (MATH §3.1). */
#include "engine/core/clones.h"
#include "engine/core/exponential.h"
#include "engine/knowledge/kinds.h"

static size_t size(const struct iml_knowledge *self)
{
    return iml_net_parameters(self->net);
}

static void refresh(const struct iml_knowledge *self)
{
    iml_exponentials(self->size, self->lambda, self->diagonal);
}

static double mean(const struct iml_knowledge *self)
{
    double sum = 0;
    for (size_t j = 0; j < self->size; j++) sum += (double)self->diagonal[j];
    return sum / (double)self->size;
}

/* −qⱼ e^{λⱼ} θⱼ; the product of three in double: in float q and θ of 1e-20 would give 0. */
IML_CLONES static void multiply(size_t n, const iml_real *q, const iml_real *d,
                                const iml_real *theta, iml_real *out)
{
    for (size_t j = 0; j < n; j++)
        out[j] = (iml_real)(-(double)q[j] * (double)d[j] * (double)theta[j]);
}

static void pull(const struct iml_knowledge *self, const iml_real *theta, const iml_real *q,
                 iml_real *out)
{
    multiply(self->size, q, self->diagonal, theta, out);
}

static enum iml_code register_items(const struct iml_knowledge *self, struct iml_registry *registry,
                                    struct iml_error *error)
{
    return iml_net_register(self->net, registry, "knowledge/lambda/", "", self->lambda, error);
}

const struct iml_knowledge_kind iml_l2_per_parameter = {
    .name = "l2_per_parameter",
    .is_theta_shaped = true,
    .size = size,
    .refresh = refresh,
    .mean = mean,
    .pull = pull,
    .register_items = register_items,
};
