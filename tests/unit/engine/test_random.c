/* test_random.c: Philox against the known answers of Salmon et al. 2011 (Random123, kat_vectors),
 * and what is drawn from it against its definition (DESIGN §3, FIXMATCH 1.12). */
#include "imld/random.h"

#include <math.h>
#include <stdlib.h>

#include "../check.h"

static const struct {
    uint32_t counter[4], key[2], out[4];
} known[] = {
    {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
    {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
     {0xffffffff, 0xffffffff},
     {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
    {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
     {0xa4093822, 0x299f31d0},
     {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
};

static void test_known_answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        uint32_t out[4];
        iml_philox(known[i].key, known[i].counter, out);
        assert_memory_equal(out, known[i].out, sizeof out);
    }
}

static void test_key_and_counter_of_a_stream(void **state)
{
    (void)state;
    const struct iml_stream stream = {
        .seed = 7, .purpose = IML_PURPOSE_WEAK_POOL, .index = 11, .pass = 13};
    for (uint32_t block = 0; block < 3; block++) {
        const uint32_t key[2] = {7, 4}, counter[4] = {block, 11, 13, 0};
        uint32_t out[4];
        iml_philox(key, counter, out);
        for (uint32_t j = 0; j < 4; j++)
            assert_int_equal(iml_stream_word(&stream, 4 * block + j), out[j]);
    }
}

static void test_words_from_any_place(void **state)
{
    (void)state;
    const struct iml_stream stream = {.seed = 3, .purpose = IML_PURPOSE_PROBE};
    for (size_t first = 0; first < 9; first++) {
        for (size_t count = 0; count < 11; count++) {
            uint32_t words[11] = {0};
            iml_stream_words(&stream, first, count, words);
            for (size_t j = 0; j < count; j++)
                assert_int_equal(words[j], iml_stream_word(&stream, first + j));
            for (size_t j = count; j < 11; j++) assert_int_equal(words[j], 0);
        }
    }
}

static void test_below(void **state)
{
    (void)state;
    assert_int_equal(iml_word_below(0, 10), 0);
    assert_int_equal(iml_word_below(UINT32_MAX, 10), 9);
    assert_int_equal(iml_word_below(0x80000000, 10), 5);
    assert_int_equal(iml_word_below(UINT32_MAX, 1), 0);
}

static void test_permutation_by_its_rule(void **state)
{
    (void)state;
    for (uint32_t n = 0; n < 40; n++) {
        uint32_t got[40], expected[40];
        const struct iml_stream stream = {
            .seed = 5, .purpose = IML_PURPOSE_ORDER_LABELED, .pass = n};
        iml_permutation(5, IML_PURPOSE_ORDER_LABELED, n, n, got);
        for (uint32_t i = 0; i < n; i++) expected[i] = i;
        for (uint32_t i = n; i-- > 1;) {
            const uint64_t u = iml_stream_word(&stream, i);
            const uint32_t j = (uint32_t)((u * (i + 1)) >> 32), kept = expected[i];
            expected[i] = expected[j];
            expected[j] = kept;
        }
        assert_memory_equal(got, expected, n * sizeof *got);
    }
}

static void test_permutation_holds_each_once(void **state)
{
    (void)state;
    enum { N = 10007 };
    uint32_t *order = malloc(N * sizeof *order);
    unsigned char *seen = calloc(N, 1);
    assert_non_null(order);
    assert_non_null(seen);
    iml_permutation(1, IML_PURPOSE_SPLIT, 0, N, order);
    for (size_t i = 0; i < N; i++) {
        assert_true(order[i] < N);
        assert_int_equal(seen[order[i]]++, 0);
    }
    free(order);
    free(seen);
}

static void test_uniform(void **state)
{
    (void)state;
    enum { N = 20000 };
    static iml_real numbers[N];
    const struct iml_stream stream = {.seed = 9, .purpose = IML_PURPOSE_INITIALIZATION};
    iml_stream_uniform(&stream, -2, 3, N, numbers);
    double sum = 0;
    for (size_t i = 0; i < N; i++) {
        assert_true((double)numbers[i] >= -2 && (double)numbers[i] < 3);
        sum += (double)numbers[i];
        const iml_real one = iml_word_uniform(iml_stream_word(&stream, i), -2, 3);
        assert_memory_equal(&one, &numbers[i], sizeof one);
    }
    /* the mean's deviation is 5/√(12·N) = 0.0102 */
    assert_true(fabs(sum / N - 0.5) < 0.05);
    /* the largest word must not round up to the bound, which is left out */
    assert_true((double)iml_word_uniform(UINT32_MAX, -1, 1) < 1);
    assert_true((double)iml_word_uniform(UINT32_MAX, 1000, 1001) < 1001);
    assert_true((double)iml_word_uniform(0, -1, 1) == -1);
}

static void test_normal(void **state)
{
    (void)state;
    enum { N = 20001 }; /* odd: the last pair is cut */
    static iml_real numbers[N];
    const struct iml_stream stream = {.seed = 4, .purpose = IML_PURPOSE_PROBE};
    iml_stream_normal(&stream, 2, N, numbers);
    double sum = 0, squares = 0, fourths = 0;
    for (size_t i = 0; i < N; i++) {
        const double x = (double)numbers[i] / 2;
        sum += x;
        squares += x * x;
        fourths += x * x * x * x;
    }
    /* deviations of the three means: 0.0071, 0.01, 0.07 */
    assert_true(fabs(sum / N) < 0.04);
    assert_true(fabs(squares / N - 1) < 0.05);
    assert_true(fabs(fourths / N - 3) < 0.35);
    /* pair i is made of words 2i and 2i + 1 (Box–Muller) */
    const double u = ((double)iml_stream_word(&stream, 6) + 0.5) / 4294967296.0;
    const double angle = 2 * acos(-1) * ((double)iml_stream_word(&stream, 7) / 4294967296.0);
    check_close((double)numbers[6], 2 * sqrt(-2 * log(u)) * cos(angle), 1e-6);
    check_close((double)numbers[7], 2 * sqrt(-2 * log(u)) * sin(angle), 1e-6);
    for (uint64_t j = 0; j < N; j++) assert_true(iml_stream_normal_at(&stream, 2, j) == numbers[j]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_answers),
        cmocka_unit_test(test_key_and_counter_of_a_stream),
        cmocka_unit_test(test_words_from_any_place),
        cmocka_unit_test(test_below),
        cmocka_unit_test(test_permutation_by_its_rule),
        cmocka_unit_test(test_permutation_holds_each_once),
        cmocka_unit_test(test_uniform),
        cmocka_unit_test(test_normal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
