/* pool_case.h: a small train split of ten unequal classes, and what is drawn of it. */
#ifndef IMLD_TESTS_POOL_CASE_H
#define IMLD_TESTS_POOL_CASE_H

#include "engine/data/pool.h"

enum { POOL_IMAGES = 600, POOL_CLASSES = 10, POOL_EXTRA = 300, POOL_SEED = 11 };

struct pool_case {
    uint8_t labels[POOL_IMAGES]; /* image i is of class (i² + ⌊3i/7⌋) mod 10: 34 to 87 of each */
    struct iml_set_facts facts; /* named cifar10, 3 × 32 × 32 */
    struct iml_set_facts extra; /* "svhn", of the same shape: POOL_EXTRA test images */
    struct iml_pool_options options;
    struct iml_pool_counts counts;
    uint32_t validation[POOL_IMAGES], labeled[POOL_IMAGES], pool[POOL_IMAGES];
    uint32_t extra_images[POOL_EXTRA], scratch[2 * POOL_IMAGES];
};

/* Nothing drawn yet; the options ask for 13 validation images and `labels` labels. */
void pool_case_set_up(struct pool_case *c, enum iml_mismatch mismatch, size_t labels);

/* Counts and lists by the options; both must succeed. */
void pool_case_draw(struct pool_case *c);

/* Fails unless the counts are refused with that field's pointer, and with `what` in the text. */
void pool_case_refused(struct pool_case *c, const char *pointer, const char *what);

/* How many of a list's images are of that class; whether an image is in the list. */
size_t pool_case_count(const struct pool_case *c, const uint32_t *list, size_t count,
                       unsigned class_number);
bool pool_case_has(const uint32_t *list, size_t count, uint32_t image);

#endif
