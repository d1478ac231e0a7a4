/* test_retrained.c: the whole hypergradient against the retrained optimum (MATH §7.4): ridge.json
 * as a linear net with squared error and no bias, logistic.json as a net without hidden layers, for
 * λ per parameter and per layer. θ* is found by the engine's own exact Newton steps. In double. */
#include <math.h>
#include <string.h>

#include "../check.h"
#include "fixture.h"
#include "problem.h"

/* A training problem at some λ and θ. */
struct trial {
    json_t *root;
    const json_t *section;
    struct net_fixture fixture;
    struct problem_batch train, validation;
    struct iml_knowledge knowledge;
    struct iml_arena arena;
    struct dense hessian; /* at the last linearization */
    unsigned products;
    size_t n;
    iml_real theta[DENSE_MAX];
};

static const struct source {
    const char *file, *section;
    bool is_ridge;
} sources[] = {
    {"ridge.json", "l2_per_parameter", true},
    {"ridge.json", "l2_per_layer", true},
    {"logistic.json", "l2_per_parameter", false},
    {"logistic.json", "l2_per_layer", false},
};

static void trial_open(struct trial *self, const struct source *source)
{
    memset(self, 0, sizeof *self); /* too large for a compound literal on the stack */
    self->root = fixture_load(source->file);
    self->section = fixture_at(self->root, source->section);
    const struct iml_net_options options = source->is_ridge ? ridge_options() : logistic_options();
    self->fixture = net_fixture_open(&options, PROBLEM_ROWS, 1, NULL);
    self->n = iml_net_parameters(self->fixture.net);
    batch_read(&self->train, self->root, &options,
               source->is_ridge ? "train_inputs" : "train_images", "train_labels", "train_targets",
               NULL);
    batch_read(&self->validation, self->root, &options,
               source->is_ridge ? "validation_inputs" : "validation_images", "validation_labels",
               "validation_targets", NULL);
    double lambda[DENSE_MAX];
    fixture_doubles(self->section, "lambda", fixture_count(self->section, "lambda"), lambda);
    knowledge_open(&self->knowledge, &self->arena, source->section, self->fixture.net, lambda);
}

static void trial_close(struct trial *self)
{
    iml_arena_close(&self->arena);
    net_fixture_close(&self->fixture);
    json_decref(self->root);
}

/* Linearizes L_T at θ, with its gradient; fills the dense Hessian. */
static const struct iml_curvature *linearize(struct trial *trial, iml_real *gradient)
{
    const struct iml_curvature *curvature = NULL;
    struct iml_batch_result result;
    struct iml_error error = {0};
    assert_int_equal(iml_linearize(trial->fixture.evaluator, trial->theta, &trial->train.batch,
                                   trial->knowledge.diagonal, gradient, &result, &curvature,
                                   &error),
                     IML_OK);
    dense_from_curvature(&trial->hessian, curvature, &trial->products);
    return curvature;
}

/* θ* by Newton steps from 0, until the gradient's norm is ≤ 1e-13. */
static void train_to_the_optimum(struct trial *trial)
{
    double wide[DENSE_MAX], step[DENSE_MAX];
    iml_real gradient[DENSE_MAX];
    memset(trial->theta, 0, sizeof trial->theta);
    double norm = HUGE_VAL;
    for (int k = 0; k < 30 && !(norm <= 1e-13); k++) {
        (void)linearize(trial, gradient);
        widen(trial->n, gradient, wide);
        dense_solve(trial->n, trial->hessian.h, wide, step);
        norm = 0;
        for (size_t j = 0; j < trial->n; j++) {
            trial->theta[j] -= (iml_real)step[j];
            norm = hypot(norm, wide[j]);
        }
    }
    assert_true(norm <= 1e-13);
}

/* L_V at θ and, unless NULL, its gradient v. */
static double validate(struct trial *trial, iml_real *v)
{
    struct iml_batch_result result;
    struct iml_error error = {0};
    iml_real unused[DENSE_MAX];
    assert_int_equal(iml_gradient(trial->fixture.evaluator, trial->theta, &trial->validation.batch,
                                  NULL, v ? v : unused, &result, &error),
                     IML_OK);
    return result.loss;
}

/* A vector of λ's shape, and one of θ's, in the outside's order. */
static void export_lambda(const struct trial *trial, const iml_real *in, double *out)
{
    iml_real outside[DENSE_MAX] = {0};
    memcpy(outside, in, trial->knowledge.size * sizeof *in);
    if (trial->knowledge.options.kind->is_theta_shaped)
        iml_net_export(trial->fixture.net, in, outside);
    widen(trial->knowledge.size, outside, out);
}

static void check_theta_shaped(const struct trial *trial, const char *name, const iml_real *in,
                               double tolerance)
{
    iml_real outside[DENSE_MAX] = {0};
    double got[DENSE_MAX], expected[DENSE_MAX];
    iml_net_export(trial->fixture.net, in, outside);
    widen(trial->n, outside, got);
    fixture_doubles(trial->section, name, trial->n, expected);
    check_vectors_close_at(trial->n, got, expected, tolerance, name, __FILE__, __LINE__);
}

