/* knowledge.h: λ: how meta-knowledge enters the training loss, and the mixed derivative (MATH
 * §3). */
#ifndef IMLD_KNOWLEDGE_H
#define IMLD_KNOWLEDGE_H

#include "imld/net.h"

struct iml_knowledge_kind;

struct iml_knowledge_options {
    const struct iml_knowledge_kind *kind;
    double initial;   /* the coefficient e^λ at the start, e.g. 1e-4 */
    double clamp_low; /* bounds of e^λ after each step on λ; low 0 and high HUGE_VAL: none */
    double clamp_high;
};

/* λ with its memory. Both kinds of this release are L2: R = ½ Σⱼ dⱼ θⱼ². */
struct iml_knowledge {
    struct iml_knowledge_options options;
    const struct iml_net *net; /* borrowed */
    size_t size;               /* M */
    iml_real *lambda;          /* M: state */
    iml_real *diagonal; /* P: d = e^λ spread over θ; derived from λ, see iml_knowledge_refresh */
};

struct iml_knowledge_kind {
    const char *name;
    bool is_theta_shaped; /* λ lies as θ does: register an optimizer's moments of λ with the net */
    size_t (*size)(const struct iml_net *net);
    /* d from λ */
    void (*refresh)(const struct iml_knowledge *self);
    /* see iml_knowledge_mean; after refresh */
    double (*mean)(const struct iml_knowledge *self);
    /* out (M) = −Σⱼ qⱼ ∂²L_T/∂θⱼ∂λ, the indirect term of equation (1) with its sign */
    void (*pull)(const struct iml_knowledge *self, const iml_real *theta, const iml_real *q,
                 iml_real *out);
    /* registers λ under "knowledge/…" */
    enum iml_code (*register_items)(const struct iml_knowledge *self, struct iml_registry *registry,
                                    struct iml_error *error);
};

extern const struct iml_knowledge_kind *const iml_knowledge_kinds[]; /* ends with NULL */
const struct iml_knowledge_kind *iml_knowledge_kind_find(const char *name);

/* Takes λ and d from the arena. */
void iml_knowledge_layout(struct iml_knowledge *self, const struct iml_knowledge_options *options,
                          const struct iml_net *net, struct iml_arena *arena);

/* λ = ln initial everywhere, and d. */
void iml_knowledge_initialize(struct iml_knowledge *self);

/* Recomputes d after λ has changed (an optimizer's step, a checkpoint loaded). */
void iml_knowledge_refresh(struct iml_knowledge *self);

/* Projects λ into the clamp; call after the optimizer's step and before refresh. */
void iml_knowledge_clamp(struct iml_knowledge *self);

/* The mean of e^λ over λ, each rounded to iml_real as it is in d. */
double iml_knowledge_mean(const struct iml_knowledge *self);

/* R(θ, λ) = ½ Σ dⱼθⱼ², accumulated in double. */
double iml_knowledge_loss(const struct iml_knowledge *self, const iml_real *theta);

/* dL_V/dλ = −Σⱼ qⱼ ∂²L_T/∂θⱼ∂λ, M elements. */
void iml_knowledge_pull(const struct iml_knowledge *self, const iml_real *theta, const iml_real *q,
                        iml_real *out);

IML_MUST_USE enum iml_code iml_knowledge_register(const struct iml_knowledge *self,
                                                  struct iml_registry *registry,
                                                  struct iml_error *error);

#endif
