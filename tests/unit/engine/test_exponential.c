/* test_exponential.c: e^x of many numbers against the C library's, and each alone. */
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "../check.h"
#include "engine/core/exponential.h"
#include "imld/random.h"

enum { COUNT = 20000 };

static double rounding(void)
{
    return sizeof(iml_real) == sizeof(float) ? 6e-8 : 4.5e-16;
}

/* Of float alone: too large, or with few digits left. */
static bool is_rough(double value)
{
    return sizeof(iml_real) == sizeof(float) && (isinf(value) || value < 1e-37);
}

static void test_all_sizes_are_those_of_the_library(void **state)
{
    (void)state;
    static iml_real x[COUNT], y[COUNT];
    static const double ranges[] = {1e-12, 0.5, 20, 90, 699};
    for (size_t r = 0; r < sizeof ranges / sizeof ranges[0]; r++) {
        const struct iml_stream stream = {
            .seed = 4, .purpose = IML_PURPOSE_PROBE, .index = (uint32_t)r};
        iml_stream_uniform(&stream, -ranges[r], ranges[r], COUNT, x);
        iml_exponentials(COUNT, x, y);
        for (size_t i = 0; i < COUNT; i++) {
            const iml_real expected = (iml_real)exp((double)x[i]);
            if (is_rough((double)expected))
                assert_true(fabs((double)y[i] - (double)expected) <= 1e-44 || y[i] == expected);
            else
                check_close((double)y[i], (double)expected, rounding() * 2);
        }
    }
}

static void test_what_is_no_ordinary_number(void **state)
{
    (void)state;
    const iml_real x[] = {0,
                          (iml_real)-HUGE_VAL,
                          (iml_real)HUGE_VAL,
                          (iml_real)nan(""),
                          (iml_real)-740,
                          (iml_real)705,
                          (iml_real)-1e30,
                          (iml_real)1e30};
    enum { N = sizeof x / sizeof x[0] };
    iml_real y[N];
    iml_exponentials(N, x, y);
    for (size_t i = 0; i < N; i++) {
        const iml_real expected = (iml_real)exp((double)x[i]);
        if (isnan((double)expected))
            assert_true(isnan((double)y[i]));
        else
            assert_true(y[i] == expected);
    }
}

/* Whatever is beside it: NaN, or numbers that take another way. */
static void test_a_number_s_bits_are_its_own(void **state)
{
    (void)state;
    iml_real x[600], y[600], alone = 0;
    for (size_t i = 0; i < 600; i++) x[i] = (iml_real)-7 + (iml_real)i / 64;
    x[3] = (iml_real)nan("");
    x[300] = (iml_real)-800;
    iml_exponentials(600, x, y);
    for (size_t i = 0; i < 600; i++) {
        iml_exponentials(1, x + i, &alone);
        assert_memory_equal(&alone, y + i, sizeof alone);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_sizes_are_those_of_the_library),
        cmocka_unit_test(test_what_is_no_ordinary_number),
        cmocka_unit_test(test_a_number_s_bits_are_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
