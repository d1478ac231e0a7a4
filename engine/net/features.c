/* features.c: what the last layer reads, and a second net that reads it; see features.h. */
#include "engine/net/features.h"

#include <assert.h>
#include <string.h>

static size_t feature_edge(const struct iml_net *net)
{
    return net->layers[net->layer_count - 1].input;
}

size_t iml_net_features(const struct iml_net *net)
{
    return feature_edge(net) > 0 ? net->layers[net->layer_count - 1].in : 0;
}

void iml_features_copy(const struct iml_evaluator *self, size_t first, size_t count, iml_real *out)
{
    const struct iml_edge *edge = &self->edges[feature_edge(self->net)];
    const size_t width = iml_net_features(self->net);
    assert(width > 0 && edge->stride == width && first + count <= self->rows_forward);
    memcpy(out, edge->value + first * width, count * width * sizeof *out);
}

const iml_real *iml_feature_tangents(const struct iml_evaluator *self, size_t first)
{
    const struct iml_edge *edge = &self->edges[feature_edge(self->net)];
    return edge->tangent + first * edge->stride;
}

iml_real *iml_feature_adjoints(const struct iml_evaluator *self, size_t first)
{
    const struct iml_edge *edge = &self->edges[feature_edge(self->net)];
    return edge->adjoint + first * edge->stride;
}

iml_real *iml_feature_adjoint_tangents(const struct iml_evaluator *self, size_t first)
{
    const struct iml_edge *edge = &self->edges[feature_edge(self->net)];
    return edge->adjoint_tangent + first * edge->stride;
}

iml_real *iml_chain_inputs_dot(struct iml_evaluator *self)
{
    assert(self->use == IML_EVALUATOR_CHAINED);
    return self->edges[0].tangent;
}

static struct iml_pass chain_pass(const struct iml_evaluator *self, const iml_real *zero)
{
    assert(self->use == IML_EVALUATOR_CHAINED && self->is_linearized);
    return (struct iml_pass){
        .evaluator = self, .batch = &self->batch, .theta = self->theta, .u = zero};
}

const iml_real *iml_chain_tangent(struct iml_evaluator *self, const iml_real *zero)
{
    const struct iml_pass pass = chain_pass(self, zero);
    return iml_pass_tangent(&pass) ? self->edges[self->net->layer_count].tangent : NULL;
}

const iml_real *iml_chain_adjoint(const struct iml_evaluator *self)
{
    assert(self->use == IML_EVALUATOR_CHAINED && self->is_linearized);
    return self->edges[0].adjoint;
}

const iml_real *iml_chain_adjoint_tangent(struct iml_evaluator *self, const iml_real *zero,
                                          iml_real *out)
{
    struct iml_pass pass = chain_pass(self, zero);
    pass.out = out;
    if (!iml_pass_product_rows(&pass)) return NULL;
    if (out && !iml_pass_product_weights(&pass)) return NULL;
    return self->edges[0].adjoint_tangent;
}
