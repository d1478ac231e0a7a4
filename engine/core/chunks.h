/* chunks.h: long vector work in fixed chunks, by the team where there is one. A chunk's bounds
 * depend on n alone and sums are added in the order of chunks, so bits don't depend on the team. */
#ifndef IMLD_ENGINE_CORE_CHUNKS_H
#define IMLD_ENGINE_CORE_CHUNKS_H

#include <stddef.h>

#include "imld/real.h"
#include "imld/team.h"

/* Works on elements first … first + count − 1; its answer is added up (0 where there is nothing to
 * add). Runs in any of the team's threads. */
typedef double iml_chunk(void *context, size_t first, size_t count);

/* Runs the chunk function over n elements; the sum of its answers. team NULL: in this thread, with
 * the same bits. After a cancel some chunks are left out, and the sum is meaningless. */
double iml_in_chunks(struct iml_team *team, size_t n, iml_chunk *chunk, void *context);

/* Σ aᵢbᵢ and Σ xᵢ², of each chunk by iml_dot. */
double iml_dot_in_chunks(struct iml_team *team, size_t n, const iml_real *a, const iml_real *b);
double iml_norm_squared_in_chunks(struct iml_team *team, size_t n, const iml_real *x);

#endif
