/* test_solver_fixtures.c: every solver against the entries of tests/fixtures: on the
 * dense H of ridge and logistic, and on the engine's own curvature of the three nets of mlp.json.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "../check.h"
#include "fixture.h"
#include "problem.h"

/* What the entries of one list are checked on. */
struct setting {
    const struct iml_curvature *curvature;
    const struct dense *dense; /* the same H, for residuals of the test's own */
    const struct iml_net *net; /* NULL: the order of θ is the outside's */
    const iml_real *v;         /* in the curvature's order */
    const double
        *lambda_gradient; /* ∂²R/∂θ∂λ = e^λ∘θ, the outside's order; NULL: no hypergradient */
    size_t groups;        /* hypergradients are summed over all parameters where 1 */
    double tolerance;
};

static double number_or(const json_t *entry, const char *name, double otherwise)
{
    return fixture_has(entry, name) ? fixture_number(entry, name) : otherwise;
}

static bool is_unscaled(const json_t *entry)
{
    return fixture_has(entry, "scale") && json_is_false(fixture_at(entry, "scale"));
}

static struct iml_solver_options read_options(const json_t *entry)
{
    const struct iml_solver_kind *kind = iml_solver_kind_find(fixture_text(entry, "kind"));
    assert_non_null(kind);
    struct iml_solver_options options = {.kind = kind,
                                         .terms = (unsigned)number_or(entry, "terms", 0),
                                         .step_size = number_or(entry, "step_size", 0),
                                         .damping = number_or(entry, "damping", 0),
                                         .rank = (unsigned)number_or(entry, "rank", 0),
                                         .is_unscaled = is_unscaled(entry),
                                         .reorthogonalize = true};
    if (fixture_has(entry, "precondition")) {
        assert_string_equal(fixture_text(entry, "precondition"), "l2");
        options.precondition = IML_PRECONDITION_L2;
        options.step_size = 1 / fixture_number(entry, "mu_data");
    }
    return options;
}

/* The entry's coordinates, which count in the outside's order, in the curvature's. */
static void read_coordinates(const struct setting *on, const json_t *entry, uint32_t *coordinates)
{
    uint32_t outside[DENSE_MAX];
    const size_t n = on->curvature->size, rank = fixture_count(entry, "coordinates");
    fixture_labels(entry, "coordinates", rank, outside);
    for (size_t i = 0; i < rank; i++) {
        iml_real unit[DENSE_MAX] = {0}, inside[DENSE_MAX];
        unit[outside[i]] = 1;
        memcpy(inside, unit, sizeof inside);
        if (on->net) iml_net_import(on->net, unit, inside);
        for (size_t j = 0; j < n; j++) {
            if (inside[j] == 1) coordinates[i] = (uint32_t)j;
        }
    }
}

static void check_hypergradient(const struct setting *on, const json_t *entry, const double *q)
{
    if (!on->lambda_gradient || !fixture_has(entry, "hypergradient")) return;
    const size_t n = on->curvature->size;
    double expected[DENSE_MAX], g[DENSE_MAX] = {0};
    fixture_doubles(entry, "hypergradient", on->groups, expected);
    for (size_t j = 0; j < n; j++) g[on->groups == 1 ? 0 : j] -= q[j] * on->lambda_gradient[j];
    check_vectors_close(on->groups, g, expected, on->tolerance);
}

static void check_report(const struct setting *on, const json_t *entry,
                         const struct iml_report *report, const iml_real *q)
{
    const bool is_damped = fixture_has(entry, "residual_damped");
    const double damping = is_damped ? fixture_number(entry, "damping") : 0;
    const double residual = dense_residual(on->dense, damping, on->v, q);
    assert_int_equal(report->products, (unsigned)fixture_number(entry, "products"));
    if (report->residual_kind == IML_RESIDUAL_EXACT)
        assert_true(fabs(report->residual - residual) <= 1e-9 * fmax(1, residual));
    if (fixture_has(entry, "residual_previous"))
        check_close(report->residual, fixture_number(entry, "residual_previous"), on->tolerance);
    const double expected = fixture_number(entry, is_damped ? "residual_damped" : "residual");
    assert_true(fabs(residual - expected) <= 1e-9 * fmax(1, expected));
    if (!fixture_has(entry, "ended")) return;
    check_close(report->smallest_curvature, fixture_number(entry, "smallest_curvature"), 1e-9);
    /* with as many terms as there are parameters the last residual is rounding: below the solver's
     * own target, or not */
    if (!(report->end == IML_END_TARGET && report->residual <= 1e-14))
        assert_string_equal(iml_end_name(report->end), fixture_text(entry, "ended"));
}

static double tolerance_of(const json_t *entry, double tolerance)
{
    return fmax(tolerance, 100 * number_or(entry, "change_if_h_perturbed_1e-14", 0));
}

static void check_entry(struct setting on, const json_t *entry)
{
    const size_t n = on.curvature->size;
    iml_real q[DENSE_MAX], outside[DENSE_MAX];
    double expected[DENSE_MAX], wide[DENSE_MAX];
    on.tolerance = tolerance_of(entry, on.tolerance);
    uint32_t coordinates[DENSE_MAX] = {0};
    struct iml_solver_options options = read_options(entry);
    if (fixture_has(entry, "coordinates")) {
        read_coordinates(&on, entry, coordinates);
        options.coordinates = coordinates;
    }
    const struct iml_report report = solve_once(&options, on.curvature, on.v, q);
    check_report(&on, entry, &report, q);
    if (on.net)
        iml_net_export(on.net, q, outside);
    else
        memcpy(outside, q, n * sizeof *q);
    widen(n, outside, wide);
    fixture_doubles(entry, "q", n, expected);
    check_vectors_close(n, wide, expected, on.tolerance);
    check_hypergradient(&on, entry, wide);
}

