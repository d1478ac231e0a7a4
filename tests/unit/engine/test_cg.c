/* test_cg.c: conjugate gradients against dense algebra, and at negative curvature (MATH §4, §7.3),
 * in double. */
#include <math.h>
#include <string.h>

#include "../check.h"
#include "dense.h"

enum { SIZE = SPECTRUM_SIZE };

/* A right side in the range of H: Hw; then the solution of smallest norm is w without its part in
 * the null space, which cg from 0 must give. */
static void test_cg_with_all_terms_is_the_solution(void **state)
{
    (void)state;
    static struct dense matrix;
    unsigned products = 0;
    iml_real v[SIZE], q[SIZE];
    double expected[SIZE];
    const enum spectrum definite[] = {POSITIVE, ILL_CONDITIONED};
    for (size_t s = 0; s < 2; s++) {
        dense_from_spectrum(&matrix, definite[s], &products);
        random_vector(SIZE, 5, v);
        dense_solve(SIZE, matrix.h, v, expected);
        struct iml_solver_options options = options_of("cg", SIZE);
        options.reorthogonalize = true;
        const struct iml_report report = solve_once(&options, &matrix.curvature, v, q);
        check_vectors_close(SIZE, q, expected, 1e-8);
        assert_true(report.residual < 1e-8);
        assert_true(report.smallest_curvature > 0);
    }
}

static void test_cg_solves_a_singular_system_in_its_range(void **state)
{
    (void)state;
    static struct dense matrix;
    unsigned products = 0;
    iml_real w[SIZE], q[SIZE], v[SIZE];
    double wide[SIZE], product[SIZE];
    dense_from_spectrum(&matrix, SINGULAR, &products);
    random_vector(SIZE, 5, w);
    dense_multiply(&matrix, 0, w, product); /* w ← Hw, so that w has no part in the null space */
    memcpy(wide, product, sizeof wide);
    dense_multiply(&matrix, 0, wide, product);
    narrow(SIZE, product, v); /* v = Hw */
    struct iml_solver_options options = options_of("cg", SIZE);
    options.reorthogonalize = true;
    const struct iml_report report = solve_once(&options, &matrix.curvature, v, q);
    check_vectors_close(SIZE, q, wide, 1e-8);
    assert_true(report.residual < 1e-12);
}

static void test_preconditioned_cg_is_the_solution(void **state)
{
    (void)state;
    static struct dense matrix;
    unsigned products = 0;
    iml_real v[SIZE], q[SIZE];
    double d[SIZE], expected[SIZE];
    random_vector(SIZE, 5, v);
    spread_diagonal(1e-3, 1e6, d);
    dense_from_spectrum(&matrix, POSITIVE, &products);
    dense_add_diagonal(&matrix, d);
    dense_solve(SIZE, matrix.h, v, expected);
    struct iml_solver_options options = options_of("cg", SIZE);
    options.precondition = IML_PRECONDITION_L2;
    options.reorthogonalize = true;
    (void)solve_once(&options, &matrix.curvature, v, q);
    check_vectors_close(SIZE, q, expected, 1e-8);
    options.terms = 12; /* where it matters: few terms suffice, whatever the coefficients are */
    (void)solve_once(&options, &matrix.curvature, v, q);
    const double preconditioned = relative_error(SIZE, q, expected);
    options.precondition = IML_PRECONDITION_NONE;
    (void)solve_once(&options, &matrix.curvature, v, q);
    assert_true(preconditioned < relative_error(SIZE, q, expected) / 10);
}

static double energy_error(const struct dense *matrix, const double *q, const double *solution)
{
    double e[SIZE], he[SIZE], sum = 0;
    for (size_t j = 0; j < SIZE; j++) e[j] = q[j] - solution[j];
    dense_multiply(matrix, 0, e, he);
    for (size_t j = 0; j < SIZE; j++) sum += e[j] * he[j];
    return sqrt(fabs(sum));
}

/* The mark of cg: its error in the norm of H falls with every step. With the direction from the old
 * residual, or a step that the residual does not follow, it grows from the third step on. */
