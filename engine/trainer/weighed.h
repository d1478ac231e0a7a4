/* weighed.h: what the weights of the pool's images are, on a fixed part of it (FIXMATCH 6.6).
 * Private to engine/trainer. */
#ifndef IMLD_ENGINE_TRAINER_WEIGHED_H
#define IMLD_ENGINE_TRAINER_WEIGHED_H

#include "imld/trainer.h"

enum {
    IML_WEIGHED_MAX = 10000, /* images looked at */
    IML_WEIGHED_KEPT = 128,  /* of them after each update, for how far their weights have moved */
    IML_WEIGHED_BINS = 40,   /* of a histogram */
    IML_WEIGHED_ARTIFACTS = 2,
    IML_WEIGHED_EXTREMES = 50 /* most and least weighted images of an artifact */
};

/* Of images, a number each. */
struct iml_extremes {
    double indices[IML_WEIGHED_EXTREMES]; /* in the file of their set */
    double weights[IML_WEIGHED_EXTREMES];
    double in_distribution[IML_WEIGHED_EXTREMES], extra[IML_WEIGHED_EXTREMES];
    double classes[IML_WEIGHED_EXTREMES]; /* in their own set */
};

/* Borrowed memory: `count` images, the first of a keyed order. */
struct iml_weighed {
    size_t count;
    double *w, *confidences;
    uint8_t *correct;   /* the pseudo label is the image's class */
    uint8_t *is_inside; /* in distribution */
    uint32_t *places;   /* in the pool */
    uint32_t *sorted;   /* by w, ascending: numbers in these lists */
    iml_real *logits;   /* of a chunk */
    double *previous;   /* state: w of the first previous_count images after the last update */
    size_t previous_count;
    double edges[IML_WEIGHED_BINS + 1];
    double all[IML_WEIGHED_BINS], in_distribution[IML_WEIGHED_BINS];
    double out_of_distribution[IML_WEIGHED_BINS];
    double *by_class; /* classes of the set × bins: images of the own set */
    struct iml_extremes least, most;
};

void iml_weighed_layout(struct iml_trainer *self, struct iml_arena *arena);

/* All images are looked at as they are, with the base net in evaluation mode.
 *
 * previous: w of these images now; *oscillation = mean |wₜ − wₜ₋₁| over the deviation of wₜ, NaN
 * where they are all the same. */
IML_MUST_USE enum iml_code iml_weighed_keep(struct iml_trainer *self, double *oscillation,
                                            struct iml_error *error);

/* What weights can be, or what a picture shows of those that have no bounds (−1 to 3 fits w = 1; it
 * counts what lies outside at its ends). */
struct iml_weighed_range {
    double low, high;
    bool is_bounded; /* the weights can't leave it */
};
struct iml_weighed_range iml_weighed_range(const struct iml_trainer *self);

/* Where image i of the list comes from. */
const struct iml_origin *iml_weighed_origin(const struct iml_trainer *self, size_t i);

/* Artifacts of an evaluation, of weights that are sorted. */
void iml_weighed_draw(struct iml_trainer *self);

/* Rows and artifacts of an evaluation. */
IML_MUST_USE enum iml_code iml_weighed_tell(struct iml_trainer *self, struct iml_rows *rows,
                                            struct iml_error *error);

/* Area under the curve of w as a score of `positive`, a tie counts ½; NaN if one group is empty.
 * sorted: numbers 0 … n − 1 by ascending w. */
double iml_weighed_auroc(size_t n, const double *w, const uint32_t *sorted,
                         const uint8_t *positive);

/* sorted = 0 … n − 1 by ascending w, then by number; allocates nothing. */
void iml_weighed_sort(size_t n, const double *w, uint32_t *sorted);

#endif
