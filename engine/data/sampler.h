/* sampler.h: which images a batch holds (FIXMATCH 1.12): pass e is a permutation keyed by (seed,
 * purpose, e); passes are joined without a gap and cut into batches, so a batch may straddle passes
 * and, with fewer images than its size, holds an image more than once. The position follows from
 * the step alone. */
#ifndef IMLD_ENGINE_DATA_SAMPLER_H
#define IMLD_ENGINE_DATA_SAMPLER_H

#include "imld/arena.h"
#include "imld/random.h"

struct iml_sampler {
    uint32_t seed;
    enum iml_purpose purpose;
    uint32_t count;  /* images, at least 1 */
    uint32_t *order; /* borrowed from the arena: the permutation of `pass`, derived */
    uint64_t pass;
    bool is_valid; /* order is that of pass */
};

void iml_sampler_layout(struct iml_sampler *self, uint32_t seed, enum iml_purpose purpose,
                        size_t count, struct iml_arena *arena);

/* The list places of the images of batch number `step` (size of them), each below count. */
void iml_sampler_batch(struct iml_sampler *self, uint64_t step, size_t size, uint32_t *places);

/* The pass that row `row` of that batch is of: with the image's place it keys the image's views
 * (FIXMATCH 3.4). */
uint64_t iml_sampler_pass(const struct iml_sampler *self, uint64_t step, size_t size, size_t row);

/* The first `size` places of pass number `pass` (size ≤ count): the batches of the updates of λ. */
void iml_sampler_head(struct iml_sampler *self, uint64_t pass, size_t size, uint32_t *places);

/* Forgets the derived order, whose memory may have been overwritten. */
void iml_sampler_forget(struct iml_sampler *self);

#endif
