/* test_solvers.c: laws that hold for every solver of the table, on dense matrices of every kind of
 * spectrum (MATH §7.3), in float and in double. A new line of the table is tested unasked. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../check.h"
#include "allocations.h"
#include "dense.h"
#include "imld/solver.h"

enum { SIZE = SPECTRUM_SIZE };

#ifdef IML_REAL_DOUBLE
static const double rounding = 1e-9, epsilon = DBL_EPSILON;
#else
static const double rounding = 2e-3, epsilon = (double)FLT_EPSILON;
#endif

/* --- what the laws are asked of --- */

/* The options that every kind is run with; each solver ignores those that are not its own. */
static const struct iml_solver_options variants[] = {
    {.terms = 0, .step_size = 0.3, .rank = 1},
    {.terms = 1, .step_size = 0.3, .rank = 2},
    {.terms = 5, .step_size = 0.3, .damping = 0.125, .rank = 5},
    {.terms = 5, .rank = SIZE},
    {.terms = 12, .step_size = 0.3, .reorthogonalize = true, .rank = 12},
    {.terms = 60, .step_size = 0.3, .reorthogonalize = true, .rank = 60},
    {.terms = 7, .step_size = 0.3, .precondition = IML_PRECONDITION_L2, .rank = 7},
    {.terms = 7, .precondition = IML_PRECONDITION_L2, .reorthogonalize = true, .rank = 7},
    {.terms = 60, .step_size = 0.3, .target_residual = 0.05, .rank = 20},
};

static void make_matrix(struct dense *matrix, enum spectrum spectrum,
                        enum iml_precondition precondition, unsigned *products)
{
    double d[SIZE];
    for (size_t i = 0; i < SIZE; i++) d[i] = 0.01 * (double)(1 + i % 7);
    dense_from_spectrum(matrix, spectrum, products);
    if (precondition == IML_PRECONDITION_L2) dense_add_diagonal(matrix, d);
}

/* nystrom alone can't be asked for an undamped solution: it divides by ρ. */
static struct iml_solver_options options_for(const struct iml_solver_kind *kind, size_t variant)
{
    struct iml_solver_options options = variants[variant];
    struct iml_error error = {0};
    options.kind = kind;
    if (iml_solver_check(&options, SIZE, &error) != IML_OK) options.damping = 0.01;
    return options;
}

/* Calls law for every solver, options and spectrum. */
static void for_all(void (*law)(const struct iml_solver_options *options, struct dense *matrix))
{
    static struct dense matrix;
    unsigned products = 0;
    for (const struct iml_solver_kind *const *kind = iml_solver_kinds; *kind; kind++) {
        for (size_t i = 0; i < sizeof variants / sizeof *variants; i++) {
            for (int s = 0; s < SPECTRA; s++) {
                const struct iml_solver_options options = options_for(*kind, i);
                make_matrix(&matrix, (enum spectrum)s, options.precondition, &products);
                law(&options, &matrix);
            }
        }
    }
}

/* --- the laws --- */

static void products_are_counted(const struct iml_solver_options *options, struct dense *matrix)
{
    iml_real v[SIZE], q[SIZE];
    random_vector(SIZE, 5, v);
    const struct iml_report report = solve_once(options, &matrix->curvature, v, q);
    assert_int_equal(report.products, *matrix->products);
    for (size_t j = 0; j < SIZE; j++) assert_true(isfinite(q[j]));
}

static void test_products_are_the_calls_of_apply(void **state)
{
    (void)state;
    for_all(products_are_counted);
}

/* ε‖H‖‖q‖/‖v‖, ‖H‖ ≤ 4 in all spectra: what storing q as iml_real changes in its residual. At
 * condition 10⁶ in float it is 0.1, and no solver can know it. */
static double rounding_of(const iml_real *v, const iml_real *q)
{
    double v_squared = 0, q_squared = 0;
    for (size_t j = 0; j < SIZE; j++) {
        v_squared += (double)v[j] * (double)v[j];
        q_squared += (double)q[j] * (double)q[j];
    }
    return 4 * epsilon * sqrt(q_squared / v_squared);
}

