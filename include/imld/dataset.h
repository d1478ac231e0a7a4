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

enum iml_set_form { IML_SET_IDX, IML_SET_CIFAR, IML_SET_SYNTHETIC };
enum iml_set_split { IML_SPLIT_TRAIN, IML_SPLIT_TEST };

const char *iml_set_form_name(enum iml_set_form form); /* "idx", "cifar_binary", "synthetic" */

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

/* Chosen images of a set in memory: bytes as in the file (channel, row, column), labels. Of a
 * synthetic problem: rows of numbers in their place, and the other pointers are NULL. */
struct iml_images {
    size_t count;
    size_t channels, height, width;
    uint8_t *pixels;   /* count × channels × height × width */
    uint8_t *labels;   /* count */
    iml_real *values;  /* count × width */
    iml_real *targets; /* count */
    iml_real *weights; /* count; NULL: all 1 */
};

/* The one name that is no folder: a problem made from the job's seed, with a known Hessian, for
 * controlled studies. What it is made of: engine/data/synthetic.h. */
#define IML_SET_SYNTHETIC_NAME "synthetic"
#define IML_SYNTHETIC_DIMENSION_MAX 2048
enum iml_synthetic_kind { IML_SYNTHETIC_QUADRATIC, IML_SYNTHETIC_LEAST_SQUARES };
struct iml_synthetic_options {
    enum iml_synthetic_kind kind;
    size_t dimension;     /* parameters */
    double condition;     /* largest over smallest size of an eigenvalue, ≥ 1 */
    double largest;       /* eigenvalue */
    double negative_mass; /* quadratic: share of the eigenvalues that are negative */
    double coefficient;   /* quadratic: c, that of the regularizer which the eigenvalues include */
    double distance;      /* quadratic: of the first θ from the stationary point */
    size_t rows;          /* least_squares: of the train split, and of the test split */
    double noise;         /* least_squares: deviation of a target */
};

bool iml_set_is_synthetic(const char *name);

/* Facts as of a set with one class: rows are its images. A quadratic has `dimension` training rows
 * and as many validation rows after them. */
IML_MUST_USE enum iml_code iml_synthetic_facts(const struct iml_synthetic_options *options,
                                               struct iml_set_facts *facts,
                                               struct iml_error *error);

/* One image of a split (for views); pixels holds channels × height × width bytes. */
IML_MUST_USE enum iml_code iml_set_read_image(const struct iml_set_roots *roots, const char *name,
                                              enum iml_set_split split, size_t index,
                                              uint8_t *pixels, size_t pixels_bytes, uint8_t *label,
                                              struct iml_error *error);

#endif
