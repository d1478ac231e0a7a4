/* test_lens.c: the lens against tests/fixtures and against the solvers themselves, on dense
 * matrices (MATH §5.1), in double. */
#include <math.h>
#include <string.h>

#include "imld/diagnostics.h"
#include "tests/unit/check.h"
#include "tests/unit/engine/allocations.h"
#include "tests/unit/engine/dense.h"
#include "tests/unit/engine/fixture.h"

enum { SIZE = SPECTRUM_SIZE };

static void open_lens(struct iml_lens *lens, struct iml_arena *arena, unsigned steps,
                      double damping, size_t size)
{
    struct iml_error error = {0};
    struct iml_arena plan;
    iml_arena_measure(&plan);
    iml_lens_layout(lens, steps, damping, size, &plan);
    assert_int_equal(iml_arena_open(arena, &plan.plan, &error), IML_OK);
    iml_lens_layout(lens, steps, damping, size, arena);
    assert_int_equal(lens->bytes, plan.plan.total_bytes);
}

/* --- fixtures --- */

static void check_fixture(const char *file, const char *name)
{
    static struct dense matrix;
    static double h[DENSE_MAX * DENSE_MAX];
    unsigned products = 0;
    struct iml_lens lens;
    struct iml_arena arena;
    iml_real v[DENSE_MAX];
    double expected[DENSE_MAX];
    json_t *root = fixture_load(file);
    const json_t *section = fixture_at(root, "l2_per_parameter");
    const json_t *entry = fixture_at(section, name);
    const size_t n = fixture_count(section, "validation_gradient");
    const unsigned m = (unsigned)fixture_number(entry, "m");
    fixture_doubles(section, "hessian", n * n, h);
    fixture_reals(section, "validation_gradient", n, v);
    dense_from_elements(&matrix, n, h, &products);
    open_lens(&lens, &arena, m, 0, n);
    iml_lens_look(&lens, &matrix.curvature, v);
    const struct iml_lanczos *t = &lens.lanczos;
    assert_int_equal(t->reached, m);
    assert_int_equal(t->products, m);
    assert_int_equal(t->is_complete, m == n);
    fixture_doubles(entry, "alpha", m, expected);
    check_vectors_close(m, t->alpha, expected, 1e-9);
    fixture_doubles(entry, "beta", m - 1, expected);
    check_vectors_close(m - 1, t->beta, expected, 1e-9);
    fixture_doubles(entry, "ritz", m, expected);
    check_vectors_close(m, t->values, expected, 1e-11);
    fixture_doubles(entry, "tau", m, expected);
    check_vectors_close(m, t->firsts, expected, 1e-9);
    if (m == n && fixture_has(section, "v_Hinv_v"))
        check_close(iml_lens_estimate(&lens, 1).v_inverse_v, fixture_number(section, "v_Hinv_v"),
                    1e-10);
    iml_arena_close(&arena);
    json_decref(root);
}

static void test_lens_is_the_fixtures(void **state)
{
    (void)state;
    check_fixture("ridge.json", "lens");
    check_fixture("logistic.json", "lens");
    check_fixture("logistic.json", "lens_8");
}

/* --- the solvers --- */

/* ‖v − H_δq‖/‖v‖ of the solver itself. */
static double solver_residual(const struct dense *matrix, enum iml_lens_solver solver,
                              double step_size, double damping, unsigned terms, const iml_real *v)
{
    iml_real q[SIZE];
    struct iml_solver_options options = options_of(iml_lens_solver_name(solver), terms);
    options.step_size = step_size;
    options.damping = damping;
    options.reorthogonalize = true;
    (void)solve_once(&options, &matrix->curvature, v, q);
    return dense_residual(matrix, damping, v, q);
}

static void check_curves(const struct dense *matrix, const struct iml_lens *lens, const iml_real *v)
{
    const double step_sizes[] = {0.05, 0.3, 0.6, 0.9};
    double curve[SIZE];
    const unsigned m = lens->lanczos.reached;
    for (int s = 0; s < IML_LENS_SOLVERS; s++) {
        const enum iml_lens_solver solver = (enum iml_lens_solver)s;
        for (size_t a = 0; a < (s == IML_LENS_NEUMANN ? 4 : 1); a++) {
            iml_lens_curve(lens, solver, step_sizes[a], m + 3, curve);
            assert_int_equal(iml_lens_known(lens, solver), m + (s != IML_LENS_NEUMANN));
            for (unsigned k = 0; k < iml_lens_known(lens, solver); k++) {
                const double own =
                    solver_residual(matrix, solver, step_sizes[a], lens->damping, k, v);
                if (!(fabs(curve[k] - own) <= 1e-6 * fmax(own, 1e-6)))
                    print_error("%s, α %g, K %u\n", iml_lens_solver_name(solver), step_sizes[a], k);
                assert_true(fabs(curve[k] - own) <= 1e-6 * fmax(own, 1e-6));
            }
            assert_true(isnan(curve[m + 2]));
        }
    }
}

