/* features.h: the features of a net, the inputs of its last layer, which a second net can read
 * (FIXMATCH 6.1, form shared); and a second net's way through an evaluator (MATH §3.4).
 * Private to the engine. */
#ifndef IMLD_ENGINE_NET_FEATURES_H
#define IMLD_ENGINE_NET_FEATURES_H

#include "engine/net/evaluator.h"

/* Numbers of a row's features; 0: the last layer reads the net's inputs. */
size_t iml_net_features(const struct iml_net *net);

/* Those of rows first … first + count − 1 of the batch that has last gone forward: count ×
 * features.
 */
void iml_features_copy(const struct iml_evaluator *self, size_t first, size_t count, iml_real *out);

/* In an evaluator for gradients or products: from row `first` on, rows × features. */
const iml_real *iml_feature_tangents(const struct iml_evaluator *self, size_t first);
iml_real *iml_feature_adjoints(const struct iml_evaluator *self, size_t first);
iml_real *iml_feature_adjoint_tangents(const struct iml_evaluator *self, size_t first);

/* A chained evaluator (of a net with the loss inner_product), linearized: tangents of its outputs
 * along ẋ of its inputs alone, which the caller has written into iml_chain_inputs_dot. zero: P
 * zeros. Return rows × outputs; NULL: cancelled. */
iml_real *iml_chain_inputs_dot(struct iml_evaluator *self);
const iml_real *iml_chain_tangent(struct iml_evaluator *self, const iml_real *zero);

/* x̄ of the linearization; x̄̇ with the batch's target_tangents as they are now, and θ̄̇ into out (P)
 * where it is wanted. NULL: cancelled. */
const iml_real *iml_chain_adjoint(const struct iml_evaluator *self);
const iml_real *iml_chain_adjoint_tangent(struct iml_evaluator *self, const iml_real *zero,
                                          iml_real *out);

#endif
