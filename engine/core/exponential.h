/* exponential.h: e^x of many numbers (a coefficient for each parameter, after each move of λ). */
#ifndef IMLD_ENGINE_CORE_EXPONENTIAL_H
#define IMLD_ENGINE_CORE_EXPONENTIAL_H

#include <stddef.h>

#include "imld/real.h"

/* y = e^x, computed in double to within 2 units of its last place, then rounded; any x, NaN and
 * infinities too. Bits are a function of x alone. x and y don't overlap. */
void iml_exponentials(size_t n, const iml_real *x, iml_real *y);

#endif