static void check_residual(double reported, double recomputed, double allowed)
{
    const double difference = fabs(reported - recomputed);
    if (!(difference <= allowed + rounding * fmax(1, recomputed)))
        print_error("residual %.17g reported, %.17g recomputed\n", reported, recomputed);
    assert_true(difference <= allowed + rounding * fmax(1, recomputed));
}

/* v = Hw: in the range of H, which a singular H asks for. */
static void vector_in_range(const struct dense *matrix, iml_real *v)
{
    iml_real w[SIZE];
    double wide[SIZE] = {0}, product[SIZE];
    random_vector(SIZE, 5, w);
    widen(SIZE, w, wide);
    dense_multiply(matrix, 0, wide, product);
    narrow(SIZE, product, v);
}

/* The residual is that of q, or (`previous`) that of the same solve with one term less. */
static void residual_is_true(const struct iml_solver_options *options, struct dense *matrix)
{
    iml_real v[SIZE], q[SIZE];
    vector_in_range(matrix, v);
    const struct iml_report report = solve_once(options, &matrix->curvature, v, q);
    if (report.residual_kind == IML_RESIDUAL_NONE) {
        assert_true(isnan(report.residual));
        return;
    }
    if (report.residual_kind == IML_RESIDUAL_PREVIOUS) {
        if (options->terms == 0) {
            check_residual(report.residual, 1, 0); /* of q = 0, the sum without a term */
            return;
        }
        struct iml_solver_options shorter = *options;
        shorter.terms--;
        (void)solve_once(&shorter, &matrix->curvature, v, q);
    }
    check_residual(report.residual, dense_residual(matrix, options->damping, v, q),
                   rounding_of(v, q));
}

static void test_reported_residual_is_the_recomputed_one(void **state)
{
    (void)state;
    for_all(residual_is_true);
}

static void zero_gives_zero(const struct iml_solver_options *options, struct dense *matrix)
{
    iml_real v[SIZE] = {0}, q[SIZE];
    memset(q, 0xA5, sizeof q);
    const struct iml_report report = solve_once(options, &matrix->curvature, v, q);
    for (size_t j = 0; j < SIZE; j++) assert_true(q[j] == 0);
    assert_int_equal(report.products, 0);
    assert_int_equal(*matrix->products, 0);
    assert_true(report.residual == 0);
}

static void test_zero_gives_zero_without_a_product(void **state)
{
    (void)state;
    for_all(zero_gives_zero);
}

/* v scaled by a power of two gives q scaled by it, bit for bit, and the same report: no tolerance
 * is absolute, no norm is formed where it could underflow. 2^-83 is 1e-25. */
static void tiny_is_scaled(const struct iml_solver_options *options, struct dense *matrix)
{
    iml_real v[SIZE], tiny[SIZE], q[SIZE], q_tiny[SIZE];
    random_vector(SIZE, 5, v);
    const iml_real scale = (iml_real)ldexp(1, -83);
    for (size_t j = 0; j < SIZE; j++) tiny[j] = v[j] * scale;
    const struct iml_report report = solve_once(options, &matrix->curvature, v, q);
    *matrix->products = 0;
    const struct iml_report same = solve_once(options, &matrix->curvature, tiny, q_tiny);
    assert_int_equal(same.products, report.products);
    assert_int_equal(same.end, report.end);
    assert_memory_equal(&same.residual, &report.residual, sizeof report.residual);
    for (size_t j = 0; j < SIZE; j++) q[j] *= scale;
    assert_memory_equal(q, q_tiny, sizeof q);
}

static void test_tiny_v_gives_the_scaled_solution(void **state)
{
    (void)state;
    for_all(tiny_is_scaled);
}

/* Denormal in float, and a square that overflows in float: nothing of it is lost. */
static void extreme_is_finite(const struct iml_solver_options *options, struct dense *matrix)
{
    for (int exponent = -130; exponent <= 70; exponent += 200) {
        iml_real v[SIZE] = {0}, q[SIZE];
        v[3] = (iml_real)ldexp(1, exponent);
        v[7] = (iml_real)ldexp(-3, exponent);
        const struct iml_report report = solve_once(options, &matrix->curvature, v, q);
        for (size_t j = 0; j < SIZE; j++) assert_true(isfinite(q[j]));
        assert_true(report.end != IML_END_NOT_FINITE);
    }
}

