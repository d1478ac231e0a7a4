/* test_sampler.c: batches from passes that are joined without a gap (FIXMATCH 1.12), and pixels. */
#include "engine/data/sampler.h"

#include <string.h>

#include "engine/data/pixels.h"
#include "tests/unit/check.h"

enum { MOST = 64 };

/* A sampler over memory of the test's own. */
struct fixture {
    struct iml_sampler sampler;
    uint32_t order[MOST];
};

static struct iml_sampler *set_up(struct fixture *f, uint32_t seed, uint32_t count)
{
    f->sampler = (struct iml_sampler){
        .seed = seed, .purpose = IML_PURPOSE_ORDER_LABELED, .count = count, .order = f->order};
    return &f->sampler;
}

static void test_batches_walk_the_joined_passes(void **state)
{
    (void)state;
    struct fixture f;
    enum { N = 10, BATCH = 4, STEPS = 10 }; /* four passes, two of them straddled */
    struct iml_sampler *sampler = set_up(&f, 3, N);
    uint32_t joined[4 * N], places[STEPS * BATCH];
    for (uint32_t e = 0; e < 4; e++)
        iml_permutation(3, IML_PURPOSE_ORDER_LABELED, e, N, joined + (size_t)e * N);
    for (size_t k = 0; k < STEPS; k++) iml_sampler_batch(sampler, k, BATCH, places + k * BATCH);
    assert_memory_equal(places, joined, sizeof places);
}

static void test_a_batch_larger_than_the_set(void **state)
{
    (void)state;
    struct fixture f;
    enum { N = 3, BATCH = 8 };
    struct iml_sampler *sampler = set_up(&f, 3, N);
    uint32_t joined[6 * N], places[2 * BATCH];
    for (uint32_t e = 0; e < 6; e++)
        iml_permutation(3, IML_PURPOSE_ORDER_LABELED, e, N, joined + (size_t)e * N);
    iml_sampler_batch(sampler, 0, BATCH, places);
    iml_sampler_batch(sampler, 1, BATCH, places + BATCH);
    assert_memory_equal(places, joined, sizeof places);
}

static void test_a_batch_follows_from_its_step_alone(void **state)
{
    (void)state;
    struct fixture walked, jumped;
    uint32_t a[7], b[7];
    for (uint64_t k = 0; k < 30; k++) {
        if (k == 0) (void)set_up(&walked, 1, 19);
        iml_sampler_batch(&walked.sampler, k, 7, a);
        iml_sampler_batch(set_up(&jumped, 1, 19), k, 7, b);
        assert_memory_equal(a, b, sizeof a);
    }
}

/* Pass and place together are never met twice. */
static void test_the_pass_of_a_row(void **state)
{
    (void)state;
    struct fixture f;
    enum { N = 5, BATCH = 7, STEPS = 10 };
    bool met[STEPS * BATCH / N][N] = {0};
    const struct iml_sampler *sampler = set_up(&f, 3, N);
    for (uint64_t k = 0; k < STEPS; k++) {
        uint32_t places[BATCH];
        iml_sampler_batch(&f.sampler, k, BATCH, places);
        for (size_t row = 0; row < BATCH; row++) {
            const uint64_t pass = iml_sampler_pass(sampler, k, BATCH, row);
            assert_int_equal(pass, (k * BATCH + row) / N);
            assert_false(met[pass][places[row]]);
            met[pass][places[row]] = true;
        }
    }
}

static void test_forgetting_recomputes_the_order(void **state)
{
    (void)state;
    struct fixture f;
    struct iml_sampler *sampler = set_up(&f, 1, 16);
    uint32_t a[5], b[5];
    iml_sampler_batch(sampler, 1, 5, a);
    memset(f.order, 0xA5, sizeof f.order);
    iml_sampler_forget(sampler);
    iml_sampler_batch(sampler, 1, 5, b);
    assert_memory_equal(a, b, sizeof a);
}

static void test_the_head_of_a_pass(void **state)
{
    (void)state;
    struct fixture f;
    struct iml_sampler *sampler = set_up(&f, 9, 16);
    uint32_t order[16], head[16];
    iml_permutation(9, IML_PURPOSE_ORDER_LABELED, 5, 16, order);
    iml_sampler_head(sampler, 5, 6, head);
    assert_memory_equal(head, order, 6 * sizeof head[0]);
}

static void test_standardized_pixels_have_mean_0_and_deviation_1(void **state)
{
    (void)state;
    enum { IMAGES = 5, CHANNELS = 2, PIXELS = 9 };
    uint8_t bytes[IMAGES * CHANNELS * PIXELS];
    iml_real values[CHANNELS * 256], out[CHANNELS * PIXELS];
    for (size_t i = 0; i < sizeof bytes; i++) /* the second channel is constant */
        bytes[i] = i / PIXELS % CHANNELS == 0 ? (uint8_t)(i * 37) : 7;
    struct iml_pixel_table table = {
        .channels = CHANNELS, .channel_pixels = PIXELS, .values = values};
    iml_pixel_table_fill(&table, IML_PIXELS_STANDARDIZED, bytes, IMAGES);
    double sum = 0, squares = 0;
    for (size_t i = 0; i < IMAGES; i++) {
        iml_pixel_table_apply(&table, bytes + i * CHANNELS * PIXELS, out);
        for (size_t j = 0; j < PIXELS; j++) {
            sum += (double)out[j];
            squares += (double)out[j] * (double)out[j];
        }
        for (size_t j = PIXELS; j < (size_t)CHANNELS * PIXELS; j++)
            assert_true(out[j] == (iml_real)0);
    }
    assert_true(sum > -1e-4 && sum < 1e-4);
    check_close(squares / (IMAGES * PIXELS), 1, 1e-5);
}

static void test_symmetric_and_unit_pixels(void **state)
{
    (void)state;
    iml_real values[256];
    struct iml_pixel_table table = {.channels = 1, .channel_pixels = 1, .values = values};
    iml_pixel_table_fill(&table, IML_PIXELS_SYMMETRIC, NULL, 0);
    for (size_t v = 0; v < 256; v++)
        assert_true(values[v] == (iml_real)v * ((iml_real)2 / (iml_real)255) - (iml_real)1);
    iml_pixel_table_fill(&table, IML_PIXELS_UNIT, NULL, 0);
    check_close((double)values[0], 0, 0);
    check_close((double)values[255], 1, 0);
    check_close((double)values[51], 0.2, 1e-6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_batches_walk_the_joined_passes),
        cmocka_unit_test(test_a_batch_larger_than_the_set),
        cmocka_unit_test(test_a_batch_follows_from_its_step_alone),
        cmocka_unit_test(test_the_pass_of_a_row),
        cmocka_unit_test(test_forgetting_recomputes_the_order),
        cmocka_unit_test(test_the_head_of_a_pass),
        cmocka_unit_test(test_standardized_pixels_have_mean_0_and_deviation_1),
        cmocka_unit_test(test_symmetric_and_unit_pixels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
