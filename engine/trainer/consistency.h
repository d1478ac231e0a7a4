/* consistency.h: pseudo labels and the mask of FIXMATCH 1.3, which rows weigh what in the loss of
 * 1.4, with the weights of §6, and the tallies behind the metrics of §5. */
#ifndef IMLD_ENGINE_TRAINER_CONSISTENCY_H
#define IMLD_ENGINE_TRAINER_CONSISTENCY_H

#include "engine/data/pool.h"
#include "engine/knowledge/weigher.h"
#include "imld/trainer.h"

/* Of one batch, rows [α(x); α(u); 𝒜(u)]: `labeled` (B), then twice `unlabeled` (μB). What is
 * chosen from a batch's logits; borrowed memory. */
struct iml_consistency {
    struct iml_chooser chooser;
    double threshold; /* τ */
    double weight;    /* of a masked-in strong row in units of 1/B: λ_u B/(μB) */
    size_t labeled, unlabeled, outputs;
    uint32_t *labels;    /* rows: y, ŷ, ŷ; those of labeled rows are the caller's */
    iml_real *weights;   /* rows: 1, 0, the weight times m */
    iml_real *losses;    /* rows: ℓᵢ */
    double *confidences; /* unlabeled: max q */
    uint8_t *masks;      /* unlabeled: m */
    size_t correct;      /* labeled rows answered rightly */

    /* with a knowledge that weighs; borrowed */
    const struct iml_knowledge *knowledge;
    const iml_real *images; /* unlabeled × inputs: the weak views of the batch at hand */
    const uint32_t *places; /* unlabeled: of its images in the pool */
    double small_mean; /* of the batch's weights, where it was too small to divide by; else NaN */
    struct iml_stream shuffle;                 /* what permuted weights are drawn from */
    uint32_t *permutation;                     /* unlabeled; of permuted weights */
    struct iml_coupling coupling;              /* where they depend on θ */
    iml_real *weight_tangents, *loss_tangents; /* rows */
    double *w_bar, *w_bar_dot;                 /* unlabeled: ∂L/∂wᵢ and its tangent */
};

/* Sums since the last evaluation; state. By origin: out of distribution 0, in distribution 1. */
struct iml_consistency_tally {
    uint64_t steps;
    uint64_t images[2], masked[2];
    uint64_t correct, masked_correct;  /* of images in distribution */
    uint64_t classes[IML_CLASSES_MAX]; /* ŷ of masked images */
    double confidence, loss;
};

/* labels: borrowed, rows of the whole batch. unlabeled: images of the pool in it. */
void iml_consistency_layout(struct iml_consistency *self,
                            const struct iml_consistency_options *options, size_t labeled,
                            size_t unlabeled, size_t outputs, uint32_t *labels,
                            struct iml_arena *arena);

/* Its images are weighed from now on; knowledge is borrowed. */
void iml_consistency_weigh(struct iml_consistency *self, const struct iml_knowledge *knowledge,
                           struct iml_arena *arena);

/* The batch's labels, weights, divisor and chooser; its rows, inputs and mode stay. With weights:
 * inputs: of one row; places (unlabeled): of the pool's images; key: what this batch's permutation
 * is drawn from. */
struct iml_consistency_images {
    size_t inputs;
    const uint32_t *places;
    uint32_t seed, key;
};
void iml_consistency_ask(struct iml_consistency *self, const struct iml_consistency_images *images,
                         struct iml_batch *batch);

/* (1/B) Σ ℓ of the labeled rows; the second sum of 1.4 without λ_u. */
double iml_consistency_labeled_loss(const struct iml_consistency *self);
double iml_consistency_loss(const struct iml_consistency *self);

/* Adds the batch at hand. places (unlabeled): of its images in the pool; origins and known: for
 * this alone (FIXMATCH 4.7). */
void iml_consistency_count(const struct iml_consistency *self, const uint32_t *places,
                           const struct iml_origin *origins, const struct iml_known *known,
                           struct iml_consistency_tally *tally);

/* The rows of a tally; a mean over no image is NaN. outputs: classes of the task. */
void iml_consistency_tell(const struct iml_consistency_tally *tally, size_t outputs,
                          struct iml_rows *rows);

#endif
