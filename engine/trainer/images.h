/* images.h: a job's images in memory as bytes, and batches of them as the net's inputs. Bytes,
 * since 10,000 test images are 8 MB so and 31 MB as floats, and turning a batch costs a table
 * look-up a pixel (about 2 % of an inner step of a 784-128-128-10 net). */
#ifndef IMLD_ENGINE_TRAINER_IMAGES_H
#define IMLD_ENGINE_TRAINER_IMAGES_H

#include "engine/data/pixels.h"
#include "imld/team.h"

/* Lays out bytes, labels and file indices of count images. */
void iml_images_layout(struct iml_images *images, const struct iml_set_facts *facts, size_t count,
                       struct iml_arena *arena);

/* The same for rows of numbers with a target each. */
void iml_images_layout_values(struct iml_images *images, size_t inputs, size_t count,
                              bool has_weights, struct iml_arena *arena);

/* Where batches are made: one at a time, valid until the next is made. */
struct iml_batch_maker {
    size_t rows;                         /* the most a batch can have */
    size_t inputs;                       /* of one image */
    iml_real *values;                    /* rows × inputs, borrowed from the arena */
    uint32_t *labels;                    /* rows */
    iml_real *targets, *weights;         /* rows; NULL: batches of images alone */
    uint32_t *places;                    /* rows: list places of the images; callers fill it */
    const struct iml_pixel_table *table; /* borrowed */
    struct iml_team *team;               /* borrowed */
};

void iml_batch_maker_layout(struct iml_batch_maker *maker, size_t rows, size_t inputs,
                            struct iml_arena *arena);
/* And for rows of numbers. */
void iml_batch_maker_layout_values(struct iml_batch_maker *maker, struct iml_arena *arena);

/* The batch of images[places[0 … rows − 1]]; IML_ERROR_CANCELLED if the flag was seen. */
IML_MUST_USE enum iml_code iml_batch_make(struct iml_batch_maker *maker,
                                          const struct iml_images *images, size_t rows,
                                          struct iml_batch *batch, struct iml_error *error);

/* places = first … first + rows − 1. */
void iml_batch_place_run(struct iml_batch_maker *maker, size_t first, size_t rows);

#endif
