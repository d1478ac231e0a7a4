/* test_solver_algebra.c: what each solver computes, against dense algebra (MATH §7.3), in double.
 */
#include <math.h>
#include <string.h>

#include "../check.h"
#include "dense.h"
#include "engine/solver/power.h"
#include "fixture.h"
#include "imld/solver.h"

enum { SIZE = 40, NEGATIVE = 2, NULL_SPACE = 4 };

static double positive_mu(size_t i)
{
    return 0.1 + 3.1 * (double)i / (SIZE - 1);
}

static double ill_conditioned_mu(size_t i)
{
    return pow(10, -6 + 6 * (double)i / (SIZE - 1));
}

static double indefinite_mu(size_t i)
{
    return i < NEGATIVE ? -0.3 + 0.1 * (double)i : positive_mu(i);
}

static double singular_mu(size_t i)
{
    return i < NULL_SPACE ? 0 : positive_mu(i);
}

static double (*const spectra[])(size_t) = {positive_mu, ill_conditioned_mu, indefinite_mu,
                                            singular_mu};
enum { SPECTRA = sizeof spectra / sizeof *spectra };

static struct iml_solver_options options_of(const char *name, unsigned terms)
{
    const struct iml_solver_kind *kind = iml_solver_kind_find(name);
    assert_non_null(kind);
    return (struct iml_solver_options){.kind = kind, .terms = terms};
}

static void make(struct dense *matrix, double (*mu)(size_t), unsigned *products)
{
    double values[SIZE];
    for (size_t i = 0; i < SIZE; i++) values[i] = mu(i);
    dense_from_eigenvalues(matrix, SIZE, values, 3, products);
}

/* --- neumann --- */

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
    for (size_t s = 0; s < SPECTRA; s++) {
        make(&matrix, spectra[s], &products);
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

static void spread_diagonal(double low, double high, double *d)
{
    for (size_t j = 0; j < SIZE; j++) /* 17 is coprime to 40: the values are shuffled */
        d[j] = low * pow(high / low, (double)(j * 17 % SIZE) / (SIZE - 1));
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
    for (size_t s = 0; s < SPECTRA; s++) {
        make(&matrix, spectra[s], &products);
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
        make(&matrix, singular_mu, &products);
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

static void test_preconditioner_without_diagonal_is_auto(void **state)
{
    (void)state;
    static struct dense matrix;
    unsigned products = 0;
    iml_real v[SIZE], q[SIZE], expected[SIZE];
    random_vector(SIZE, 5, v);
    make(&matrix, positive_mu, &products);
    const char *const names[] = {"neumann", "cg"};
    for (size_t i = 0; i < 2; i++) {
        struct iml_solver_options options = options_of(names[i], 6);
        (void)solve_once(&options, &matrix.curvature, v, expected);
        options.precondition = IML_PRECONDITION_L2;
        (void)solve_once(&options, &matrix.curvature, v, q);
        check_vectors_close(SIZE, q, expected, 1e-12);
    }
}

/* --- auto --- */

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
    make(&matrix, positive_mu, &products);
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

/* --- cg --- */

/* A right side in the range of H: Hw; then the solution of smallest norm is w without its part in
 * the null space, which cg from 0 must give. */
static void test_cg_with_all_terms_is_the_solution(void **state)
{
    (void)state;
    static struct dense matrix;
    unsigned products = 0;
    iml_real v[SIZE], q[SIZE];
    double expected[SIZE];
    double (*const definite[])(size_t) = {positive_mu, ill_conditioned_mu};
    for (size_t s = 0; s < 2; s++) {
        make(&matrix, definite[s], &products);
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
    make(&matrix, singular_mu, &products);
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
    make(&matrix, positive_mu, &products);
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
    make(&matrix, ill_conditioned_mu, &products);
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
    double damped[SIZE * SIZE], expected[SIZE];
    random_vector(SIZE, 5, v);
    make(&matrix, singular_mu, &products);
    memcpy(damped, matrix.h, sizeof damped);
    for (size_t j = 0; j < SIZE; j++) damped[j * SIZE + j] += 0.25;
    dense_solve(SIZE, damped, v, expected);
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

/* With 5 % negative eigenvalues cg ends before its terms do; its q is that of the steps before. */
static void test_negative_curvature_keeps_the_iterate_before(void **state)
{
    (void)state;
    static struct dense matrix;
    unsigned products = 0;
    iml_real v[SIZE], q[SIZE], before[SIZE];
    random_vector(SIZE, 5, v);
    make(&matrix, indefinite_mu, &products);
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
    make(&matrix, positive_mu, &products);
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

/* --- linearity --- */

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
    const char *const names[] = {"identity", "neumann"};
    for (size_t i = 0; i < 2 * (size_t)SPECTRA; i++) {
        make(&matrix, spectra[i % SPECTRA], &products);
        dense_add_diagonal(&matrix, d);
        for (int precondition = 0; precondition < 2; precondition++) {
            struct iml_solver_options options = options_of(names[i / SPECTRA], 8);
            options.step_size = 0.07;
            options.precondition = (enum iml_precondition)precondition;
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
    make(&matrix, positive_mu, &products);
    const struct iml_solver_options options = options_of("identity", 3);
    const struct iml_report report = solve_once(&options, &matrix.curvature, v, q);
    assert_memory_equal(q, v, sizeof q);
    assert_int_equal(report.residual_kind, IML_RESIDUAL_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_neumann_is_the_dense_polynomial),
        cmocka_unit_test(test_preconditioned_neumann_is_the_dense_polynomial),
        cmocka_unit_test(test_preconditioned_neumann_converges_for_large_coefficients),
        cmocka_unit_test(test_preconditioner_without_diagonal_is_auto),
        cmocka_unit_test(test_auto_warms_up_once_and_stays_warm),
        cmocka_unit_test(test_power_iteration_is_the_fixture_s),
        cmocka_unit_test(test_zero_matrix_is_survived),
        cmocka_unit_test(test_cg_with_all_terms_is_the_solution),
        cmocka_unit_test(test_cg_solves_a_singular_system_in_its_range),
        cmocka_unit_test(test_preconditioned_cg_is_the_solution),
        cmocka_unit_test(test_each_cg_step_lowers_the_error),
        cmocka_unit_test(test_damped_cg_solves_the_damped_system),
        cmocka_unit_test(test_negative_curvature_in_the_first_step),
        cmocka_unit_test(test_planted_negative_curvature_ends_the_solve),
        cmocka_unit_test(test_negative_curvature_keeps_the_iterate_before),
        cmocka_unit_test(test_identity_matrix_is_solved_in_one_step),
        cmocka_unit_test(test_target_residual_ends_at_the_first_that_meets_it),
        cmocka_unit_test(test_linear_solvers_are_linear_in_v),
        cmocka_unit_test(test_identity_is_v_bit_for_bit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
