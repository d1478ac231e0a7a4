/* set.h: one set opened for reading: its form and its splits' shapes; labels and chosen images.
 * Used by the catalog and by trainers when a run opens. */
#ifndef IMLD_ENGINE_DATA_SET_H
#define IMLD_ENGINE_DATA_SET_H

#include "engine/data/form.h"

struct iml_set {
    const struct iml_form *form;
    struct iml_folder folder; /* owned */
    bool has[2];              /* by enum iml_set_split */
    struct iml_split_shape shape[2];
};

/* Finds the set under the first root that has it and reads its headers. IML_ERROR_NOT_FOUND: no
 * root has a set of that name; IML_ERROR_DATA: broken. Close it in either case. */
IML_MUST_USE enum iml_code iml_set_open(const struct iml_set_roots *roots, const char *name,
                                        struct iml_set *set, struct iml_error *error);
void iml_set_close(struct iml_set *set);

/* All labels of a split; labels holds shape[split].images bytes. Those of the train split run
 * without a gap from class 0 or 1 in an idx file. */
IML_MUST_USE enum iml_code iml_set_labels(const struct iml_set *set, enum iml_set_split split,
                                          uint8_t *labels, struct iml_error *error);

/* Pixels of the images chosen (ascending file indices), one after the other. */
IML_MUST_USE enum iml_code iml_set_pixels(const struct iml_set *set, enum iml_set_split split,
                                          const uint32_t *chosen, size_t count, uint8_t *pixels,
                                          struct iml_error *error);

/* The facts of an open set: reads its label files, no image. */
IML_MUST_USE enum iml_code iml_set_facts_read(const struct iml_set *set,
                                              struct iml_set_facts *facts, struct iml_error *error);

#endif
