/* weigher.h: a confidence network with its memory, and what a batch that it weighs leaves for the
 * derivatives (MATH §3.3, §3.4). Or, without a net, a number an image. Private to the engine.
 *
 * A batch goes forward and is weighed (iml_weigher_weigh, from its chooser); then the weights can
 * be pulled back: to ω alone, or through the features into the base net. One batch at a time: what
 * is pulled back is the latest. */
#ifndef IMLD_ENGINE_KNOWLEDGE_WEIGHER_H
#define IMLD_ENGINE_KNOWLEDGE_WEIGHER_H

#include "engine/knowledge/weights.h"
#include "imld/curvature.h"
#include "imld/knowledge.h"

/* Pool images of a batch of the base net, one row each from row `first` on. */
struct iml_pool_rows {
    const struct iml_evaluator *evaluator; /* the base net's, which has just gone forward */
    size_t first, count;
    const iml_real *inputs; /* count × the base net's inputs: the images */
    const iml_real *logits; /* count × outputs */
    const uint32_t *places; /* count: in the pool */
};

/* The strong rows of a linearized batch that are weighed: what an influence is made of. */
struct iml_weighed_rows {
    struct iml_evaluator *evaluator; /* of the linearization; borrowed */
    size_t first, count;
    const uint8_t *masks; /* count */
    double scale;         /* c/N: λ_u/u */
};

struct iml_weigher {
    struct iml_weigher_options options;
    const struct iml_net *base; /* borrowed */
    struct iml_net *net;        /* owned: C; NULL: a number an image */
    size_t pool;                /* images in it */
    size_t rows;                /* pool images of a batch, at most */
    size_t linearized_rows;     /* the same of a linearized one */

    iml_real *omega;                /* C's parameters: λ of the knowledge */
    iml_real *statistics;           /* C's; NULL: it has none */
    struct iml_evaluator *values;   /* owned */
    struct iml_evaluator *backward; /* owned: gradients; chained where it goes through features */
    iml_real *inputs;               /* rows × C's inputs, where they are not the images */
    iml_real *outputs, *targets;    /* rows */
    iml_real *logits;               /* rows × the base net's outputs: scratch; with `inputs` */
    iml_real *target_tangents;      /* rows; through features */
    double *a_bar, *a_dot, *w_dot;  /* rows each: scratch; through features */
    struct iml_weights weights;     /* of the batch at hand */
    const iml_real *seen;           /* C's inputs of it */
    const uint32_t *places;         /* its images */

    struct iml_weighed_rows weighed; /* of the linearization at hand; set by who linearized */
    iml_real *loss_tangents;         /* rows of a linearized batch */
    double *influences, *w_bar;      /* linearized_rows: dL_V/dwᵢ of the latest pull; scratch */
    iml_real *zero, *product; /* M zeros, a constant that the layout writes; P; through features */
    iml_real *omega_bar_dot;  /* where a product leaves ω̄̇; NULL: not wanted */
};

/* Describes C; pool: the number of images. base is borrowed. Free with iml_weigher_free. */
IML_MUST_USE enum iml_code iml_weigher_new(const struct iml_weigher_options *options,
                                           const struct iml_net *base, bool has_net, size_t pool,
                                           struct iml_weigher **weigher, struct iml_error *error);
void iml_weigher_free(struct iml_weigher *self);

/* All memory but ω, which the knowledge has. batch_rows: of a linearized batch, weak and strong and
 * labeled. */
IML_MUST_USE enum iml_code iml_weigher_layout(struct iml_weigher *self, size_t batch_rows,
                                              struct iml_team *team, struct iml_arena *arena,
                                              struct iml_error *error);
void iml_weigher_free_evaluators(struct iml_weigher *self);

/* Numbers of a kind that C reads of an image: channels, class probabilities or features; 0: it has
 * no net. */
size_t iml_weigher_reads(const struct iml_weigher *self);

/* Initial ω (its own draws of the seed) and statistics. */
void iml_weigher_initialize(struct iml_weigher *self, uint32_t seed);
/* ω°_m (FIXMATCH 6.1) */
double iml_weigher_rest(const struct iml_weigher *self, size_t m);

/* C's inputs of a batch, into `seen`. */
void iml_weigher_look(struct iml_weigher *self, const struct iml_pool_rows *rows);
/* The weights of what is seen, into weights.w. */
IML_MUST_USE enum iml_code iml_weigher_weigh(struct iml_weigher *self, struct iml_error *error);
/* ω̄ from w̄ of the batch at hand, M elements; w_bar is used up. */
IML_MUST_USE enum iml_code iml_weigher_pull(struct iml_weigher *self, double *w_bar, iml_real *out,
                                            struct iml_error *error);
/* C's running statistics become the means over `draws` batches: to be called once for each, number
 * 0 first, after iml_weigher_look. */
IML_MUST_USE enum iml_code iml_weigher_follow(struct iml_weigher *self, size_t number,
                                              struct iml_error *error);

/* influences = −(c mᵢ/N) ℓ̇ᵢ(q) of the linearized rows (MATH §3.3). */
IML_MUST_USE enum iml_code iml_weigher_influences(struct iml_weigher *self, const iml_real *q,
                                                  struct iml_error *error);

/* --- through the features (MATH §3.4); in the coupling's order --- */

/* A linearization or gradient has found its losses: what flows back from w̄ is added to the
 * features' adjoints of the rows from `first` on. */
void iml_weigher_join(struct iml_weigher *self, const struct iml_evaluator *base, size_t first,
                      const double *w_bar);
/* ẇ from the features' tangents; count numbers, valid until the next call of any of these. */
const double *iml_weigher_tangent(struct iml_weigher *self, const struct iml_evaluator *base,
                                  size_t first);
void iml_weigher_join_tangent(struct iml_weigher *self, const struct iml_evaluator *base,
                              size_t first, const double *w_bar, const double *w_bar_dot);

#endif