static void test_each_cg_step_lowers_the_error(void **state)
{
    (void)state;
    static struct dense matrix;
    unsigned products = 0;
    iml_real v[SIZE], q[SIZE] = {0};
    double expected[SIZE];
    random_vector(SIZE, 5, v);
    dense_from_spectrum(&matrix, ILL_CONDITIONED, &products);
    dense_solve(SIZE, matrix.h, v, expected);
    double before = energy_error(&matrix, q, expected);
    for (unsigned terms = 1; terms <= SIZE / 2; terms++) {
        const struct iml_solver_options options = options_of("cg", terms);
        (void)solve_once(&options, &matrix.curvature, v, q);
        const double error = energy_error(&matrix, q, expected);
        assert_true(error < before);
        before = error;
    }
}

static void test_damped_cg_solves_the_damped_system(void **state)
{
    (void)state;
    static struct dense matrix;
    unsigned products = 0;
    iml_real v[SIZE], q[SIZE];
    double expected[SIZE];
    random_vector(SIZE, 5, v);
    dense_from_spectrum(&matrix, SINGULAR, &products);
    dense_solve_damped(&matrix, 0.25, v, expected);
    struct iml_solver_options options = options_of("cg", SIZE);
    options.damping = 0.25;
    options.reorthogonalize = true;
    (void)solve_once(&options, &matrix.curvature, v, q);
    check_vectors_close(SIZE, q, expected, 1e-10);
    options.precondition = IML_PRECONDITION_L2;
    (void)solve_once(&options, &matrix.curvature, v, q);
    check_vectors_close(SIZE, q, expected, 1e-10);
}

static void test_negative_curvature_in_the_first_step(void **state)
{
    (void)state;
    static struct dense matrix;
    unsigned products = 0;
    const double h[] = {-4, 0, 0, -4};
    const iml_real v[] = {3, 4};
    iml_real q[2];
    dense_from_elements(&matrix, 2, h, &products);
    const struct iml_solver_options options = options_of("cg", 3);
    const struct iml_report report = solve_once(&options, &matrix.curvature, v, q);
    assert_int_equal(report.end, IML_END_NEGATIVE_CURVATURE);
    assert_int_equal(report.products, 1);
    check_close(q[0], 0.75, 1e-14); /* v‖v‖/‖Hv‖ */
    check_close(q[1], 1, 1e-14);
    check_close(report.residual, 2, 1e-14);
    check_close(report.smallest_curvature, -4, 1e-14);
}

/* H = diag(3, −1), v = (1, ½): the first direction has positive curvature; the second, conjugate to
 * it, is along (½, 3), where pᵀHp/‖p‖² = −8.25/9.25. */
static void test_planted_negative_curvature_ends_the_solve(void **state)
{
    (void)state;
    static struct dense matrix;
    unsigned products = 0;
    const double h[] = {3, 0, 0, -1};
    const iml_real v[] = {1, 0.5};
    iml_real q[2];
    dense_from_elements(&matrix, 2, h, &products);
    const struct iml_solver_options options = options_of("cg", 10);
    const struct iml_report report = solve_once(&options, &matrix.curvature, v, q);
    assert_int_equal(report.end, IML_END_NEGATIVE_CURVATURE);
    assert_int_equal(report.products, 2);
    check_close(report.smallest_curvature, -8.25 / 9.25, 1e-13);
    check_close(q[0], 1.25 / 2.75, 1e-14); /* the iterate before it */
    check_close(q[1], 0.625 / 2.75, 1e-14);
    check_close(report.residual, dense_residual(&matrix, 0, v, q), 1e-12);
}

/* H = diag(1, 10), v = (1, 1/10): pᵀHp/‖p‖² is 1.1/1.01 along v, 5.5 along the conjugate (1, −1).
 */
static void test_smallest_curvature_is_the_smallest_of_all(void **state)
{
    (void)state;
    static struct dense matrix;
    unsigned products = 0;
    const double h[] = {1, 0, 0, 10};
    const iml_real v[] = {1, 0.1};
    iml_real q[2];
    dense_from_elements(&matrix, 2, h, &products);
    const struct iml_solver_options options = options_of("cg", 2);
    const struct iml_report report = solve_once(&options, &matrix.curvature, v, q);
    check_close(report.smallest_curvature, 1.1 / 1.01, 1e-13);
}

