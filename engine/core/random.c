/* random.c: Philox4x32-10 and what is drawn from it; see include/imld/random.h. */
#include "imld/random.h"

#include <math.h>
#include <string.h>

enum { WORDS = 4, ROUNDS = 10 };

/* Multipliers and Weyl constants of Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2,
 * 3". */
static const uint32_t multipliers[2] = {0xD2511F53, 0xCD9E8D57};
static const uint32_t weyl[2] = {0x9E3779B9, 0xBB67AE85};

static const double two_to_32 = 4294967296.0;

void iml_philox(const uint32_t key[2], const uint32_t counter[4], uint32_t out[4])
{
    uint32_t k0 = key[0], k1 = key[1];
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    for (int round = 0; round < ROUNDS; round++) {
        const uint64_t p0 = (uint64_t)multipliers[0] * c0;
        const uint64_t p1 = (uint64_t)multipliers[1] * c2;
        const uint32_t n0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        const uint32_t n2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c1 = (uint32_t)p1;
        c3 = (uint32_t)p0;
        c0 = n0;
        c2 = n2;
        k0 += weyl[0];
        k1 += weyl[1];
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

static void stream_block(const struct iml_stream *stream, uint64_t block, uint32_t out[WORDS])
{
    const uint32_t key[2] = {stream->seed, (uint32_t)stream->purpose};
    const uint32_t counter[4] = {(uint32_t)block, stream->index, stream->pass, 0};
    iml_philox(key, counter, out);
}

uint32_t iml_stream_word(const struct iml_stream *stream, uint64_t j)
{
    uint32_t words[WORDS];
    stream_block(stream, j / WORDS, words);
    return words[j % WORDS];
}

void iml_stream_words(const struct iml_stream *stream, uint64_t first, size_t count, uint32_t *out)
{
    size_t done = 0;
    while (done < count) {
        uint32_t words[WORDS];
        stream_block(stream, (first + done) / WORDS, words);
        const size_t from = (first + done) % WORDS;
        const size_t n = WORDS - from < count - done ? WORDS - from : count - done;
        memcpy(out + done, words + from, n * sizeof *out);
        done += n;
    }
}

uint32_t iml_word_below(uint32_t word, uint32_t n)
{
    return (uint32_t)(((uint64_t)word * n) >> 32);
}

iml_real iml_word_uniform(uint32_t word, double low, double high)
{
    const iml_real value = (iml_real)(low + (high - low) * ((double)word / two_to_32));
    if ((double)value < high) return value;
#ifdef IML_REAL_DOUBLE /* rounded up to the bound, which the interval leaves out */
    return nextafter(high, low);
#else
    return nextafterf((float)high, (float)low);
#endif
}

void iml_permutation(uint32_t seed, enum iml_purpose purpose, uint32_t pass, uint32_t n,
                     uint32_t *out)
{
    const struct iml_stream stream = {.seed = seed, .purpose = purpose, .pass = pass};
    for (uint32_t i = 0; i < n; i++) out[i] = i;
    if (n < 2) return;
    uint32_t words[WORDS];
    stream_block(&stream, (n - 1) / WORDS, words);
    for (uint32_t i = n - 1; i > 0; i--) {
        if (i % WORDS == WORDS - 1) stream_block(&stream, i / WORDS, words);
        const uint32_t j = iml_word_below(words[i % WORDS], i + 1);
        const uint32_t kept = out[i];
        out[i] = out[j];
        out[j] = kept;
    }
}

void iml_stream_uniform(const struct iml_stream *stream, double low, double high, size_t count,
                        iml_real *out)
{
    uint32_t words[WORDS] = {0};
    for (size_t i = 0; i < count; i++) {
        if (i % WORDS == 0) stream_block(stream, i / WORDS, words);
        out[i] = iml_word_uniform(words[i % WORDS], low, high);
    }
}

/* Both numbers of a pair, from its two words. */
static void make_pair(const uint32_t words[2], double deviation, double pair[2])
{
    const double full_turn = 6.283185307179586;
    const double u = ((double)words[0] + 0.5) / two_to_32; /* never 0 */
    const double radius = deviation * sqrt(-2 * log(u));
    const double angle = full_turn * ((double)words[1] / two_to_32);
    pair[0] = radius * cos(angle);
    pair[1] = radius * sin(angle);
}

void iml_stream_normal(const struct iml_stream *stream, double deviation, size_t count,
                       iml_real *out)
{
    uint32_t words[WORDS] = {0};
    for (size_t i = 0; i < count; i += 2) {
        double pair[2];
        if (i % WORDS == 0) stream_block(stream, i / WORDS, words);
        make_pair(words + i % WORDS, deviation, pair);
        out[i] = (iml_real)pair[0];
        if (i + 1 < count) out[i + 1] = (iml_real)pair[1];
    }
}

iml_real iml_stream_normal_at(const struct iml_stream *stream, double deviation, uint64_t j)
{
    uint32_t words[WORDS];
    double pair[2];
    stream_block(stream, j / WORDS, words);
    make_pair(words + j % WORDS / 2 * 2, deviation, pair);
    return (iml_real)pair[j % 2];
}
