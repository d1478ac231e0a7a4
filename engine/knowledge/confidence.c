/* confidence.c: wᵢ = C(uᵢ; ω): a network weighs the pool's images (MATH §3.4). λ is ω. */
#include <string.h>

#include "engine/knowledge/kinds.h"
#include "engine/knowledge/weigher.h"

static struct iml_weigher *weigher(const struct iml_knowledge *self)
{
    return self->options.weigher;
}

static size_t size(const struct iml_knowledge *self)
{
    return iml_net_parameters(weigher(self)->net);
}

static void layout(struct iml_knowledge *self, struct iml_arena *arena)
{
    (void)arena;
    weigher(self)->omega = self->lambda;
}

static void initialize(struct iml_knowledge *self, uint32_t seed)
{
    iml_weigher_initialize(weigher(self), seed);
}

static enum iml_code weigh(const struct iml_knowledge *self, struct iml_error *error)
{
    return iml_weigher_weigh(weigher(self), error);
}

/* Where w depends on θ, too: the last M elements of the joint Hessian's product with (q, 0), with
 * the sign of equation (1). */
static void pull_through_features(const struct iml_knowledge *self, const iml_real *q,
                                  iml_real *out)
{
    struct iml_weigher *w = weigher(self);
    const struct iml_curvature *curvature =
        iml_linearized(w->weighed.evaluator, IML_CURVATURE_HESSIAN);
    w->omega_bar_dot = out;
    curvature->apply(curvature, q, w->product);
    w->omega_bar_dot = NULL;
    for (size_t m = 0; m < self->size; m++) out[m] = -out[m];
}

/* + κ(ω − ω°): the decay is a direct term. A team that was cancelled leaves out as it is: the
 * caller sees it, and its update is cancelled. */
static void pull(const struct iml_knowledge *self, const iml_real *theta, const iml_real *q,
                 iml_real *out)
{
    (void)theta;
    struct iml_weigher *w = weigher(self);
    struct iml_error error = {0};
    if (w->options.through_features) {
        pull_through_features(self, q, out);
    } else {
        if (iml_weigher_influences(w, q, &error) != IML_OK) return;
        memcpy(w->w_bar, w->influences, w->weighed.count * sizeof *w->w_bar);
        if (iml_weigher_pull(w, w->w_bar, out, &error) != IML_OK) return;
    }
    const double decay = w->options.decay;
    for (size_t m = 0; decay > 0 && m < self->size; m++)
        out[m] += (iml_real)(decay * ((double)self->lambda[m] - iml_weigher_rest(w, m)));
}

static enum iml_code register_items(const struct iml_knowledge *self, struct iml_registry *registry,
                                    struct iml_error *error)
{
    struct iml_weigher *w = weigher(self);
    const enum iml_code code =
        iml_net_register(w->net, registry, "knowledge/", "", self->lambda, error);
    if (code != IML_OK || !w->statistics) return code;
    return iml_net_register_statistics(w->net, registry, "knowledge/", w->statistics, error);
}

const struct iml_knowledge_kind iml_confidence_network = {
    .name = "confidence",
    .weighs = true,
    .size = size,
    .layout = layout,
    .initialize = initialize,
    .weigh = weigh,
    .pull = pull,
    .register_items = register_items,
};
