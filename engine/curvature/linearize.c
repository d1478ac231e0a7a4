/* linearize.c: one linearization of a regularized loss, and what one tangent pass over it gives;
 * see include/imld/curvature.h (MATH §2, §3.3). */
#include <assert.h>

#include "engine/curvature/products.h"
#include "engine/net/evaluator.h"

static const struct iml_product_passes *const passes[IML_CURVATURE_KINDS] = {
    [IML_CURVATURE_HESSIAN] = &iml_hessian_passes,
    [IML_CURVATURE_GAUSS_NEWTON] = &iml_gauss_newton_passes,
};

/* NOLINTNEXTLINE(readability-function-size): each parameter is a thing of its own */
enum iml_code iml_linearize(struct iml_evaluator *evaluator, const iml_real *theta,
                            const struct iml_batch *batch, const iml_real *diagonal,
                            iml_real *gradient, struct iml_batch_result *result,
                            const struct iml_curvature **curvature, struct iml_error *error)
{
    *curvature = NULL;
    iml_evaluator_begin(evaluator, batch);
    assert(evaluator->wants_products);
    evaluator->theta = theta;
    evaluator->diagonal = diagonal;
    evaluator->batch = *batch;
    struct iml_pass pass = {
        .evaluator = evaluator, .batch = &evaluator->batch, .theta = theta, .diagonal = diagonal};
    pass.out = gradient;
    if (!iml_pass_gradient_rows(&pass)) return iml_evaluator_cancelled(error);
    if (gradient && !iml_pass_gradient_weights(&pass)) return iml_evaluator_cancelled(error);
    iml_evaluator_sum(&pass, result);
    evaluator->is_linearized = true;
    for (enum iml_curvature_kind kind = 0; kind < IML_CURVATURE_KINDS; kind++) {
        evaluator->matrices[kind] =
            (struct iml_matrix){.curvature = {.size = evaluator->net->parameters,
                                              .apply = iml_product_apply,
                                              .consume = iml_product_consume,
                                              .diagonal = diagonal,
                                              .team = evaluator->team},
                                .passes = passes[kind],
                                .evaluator = evaluator};
    }
    *curvature = iml_linearized(evaluator, IML_CURVATURE_HESSIAN);
    return IML_OK;
}

const struct iml_curvature *iml_linearized(const struct iml_evaluator *evaluator,
                                           enum iml_curvature_kind kind)
{
    assert(evaluator->is_linearized && kind < IML_CURVATURE_KINDS);
    return &evaluator->matrices[kind].curvature;
}

enum iml_code iml_loss_tangents(struct iml_evaluator *evaluator, const iml_real *u, iml_real *out,
                                struct iml_error *error)
{
    assert(evaluator->is_linearized);
    struct iml_pass pass = {
        .evaluator = evaluator, .batch = &evaluator->batch, .theta = evaluator->theta, .u = u};
    pass.losses = out;
    return iml_pass_tangent(&pass) ? IML_OK : iml_evaluator_cancelled(error);
}

bool iml_curvature_is_cancelled(const struct iml_curvature *curvature)
{
    return iml_team_is_cancelled(curvature->team);
}
