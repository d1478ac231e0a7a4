/* allocations.h: counts every allocation of the process, the C library's and the BLAS's own
 * included: by standing in for malloc, or by the sanitizers' hooks where those stand there already.
 */
#ifndef IMLD_TESTS_ALLOCATIONS_H
#define IMLD_TESTS_ALLOCATIONS_H

#include <stddef.h>

/* Allocations so far since the first call. */
size_t allocations_count(void);

#endif
