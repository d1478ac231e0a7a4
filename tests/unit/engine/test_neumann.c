/* test_neumann.c: neumann against the dense polynomial, its preconditioner, and the power iteration
 * behind `auto` (MATH §4, §7.3), in double. */
#include <float.h>
#include <math.h>
#include <stdio.h>

#include "../check.h"
#include "dense.h"
#include "engine/solver/power.h"
#include "fixture.h"

enum { SIZE = SPECTRUM_SIZE };

/* Σ_{k=0..K} (I − M⁻¹H_δ)ᵏ M⁻¹v by Horner's rule: s ← M⁻¹v + (I − M⁻¹H_δ)s. */
static void dense_polynomial(const struct dense *matrix, double delta, const double *m,
                             unsigned terms, const double *v, double *s)
{
    double hs[SIZE];
    for (size_t j = 0; j < SIZE; j++) s[j] = v[j] / m[j];
    for (unsigned k = 0; k < terms; k++) {
        dense_multiply(matrix, delta, s, hs);
        for (size_t j = 0; j < SIZE; j++) s[j] += (v[j] - hs[j]) / m[j];
    }
}

static void test_neumann_is_the_dense_polynomial(void **state)
{
    (void)state;
    static struct dense matrix;
    unsigned products = 0;
    iml_real v[SIZE], q[SIZE];
    double m[SIZE], expected[SIZE];
    random_vector(SIZE, 5, v);
    const unsigned terms[] = {0, 1, 3, 10, 30};
    for (int s = 0; s < SPECTRA; s++) {
        dense_from_spectrum(&matrix, (enum spectrum)s, &products);
        for (size_t t = 0; t < sizeof terms / sizeof *terms; t++) {
            struct iml_solver_options options = options_of("neumann", terms[t]);
            options.step_size = 0.3;
            for (size_t j = 0; j < SIZE; j++) m[j] = 1 / options.step_size;
            const struct iml_report report = solve_once(&options, &matrix.curvature, v, q);
            dense_polynomial(&matrix, 0, m, terms[t], v, expected);
            check_vectors_close(SIZE, q, expected, 1e-12);
            assert_int_equal(report.products, terms[t]);
            assert_int_equal(report.end, IML_END_TERMS);
            check_close(report.step_size, 0.3, 0);
        }
    }
}

static void test_preconditioned_neumann_is_the_dense_polynomial(void **state)
{
    (void)state;
    static struct dense matrix;
    unsigned products = 0;
    iml_real v[SIZE], q[SIZE];
    double d[SIZE], m[SIZE], expected[SIZE];
    random_vector(SIZE, 5, v);
    spread_diagonal(1e-3, 10, d);
    for (int s = 0; s < SPECTRA; s++) {
        dense_from_spectrum(&matrix, (enum spectrum)s, &products);
        dense_add_diagonal(&matrix, d);
        struct iml_solver_options options = options_of("neumann", 10);
        options.precondition = IML_PRECONDITION_L2;
        options.step_size = 1 / 3.3;
        for (int is_damped = 0; is_damped < 2; is_damped++) { /* δ is part of D */
            options.damping = is_damped ? 0.75 : 0;
            for (size_t j = 0; j < SIZE; j++) m[j] = 3.3 + d[j] + options.damping;
            (void)solve_once(&options, &matrix.curvature, v, q);
            dense_polynomial(&matrix, options.damping, m, 10, v, expected);
            check_vectors_close(SIZE, q, expected, 1e-12);
        }
    }
}

/* |1 − αμ| ≫ 1: the terms overflow. The solve ends there, and q is the first term. */
static void test_divergence_ends_the_solve_while_q_is_finite(void **state)
{
    (void)state;
    static struct dense matrix;
    unsigned products = 0;
    iml_real v[SIZE], q[SIZE];
    random_vector(SIZE, 5, v);
    dense_from_spectrum(&matrix, POSITIVE, &products);
    struct iml_solver_options options = options_of("neumann", 1000);
    options.step_size = 1e3;
    const struct iml_report report = solve_once(&options, &matrix.curvature, v, q);
    assert_int_equal(report.end, IML_END_NOT_FINITE);
    /* where |1 − αμ|ᵏ, and q with it, leaves the range of numbers: not before, and not long after */
    const double mu = spectrum_eigenvalue(POSITIVE, SIZE - 1);
    const double range = log(DBL_MAX) / log(1e3 * mu - 1);
    assert_true(fabs((double)report.products - range) <= 1);
    assert_int_equal(report.residual_kind, IML_RESIDUAL_PREVIOUS);
    check_close(report.residual, 1, 0); /* that of no term */
    for (size_t j = 0; j < SIZE; j++) check_close(q[j], 1e3 * v[j], 1e-12);
}

/* MATH §4: whatever the coefficients are, e^λ up to 1e8. With `auto` alone the step would be 1e-8
 * and all other coordinates would stand still. */
