/* known.h: the classes that a task is about (FIXMATCH 4.5). Without a class mismatch these are all
 * classes of the set, under their own numbers; with one, some of them, numbered anew from 0. */
#ifndef IMLD_ENGINE_DATA_KNOWN_H
#define IMLD_ENGINE_DATA_KNOWN_H

#include "imld/dataset.h"

struct iml_known {
    bool has[IML_CLASSES_MAX];
    uint8_t label[IML_CLASSES_MAX]; /* the task's label of a known class of the set */
    size_t count;                   /* known classes that have an image in the train split */
    size_t outputs;                 /* 1 + the largest label */
};

/* All classes of the set. */
void iml_known_all(const struct iml_set_facts *facts, struct iml_known *known);

/* Those of `classes`, in whatever order; NULL: the default, which is the animals 2 … 7 of cifar10
 * and the first six classes of another set. Labels follow the order of the set. IML_ERROR_LIMIT: a
 * class without images, a class twice, or fewer than two; where = "/data/mismatch/known". */
IML_MUST_USE enum iml_code iml_known_some(const struct iml_set_facts *facts, const uint8_t *classes,
                                          size_t count, struct iml_known *known,
                                          struct iml_error *error);

/* Test images of known classes: how many the facts say that there are; the first `most` of a split
 * with these labels, into chosen: their number. */
size_t iml_known_test_images(const struct iml_known *known, const struct iml_set_facts *facts);
size_t iml_known_pick(const struct iml_known *known, const uint8_t *labels, size_t count,
                      size_t most, uint32_t *chosen);

#endif