/* Checks all entries of the list; returns how many. */
static size_t check_entries(const struct setting *on, const json_t *entries)
{
    const size_t count = json_array_size(entries);
    for (size_t i = 0; i < count; i++) check_entry(*on, json_array_get(entries, i));
    return count;
}

static size_t check_dense_section(const char *file, const char *name, size_t n)
{
    static struct dense matrix;
    unsigned products = 0;
    json_t *root = fixture_load(file);
    const json_t *section = fixture_at(root, name);
    static double h[DENSE_MAX * DENSE_MAX];
    double coefficient[DENSE_MAX], theta[DENSE_MAX], gradient[DENSE_MAX];
    iml_real v[DENSE_MAX];
    const size_t groups = fixture_count(section, "coefficient");
    fixture_doubles(section, "hessian", n * n, h);
    fixture_doubles(section, "coefficient", groups, coefficient);
    fixture_doubles(section, "theta", n, theta);
    fixture_reals(section, "validation_gradient", n, v);
    dense_from_elements(&matrix, n, h, &products);
    for (size_t j = 0; j < n; j++) {
        const double d = coefficient[groups == 1 ? 0 : j];
        matrix.diagonal[j] = (iml_real)d;
        gradient[j] = d * theta[j];
    }
    matrix.curvature.diagonal = matrix.diagonal;
    const struct setting on = {.curvature = &matrix.curvature,
                               .dense = &matrix,
                               .v = v,
                               .lambda_gradient = gradient,
                               .groups = groups,
                               .tolerance = 1e-10};
    const size_t checked = check_entries(&on, fixture_at(section, "solvers"));
    json_decref(root);
    return checked;
}

static void test_entries_on_dense_matrices(void **state)
{
    (void)state;
    assert_int_equal(check_dense_section("ridge.json", "l2_per_parameter", 8), 27);
    assert_int_equal(check_dense_section("ridge.json", "l2_per_layer", 8), 27);
    assert_int_equal(check_dense_section("logistic.json", "l2_per_parameter", 21), 27);
}

/* All solvers on a matrix of the linearization. */
static size_t check_matrix(const struct net_fixture *fixture, enum iml_curvature_kind kind,
                           const iml_real *v, const json_t *entries)
{
    static struct dense matrix;
    unsigned products = 0;
    const struct iml_curvature *curvature = iml_linearized(fixture->evaluator, kind);
    dense_from_curvature(&matrix, curvature, &products);
    const struct setting on = {
        .curvature = curvature, .dense = &matrix, .net = fixture->net, .v = v, .tolerance = 1e-11};
    return check_entries(&on, entries);
}

/* Entries of the Hessian and of the Gauss–Newton matrix. */
static size_t check_mlp(const char *name)
{
    static struct problem_batch train;
    json_t *root = fixture_load("mlp.json");
    const json_t *json = fixture_at(root, name);
    const struct iml_net_options options = mlp_options(json);
    struct net_fixture fixture = net_fixture_open(&options, 7, 1, NULL);
    const size_t n = iml_net_parameters(fixture.net);
    iml_real outside[DENSE_MAX], theta[DENSE_MAX], v[DENSE_MAX];
    double lambda[DENSE_MAX];
    struct iml_knowledge knowledge;
    struct iml_arena arena;
    struct iml_batch_result result;
    struct iml_error error = {0};
    const struct iml_curvature *curvature = NULL;

    batch_read(&train, json, &options, "inputs", "labels", "targets", "weights");
    train.batch.divisor = fixture_number(json, "divisor");
    fixture_reals(json, "theta", n, outside);
    iml_net_import(fixture.net, outside, theta);
    fixture_reals(json, "validation/gradient", n, outside);
    iml_net_import(fixture.net, outside, v);
    fixture_doubles(json, "lambda_per_parameter", n, lambda);
    knowledge_open(&knowledge, &arena, "l2_per_parameter", fixture.net, lambda);
    assert_int_equal(iml_linearize(fixture.evaluator, theta, &train.batch, knowledge.diagonal, NULL,
                                   &result, &curvature, &error),
                     IML_OK);
    const size_t checked =
        check_matrix(&fixture, IML_CURVATURE_HESSIAN, v, fixture_at(json, "hessian_solvers")) +
        check_matrix(&fixture, IML_CURVATURE_GAUSS_NEWTON, v,
                     fixture_at(json, "gauss_newton_solvers"));
    iml_arena_close(&arena);
    net_fixture_close(&fixture);
    json_decref(root);
    return checked;
}

static void test_entries_on_the_engine_s_own_curvature(void **state)
{
    (void)state;
    assert_int_equal(check_mlp("tanh"), 24 + 9);
    assert_int_equal(check_mlp("relu"), 24 + 9);
    assert_int_equal(check_mlp("tanh_soft_targets"), 24 + 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_entries_on_dense_matrices),
        cmocka_unit_test(test_entries_on_the_engine_s_own_curvature),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
