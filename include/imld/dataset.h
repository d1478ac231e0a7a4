/* dataset.h: image sets in idx(.gz) or CIFAR binary form, found under data roots, and the split of
 * their images into training, validation and test (FIXMATCH 4.1). */
#ifndef IMLD_DATASET_H
#define IMLD_DATASET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "imld/error.h"
#include "imld/real.h"

#define IML_SET_NAME_MAX 64
#define IML_CLASSES_MAX 256

enum iml_set_form { IML_SET_IDX, IML_SET_CIFAR };
enum iml_set_split { IML_SPLIT_TRAIN, IML_SPLIT_TEST };

const char *iml_set_form_name(enum iml_set_form form); /* "idx", "cifar_binary" */

/* What the headers (and label files) say; found without reading images. */
struct iml_set_facts {
    char name[IML_SET_NAME_MAX];
    enum iml_set_form form;
    size_t channels, height, width;
    size_t classes;                             /* 1 + the largest label of the splits present */
    size_t train_images, test_images;           /* 0: the set has no such split */
    size_t train_class_images[IML_CLASSES_MAX]; /* per class */
    size_t test_class_images[IML_CLASSES_MAX];
};

/* Roots, in order of precedence; borrowed strings. */
struct iml_set_roots {
    const char *const *paths;
    size_t count;
};

/* A name that a set can have: [a-z0-9][a-z0-9._-]*, no "..", shorter than IML_SET_NAME_MAX, not
 * "synthetic". Nothing else ever reaches the file system. */
bool iml_set_name_is_valid(const char *name);

/* Facts of the set of that name. IML_ERROR_NOT_FOUND: no root has it. IML_ERROR_DATA: files that
 * break their form (where = file and byte). */
IML_MUST_USE enum iml_code iml_set_inspect(const struct iml_set_roots *roots, const char *name,
                                           struct iml_set_facts *facts, struct iml_error *error);

/* Calls visit for each folder under the roots that is a set, in order of name, the first root's of
 * two of the same name; a set that is broken is visited with error set (facts->name filled). */
IML_MUST_USE enum iml_code iml_set_list(const struct iml_set_roots *roots,
                                        void (*visit)(void *context,
                                                      const struct iml_set_facts *facts,
                                                      const struct iml_error *broken),
                                        void *context, struct iml_error *error);

/* Chosen images of a set in memory: bytes as in the file (channel, row, column), labels. */
struct iml_images {
    size_t count;
    size_t channels, height, width;
    uint8_t *pixels; /* count × channels × height × width */
    uint8_t *labels; /* count */
};

/* One image of a split (for views); pixels holds channels × height × width bytes. */
IML_MUST_USE enum iml_code iml_set_read_image(const struct iml_set_roots *roots, const char *name,
                                              enum iml_set_split split, size_t index,
                                              uint8_t *pixels, size_t pixels_bytes, uint8_t *label,
                                              struct iml_error *error);

#endif
