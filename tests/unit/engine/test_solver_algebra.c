/* test_solver_algebra.c: what several solvers share: linearity, the plain solver as a limit of the
 * preconditioned one, a matrix of zeros (MATH §4, §7.3), in double. */
#include <math.h>
#include <string.h>

#include "../check.h"
#include "dense.h"

enum { SIZE = SPECTRUM_SIZE };

static void test_linear_solvers_are_linear_in_v(void **state)
{
    (void)state;
    static struct dense matrix;
    unsigned products = 0;
    iml_real v[SIZE], w[SIZE], sum[SIZE], q_v[SIZE], q_w[SIZE], q_sum[SIZE];
    double d[SIZE], expected[SIZE];
    random_vector(SIZE, 5, v);
    random_vector(SIZE, 6, w);
    for (size_t j = 0; j < SIZE; j++) sum[j] = 2.5 * v[j] - 0.7 * w[j];
    spread_diagonal(1e-3, 10, d);
    const char *const names[] = {"identity", "neumann", "nystrom", "exact"};
    for (size_t i = 0; i < 4 * (size_t)SPECTRA; i++) {
        dense_from_spectrum(&matrix, (enum spectrum)(i % SPECTRA), &products);
        dense_add_diagonal(&matrix, d);
        for (int precondition = 0; precondition < 2; precondition++) {
            struct iml_solver_options options = options_of(names[i / SPECTRA], 8);
            options.step_size = 0.07;
            options.precondition = (enum iml_precondition)precondition;
            options.rank = 8;
            options.damping = i >= 2 * (size_t)SPECTRA ? 0.125 : 0;
            (void)solve_once(&options, &matrix.curvature, v, q_v);
            (void)solve_once(&options, &matrix.curvature, w, q_w);
            (void)solve_once(&options, &matrix.curvature, sum, q_sum);
            for (size_t j = 0; j < SIZE; j++) expected[j] = 2.5 * q_v[j] - 0.7 * q_w[j];
            check_vectors_close(SIZE, q_sum, expected, 1e-12);
        }
    }
}

static void test_identity_is_v_bit_for_bit(void **state)
{
    (void)state;
    static struct dense matrix;
    unsigned products = 0;
    iml_real v[SIZE], q[SIZE];
    random_vector(SIZE, 5, v);
    dense_from_spectrum(&matrix, POSITIVE, &products);
    const struct iml_solver_options options = options_of("identity", 3);
    const struct iml_report report = solve_once(&options, &matrix.curvature, v, q);
    assert_memory_equal(q, v, sizeof q);
    assert_int_equal(report.residual_kind, IML_RESIDUAL_NONE);
}

static void test_preconditioner_without_diagonal_is_auto(void **state)
{
    (void)state;
    static struct dense matrix;
    unsigned products = 0;
    iml_real v[SIZE], q[SIZE], expected[SIZE];
    random_vector(SIZE, 5, v);
    dense_from_spectrum(&matrix, POSITIVE, &products);
    const char *const names[] = {"neumann", "cg"};
    for (size_t i = 0; i < 2; i++) {
        struct iml_solver_options options = options_of(names[i], 6);
        (void)solve_once(&options, &matrix.curvature, v, expected);
        options.precondition = IML_PRECONDITION_L2;
        (void)solve_once(&options, &matrix.curvature, v, q);
        check_vectors_close(SIZE, q, expected, 1e-12);
    }
}

static void test_zero_matrix_is_survived(void **state)
{
    (void)state;
    static struct dense matrix;
    static const double zero[SIZE * SIZE];
    unsigned products = 0;
    iml_real v[SIZE], q[SIZE];
    random_vector(SIZE, 5, v);
    dense_from_elements(&matrix, SIZE, zero, &products);
    struct iml_solver_options options = options_of("neumann", 3);
    struct iml_report report = solve_once(&options, &matrix.curvature, v, q);
    assert_int_equal(report.end, IML_END_TERMS);
    for (size_t j = 0; j < SIZE; j++) check_close(q[j], 4 * v[j], 1e-14);
    options = options_of("cg", 3); /* Hp = 0: v as it is */
    report = solve_once(&options, &matrix.curvature, v, q);
    assert_int_equal(report.end, IML_END_NEGATIVE_CURVATURE);
    for (size_t j = 0; j < SIZE; j++) check_close(q[j], v[j], 1e-14);
    check_close(report.residual, 1, 1e-14);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_linear_solvers_are_linear_in_v),
        cmocka_unit_test(test_identity_is_v_bit_for_bit),
        cmocka_unit_test(test_preconditioner_without_diagonal_is_auto),
        cmocka_unit_test(test_zero_matrix_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
