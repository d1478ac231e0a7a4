/* allocations.h: counts every allocation of the process, the C library's own included, but for the
 * workspace that oneDNN takes inside a product and gives back before it returns
 * (docs/decisions/0107-products-by-onednn.md): by standing in for malloc, or by the sanitizers'
 * hooks where those stand there already. */
#ifndef IMLD_TESTS_ALLOCATIONS_H
#define IMLD_TESTS_ALLOCATIONS_H

#include <stddef.h>

/* Allocations so far since the first call. */
size_t allocations_count(void);

#endif
