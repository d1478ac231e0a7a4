/* lanczos.h: what lens and spectrum share (MATH §5). Private to this folder. */
#ifndef IMLD_ENGINE_DIAGNOSTICS_LANCZOS_H
#define IMLD_ENGINE_DIAGNOSTICS_LANCZOS_H

#include "imld/diagnostics.h"

void iml_lanczos_layout(struct iml_lanczos *self, unsigned steps, size_t size,
                        struct iml_arena *arena);

/* m products from v ≠ 0, then eigenvalues and first components of T + δI; alpha has δ in it. */
void iml_lanczos_run(struct iml_lanczos *self, const struct iml_curvature *curvature,
                     double damping, const iml_real *v);

#endif
