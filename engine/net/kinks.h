/* kinks.h: where the function that a net is has no derivative: what an evaluator holds of it. */
#ifndef IMLD_ENGINE_NET_KINKS_H
#define IMLD_ENGINE_NET_KINKS_H

#include "imld/net.h"

/* What the n-th layer of a net that keeps_kinks holds of the last batch, rows × *width: slopes, or
 * the places of a pool's winners in their rows. NULL: there are not so many. */
const iml_real *iml_kept_kinks(const struct iml_evaluator *self, size_t n, size_t *width);

/* Sets them before a call with holds_kinks, from what a net of the same description holds whose
 * images lie in plain order (block 1 everywhere; this one's may have other blocks). count: rows ×
 * width. */
void iml_hold_kinks(const struct iml_evaluator *self, size_t n, const double *plain, size_t count);

#endif
