/* curvature.h: the Hessian, or the Gauss–Newton matrix, of a regularized loss at one (θ, batch):
 * linearized once, applied many times (MATH §2). Solvers know only struct iml_curvature; tests give
 * them dense matrices. */
#ifndef IMLD_CURVATURE_H
#define IMLD_CURVATURE_H

#include "imld/net.h"

enum iml_curvature_kind {
    IML_CURVATURE_HESSIAN,
    IML_CURVATURE_GAUSS_NEWTON, /* JᵀH_ℓJ: without the second derivatives of layers */
    IML_CURVATURE_KINDS
};

struct iml_curvature {
    size_t size; /* P */
    /* hu = Hu, H with the regularizer (`diagonal`) in it. u and hu don't overlap. If the cancel
     * flag is seen in a product, hu is meaningless and iml_curvature_is_cancelled is true from then
     * on: so whoever sets the flag lets it stand until the step has been abandoned. */
    void (*apply)(const struct iml_curvature *self, const iml_real *u, iml_real *hu);
    /* The data's part au = Au = (H − D)u, with each part of it given to the consumer, who adds D's
     * own where it reads u anyway; the sum of its answers, in the parts' fixed order. au NULL: the
     * parts are the consumer's alone, and are nowhere afterwards. */
    double (*consume)(const struct iml_curvature *self, const iml_real *u, iml_real *au,
                      const struct iml_consumer *consumer);
    /* D: the diagonal that knowledge and weight decay add to H, so that A = H − D is the data's
     * part; borrowed, NULL: D = 0 */
    const iml_real *diagonal;
    struct iml_team
        *team; /* borrowed; for a solver's own vector work and the cancel flag; NULL: none */
};

bool iml_curvature_is_cancelled(const struct iml_curvature *curvature);

/* Linearizes the loss (1/N) Σ wᵢℓᵢ + ½ Σ dⱼθⱼ² at θ: forward and backward once, storing x, y and ȳ
 * of each layer in the evaluator, which must have been made with wants_products and is busy until
 * the next linearization. theta, diagonal and the batch's arrays are borrowed as long as products
 * are taken. The batch's mode holds for all of them. gradient (P, may be NULL) receives ∇θ of the
 * same loss; *curvature is its Hessian. */
IML_MUST_USE enum iml_code iml_linearize(struct iml_evaluator *evaluator, const iml_real *theta,
                                         const struct iml_batch *batch, const iml_real *diagonal,
                                         iml_real *gradient, struct iml_batch_result *result,
                                         const struct iml_curvature **curvature,
                                         struct iml_error *error);

/* A matrix of the linearization at hand (both kinds can be had from one), valid as long as that is.
 * Gauss–Newton is positive semidefinite where weights and the diagonal are ≥ 0. */
const struct iml_curvature *iml_linearized(const struct iml_evaluator *evaluator,
                                           enum iml_curvature_kind kind);

/* ℓ̇ᵢ(u) = u·∇θℓᵢ for every row of the linearized batch, from one tangent pass (MATH §3.3). out:
 * rows. */
IML_MUST_USE enum iml_code iml_loss_tangents(struct iml_evaluator *evaluator, const iml_real *u,
                                             iml_real *out, struct iml_error *error);

#endif
