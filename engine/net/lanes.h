/* lanes.h: eight numbers that are computed on at once, for files that are compiled for AVX2 and FMA
 * (of double: two registers); without, they are more registers, and a product is rounded before its
 * sum. Loads and stores need no alignment. */
#ifndef IMLD_ENGINE_NET_LANES_H
#define IMLD_ENGINE_NET_LANES_H

#include "imld/real.h"

#if defined(__FMA__) && !defined(IML_REAL_DOUBLE)
#include <immintrin.h>
#endif

enum { LANES = 8 };

typedef iml_real lanes __attribute__((vector_size(LANES * sizeof(iml_real))));
typedef iml_real lanes_anywhere
    __attribute__((vector_size(LANES * sizeof(iml_real)), aligned(sizeof(iml_real)), may_alias));

#define LANES_INLINE __attribute__((always_inline)) static inline

LANES_INLINE lanes lanes_load(const iml_real *at)
{
    return *(const lanes_anywhere *)(const void *)at;
}

LANES_INLINE void lanes_store(iml_real *at, lanes value)
{
    *(lanes_anywhere *)(void *)at = value;
}

LANES_INLINE lanes lanes_of(iml_real x)
{
    return (lanes){x, x, x, x, x, x, x, x};
}

/* a·b + c, rounded once where the machine does so: in the code, not by a flag (-ffp-contract), so
 * that every compiler gives the same bits. */
LANES_INLINE lanes lanes_fma(lanes a, lanes b, lanes c)
{
#if defined(__FMA__) && !defined(IML_REAL_DOUBLE)
    return (lanes)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#else
    return a * b + c;
#endif
}

/* c + factor·a */
LANES_INLINE lanes lanes_add(lanes c, double factor, lanes a)
{
    return lanes_fma(lanes_of((iml_real)factor), a, c);
}

#endif
