/* sampler.c: batches from joined passes; see sampler.h. */
#include "engine/data/sampler.h"

#include <assert.h>
#include <string.h>

void iml_sampler_layout(struct iml_sampler *self, uint32_t seed, enum iml_purpose purpose,
                        size_t count, struct iml_arena *arena)
{
    assert(count >= 1 && count <= UINT32_MAX);
    *self = (struct iml_sampler){.seed = seed, .purpose = purpose, .count = (uint32_t)count};
    self->order = iml_arena_take(arena, count, sizeof self->order[0]);
}

/* Makes `order` the permutation of that pass. A key has 32 bits for it: pass 2³² is pass 0 again.
 */
static void turn_to(struct iml_sampler *self, uint64_t pass)
{
    if (self->is_valid && self->pass == pass) return;
    iml_permutation(self->seed, self->purpose, (uint32_t)pass, self->count, self->order);
    self->pass = pass;
    self->is_valid = true;
}

void iml_sampler_batch(struct iml_sampler *self, uint64_t step, size_t size, uint32_t *places)
{
    uint64_t pass = step * size / self->count;
    size_t offset = (size_t)(step * size % self->count);
    for (size_t done = 0; done < size; pass++, offset = 0) {
        turn_to(self, pass);
        const size_t left = self->count - offset, wanted = size - done;
        const size_t n = wanted < left ? wanted : left;
        memcpy(places + done, self->order + offset, n * sizeof places[0]);
        done += n;
    }
}

uint64_t iml_sampler_pass(const struct iml_sampler *self, uint64_t step, size_t size, size_t row)
{
    return (step * size + row) / self->count;
}

void iml_sampler_head(struct iml_sampler *self, uint64_t pass, size_t size, uint32_t *places)
{
    assert(size <= self->count);
    turn_to(self, pass);
    memcpy(places, self->order, size * sizeof places[0]);
}

void iml_sampler_forget(struct iml_sampler *self)
{
    self->is_valid = false;
}
