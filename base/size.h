/* size.h: products and sums of sizes that can't overflow silently (used while planning; kernels
 * then need no check). */
#ifndef IMLD_BASE_SIZE_H
#define IMLD_BASE_SIZE_H

#include <stdbool.h>
#include <stddef.h>

/* *product = a·b; false: it does not fit, *product is then SIZE_MAX. */
bool iml_size_multiply(size_t a, size_t b, size_t *product);

/* *sum = a + b; false: it does not fit, *sum is then SIZE_MAX. */
bool iml_size_add(size_t a, size_t b, size_t *sum);

#endif