static void test_extreme_v_stays_finite(void **state)
{
    (void)state;
    for_all(extreme_is_finite);
}

static void not_finite_v_is_noted(const struct iml_solver_options *options, struct dense *matrix)
{
    iml_real v[SIZE], q[SIZE];
    random_vector(SIZE, 5, v);
    v[2] = (iml_real)nan("");
    const struct iml_report report = solve_once(options, &matrix->curvature, v, q);
    assert_int_equal(report.end, IML_END_NOT_FINITE);
    assert_int_equal(report.products, 0);
    for (size_t j = 0; j < SIZE; j++) assert_true(q[j] == 0);
}

static void test_v_that_is_not_finite_ends_the_solve(void **state)
{
    (void)state;
    for_all(not_finite_v_is_noted);
}

/* A product that is not finite, at each place in turn: noted, no product after it, and q is an
 * iterate before it. */
static void fault_is_noted(const struct iml_solver_options *options, struct dense *matrix)
{
    iml_real v[SIZE], q[SIZE];
    random_vector(SIZE, 5, v);
    const unsigned all = solve_once(options, &matrix->curvature, v, q).products;
    for (unsigned at = 1; at <= all; at++) {
        *matrix->products = 0;
        matrix->fault = DENSE_NOT_FINITE;
        matrix->fault_at = at;
        const struct iml_report report = solve_once(options, &matrix->curvature, v, q);
        assert_int_equal(report.end, IML_END_NOT_FINITE);
        assert_int_equal(report.products, at);
        for (size_t j = 0; j < SIZE; j++) assert_true(isfinite(q[j]));
    }
}

static void test_product_that_is_not_finite_ends_the_solve(void **state)
{
    (void)state;
    for_all(fault_is_noted);
}

static void cancel_is_seen(const struct iml_solver_options *options, struct dense *matrix)
{
    atomic_bool cancel = false;
    struct iml_team *team = NULL;
    struct iml_error error = {0};
    iml_real v[SIZE], q[SIZE];
    random_vector(SIZE, 5, v);
    assert_int_equal(iml_team_open(1, 0, &cancel, &team, &error), IML_OK);
    matrix->curvature.team = team;
    matrix->cancel = &cancel;
    const unsigned all = solve_once(options, &matrix->curvature, v, q).products;
    for (unsigned at = 1; at <= all; at++) {
        atomic_store(&cancel, false);
        *matrix->products = 0;
        matrix->fault = DENSE_CANCEL;
        matrix->fault_at = at;
        const struct iml_report report = solve_once(options, &matrix->curvature, v, q);
        assert_int_equal(report.end, IML_END_CANCELLED);
        assert_int_equal(*matrix->products, at); /* not one after the flag */
        for (size_t j = 0; j < SIZE; j++) assert_true(isfinite(q[j]));
    }
    iml_team_close(team);
}

static void test_cancel_is_seen_between_products(void **state)
{
    (void)state;
    for_all(cancel_is_seen);
}

static void same_bits(const struct iml_solver_options *options, struct dense *matrix)
{
    iml_real v[SIZE], q[SIZE], again[SIZE];
    random_vector(SIZE, 5, v);
    memset(again, 0xA5, sizeof again);
    (void)solve_once(options, &matrix->curvature, v, q);
    (void)solve_once(options, &matrix->curvature, v, again);
    assert_memory_equal(q, again, sizeof q);
}

static void test_same_solve_gives_the_same_bits(void **state)
{
    (void)state;
    for_all(same_bits);
}

/* A target that is reached ends the solve there: with the estimate that reached it, not the one
 * before. */
