/* random.h: counter-based randomness (Philox4x32-10; Salmon et al. 2011): a draw is a function of
 * (seed, purpose, index, pass) and a word number, with no generator state, so a resume needs only
 * the step number and threads can't change a result.
 *
 * key = (seed, purpose), counter = (block, index, pass, 0); word j of a stream is word j mod 4 of
 * block j/4. */
#ifndef IMLD_RANDOM_H
#define IMLD_RANDOM_H

#include <stddef.h>
#include <stdint.h>

#include "imld/real.h"

/* What a draw is for. Numbered for good: a number is never reused or changed. */
enum iml_purpose {
    IML_PURPOSE_SPLIT = 0,
    IML_PURPOSE_ORDER_LABELED = 1,
    IML_PURPOSE_ORDER_POOL = 2,
    IML_PURPOSE_WEAK_LABELED = 3,
    IML_PURPOSE_WEAK_POOL = 4,
    IML_PURPOSE_STRONG_POOL = 5,
    IML_PURPOSE_INITIALIZATION = 6,
    IML_PURPOSE_DROPOUT = 7,
    IML_PURPOSE_CURVATURE_ORDER = 8,
    IML_PURPOSE_CURVATURE_WEAK_LABELED = 9,
    IML_PURPOSE_CURVATURE_WEAK_POOL = 10,
    IML_PURPOSE_CURVATURE_STRONG_POOL = 11,
    IML_PURPOSE_VALIDATION_ORDER = 12,
    IML_PURPOSE_EVALUATION = 13,
    IML_PURPOSE_PROBE = 14,
    IML_PURPOSE_COORDINATES = 15,
    IML_PURPOSE_PERMUTED = 16,
    IML_PURPOSE_SYNTHETIC = 17,
    IML_PURPOSE_CONFIDENCE = 18, /* a confidence network's seed */
    IML_PURPOSE_POOL_ORDER = 19, /* the pool's images that it is looked at or fitted on, */
    IML_PURPOSE_POOL_WEAK = 20   /* and their views */
};

/* The Philox4x32-10 block function. */
void iml_philox(const uint32_t key[2], const uint32_t counter[4], uint32_t out[4]);

struct iml_stream {
    uint32_t seed;
    enum iml_purpose purpose;
    uint32_t index; /* an image's place in its list; 0 for permutations */
    uint32_t pass;  /* pass, step, or class (the split) */
};

/* Word j of the stream. */
uint32_t iml_stream_word(const struct iml_stream *stream, uint64_t j);

/* Words first … first + count − 1. */
void iml_stream_words(const struct iml_stream *stream, uint64_t first, size_t count, uint32_t *out);

/* Uniform in 0 … n − 1 from one word: (word · n) >> 32. */
uint32_t iml_word_below(uint32_t word, uint32_t n);

/* Uniform in [low, high) from one word. */
iml_real iml_word_uniform(uint32_t word, double low, double high);

/* A permutation of 0 … n − 1 (FIXMATCH 1.12): for i = n−1 … 1 swap i and (uᵢ·(i+1)) >> 32, uᵢ the
 * i-th word of stream (seed, purpose, index 0, pass). */
void iml_permutation(uint32_t seed, enum iml_purpose purpose, uint32_t pass, uint32_t n,
                     uint32_t *out);

/* Fills out with uniform numbers in [low, high), one word each. */
void iml_stream_uniform(const struct iml_stream *stream, double low, double high, size_t count,
                        iml_real *out);

/* Fills out with normal numbers of mean 0 (Box–Muller, two words each pair). */
void iml_stream_normal(const struct iml_stream *stream, double deviation, size_t count,
                       iml_real *out);

/* Number j of those. */
iml_real iml_stream_normal_at(const struct iml_stream *stream, double deviation, uint64_t j);

#endif
