/* test_minres.c: minres and auto against dense algebra (MATH §4, §7.3), in double. */
#include <math.h>
#include <string.h>

#include "../check.h"
#include "dense.h"

enum { SIZE = SPECTRUM_SIZE };

static struct iml_solver_options minres_of(unsigned terms, bool reorthogonalize)
{
    struct iml_solver_options options = options_of("minres", terms);
    options.reorthogonalize = reorthogonalize;
    return options;
}

static void test_minres_with_all_terms_is_the_solution(void **state)
{
    (void)state;
    static struct dense matrix;
    unsigned products = 0;
    iml_real v[SIZE], q[SIZE];
    double expected[SIZE];
    const enum spectrum regular[] = {POSITIVE, ILL_CONDITIONED, INDEFINITE};
    for (size_t s = 0; s < 3; s++) {
        dense_from_spectrum(&matrix, regular[s], &products);
        random_vector(SIZE, 5, v);
        dense_solve(SIZE, matrix.h, v, expected);
        const struct iml_solver_options options = minres_of(SIZE, true);
        (void)solve_once(&options, &matrix.curvature, v, q);
        check_vectors_close(SIZE, q, expected, 1e-8);
    }
}

static void test_minres_solves_a_singular_system_in_its_range(void **state)
{
    (void)state;
    static struct dense matrix;
    unsigned products = 0;
    iml_real w[SIZE], q[SIZE], v[SIZE];
    double wide[SIZE], product[SIZE];
    dense_from_spectrum(&matrix, SINGULAR, &products);
    random_vector(SIZE, 5, w);
    dense_multiply(&matrix, 0, w, wide); /* Hw has no part in the null space */
    dense_multiply(&matrix, 0, wide, product);
    narrow(SIZE, product, v);
    for (int reorthogonalize = 0; reorthogonalize < 2; reorthogonalize++) {
        const struct iml_solver_options options = minres_of(3 * SIZE, reorthogonalize);
        const struct iml_report report = solve_once(&options, &matrix.curvature, v, q);
        check_vectors_close(SIZE, q, wide, 1e-8);
        assert_true(report.residual < 1e-12);
    }
}

/* v with a part in the null space: the residual can't fall below that part, and q stays bounded. */
static void test_minres_ends_at_the_least_residual_of_a_singular_system(void **state)
{
    (void)state;
    static struct dense matrix;
    unsigned products = 0;
    const double h[] = {2, 0, 0, 0, -1, 0, 0, 0, 0};
    const iml_real v[] = {2, 1, 2};
    iml_real q[3];
    dense_from_elements(&matrix, 3, h, &products);
    const struct iml_solver_options options = minres_of(10, false);
    const struct iml_report report = solve_once(&options, &matrix.curvature, v, q);
    assert_int_equal(report.end, IML_END_TERMS);
    assert_true(report.products <= 3);
    check_close(report.residual, 2.0 / 3, 1e-12);
    check_close(dense_residual(&matrix, 0, v, q), 2.0 / 3, 1e-12);
    assert_true(fabs(q[0]) < 1e3 && fabs(q[1]) < 1e3 && fabs(q[2]) < 1e3);
}

/* At every K: as reported, and not above the one before; also where rounding has cost the Lanczos
 * vectors their orthogonality. */
static void test_residual_never_grows(void **state)
{
    (void)state;
    static struct dense matrix;
    unsigned products = 0;
    iml_real v[SIZE], q[SIZE];
    for (int s = 0; s < SPECTRA; s++) {
        dense_from_spectrum(&matrix, (enum spectrum)s, &products);
        random_vector(SIZE, 5, v);
        double before = 1;
        for (unsigned terms = 0; terms <= 2 * SIZE; terms++) {
            const struct iml_solver_options options = minres_of(terms, false);
            const struct iml_report report = solve_once(&options, &matrix.curvature, v, q);
            const double residual = dense_residual(&matrix, 0, v, q);
            assert_true(report.residual <= before);
            assert_true(fabs(report.residual - residual) <= 1e-9);
            before = report.residual;
        }
    }
}

/* The smallest of ‖v − Hs‖ over s = Σ yᵢuᵢ, u an orthonormal basis of the Krylov space. */
static double least_residual(const struct dense *matrix, unsigned terms, const double *v)
{
    static double u[SIZE][SIZE], hu[SIZE][SIZE];
    double gram[SIZE * SIZE], right[SIZE], y[SIZE], sum = 0;
    for (unsigned k = 0; k < terms; k++) {
        memcpy(u[k], k ? hu[k - 1] : v, sizeof u[k]);
        for (unsigned i = 0; i < 2 * k; i++) {
            double dot = 0;
            for (size_t j = 0; j < SIZE; j++) dot += u[i % k][j] * u[k][j];
            for (size_t j = 0; j < SIZE; j++) u[k][j] -= dot * u[i % k][j];
        }
        double norm = 0;
        for (size_t j = 0; j < SIZE; j++) norm = hypot(norm, u[k][j]);
        for (size_t j = 0; j < SIZE; j++) u[k][j] /= norm;
        dense_multiply(matrix, 0, u[k], hu[k]);
    }
    for (unsigned a = 0; a < terms; a++) {
        right[a] = 0;
        for (size_t j = 0; j < SIZE; j++) right[a] += hu[a][j] * v[j];
        for (unsigned b = 0; b < terms; b++) {
            gram[a * terms + b] = 0;
            for (size_t j = 0; j < SIZE; j++) gram[a * terms + b] += hu[a][j] * hu[b][j];
        }
    }
    dense_solve(terms, gram, right, y);
    for (size_t j = 0; j < SIZE; j++) {
        double r = v[j];
        for (unsigned a = 0; a < terms; a++) r -= y[a] * hu[a][j];
        sum += r * r;
    }
    return sqrt(sum);
}

