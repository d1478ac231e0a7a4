/* pool.h: the data of a job that learns from unlabeled images (FIXMATCH §4): which images of the
 * train split are validation images, labeled ones, and the pool, by seed; class mismatch; images of
 * a second set in the pool. Two steps: what a job asks for becomes counts a class, from facts alone
 * (so that a job that can't be is refused before it starts); the counts become lists of images.
 *
 * In each class the keyed order of the split (split.h) has the validation images first, then the
 * labeled ones, then the others. The pool takes the labeled ones and as many of the others as it
 * may, in this order: a smaller pool is part of a larger one, and neither the pool nor the number
 * of labels changes the validation images. */
#ifndef IMLD_ENGINE_DATA_POOL_H
#define IMLD_ENGINE_DATA_POOL_H

#include "engine/data/known.h"
#include "engine/data/split.h"
#include "imld/pool.h"

struct iml_pool_counts {
    struct iml_known known;
    struct iml_split_counts split; /* `train` are the labeled images */
    /* of each class: where the pool's images begin behind the validation images in keyed order */
    size_t first[IML_CLASSES_MAX], own[IML_CLASSES_MAX];
    size_t own_total, extra_total;
};

/* pool_share.c. IML_ERROR_LIMIT: what is asked for is not there, or makes no sense; the text has
 * class, asked and present; where = the field's pointer ("/data/labels"). IML_ERROR_ARGUMENT: a
 * second set whose images have another shape, or the set itself. */
IML_MUST_USE enum iml_code iml_pool_share(const struct iml_set_facts *facts,
                                          const struct iml_pool_options *options,
                                          struct iml_pool_counts *counts, struct iml_error *error);

/* Where the split is drawn to: file indices of the train split, ascending; borrowed. A place in one
 * of these lists is what order and views of its images are keyed by. */
struct iml_pool_lists {
    uint32_t *validation, *labeled; /* the totals of counts->split */
    uint32_t *pool;                 /* own_total */
    uint32_t *scratch;              /* 2 × the images of the train split */
};

/* Draws the split. labels: all of the train split (count). IML_ERROR_DATA: the labels are not those
 * that counts were made for. */
IML_MUST_USE enum iml_code iml_pool_draw(uint32_t seed, const struct iml_pool_counts *counts,
                                         const uint8_t *labels, size_t count,
                                         const struct iml_pool_lists *lists,
                                         struct iml_error *error);

/* The split that a second set's images come from: train, or test where it has no other. */
enum iml_set_split iml_pool_extra_split(const struct iml_set_facts *extra);

/* File indices of the second set's images, ascending: the first extra_total of a permutation of all
 * (its labels are not looked at) under purpose `split` and pass IML_CLASSES_MAX, which is no class.
 * They follow the own images in the pool. images: of that split; scratch: as many. */
void iml_pool_draw_extra(uint32_t seed, const struct iml_pool_counts *counts, size_t images,
                         uint32_t *extra, uint32_t *scratch);

/* Where a pool image is from; for metrics alone (FIXMATCH 4.7): nothing that trains may see it. */
struct iml_origin {
    bool is_extra;           /* from the second set */
    bool is_in_distribution; /* of the own set, and of a known class */
    uint8_t class_number;    /* in its own set */
};

/* Origins of the images `indices` (count) of one split; labels: all of that split. */
void iml_pool_own_origins(const struct iml_known *known, const uint8_t *labels,
                          const uint32_t *indices, size_t count, struct iml_origin *origins);
void iml_pool_extra_origins(const uint8_t *labels, const uint32_t *indices, size_t count,
                            struct iml_origin *origins);

#endif
