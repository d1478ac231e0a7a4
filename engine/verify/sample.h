/* sample.h: what float and double are compared in (MATH §7.5): v, gradient, product and two
 * hypergradients at one point, in this build's iml_real. */
#ifndef IMLD_ENGINE_VERIFY_SAMPLE_H
#define IMLD_ENGINE_VERIFY_SAMPLE_H

#include "imld/knowledge.h"
#include "imld/solver.h"

enum { IML_SAMPLE_SOLVERS = 2 }; /* neumann(3) and cg(3) */

struct iml_sample {
    size_t size;               /* P */
    size_t hypergradient_size; /* M; P where there is no λ: then they are the q's */
    iml_real *v, *gradient;    /* P each */
    iml_real *product, *q;     /* P each */
    iml_real *hypergradients[IML_SAMPLE_SOLVERS];
    struct iml_solver solvers[IML_SAMPLE_SOLVERS];
};

/* All memory. knowledge may be NULL, here and below. */
void iml_sample_layout(struct iml_sample *self, const struct iml_net *net,
                       const struct iml_knowledge *knowledge, struct iml_arena *arena);

/* v = ∇θ L_V on that batch. */
IML_MUST_USE enum iml_code iml_sample_take_v(struct iml_sample *self,
                                             struct iml_evaluator *evaluator, const iml_real *theta,
                                             const struct iml_batch *batch,
                                             struct iml_error *error);

/* With v at hand: ∇θ L_T, Hu and for each solver dL_V/dλ on the curvature batch. */
IML_MUST_USE enum iml_code iml_sample_take(struct iml_sample *self, struct iml_evaluator *evaluator,
                                           const struct iml_knowledge *knowledge,
                                           const iml_real *theta, const struct iml_batch *batch,
                                           const iml_real *u, struct iml_error *error);

#endif