static void test_preconditioned_neumann_converges_for_large_coefficients(void **state)
{
    (void)state;
    static struct dense matrix;
    unsigned products = 0;
    iml_real v[SIZE], q[SIZE];
    double d[SIZE], expected[SIZE];
    random_vector(SIZE, 5, v);
    for (int exponent = 0; exponent <= 8; exponent += 2) {
        dense_from_spectrum(&matrix, SINGULAR, &products);
        spread_diagonal(0.2, pow(10, exponent), d);
        dense_add_diagonal(&matrix, d);
        struct iml_solver_options options = options_of("neumann", 800);
        options.precondition = IML_PRECONDITION_L2;
        dense_solve(SIZE, matrix.h, v, expected);
        const struct iml_report report = solve_once(&options, &matrix.curvature, v, q);
        check_vectors_close(SIZE, q, expected, 1e-9);
        assert_true(report.residual < 1e-9);
        assert_true(report.largest_curvature < 3.2 * (1 + 1e-6)); /* of A alone, not of H */
        options.terms = 0;
        (void)solve_once(&options, &matrix.curvature, v, q); /* the first term is no solution yet */
        assert_true(relative_error(SIZE, q, expected) > 1e-3);
    }
}

/* M = μ̂_A I + D: the damping is in D, and A = H − D is the data's part, which it doesn't change. */
static void test_estimate_of_the_data_part_ignores_the_damping(void **state)
{
    (void)state;
    static struct dense matrix;
    unsigned products = 0;
    iml_real v[SIZE], q[SIZE];
    double d[SIZE];
    random_vector(SIZE, 5, v);
    spread_diagonal(1e-3, 10, d);
    dense_from_spectrum(&matrix, POSITIVE, &products);
    dense_add_diagonal(&matrix, d);
    struct iml_solver_options options = options_of("neumann", 1);
    options.precondition = IML_PRECONDITION_L2;
    const double plain = solve_once(&options, &matrix.curvature, v, q).largest_curvature;
    options.damping = 1;
    const double damped = solve_once(&options, &matrix.curvature, v, q).largest_curvature;
    check_close(damped, plain, 0);
    options.precondition = IML_PRECONDITION_NONE; /* here it is the norm of H_δ */
    check_close(solve_once(&options, &matrix.curvature, v, q).largest_curvature, 11, 0.3);
}

static void test_auto_warms_up_once_and_stays_warm(void **state)
{
    (void)state;
    static struct dense matrix;
    unsigned products = 0;
    iml_real v[SIZE], q[SIZE];
    struct iml_solver solver;
    struct iml_arena arena;
    struct iml_report report;
    random_vector(SIZE, 5, v);
    dense_from_spectrum(&matrix, POSITIVE, &products);
    const struct iml_solver_options options = options_of("neumann", 3);
    solver_open(&solver, &arena, &options, SIZE);
    double before = 0;
    for (unsigned solve = 0; solve < 30; solve++) {
        iml_solver_solve(&solver, &matrix.curvature, v, q, &report);
        assert_int_equal(report.products, (solve == 0 ? 20 : 2) + 3);
        assert_int_equal(*solver.warm_products, 20 + 2 * solve);
        check_close(report.step_size, 1 / report.largest_curvature, 1e-15);
        assert_true(report.largest_curvature >=
                    before * (1 - 1e-12)); /* a warm start loses nothing */
        assert_true(report.largest_curvature <= 3.2 * (1 + 1e-12));
        assert_true(report.largest_curvature >= 3.2 / 1.7);
        before = report.largest_curvature;
    }
    assert_true(before > 3.1);
    iml_arena_close(&arena);
}

static void test_power_iteration_is_the_fixture_s(void **state)
{
    (void)state;
    enum { P = 21 };
    static struct dense matrix;
    unsigned products = 0, done = 0;
    json_t *root = fixture_load("logistic.json");
    double elements[P * P], start[P], expected[P], norm = 0;
    iml_real u[P], work[P];
    fixture_doubles(root, "l2_per_parameter/hessian", (size_t)P * P, elements);
    fixture_doubles(root, "l2_per_parameter/power_iteration/start", P, start);
    dense_from_elements(&matrix, P, elements, &products);
    for (size_t j = 0; j < P; j++) norm += start[j] * start[j];
    for (size_t j = 0; j < P; j++) u[j] = (iml_real)(start[j] / sqrt(norm));
    struct iml_report report = {0};
    const struct iml_system system = {.curvature = &matrix.curvature, .report = &report};
    double largest = 0;
    for (int i = 0; i < 3; i++) {
        char path[96];
        (void)snprintf(path, sizeof path, "l2_per_parameter/power_iteration/after/%d", i);
        const json_t *after = fixture_at(root, path);
        const unsigned upto = (unsigned)fixture_number(after, "products");
        largest = fmax(largest, iml_power_iterate(&system, IML_PART_WHOLE, upto - done, u, work));
        done = upto;
        fixture_doubles(after, "direction", P, expected);
        check_vectors_close(P, u, expected, 1e-12);
        check_close(largest, fixture_number(after, "mu"), 1e-12);
        assert_int_equal(report.products, upto);
    }
    json_decref(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_neumann_is_the_dense_polynomial),
        cmocka_unit_test(test_preconditioned_neumann_is_the_dense_polynomial),
        cmocka_unit_test(test_divergence_ends_the_solve_while_q_is_finite),
        cmocka_unit_test(test_preconditioned_neumann_converges_for_large_coefficients),
        cmocka_unit_test(test_estimate_of_the_data_part_ignores_the_damping),
        cmocka_unit_test(test_auto_warms_up_once_and_stays_warm),
        cmocka_unit_test(test_power_iteration_is_the_fixture_s),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