static void test_minres_is_the_minimizer_over_its_space(void **state)
{
    (void)state;
    static struct dense matrix;
    unsigned products = 0;
    iml_real v[SIZE], q[SIZE];
    double wide[SIZE] = {0}, v_norm = 0;
    random_vector(SIZE, 5, v);
    widen(SIZE, v, wide);
    for (size_t j = 0; j < SIZE; j++) v_norm = hypot(v_norm, wide[j]);
    for (int s = 0; s < SPECTRA; s++) {
        dense_from_spectrum(&matrix, (enum spectrum)s, &products);
        for (unsigned terms = 1; terms <= 12; terms++) {
            const struct iml_solver_options options = minres_of(terms, false);
            const struct iml_report report = solve_once(&options, &matrix.curvature, v, q);
            check_close(report.residual, least_residual(&matrix, terms, wide) / v_norm, 1e-9);
            assert_int_equal(report.products, terms);
        }
    }
}

static void test_damped_minres_solves_the_damped_system(void **state)
{
    (void)state;
    static struct dense matrix;
    unsigned products = 0;
    iml_real v[SIZE], q[SIZE];
    double expected[SIZE];
    random_vector(SIZE, 5, v);
    dense_from_spectrum(&matrix, INDEFINITE, &products);
    dense_solve_damped(&matrix, 0.25, v, expected);
    struct iml_solver_options options = minres_of(SIZE, true);
    options.damping = 0.25;
    (void)solve_once(&options, &matrix.curvature, v, q);
    check_vectors_close(SIZE, q, expected, 1e-10);
}

/* The Lanczos vectors of diag(3, −1) from (1, 1/2): vᵀHv/‖v‖² = 2.2, then −0.2. */
static void test_smallest_curvature_is_that_of_the_lanczos_vectors(void **state)
{
    (void)state;
    static struct dense matrix;
    unsigned products = 0;
    const double h[] = {3, 0, 0, -1};
    const iml_real v[] = {1, 0.5};
    iml_real q[2];
    dense_from_elements(&matrix, 2, h, &products);
    struct iml_solver_options options = minres_of(1, false);
    struct iml_report report = solve_once(&options, &matrix.curvature, v, q);
    check_close(report.smallest_curvature, 2.2, 1e-13);
    options.terms = 2;
    report = solve_once(&options, &matrix.curvature, v, q);
    check_close(report.smallest_curvature, -0.2, 1e-12);
    assert_int_equal(report.end, IML_END_TARGET);
    check_close(q[0], 1.0 / 3, 1e-13);
    check_close(q[1], -0.5, 1e-13);
}

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
    const struct iml_solver_options options = minres_of(10, false);
    const struct iml_report report = solve_once(&options, &matrix.curvature, v, q);
    assert_int_equal(report.end, IML_END_TARGET);
    assert_int_equal(report.products, 1);
    check_vectors_close(SIZE, q, v, 1e-14);
}

static void test_auto_is_minres_until_its_target(void **state)
{
    (void)state;
    static struct dense matrix;
    unsigned products = 0;
    iml_real v[SIZE], q[SIZE], same[SIZE];
    random_vector(SIZE, 5, v);
    dense_from_spectrum(&matrix, INDEFINITE, &products);
    struct iml_solver_options options = options_of("auto", SIZE);
    options.target_residual = 0.05;
    const struct iml_report report = solve_once(&options, &matrix.curvature, v, q);
    assert_int_equal(report.end, IML_END_TARGET);
    assert_true(report.residual <= 0.05 && report.products > 2 && report.products < SIZE);
    options = minres_of(report.products, false);
    (void)solve_once(&options, &matrix.curvature, v, same);
    assert_memory_equal(q, same, sizeof q);
    options.terms--;
    assert_true(solve_once(&options, &matrix.curvature, v, same).residual > 0.05);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_minres_with_all_terms_is_the_solution),
        cmocka_unit_test(test_minres_solves_a_singular_system_in_its_range),
        cmocka_unit_test(test_minres_ends_at_the_least_residual_of_a_singular_system),
        cmocka_unit_test(test_residual_never_grows),
        cmocka_unit_test(test_minres_is_the_minimizer_over_its_space),
        cmocka_unit_test(test_damped_minres_solves_the_damped_system),
        cmocka_unit_test(test_smallest_curvature_is_that_of_the_lanczos_vectors),
        cmocka_unit_test(test_identity_matrix_is_solved_in_one_step),
        cmocka_unit_test(test_auto_is_minres_until_its_target),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
