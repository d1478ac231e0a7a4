/* knowledge.h: λ: how meta-knowledge enters the training loss, and the mixed derivative (MATH
 * §3): as a regularizer of θ, or as weights of a pool's images. */
#ifndef IMLD_KNOWLEDGE_H
#define IMLD_KNOWLEDGE_H

#include "imld/optimizer.h"
#include "imld/weigher.h"

struct iml_knowledge_kind;

struct iml_knowledge_options {
    const struct iml_knowledge_kind *kind;
    double initial;   /* the coefficient e^λ at the start, e.g. 1e-4 */
    double clamp_low; /* bounds of e^λ after each step on λ; low 0 and high HUGE_VAL: none */
    double clamp_high;
    /* of kinds that weigh: engine/knowledge/weigher.h; borrowed */
    struct iml_weigher *weigher;
};

/* λ with its memory. It is a regularizer, R = ½ Σⱼ dⱼ θⱼ², or it weighs a pool's images. */
struct iml_knowledge {
    struct iml_knowledge_options options;
    const struct iml_net *net; /* borrowed */
    size_t size;               /* M */
    iml_real *lambda;          /* M: state */
    /* P: d = e^λ spread over θ; derived from λ, see iml_knowledge_refresh. NULL: λ is no
     * regularizer */
    iml_real *diagonal;
    iml_real *moments[2]; /* M, weights_per_example: of an Adam an image; state */
    uint32_t *steps;      /* M: and its steps; state */
};

struct iml_knowledge_kind {
    const char *name;
    bool is_theta_shaped; /* λ lies as θ does: register an optimizer's moments of λ with the net */
    bool weighs;          /* a pool's images: it has a weigher, and no diagonal */
    size_t (*size)(const struct iml_knowledge *self);
    /* memory besides λ and d; NULL: none */
    void (*layout)(struct iml_knowledge *self, struct iml_arena *arena);
    /* λ at the start; NULL: ln initial everywhere */
    void (*initialize)(struct iml_knowledge *self, uint32_t seed);
    /* d from λ; NULL: there is none */
    void (*refresh)(const struct iml_knowledge *self);
    /* see iml_knowledge_mean; after refresh. NULL: λ has no coefficients */
    double (*mean)(const struct iml_knowledge *self);
    /* of kinds that weigh: the weights of what the weigher has looked at, into weights.w */
    enum iml_code (*weigh)(const struct iml_knowledge *self, struct iml_error *error);
    /* moves λ by its own rule, with the options of λ's optimizer; NULL: by that optimizer */
    void (*move)(struct iml_knowledge *self, const struct iml_optimizer_options *options,
                 const iml_real *gradient);
    /* out (M) = −Σⱼ qⱼ ∂²L_T/∂θⱼ∂λ, the indirect term of equation (1) with its sign */
    void (*pull)(const struct iml_knowledge *self, const iml_real *theta, const iml_real *q,
                 iml_real *out);
    /* registers λ, and what else of it is state, under "knowledge/…" */
    enum iml_code (*register_items)(const struct iml_knowledge *self, struct iml_registry *registry,
                                    struct iml_error *error);
};

extern const struct iml_knowledge_kind *const iml_knowledge_kinds[]; /* ends with NULL */
const struct iml_knowledge_kind *iml_knowledge_kind_find(const char *name);

/* Takes λ and d from the arena. */
void iml_knowledge_layout(struct iml_knowledge *self, const struct iml_knowledge_options *options,
                          const struct iml_net *net, struct iml_arena *arena);

/* λ as its kind begins, and d. */
void iml_knowledge_initialize(struct iml_knowledge *self, uint32_t seed);

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
