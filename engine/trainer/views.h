/* views.h: batches of views of images, drawn anew each time an image is met (FIXMATCH §3). */
#ifndef IMLD_ENGINE_TRAINER_VIEWS_H
#define IMLD_ENGINE_TRAINER_VIEWS_H

#include "engine/data/sampler.h"
#include "engine/trainer/images.h"
#include "imld/augment.h"

/* The images of a batch that are met in one way: `rows` rows, one after the other. All borrowed. */
struct iml_view_part {
    const struct iml_images *images;
    /* whose batch `step` of so many rows they are; NULL: draws are keyed by `step` itself */
    const struct iml_sampler *order;
    uint64_t step;
    size_t rows;
    const uint32_t *places;   /* rows: in the list of images */
    enum iml_purpose purpose; /* what their draws are keyed by */
    bool is_strong;
};

struct iml_view_maker {
    struct iml_view_shape shape;
    enum iml_view_flip flip;
    uint32_t seed;
    uint8_t *scratch; /* two images a worker; borrowed from the arena */
};

void iml_view_maker_layout(struct iml_view_maker *self, const struct iml_set_facts *facts,
                           unsigned workers, struct iml_arena *arena);

/* Fills `values` of the batch maker with views of the parts (count of them), one part after the
 * other. IML_ERROR_CANCELLED: the flag was seen. */
IML_MUST_USE enum iml_code iml_views_make(const struct iml_view_maker *self,
                                          const struct iml_batch_maker *maker,
                                          const struct iml_view_part *parts, size_t count,
                                          struct iml_error *error);

#endif
