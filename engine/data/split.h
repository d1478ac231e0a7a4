/* split.h: which images of the train split are validation and which training images, by seed
 * (FIXMATCH 4.1): in each class the images in file order are permuted by (seed, IML_PURPOSE_SPLIT,
 * pass = class); the first are validation images, the next training images. So the number of
 * training images never changes the validation images, and smaller training sets are part of larger
 * ones. */
#ifndef IMLD_ENGINE_DATA_SPLIT_H
#define IMLD_ENGINE_DATA_SPLIT_H

#include "imld/dataset.h"

/* How many images are drawn from each class. A count that is no multiple of the classes (those with
 * an image) gives the rest to the first of them. */
struct iml_split_counts {
    size_t validation[IML_CLASSES_MAX], train[IML_CLASSES_MAX];
    size_t validation_total, train_total;
};

/* Shares validation and train (0: all that remain) out over the classes. IML_ERROR_LIMIT: a class
 * has too few images; the text has class, asked and present, where = "/data/validation" or
 * "/data/train" (FIXMATCH 4.4). */
IML_MUST_USE enum iml_code iml_split_share(const struct iml_set_facts *facts, size_t validation,
                                           size_t train, struct iml_split_counts *counts,
                                           struct iml_error *error);

/* Spreads total evenly over the classes that have an image, the rest to the first of them. taken:
 * images of each class that are not to be had (NULL: none). what ("validation") and pointer: what
 * an error says. IML_ERROR_LIMIT: a class has too few. */
IML_MUST_USE enum iml_code iml_split_spread(const size_t images[IML_CLASSES_MAX],
                                            const size_t *taken, size_t total, const char *what,
                                            const char *pointer, size_t shares[IML_CLASSES_MAX],
                                            struct iml_error *error);

/* The images of a class in keyed order: they lie at the front of scratch, which has room for
 * 2 × count. IML_ERROR_DATA: there are fewer than wanted, so the labels are not those that wanted
 * was made for. */
IML_MUST_USE enum iml_code iml_split_order_class(uint32_t seed, uint32_t class_number,
                                                 const uint8_t *labels, size_t count, size_t wanted,
                                                 uint32_t *scratch, struct iml_error *error);

/* File order: what files are read in, and a list that a reader can compare. */
void iml_split_sort(uint32_t *indices, size_t count);

/* Where the split is drawn to: file indices, ascending; borrowed. */
struct iml_split_lists {
    uint32_t *validation, *train; /* the counts' totals */
    uint32_t *scratch;            /* 2 × the images of the train split */
};

/* Draws the split. labels: all of the train split (count). IML_ERROR_DATA: the labels are not those
 * that counts were made for. */
IML_MUST_USE enum iml_code iml_split_draw(uint32_t seed, const struct iml_split_counts *counts,
                                          const uint8_t *labels, size_t count,
                                          const struct iml_split_lists *lists,
                                          struct iml_error *error);

#endif