static void target_ends(const struct iml_solver_options *options, struct dense *matrix)
{
    iml_real v[SIZE], q[SIZE];
    vector_in_range(matrix, v);
    const struct iml_report report = solve_once(options, &matrix->curvature, v, q);
    if (report.end != IML_END_TARGET || report.residual_kind != IML_RESIDUAL_EXACT) return;
    assert_true(report.residual <= fmax(options->target_residual, 1e-14));
    assert_true(dense_residual(matrix, options->damping, v, q) <=
                fmax(options->target_residual, 1e-14) + rounding + rounding_of(v, q));
}

static void test_target_is_met_by_the_estimate_itself(void **state)
{
    (void)state;
    for_all(target_ends);
}

static void nothing_is_allocated(const struct iml_solver_options *options, struct dense *matrix)
{
    struct iml_solver solver;
    struct iml_arena arena;
    struct iml_report report;
    iml_real v[SIZE], q[SIZE];
    random_vector(SIZE, 5, v);
    solver_open(&solver, &arena, options, SIZE);
    const size_t at_first = allocations_count();
    void *volatile block = malloc(SIZE); /* the counter counts: aligned_alloc has no hook in tsan */
    free(block);
    const size_t before = allocations_count();
    assert_true(before > at_first);
    iml_solver_solve(&solver, &matrix->curvature, v, q, &report);
    iml_solver_solve(&solver, &matrix->curvature, v, q, &report);
    assert_int_equal(allocations_count(), before);
    iml_arena_close(&arena);
}

static void test_solve_allocates_nothing(void **state)
{
    (void)state;
    for_all(nothing_is_allocated);
}

/* Coefficients up to 1e8, in float too: the estimate of ‖A‖ is not that of the rounding of D, and
 * neumann converges (0.95 a term here). Without the guard of iml_system_apply_data the estimate
 * is 5.0 in float. */
static void test_large_coefficients_do_not_spoil_the_preconditioner(void **state)
{
    (void)state;
    static struct dense matrix;
    unsigned products = 0;
    iml_real v[SIZE], q[SIZE];
    double d[SIZE];
    random_vector(SIZE, 5, v);
    for (size_t j = 0; j < SIZE; j++)
        d[j] = 0.2 * pow(1e8 / 0.2, (double)(j * 17 % SIZE) / (SIZE - 1));
    dense_from_spectrum(&matrix, SINGULAR, &products);
    dense_add_diagonal(&matrix, d);
    const struct iml_solver_options options = {
        .kind = iml_solver_kind_find("neumann"), .terms = 300, .precondition = IML_PRECONDITION_L2};
    const struct iml_report report = solve_once(&options, &matrix.curvature, v, q);
    assert_true(report.largest_curvature <= 3.2 * (1 + 1e-4));
    assert_true(report.residual < 1e-4);
}

static void test_names_are_unique_and_found(void **state)
{
    (void)state;
    for (const struct iml_solver_kind *const *kind = iml_solver_kinds; *kind; kind++)
        assert_ptr_equal(iml_solver_kind_find((*kind)->name), *kind);
    assert_null(iml_solver_kind_find("nothing"));
    for (int end = IML_END_TERMS; end <= IML_END_CANCELLED; end++)
        assert_true(strlen(iml_end_name((enum iml_end)end)) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_products_are_the_calls_of_apply),
        cmocka_unit_test(test_reported_residual_is_the_recomputed_one),
        cmocka_unit_test(test_zero_gives_zero_without_a_product),
        cmocka_unit_test(test_tiny_v_gives_the_scaled_solution),
        cmocka_unit_test(test_extreme_v_stays_finite),
        cmocka_unit_test(test_v_that_is_not_finite_ends_the_solve),
        cmocka_unit_test(test_product_that_is_not_finite_ends_the_solve),
        cmocka_unit_test(test_cancel_is_seen_between_products),
        cmocka_unit_test(test_same_solve_gives_the_same_bits),
        cmocka_unit_test(test_target_is_met_by_the_estimate_itself),
        cmocka_unit_test(test_solve_allocates_nothing),
        cmocka_unit_test(test_large_coefficients_do_not_spoil_the_preconditioner),
        cmocka_unit_test(test_names_are_unique_and_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
