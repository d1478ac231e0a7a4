/* state.h: what a set of checks is made of. Private to engine/verify, and to its test, which plants
 * faults in the net; always compiled in double. */
#ifndef IMLD_ENGINE_VERIFY_STATE_H
#define IMLD_ENGINE_VERIFY_STATE_H

#include "engine/verify/checks.h"
#include "engine/verify/sample.h"

/* The same function twice: as training uses it, and with kinks that can be held. */
enum iml_checks_side { IML_CHECKS_PLAIN, IML_CHECKS_HELD, IML_CHECKS_SIDES };

enum iml_checks_vector {
    IML_CHECKS_THETA,
    IML_CHECKS_MOVED, /* θ + hu */
    IML_CHECKS_U,
    IML_CHECKS_W, /* a second direction */
    IML_CHECKS_EXACT,
    IML_CHECKS_PLUS,
    IML_CHECKS_MINUS,
    IML_CHECKS_NARROW, /* differences by the two step sizes */
    IML_CHECKS_WIDE,
    IML_CHECKS_VECTORS
};

struct iml_checks {
    struct iml_checks_options options;
    enum iml_batch_norm batch_norm; /* of the function that is linearized */
    struct iml_dropout_key dropout;
    struct iml_net *nets[IML_CHECKS_SIDES];             /* owned */
    struct iml_evaluator *evaluators[IML_CHECKS_SIDES]; /* owned; that of PLAIN has products */
    size_t size;                                        /* P */
    iml_real *vectors[IML_CHECKS_VECTORS];              /* P each */
    iml_real *statistics;                               /* NULL: the net has none */
    bool has_knowledge;
    struct iml_knowledge knowledge;                  /* λ: the point's */
    iml_real *moved_lambda, *lambda_u, *lambda_pull; /* M each: λ as it was; direction; pull(q) */
    iml_real *inputs[IML_CHECKS_BATCHES];
    uint32_t *labels[IML_CHECKS_BATCHES];
    struct iml_sample sample;
};

/* The batch at hand, in the mode that it is used in. */
struct iml_batch iml_checks_batch_of(const struct iml_checks *self, enum iml_checks_batch batch);

/* d of the regularizer, NULL where there is no λ. */
const iml_real *iml_checks_diagonal(const struct iml_checks *self);

#endif
