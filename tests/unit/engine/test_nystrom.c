/* test_nystrom.c: nystrom against dense algebra, and its draws (MATH §4, §7.3), in double. */
#include <math.h>
#include <string.h>

#include "../check.h"
#include "dense.h"
#include "imld/error.h"

enum { SIZE = SPECTRUM_SIZE };

static struct iml_solver_options nystrom_of(unsigned rank, double rho)
{
    struct iml_solver_options options = options_of("nystrom", 0);
    options.rank = rank;
    options.damping = rho;
    return options;
}

static void damped_solution(const struct dense *matrix, double rho, const double *v, double *x)
{
    static double damped[SIZE * SIZE];
    memcpy(damped, matrix->h, sizeof damped);
    for (size_t j = 0; j < SIZE; j++) damped[j * SIZE + j] += rho;
    dense_solve(SIZE, damped, v, x);
}

/* ρ ≥ 1e-3‖H‖; smaller ones meet the cut-off. */
static void test_full_rank_is_the_damped_solution(void **state)
{
    (void)state;
    static struct dense matrix;
    unsigned products = 0;
    iml_real v[SIZE], q[SIZE];
    double expected[SIZE];
    const double norm[SPECTRA] = {3.2, 1, 3.2, 3.2};
    for (int s = 0; s < SPECTRA; s++) {
        dense_from_spectrum(&matrix, (enum spectrum)s, &products);
        random_vector(SIZE, 5, v);
        for (double rho = 1e-3 * norm[s]; rho <= 10; rho *= 10) {
            const struct iml_solver_options options = nystrom_of(SIZE, rho);
            const struct iml_report report = solve_once(&options, &matrix.curvature, v, q);
            damped_solution(&matrix, rho, v, expected);
            check_vectors_close(SIZE, q, expected, 1e-8);
            assert_int_equal(report.products, SIZE);
            assert_int_equal(report.residual_kind, IML_RESIDUAL_NONE);
        }
    }
}

/* H of rank 3 that its three columns S span: C B⁻¹ Cᵀ is H. */
static void test_low_rank_is_exact_where_h_has_it(void **state)
{
    (void)state;
    static struct dense matrix;
    double mu[SIZE] = {0}, expected[SIZE];
    unsigned products = 0;
    iml_real v[SIZE], q[SIZE];
    mu[0] = 2, mu[1] = 1, mu[2] = 0.5;
    dense_from_eigenvalues(&matrix, SIZE, mu, 3, &products);
    random_vector(SIZE, 5, v);
    damped_solution(&matrix, 0.05, v, expected);
    for (unsigned rank = 3; rank <= 12; rank += 3) { /* above 3 the cut-off leaves the rest out */
        const struct iml_solver_options options = nystrom_of(rank, 0.05);
        (void)solve_once(&options, &matrix.curvature, v, q);
        check_vectors_close(SIZE, q, expected, 1e-6);
    }
}

/* The formula, with the dense C and B⁺ of a small case by hand: H = diag(2, 5), S = {1}. */
static void test_rank_one_by_hand(void **state)
{
    (void)state;
    static struct dense matrix;
    unsigned products = 0;
    const double h[] = {2, 0, 0, 5};
    const iml_real v[] = {3, 11};
    const uint32_t at[] = {1};
    iml_real q[2];
    dense_from_elements(&matrix, 2, h, &products);
    struct iml_solver_options options = nystrom_of(1, 0.5);
    options.coordinates = at;
    const struct iml_report report = solve_once(&options, &matrix.curvature, v, q);
    check_close(q[0], 3 / 0.5, 1e-14);
    check_close(q[1], 11 / 5.5, 1e-14);
    assert_int_equal(report.products, 1);
}