static void test_curves_are_the_solvers_own(void **state)
{
    (void)state;
    static struct dense matrix;
    unsigned products = 0;
    struct iml_lens lens;
    struct iml_arena arena;
    iml_real v[SIZE];
    random_vector(SIZE, 5, v);
    for (int is_damped = 0; is_damped < 2; is_damped++) {
        open_lens(&lens, &arena, 12, is_damped ? 0.5 : 0, SIZE);
        for (int s = 0; s < SPECTRA; s++) {
            dense_from_spectrum(&matrix, (enum spectrum)s, &products);
            iml_lens_look(&lens, &matrix.curvature, v);
            assert_int_equal(products, 12);
            assert_false(lens.lanczos.is_complete);
            check_curves(&matrix, &lens, v);
        }
        iml_arena_close(&arena);
    }
}

/* −4I: cg takes v‖v‖/‖Hv‖ and stays there. */
static void test_curve_of_cg_at_negative_curvature(void **state)
{
    (void)state;
    static struct dense matrix;
    unsigned products = 0;
    struct iml_lens lens;
    struct iml_arena arena;
    const double h[] = {-4, 0, 0, -3};
    const iml_real v[] = {3, 4};
    double curve[4];
    dense_from_elements(&matrix, 2, h, &products);
    open_lens(&lens, &arena, 2, 0, 2);
    iml_lens_look(&lens, &matrix.curvature, v);
    iml_lens_curve(&lens, IML_LENS_CG, 0, 4, curve);
    check_close(curve[0], 1, 0);
    for (unsigned k = 1; k < 4; k++)
        check_close(curve[k], solver_residual(&matrix, IML_LENS_CG, 0, 0, k, v), 1e-12);
    iml_arena_close(&arena);
}

/* The formula of the curve by quadrature: Σ τ(1 − αρ)^{2(K+1)}. */
static void test_curve_is_the_quadrature(void **state)
{
    (void)state;
    static struct dense matrix;
    unsigned products = 0;
    struct iml_lens lens;
    struct iml_arena arena;
    iml_real v[SIZE];
    double curve[9];
    random_vector(SIZE, 5, v);
    dense_from_spectrum(&matrix, INDEFINITE, &products);
    open_lens(&lens, &arena, 10, 0, SIZE);
    iml_lens_look(&lens, &matrix.curvature, v);
    iml_lens_curve(&lens, IML_LENS_NEUMANN, 0.4, 9, curve);
    double sum = 0;
    for (unsigned i = 0; i < 10; i++) sum += lens.lanczos.firsts[i];
    check_close(sum, 1, 1e-13);
    for (unsigned k = 0; k < 9; k++) {
        double squares = 0;
        for (unsigned i = 0; i < 10; i++)
            squares +=
                lens.lanczos.firsts[i] * pow(fabs(1 - 0.4 * lens.lanczos.values[i]), 2.0 * (k + 1));
        check_close(curve[k], sqrt(squares), 1e-11);
    }
    iml_arena_close(&arena);
}