static void test_solve_ends_where_only_rounding_is_left(void **state)
{
    (void)state;
    static struct dense matrix;
    unsigned products = 0;
    iml_real v[SIZE], q[SIZE];
    random_vector(SIZE, 5, v);
    dense_from_spectrum(&matrix, POSITIVE, &products);
    const struct iml_solver_options options = options_of("cg", 10 * SIZE);
    const struct iml_report report = solve_once(&options, &matrix.curvature, v, q);
    assert_int_equal(report.end, IML_END_TARGET);
    assert_true(report.residual <= 1e-14 && report.products < 2 * SIZE);
}

/* With 5 % negative eigenvalues cg ends before its terms do; its q is that of the steps before. */
static void test_negative_curvature_keeps_the_iterate_before(void **state)
{
    (void)state;
    static struct dense matrix;
    unsigned products = 0;
    iml_real v[SIZE], q[SIZE], before[SIZE];
    random_vector(SIZE, 5, v);
    dense_from_spectrum(&matrix, INDEFINITE, &products);
    struct iml_solver_options options = options_of("cg", SIZE);
    const struct iml_report report = solve_once(&options, &matrix.curvature, v, q);
    assert_int_equal(report.end, IML_END_NEGATIVE_CURVATURE);
    assert_true(report.products > 1 && report.products < SIZE);
    assert_true(report.smallest_curvature <= 0 && report.smallest_curvature >= -0.3);
    options.terms = report.products - 1;
    const struct iml_report shorter = solve_once(&options, &matrix.curvature, v, before);
    assert_int_equal(shorter.end, IML_END_TERMS);
    assert_memory_equal(q, before, sizeof q);
    assert_memory_equal(&report.residual, &shorter.residual, sizeof report.residual);
}

/* A library returned the iterate before the one that met its tolerance: 0 for H = I. */
static void test_identity_matrix_is_solved_in_one_step(void **state)
{
    (void)state;
    static struct dense matrix;
    static double h[SIZE * SIZE];
    unsigned products = 0;
    iml_real v[SIZE], q[SIZE];
    for (size_t j = 0; j < SIZE; j++) h[j * SIZE + j] = 1;
    random_vector(SIZE, 5, v);
    dense_from_elements(&matrix, SIZE, h, &products);
    const struct iml_solver_options options = options_of("cg", 10);
    const struct iml_report report = solve_once(&options, &matrix.curvature, v, q);
    assert_int_equal(report.end, IML_END_TARGET);
    assert_int_equal(report.products, 1);
    check_vectors_close(SIZE, q, v, 1e-14);
}

static void test_target_residual_ends_at_the_first_that_meets_it(void **state)
{
    (void)state;
    static struct dense matrix;
    unsigned products = 0;
    iml_real v[SIZE], q[SIZE];
    random_vector(SIZE, 5, v);
    dense_from_spectrum(&matrix, POSITIVE, &products);
    struct iml_solver_options options = options_of("cg", SIZE);
    options.target_residual = 1e-3;
    const struct iml_report report = solve_once(&options, &matrix.curvature, v, q);
    assert_int_equal(report.end, IML_END_TARGET);
    assert_true(report.residual <= 1e-3);
    options.terms = report.products - 1;
    const struct iml_report shorter = solve_once(&options, &matrix.curvature, v, q);
    assert_int_equal(shorter.end, IML_END_TERMS);
    assert_true(shorter.residual > 1e-3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cg_with_all_terms_is_the_solution),
        cmocka_unit_test(test_cg_solves_a_singular_system_in_its_range),
        cmocka_unit_test(test_preconditioned_cg_is_the_solution),
        cmocka_unit_test(test_each_cg_step_lowers_the_error),
        cmocka_unit_test(test_damped_cg_solves_the_damped_system),
        cmocka_unit_test(test_negative_curvature_in_the_first_step),
        cmocka_unit_test(test_planted_negative_curvature_ends_the_solve),
        cmocka_unit_test(test_smallest_curvature_is_the_smallest_of_all),
        cmocka_unit_test(test_solve_ends_where_only_rounding_is_left),
        cmocka_unit_test(test_negative_curvature_keeps_the_iterate_before),
        cmocka_unit_test(test_identity_matrix_is_solved_in_one_step),
        cmocka_unit_test(test_target_residual_ends_at_the_first_that_meets_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