/* H = diag(2, 0): ρB + CᵀC is singular, and its null space is left out. */
static void test_null_space_is_cut_off(void **state)
{
    (void)state;
    static struct dense matrix;
    unsigned products = 0;
    const double h[] = {2, 0, 0, 0};
    const iml_real v[] = {3, 11};
    iml_real q[2];
    dense_from_elements(&matrix, 2, h, &products);
    const struct iml_solver_options options = nystrom_of(2, 0.5);
    (void)solve_once(&options, &matrix.curvature, v, q);
    check_close(q[0], 3 / 2.5, 1e-14);
    check_close(q[1], 11 / 0.5, 1e-14);
}

static void draw(uint32_t seed, uint32_t update, unsigned rank, uint32_t *out)
{
    static struct dense matrix;
    unsigned products = 0;
    struct iml_solver solver;
    struct iml_arena arena;
    struct iml_report report;
    iml_real v[SIZE], q[SIZE];
    random_vector(SIZE, 5, v);
    dense_from_spectrum(&matrix, POSITIVE, &products);
    const struct iml_solver_options options = nystrom_of(rank, 0.1);
    solver_open(&solver, &arena, &options, SIZE);
    iml_solver_draw(&solver, seed, update);
    iml_solver_solve(&solver, &matrix.curvature, v, q, &report);
    memcpy(out, solver.coordinates, rank * sizeof *out);
    iml_arena_close(&arena);
}

static void test_coordinates_are_distinct_and_depend_on_seed_and_update(void **state)
{
    (void)state;
    uint32_t first[SIZE], other[SIZE];
    for (unsigned rank = 1; rank <= SIZE; rank++) {
        bool is_drawn[SIZE] = {0};
        draw(7, 3, rank, first);
        for (unsigned i = 0; i < rank; i++) {
            assert_true(first[i] < SIZE && !is_drawn[first[i]]);
            is_drawn[first[i]] = true;
        }
    }
    draw(7, 3, SIZE / 2, first);
    draw(7, 3, SIZE / 2, other);
    assert_memory_equal(first, other, SIZE / 2 * sizeof *first);
    draw(7, 4, SIZE / 2, other);
    assert_memory_not_equal(first, other, SIZE / 2 * sizeof *first);
    draw(8, 3, SIZE / 2, other);
    assert_memory_not_equal(first, other, SIZE / 2 * sizeof *first);
}

/* 4,000 draws of 10 of 40: each coordinate 1,000 times, within 5 deviations of 27. */
static void test_each_coordinate_is_drawn_equally_often(void **state)
{
    (void)state;
    enum { DRAWS = 4000, RANK = 10 };
    unsigned counts[SIZE] = {0};
    uint32_t drawn[RANK];
    for (uint32_t update = 0; update < DRAWS; update++) {
        draw(1, update, RANK, drawn);
        for (int i = 0; i < RANK; i++) counts[drawn[i]]++;
    }
    for (size_t j = 0; j < SIZE; j++) assert_in_range(counts[j], 1000 - 137, 1000 + 137);
}

static void test_rank_and_damping_are_checked(void **state)
{
    (void)state;
    struct iml_error error = {0};
    struct iml_solver_options options = nystrom_of(0, 1);
    assert_int_equal(iml_solver_check(&options, SIZE, &error), IML_ERROR_ARGUMENT);
    assert_non_null(strstr(error.what, "rank"));
    options = nystrom_of(1, 0);
    error = (struct iml_error){0};
    assert_int_equal(iml_solver_check(&options, SIZE, &error), IML_ERROR_ARGUMENT);
    assert_non_null(strstr(error.what, "damping"));
    options = nystrom_of(1, 1e-3);
    assert_int_equal(iml_solver_check(&options, SIZE, &error), IML_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_full_rank_is_the_damped_solution),
        cmocka_unit_test(test_low_rank_is_exact_where_h_has_it),
        cmocka_unit_test(test_rank_one_by_hand),
        cmocka_unit_test(test_null_space_is_cut_off),
        cmocka_unit_test(test_coordinates_are_distinct_and_depend_on_seed_and_update),
        cmocka_unit_test(test_each_coordinate_is_drawn_equally_often),
        cmocka_unit_test(test_rank_and_damping_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