static void test_few_eigenvalues_make_the_lens_complete(void **state)
{
    (void)state;
    static struct dense matrix;
    unsigned products = 0;
    struct iml_lens lens;
    struct iml_arena arena;
    iml_real v[SIZE];
    double mu[SIZE], curve[60];
    for (size_t i = 0; i < SIZE; i++) mu[i] = i < 2 ? -0.5 : i < 20 ? 1 : 2;
    dense_from_eigenvalues(&matrix, SIZE, mu, 3, &products);
    random_vector(SIZE, 5, v);
    open_lens(&lens, &arena, 20, 0, SIZE);
    iml_lens_look(&lens, &matrix.curvature, v);
    assert_true(lens.lanczos.is_complete);
    assert_int_equal(lens.lanczos.reached, 3);
    assert_int_equal(products, 3);
    iml_lens_curve(&lens, IML_LENS_NEUMANN, 0.7, 60, curve); /* any K is exact */
    check_close(curve[50], solver_residual(&matrix, IML_LENS_NEUMANN, 0.7, 0, 50, v), 1e-6);
    iml_lens_curve(&lens, IML_LENS_MINRES, 0, 60, curve);
    assert_true(curve[2] > 1e-3 && curve[3] < 1e-12 && curve[59] == curve[3]);
    const struct iml_lens_estimates estimates = iml_lens_estimate(&lens, 0.25);
    check_close(estimates.smallest, -0.5, 1e-12);
    check_close(estimates.largest, 2, 1e-12);
    check_close(estimates.alpha_mu_max, 0.5, 1e-12);
    double expected[SIZE], v_inverse_v = 0;
    dense_solve(SIZE, matrix.h, v, expected);
    for (size_t j = 0; j < SIZE; j++) v_inverse_v += v[j] * expected[j];
    check_close(estimates.v_inverse_v, v_inverse_v, 1e-11);
    iml_arena_close(&arena);
}

/* v = a·u₋ + b·u₊ with one negative eigenvalue: its share is a². */
static void test_share_in_negative_curvature(void **state)
{
    (void)state;
    static struct dense matrix;
    unsigned products = 0;
    struct iml_lens lens;
    struct iml_arena arena;
    const double h[] = {-1, 0, 0, 0, 2, 0, 0, 0, 3};
    const iml_real v[] = {6, 8, 0};
    dense_from_elements(&matrix, 3, h, &products);
    open_lens(&lens, &arena, 3, 0, 3);
    iml_lens_look(&lens, &matrix.curvature, v);
    const struct iml_lens_estimates estimates = iml_lens_estimate(&lens, 1);
    check_close(estimates.negative_share, 0.36, 1e-13);
    check_close(estimates.v_inverse_v, -36 + 32, 1e-12);
    iml_arena_close(&arena);
}

static void test_fault_keeps_the_steps_before(void **state)
{
    (void)state;
    static struct dense matrix;
    unsigned products = 0;
    struct iml_lens lens;
    struct iml_arena arena;
    iml_real v[SIZE];
    double curve[8];
    random_vector(SIZE, 5, v);
    dense_from_spectrum(&matrix, POSITIVE, &products);
    matrix.fault = DENSE_NOT_FINITE;
    matrix.fault_at = 6;
    open_lens(&lens, &arena, 12, 0, SIZE);
    iml_lens_look(&lens, &matrix.curvature, v);
    assert_int_equal(lens.lanczos.end, IML_END_NOT_FINITE);
    assert_int_equal(lens.lanczos.products, 6);
    assert_int_equal(lens.lanczos.reached, 5);
    matrix.fault_at = 0;
    iml_lens_curve(&lens, IML_LENS_MINRES, 0, 8, curve);
    check_close(curve[5], solver_residual(&matrix, IML_LENS_MINRES, 0, 0, 5, v), 1e-9);
    assert_true(isnan(curve[6]));
    iml_arena_close(&arena);
}

static void test_look_allocates_nothing(void **state)
{
    (void)state;
    static struct dense matrix;
    unsigned products = 0;
    struct iml_lens lens;
    struct iml_arena arena;
    iml_real v[SIZE];
    double curve[8];
    random_vector(SIZE, 5, v);
    dense_from_spectrum(&matrix, POSITIVE, &products);
    open_lens(&lens, &arena, 12, 0, SIZE);
    const size_t before = allocations_count();
    assert_true(before > 0); /* the arena: the counter counts */
    iml_lens_look(&lens, &matrix.curvature, v);
    iml_lens_curve(&lens, IML_LENS_CG, 0, 8, curve);
    (void)iml_lens_find_best(&lens, 0.3, 0.1, 10);
    assert_int_equal(allocations_count(), before);
    iml_arena_close(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lens_is_the_fixtures),
        cmocka_unit_test(test_curves_are_the_solvers_own),
        cmocka_unit_test(test_curve_of_cg_at_negative_curvature),
        cmocka_unit_test(test_curve_is_the_quadrature),
        cmocka_unit_test(test_few_eigenvalues_make_the_lens_complete),
        cmocka_unit_test(test_share_in_negative_curvature),
        cmocka_unit_test(test_fault_keeps_the_steps_before),
        cmocka_unit_test(test_look_allocates_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
