/* weights.h: from the numbers aᵢ of a confidence network to weights wᵢ, and the derivatives of that
 * (MATH §3.4). On lists of n numbers, in double; nothing is allocated. */
#ifndef IMLD_ENGINE_KNOWLEDGE_WEIGHTS_H
#define IMLD_ENGINE_KNOWLEDGE_WEIGHTS_H

#include "imld/weigher.h"

/* c(a) and its first two derivatives; one row an output. */
struct iml_weight_output {
    const char *name;
    double (*value)(double a);
    double (*slope)(double a);
    double (*bend)(double a);
    double rest_bias; /* of the last layer at the rest point */
    double low, high; /* bounds of c; equal: it has none */
};

extern const struct iml_weight_output iml_weight_outputs[IML_WEIGHER_OUTPUTS];

extern const double iml_least_mean;

/* How a list of weights came about. */
struct iml_weights {
    const struct iml_weight_output *output;
    enum iml_weigher_normalize normalize;
    size_t count;
    double *a;         /* borrowed, as are all lists */
    double *w;         /* from a */
    double mean;       /* ⟨c⟩; 1 where it is not divided by */
    double found_mean; /* ⟨c⟩ of batch_mean, whatever it was */
    /* false: ⟨c⟩ was below iml_least_mean, and each w is 1, a constant (FIXMATCH 6.1) */
    bool is_unequal;
};

/* w over its mean, which *mean tells. false: that is below iml_least_mean, and each w is 1. */
bool iml_weights_divide(size_t n, double *w, double *mean);
/* w from a. */
void iml_weights_find(struct iml_weights *self);
/* w_dot from a_dot. */
void iml_weights_tangent(const struct iml_weights *self, const double *a_dot, double *w_dot);
/* a_bar from w_bar; they may be the same list. */
void iml_weights_adjoint(const struct iml_weights *self, const double *w_bar, double *a_bar);
/* The derivative of that: a_bar_dot from all others. */
void iml_weights_adjoint_tangent(const struct iml_weights *self, const double *w_bar,
                                 const double *w_bar_dot, const double *a_dot, const double *w_dot,
                                 double *a_bar_dot);

#endif
