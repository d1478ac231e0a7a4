/* test_spectrum.c: stochastic Lanczos quadrature on matrices with given eigenvalues (MATH §5.2), in
 * double. */
#include <math.h>
#include <string.h>

#include "imld/diagnostics.h"
#include "tests/unit/check.h"
#include "tests/unit/engine/dense.h"

enum { SIZE = SPECTRUM_SIZE };

static void open_spectrum(struct iml_spectrum *spectrum, struct iml_arena *arena, unsigned probes,
                          unsigned steps, size_t size)
{
    struct iml_error error = {0};
    struct iml_arena plan;
    const struct iml_spectrum_options options = {.probes = probes, .steps = steps, .top = 3};
    iml_arena_measure(&plan);
    iml_spectrum_layout(spectrum, &options, size, &plan);
    assert_int_equal(iml_arena_open(arena, &plan.plan, &error), IML_OK);
    iml_spectrum_layout(spectrum, &options, size, arena);
    assert_int_equal(spectrum->bytes, plan.plan.total_bytes);
}

/* All steps: the nodes are the eigenvalues, and only the weights are random. */
static void test_all_steps_find_all_eigenvalues(void **state)
{
    (void)state;
    static struct dense matrix;
    unsigned products = 0;
    struct iml_spectrum spectrum;
    struct iml_arena arena;
    open_spectrum(&spectrum, &arena, 2, SIZE, SIZE);
    for (int s = 0; s <= INDEFINITE; s++) { /* a singular one has fewer distinct eigenvalues */
        dense_from_spectrum(&matrix, (enum spectrum)s, &products);
        iml_spectrum_measure(&spectrum, &matrix.curvature, 1, 0);
        assert_int_equal(spectrum.end, IML_END_TERMS);
        assert_int_equal(spectrum.products, 2 * SIZE);
        assert_int_equal(spectrum.products, products);
        for (size_t i = 0; i < 2 * SIZE; i++)
            assert_true(fabs(spectrum.nodes[i] - spectrum_eigenvalue((enum spectrum)s, i % SIZE)) <=
                        1e-11);
        for (unsigned k = 0; k < 3; k++)
            check_close(spectrum.top[k], spectrum_eigenvalue((enum spectrum)s, SIZE - 1 - k),
                        1e-10);
        check_close(spectrum.largest, spectrum_eigenvalue((enum spectrum)s, SIZE - 1), 1e-11);
        assert_true(fabs(spectrum.smallest - spectrum_eigenvalue((enum spectrum)s, 0)) <= 1e-11);
        double sum = 0;
        for (size_t i = 0; i < SIZE; i++) sum += spectrum.weights[i];
        check_close(sum, 1, 1e-12);
    }
    iml_arena_close(&arena);
}

/* A probe of Gaussians has its trace within a few deviations: σ² of uᵀHu for a unit u is about
 * 2(⟨μ²⟩ − ⟨μ⟩²)/P. */
static void test_trace_and_negative_mass_are_near(void **state)
{
    (void)state;
    static struct dense matrix;
    unsigned products = 0;
    struct iml_spectrum spectrum;
    struct iml_arena arena;
    enum { PROBES = 200 };
    open_spectrum(&spectrum, &arena, PROBES, 15, SIZE);
    for (int s = 0; s < SPECTRA; s++) {
        double trace = 0, squares = 0, negative = 0;
        for (size_t i = 0; i < SIZE; i++) {
            const double mu = spectrum_eigenvalue((enum spectrum)s, i);
            trace += mu;
            squares += mu * mu;
            negative += mu < 0 ? 1.0 / SIZE : 0;
        }
        const double variance = squares / SIZE - trace / SIZE * (trace / SIZE);
        dense_from_spectrum(&matrix, (enum spectrum)s, &products);
        iml_spectrum_measure(&spectrum, &matrix.curvature, 1, 0);
        assert_true(fabs(spectrum.trace - trace) <= 4 * SIZE * sqrt(2 * variance / SIZE / PROBES));
        /* two eigenvalues of 40: deviation of the mass in one probe is about 0.048 */
        assert_true(fabs(spectrum.negative_mass - negative) <= 4 * 0.048 / sqrt(PROBES));
        assert_true(spectrum.largest <= spectrum_eigenvalue((enum spectrum)s, SIZE - 1) + 1e-9);
        assert_true(spectrum.smallest >= spectrum_eigenvalue((enum spectrum)s, 0) - 1e-9);
        check_close(spectrum.largest, spectrum_eigenvalue((enum spectrum)s, SIZE - 1), 1e-3);
    }
    iml_arena_close(&arena);
}

