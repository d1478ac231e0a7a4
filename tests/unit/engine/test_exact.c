/* test_exact.c: the exact solver: solution, eigenvalues, refusal (MATH §4, §7.3), in double. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "../check.h"
#include "dense.h"

enum { SIZE = SPECTRUM_SIZE };

static void test_exact_is_the_solution_and_knows_its_eigenvalues(void **state)
{
    (void)state;
    static struct dense matrix;
    unsigned products = 0;
    iml_real v[SIZE], q[SIZE];
    double expected[SIZE];
    const enum spectrum regular[] = {POSITIVE, ILL_CONDITIONED, INDEFINITE};
    const double smallest[] = {0.1, 1e-6, -0.3}, largest[] = {3.2, 1, 3.2};
    for (size_t s = 0; s < 3; s++) {
        dense_from_spectrum(&matrix, regular[s], &products);
        random_vector(SIZE, 5, v);
        dense_solve(SIZE, matrix.h, v, expected);
        const struct iml_solver_options options = options_of("exact", 0);
        const struct iml_report report = solve_once(&options, &matrix.curvature, v, q);
        check_vectors_close(SIZE, q, expected, 1e-9);
        assert_int_equal(report.products, SIZE);
        assert_int_equal(report.residual_kind, IML_RESIDUAL_EXACT);
        assert_true(fabs(report.residual - dense_residual(&matrix, 0, v, q)) <= 1e-11);
        assert_true(report.residual < 1e-9);
        check_close(report.smallest_eigenvalue, smallest[s], 1e-9);
        check_close(report.largest_eigenvalue, largest[s], 1e-13);
    }
}

static void test_without_eigenvalues_the_solution_is_the_same(void **state)
{
    (void)state;
    static struct dense matrix;
    unsigned products = 0;
    iml_real v[SIZE], with[SIZE], without[SIZE];
    dense_from_spectrum(&matrix, INDEFINITE, &products);
    random_vector(SIZE, 5, v);
    struct iml_solver_options options = options_of("exact", 0);
    (void)solve_once(&options, &matrix.curvature, v, with);
    options.skips_eigenvalues = true;
    const struct iml_report report = solve_once(&options, &matrix.curvature, v, without);
    assert_memory_equal(with, without, sizeof with);
    assert_true(isnan(report.smallest_eigenvalue) && isnan(report.condition));
    assert_true(report.residual < 1e-9);
}

static void test_condition_is_that_of_absolute_values(void **state)
{
    (void)state;
    static struct dense matrix;
    unsigned products = 0;
    const double h[] = {-4, 0, 0, 2};
    const iml_real v[] = {1, 1};
    iml_real q[2];
    dense_from_elements(&matrix, 2, h, &products);
    const struct iml_solver_options options = options_of("exact", 0);
    const struct iml_report report = solve_once(&options, &matrix.curvature, v, q);
    check_close(report.condition, 2, 1e-14);
    check_close(report.smallest_eigenvalue, -4, 1e-14);
    check_close(report.largest_eigenvalue, 2, 1e-14);
}

static void test_damping_is_part_of_the_matrix(void **state)
{
    (void)state;
    static struct dense matrix;
    unsigned products = 0;
    iml_real v[SIZE], q[SIZE];
    double expected[SIZE];
    random_vector(SIZE, 5, v);
    dense_from_spectrum(&matrix, SINGULAR, &products);
    dense_solve_damped(&matrix, 0.25, v, expected);
    struct iml_solver_options options = options_of("exact", 0);
    options.damping = 0.25;
    const struct iml_report report = solve_once(&options, &matrix.curvature, v, q);
    check_vectors_close(SIZE, q, expected, 1e-12);
    check_close(report.smallest_eigenvalue, 0.25, 1e-12);
    check_close(report.condition, 3.45 / 0.25, 1e-12);
}

static void test_singular_matrix_has_no_solution(void **state)
{
    (void)state;
    static struct dense matrix;
    unsigned products = 0;
    const double h[] = {1, 0, 0, 0};
    const iml_real v[] = {1, 1};
    iml_real q[2];
    dense_from_elements(&matrix, 2, h, &products);
    const struct iml_solver_options options = options_of("exact", 0);
    const struct iml_report report = solve_once(&options, &matrix.curvature, v, q);
    assert_int_equal(report.end, IML_END_NOT_FINITE);
    assert_true(q[0] == 0 && q[1] == 0 && isnan(report.residual));
    assert_true(isinf(report.condition));
}

static void test_too_many_parameters_are_refused_with_the_bytes(void **state)
{
    (void)state;
    struct iml_error error = {0};
    struct iml_solver_options options = options_of("exact", 0);
    assert_int_equal(iml_solver_check(&options, 16384, &error), IML_OK);
    assert_int_equal(iml_solver_check(&options, 16385, &error), IML_ERROR_LIMIT);
    struct iml_solver solver;
    struct iml_arena plan;
    char bytes[32];
    options.max_parameters = 20000;
    iml_arena_measure(&plan);
    iml_solver_layout(&solver, &options, 16385, &plan);
    (void)snprintf(bytes, sizeof bytes, "%zu bytes", plan.plan.total_bytes);
    assert_non_null(strstr(error.what, bytes));
    assert_non_null(strstr(error.what, "16385"));
    assert_true(plan.plan.total_bytes > 8.0 * 16385 * 16385);
    assert_int_equal(solver.bytes, plan.plan.total_bytes);
    error = (struct iml_error){0};
    assert_int_equal(iml_solver_check(&options, (size_t)1 << 40, &error), IML_ERROR_LIMIT);
}

static void test_report_tells_bytes_and_seconds(void **state)
{
    (void)state;
    static struct dense matrix;
    unsigned products = 0;
    iml_real v[SIZE], q[SIZE];
    random_vector(SIZE, 5, v);
    dense_from_spectrum(&matrix, POSITIVE, &products);
    const struct iml_solver_options options = options_of("exact", 0);
    const struct iml_report report = solve_once(&options, &matrix.curvature, v, q);
    assert_true(report.bytes >= 8 * SIZE * SIZE);
    assert_true(report.seconds >= 0 && report.seconds < 60);
    const struct iml_solver_options none = options_of("identity", 0);
    assert_int_equal(solve_once(&none, &matrix.curvature, v, q).bytes, 0);
    struct iml_solver solver; /* memory that others took before is not the solver's */
    struct iml_arena plan;
    iml_arena_measure(&plan);
    (void)iml_arena_take(&plan, 1000, 1000);
    iml_solver_layout(&solver, &options, SIZE, &plan);
    assert_int_equal(solver.bytes, report.bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exact_is_the_solution_and_knows_its_eigenvalues),
        cmocka_unit_test(test_without_eigenvalues_the_solution_is_the_same),
        cmocka_unit_test(test_condition_is_that_of_absolute_values),
        cmocka_unit_test(test_damping_is_part_of_the_matrix),
        cmocka_unit_test(test_singular_matrix_has_no_solution),
        cmocka_unit_test(test_too_many_parameters_are_refused_with_the_bytes),
        cmocka_unit_test(test_report_tells_bytes_and_seconds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
