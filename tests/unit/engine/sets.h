/* sets.h: small image sets in a temporary folder, for the tests of data and trainers. */
#ifndef IMLD_TESTS_SETS_H
#define IMLD_TESTS_SETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "imld/dataset.h"

struct sets {
    char root[64]; /* a data root of its own */
    const char *paths[1];
    struct iml_set_roots roots;
};

/* A fresh empty root; close removes it with all that is in it. */
void sets_open(struct sets *sets);
void sets_close(struct sets *sets);

/* For cmocka: the state is a fresh root. */
int sets_set_up(void **state);
int sets_tear_down(void **state);

/* Writes root/set/file (the folder is made). */
void sets_write(const struct sets *sets, const char *set, const char *file, const void *bytes,
                size_t count);
void sets_write_gzip(const struct sets *sets, const char *set, const char *file, const void *bytes,
                     size_t count);

enum { IDX_SIDE = 6, IDX_PIXELS = IDX_SIDE * IDX_SIDE };

/* The content of an idx images or labels file of `count` images; image i has label i mod classes
 * and pixels that a net can learn it from. Returns its bytes' number; out may be NULL to ask. */
size_t sets_idx_images(uint8_t *out, size_t count, size_t classes, uint32_t seed);
size_t sets_idx_labels(uint8_t *out, size_t count, size_t classes);

/* A whole set of 4 classes: train and test images, plain. */
void sets_write_idx(const struct sets *sets, const char *set, size_t train, size_t test);

/* CIFAR records: record i has label i mod 10 and pixels (i + pixel) mod 256. */
size_t sets_cifar(uint8_t *out, size_t first, size_t count);

#endif