static void test_matrix_of_few_eigenvalues_ends_early(void **state)
{
    (void)state;
    static struct dense matrix;
    unsigned products = 0;
    struct iml_spectrum spectrum;
    struct iml_arena arena;
    double mu[SIZE];
    for (size_t i = 0; i < SIZE; i++) mu[i] = i < 4 ? -1 : i < 12 ? 5 : 2;
    dense_from_eigenvalues(&matrix, SIZE, mu, 3, &products);
    open_spectrum(&spectrum, &arena, 100, 20, SIZE);
    iml_spectrum_measure(&spectrum, &matrix.curvature, 1, 0);
    assert_int_equal(spectrum.products, 300); /* three distinct eigenvalues: three steps a probe */
    check_close(spectrum.smallest, -1, 1e-12);
    check_close(spectrum.largest, 5, 1e-12);
    assert_true(fabs(spectrum.negative_mass - 0.1) <= 0.03);
    check_close(spectrum.trace, 4 * -1 + 8 * 5 + 28 * 2, 0.05);
    iml_arena_close(&arena);
}

static void test_zero_matrix_has_no_negative_mass(void **state)
{
    (void)state;
    static struct dense matrix;
    static const double zero[SIZE * SIZE];
    unsigned products = 0;
    struct iml_spectrum spectrum;
    struct iml_arena arena;
    dense_from_elements(&matrix, SIZE, zero, &products);
    open_spectrum(&spectrum, &arena, 3, 5, SIZE);
    iml_spectrum_measure(&spectrum, &matrix.curvature, 1, 0);
    assert_true(spectrum.smallest == 0 && spectrum.largest == 0 && spectrum.trace == 0);
    assert_true(spectrum.negative_mass == 0);
    iml_arena_close(&arena);
}

static void test_density_has_integral_one_and_its_peaks(void **state)
{
    (void)state;
    static struct dense matrix;
    unsigned products = 0;
    struct iml_spectrum spectrum;
    struct iml_arena arena;
    enum { POINTS = 2001 };
    static double x[POINTS], density[POINTS];
    double mu[SIZE], sum = 0;
    for (size_t i = 0; i < SIZE; i++) mu[i] = i < 20 ? 1 : 3;
    for (size_t i = 0; i < POINTS; i++) x[i] = -2 + 8.0 * (double)i / (POINTS - 1);
    dense_from_eigenvalues(&matrix, SIZE, mu, 3, &products);
    open_spectrum(&spectrum, &arena, 50, 10, SIZE);
    iml_spectrum_measure(&spectrum, &matrix.curvature, 1, 0);
    iml_spectrum_density(&spectrum, 0.1, POINTS, x, density);
    for (size_t i = 0; i < POINTS; i++) sum += density[i] * 8 / (POINTS - 1);
    check_close(sum, 1, 1e-9);
    const double peak = 0.5 / (0.1 * sqrt(2 * acos(-1)));
    check_close(density[750], peak, 0.1);  /* x = 1 */
    check_close(density[1250], peak, 0.1); /* x = 3 */
    assert_true(density[1000] < 1e-9);     /* x = 2 */
    iml_arena_close(&arena);
}

static void test_probes_depend_on_seed_and_update(void **state)
{
    (void)state;
    static struct dense matrix;
    unsigned products = 0;
    struct iml_spectrum spectrum;
    struct iml_arena arena;
    double traces[4];
    const uint32_t from[4][2] = {{1, 0}, {1, 0}, {2, 0}, {1, 1}};
    dense_from_spectrum(&matrix, POSITIVE, &products);
    open_spectrum(&spectrum, &arena, 2, 10, SIZE);
    for (size_t i = 0; i < 4; i++) {
        iml_spectrum_measure(&spectrum, &matrix.curvature, from[i][0], from[i][1]);
        traces[i] = spectrum.trace;
    }
    assert_memory_equal(&traces[0], &traces[1], sizeof traces[0]);
    assert_true(traces[0] != traces[2] && traces[0] != traces[3] && traces[2] != traces[3]);
    assert_true(spectrum.nodes[0] != spectrum.nodes[10]); /* and each probe is its own */
    iml_arena_close(&arena);
}

static void test_fault_ends_the_measurement(void **state)
{
    (void)state;
    static struct dense matrix;
    unsigned products = 0;
    struct iml_spectrum spectrum;
    struct iml_arena arena;
    dense_from_spectrum(&matrix, POSITIVE, &products);
    matrix.fault = DENSE_NOT_FINITE;
    matrix.fault_at = 13;
    open_spectrum(&spectrum, &arena, 3, 10, SIZE);
    iml_spectrum_measure(&spectrum, &matrix.curvature, 1, 0);
    assert_int_equal(spectrum.end, IML_END_NOT_FINITE);
    assert_int_equal(spectrum.products, 13);
    iml_arena_close(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_steps_find_all_eigenvalues),
        cmocka_unit_test(test_trace_and_negative_mass_are_near),
        cmocka_unit_test(test_matrix_of_few_eigenvalues_ends_early),
        cmocka_unit_test(test_zero_matrix_has_no_negative_mass),
        cmocka_unit_test(test_density_has_integral_one_and_its_peaks),
        cmocka_unit_test(test_probes_depend_on_seed_and_update),
        cmocka_unit_test(test_fault_ends_the_measurement),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