static void check_pull(const struct trial *trial, const iml_real *q, double tolerance)
{
    iml_real g[DENSE_MAX];
    double got[DENSE_MAX], expected[DENSE_MAX];
    iml_knowledge_pull(&trial->knowledge, trial->theta, q, g);
    export_lambda(trial, g, got);
    fixture_doubles(trial->section, "hypergradient", trial->knowledge.size, expected);
    check_vectors_close(trial->knowledge.size, got, expected, tolerance);
}

static void solve_and_check(const struct trial *trial, const struct iml_curvature *curvature,
                            const iml_real *v, const struct iml_solver_options *options,
                            double tolerance)
{
    iml_real q[DENSE_MAX];
    (void)solve_once(options, curvature, v, q);
    check_pull(trial, q, tolerance);
}

static void hypergradients_are_the_stored_ones(struct trial *trial)
{
    iml_real v[DENSE_MAX], q[DENSE_MAX];
    double wide[DENSE_MAX] = {0}, solution[DENSE_MAX];
    train_to_the_optimum(trial);
    check_theta_shaped(trial, "theta", trial->theta, 1e-10);
    check_close(validate(trial, v), fixture_number(trial->section, "validation_loss"), 1e-11);
    check_theta_shaped(trial, "validation_gradient", v, 1e-10);

    /* v must be taken before L_T is linearized: the evaluator is busy from then on */
    const struct iml_curvature *curvature = linearize(trial, NULL);
    widen(trial->n, v, wide);
    dense_solve(trial->n, trial->hessian.h, wide, solution);
    narrow(trial->n, solution, q);
    check_theta_shaped(trial, "q_exact", q, 1e-9);
    check_pull(trial, q, 1e-9);

    const struct iml_solver_kind *cg = iml_solver_kind_find("cg");
    const struct iml_solver_kind *neumann = iml_solver_kind_find("neumann");
    const struct iml_solver_options options[] = {
        /* P terms are enough without rounding; with it the last ones come later (measured: 1e-6 or
         * 1.3e-6 after P, as the bits of H's products are) */
        {.kind = cg, .terms = 2 * (unsigned)trial->n},
        {.kind = cg, .terms = (unsigned)trial->n, .reorthogonalize = true},
        {.kind = cg, .terms = (unsigned)trial->n, .precondition = IML_PRECONDITION_L2},
        {.kind = iml_solver_kind_find("minres"),
         .terms = (unsigned)trial->n,
         .reorthogonalize = true},
        {.kind = neumann, .terms = 1000},
        {.kind = neumann, .terms = 1000, .precondition = IML_PRECONDITION_L2},
    };
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        solve_and_check(trial, curvature, v, &options[i], 1e-6);
    const struct iml_solver_options exact = {.kind = iml_solver_kind_find("exact")};
    solve_and_check(trial, curvature, v, &exact, 1e-9);
}

static void test_hypergradients_are_those_of_the_fixtures(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
        static struct trial trial;
        trial_open(&trial, &sources[i]);
        hypergradients_are_the_stored_ones(&trial);
        trial_close(&trial);
    }
}

/* L_V(θ*(λ)) with λ_m moved by h: the optimum is found anew. */
static double retrained_loss(struct trial *trial, size_t m, double h)
{
    const iml_real lambda = trial->knowledge.lambda[m];
    trial->knowledge.lambda[m] += (iml_real)h;
    iml_knowledge_refresh(&trial->knowledge);
    train_to_the_optimum(trial);
    const double loss = validate(trial, NULL);
    trial->knowledge.lambda[m] = lambda;
    iml_knowledge_refresh(&trial->knowledge);
    return loss;
}

static void differences_agree(struct trial *trial)
{
    const double steps[] = {1e-3, 3e-4}; /* truncation and rounding both below 1e-6 */
    double difference[2][DENSE_MAX] = {{0}}, got[DENSE_MAX];
    iml_real v[DENSE_MAX], q[DENSE_MAX], g[DENSE_MAX];
    for (size_t m = 0; m < trial->knowledge.size; m++) {
        for (size_t i = 0; i < 2; i++) {
            const double h = steps[i];
            difference[i][m] =
                (retrained_loss(trial, m, h) - retrained_loss(trial, m, -h)) / (2 * h);
        }
    }
    train_to_the_optimum(trial);
    (void)validate(trial, v);
    const struct iml_curvature *curvature = linearize(trial, NULL);
    const struct iml_solver_options options = {
        .kind = iml_solver_kind_find("cg"), .terms = (unsigned)trial->n, .reorthogonalize = true};
    (void)solve_once(&options, curvature, v, q);
    iml_knowledge_pull(&trial->knowledge, trial->theta, q, g);
    widen(trial->knowledge.size, g, got); /* both in the inside's order */
    check_vectors_close(trial->knowledge.size, difference[0], difference[1], 1e-6);
    check_vectors_close(trial->knowledge.size, got, difference[1], 1e-6);
}

static void test_hypergradients_are_differences_of_retrained_losses(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
        static struct trial trial;
        trial_open(&trial, &sources[i]);
        differences_agree(&trial);
        trial_close(&trial);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hypergradients_are_those_of_the_fixtures),
        cmocka_unit_test(test_hypergradients_are_differences_of_retrained_losses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
