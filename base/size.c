/* size.c: products and sums of sizes that can't overflow silently. */
#include "base/size.h"

#include <stdint.h>

bool iml_size_multiply(size_t a, size_t b, size_t *product)
{
    if (!__builtin_mul_overflow(a, b, product)) return true;
    *product = SIZE_MAX;
    return false;
}

bool iml_size_add(size_t a, size_t b, size_t *sum)
{
    if (!__builtin_add_overflow(a, b, sum)) return true;
    *sum = SIZE_MAX;
    return false;
}
