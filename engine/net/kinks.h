/* kinks.h: where the function that a net is has no derivative: what an evaluator holds of it. */
#ifndef IMLD_ENGINE_NET_KINKS_H
#define IMLD_ENGINE_NET_KINKS_H

#include "imld/net.h"

/* What the n-th layer of a net that keeps_kinks holds of the last batch, rows × *width: slopes, or
 * a pool's winners; also to be written, before a call with holds_kinks. NULL: there are not so
 * many.
 */
iml_real *iml_kept_kinks(const struct iml_evaluator *self, size_t n, size_t *width);

#endif
