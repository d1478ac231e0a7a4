/* test_mlp_fixture.c: whole nets against tests/fixtures/mlp.json (PyTorch in double), MATH §7.2. */
#include <math.h>
#include <stdio.h>

#include "../check.h"
#include "engine/net/evaluator.h"
#include "fixture.h"
#include "net_fixture.h"

enum { P = 39, ROWS = 7, INPUTS = 5, CLASSES = 3 };

#ifdef IML_REAL_DOUBLE
static const double tolerance = 1e-12;
#else
static const double tolerance = 2e-5; /* float against double; pre-activations are far from kinks */
#endif

/* One of the three nets with its batch, opened. */
struct problem {
    json_t *root;
    const json_t *json;
    struct net_fixture fixture;
    iml_real theta[P], inputs[ROWS * INPUTS], targets[ROWS * CLASSES], weights[ROWS];
    uint32_t labels[ROWS];
    struct iml_batch batch;
};

static void problem_open(struct problem *self, const char *name)
{
    *self = (struct problem){.root = fixture_load("mlp.json")};
    self->json = fixture_at(self->root, name);
    const struct iml_net_options options = {
        .inputs = INPUTS,
        .hidden = {4},
        .hidden_count = 1,
        .outputs = CLASSES,
        .activation = fixture_text(self->json, "activation")[0] == 't' ? IML_ACTIVATION_TANH
                                                                       : IML_ACTIVATION_RELU,
        .loss = IML_LOSS_CROSS_ENTROPY,
        .has_bias = true,
    };
    self->fixture = net_fixture_open(&options, ROWS, 2, NULL);
    assert_int_equal(iml_net_parameters(self->fixture.net), P);
    iml_real outside[P];
    fixture_reals(self->json, "theta", P, outside);
    iml_net_import(self->fixture.net, outside, self->theta);
    fixture_reals(self->json, "inputs", ROWS * INPUTS, self->inputs);
    fixture_reals(self->json, "weights", ROWS, self->weights);
    self->batch = (struct iml_batch){.rows = ROWS,
                                     .inputs = self->inputs,
                                     .weights = self->weights,
                                     .divisor = fixture_number(self->json, "divisor")};
    if (fixture_has(self->json, "labels")) {
        fixture_labels(self->json, "labels", ROWS, self->labels);
        self->batch.labels = self->labels;
    } else {
        fixture_reals(self->json, "targets", ROWS * CLASSES, self->targets);
        self->batch.targets = self->targets;
    }
}

static void problem_close(struct problem *self)
{
    net_fixture_close(&self->fixture);
    json_decref(self->root);
}

/* Compares n numbers with those at path. */
static void check_at(const struct problem *self, const char *path, size_t n, const iml_real *got)
{
    double expected[P], found[P];
    fixture_doubles(self->json, path, n, expected);
    for (size_t i = 0; i < n; i++) found[i] = (double)got[i];
    check_vectors_close_at(n, found, expected, tolerance, path, __FILE__, __LINE__);
}

/* The same of a vector of θ's shape, in the inside's order. */
static void check_theta_at(const struct problem *self, const char *path, const iml_real *inside)
{
    iml_real outside[P];
    iml_net_export(self->fixture.net, inside, outside);
    check_at(self, path, P, outside);
}

static void import_at(const struct problem *self, const char *path, iml_real *inside)
{
    iml_real outside[P];
    fixture_reals(self->json, path, P, outside);
    iml_net_import(self->fixture.net, outside, inside);
}

/* d = e^λ of a section's knowledge, in the inside's order; NULL for "data". */
static const iml_real *diagonal_of(const struct problem *self, const char *section, iml_real *d)
{
    double lambda[P], layers[P];
    iml_real outside[P];
    if (section[0] == 'd') return NULL;
    if (section[7] == 'p') { /* l2_per_parameter */
        fixture_doubles(self->json, "lambda_per_parameter", P, lambda);
    } else {
        double of_layer[2];
        fixture_doubles(self->json, "lambda_per_layer", 2, of_layer);
        fixture_doubles(self->root, "layer_of_parameter", P, layers);
        for (size_t j = 0; j < P; j++) lambda[j] = of_layer[(size_t)layers[j]];
    }
    for (size_t j = 0; j < P; j++) outside[j] = (iml_real)exp(lambda[j]);
    iml_net_import(self->fixture.net, outside, d);
    return d;
}

/* Loss, gradient and both products of a section: "data" or a knowledge. */
static void check_section(struct problem *self, const char *section)
{
    char path[64];
    iml_real d[P], gradient[P], u[P], hu[P];
    const iml_real *diagonal = diagonal_of(self, section, d);
    struct iml_batch_result result;
    struct iml_error error = {0};
    struct iml_evaluator *evaluator = self->fixture.evaluator;

    assert_int_equal(
        iml_gradient(evaluator, self->theta, &self->batch, diagonal, gradient, &result, &error),
        IML_OK);
    double regularizer = 0;
    for (size_t j = 0; diagonal && j < P; j++)
        regularizer += (double)diagonal[j] * (double)self->theta[j] * (double)self->theta[j] / 2;
    (void)snprintf(path, sizeof path, "%s/loss", section);
    check_close(result.loss + regularizer, fixture_number(self->json, path), tolerance);
    (void)snprintf(path, sizeof path, "%s/gradient", section);
    check_theta_at(self, path, gradient);

    const struct iml_curvature *curvature = NULL;
    iml_real again[P];
    assert_int_equal(iml_linearize(evaluator, self->theta, &self->batch, diagonal, again, &result,
                                   &curvature, &error),
                     IML_OK);
    assert_memory_equal(again, gradient, sizeof again);
    import_at(self, "direction", u);
    curvature->apply(curvature, u, hu);
    assert_false(iml_curvature_is_cancelled(curvature));
    (void)snprintf(path, sizeof path, "%s/hessian_product", section);
    check_theta_at(self, path, hu);
    /* ż of that product lies in the last edge, for all rows */
    check_at(self, "data/tangent_logits", ROWS * CLASSES,
             evaluator->edges[evaluator->net->layer_count].tangent);

    const struct iml_curvature *gauss_newton =
        iml_linearized(evaluator, IML_CURVATURE_GAUSS_NEWTON);
    gauss_newton->apply(gauss_newton, u, again);
    (void)snprintf(path, sizeof path, "%s/gauss_newton_product", section);
    check_theta_at(self, path, again);
    curvature->apply(curvature, u, again); /* the other matrix is still there */
    assert_memory_equal(again, hu, sizeof hu);
}

static void check_logits_and_losses(struct problem *self)
{
    iml_real logits[ROWS * CLASSES], losses[ROWS];
    struct iml_batch_result result;
    struct iml_error error = {0};
    assert_int_equal(iml_evaluate(self->fixture.evaluator, self->theta, &self->batch, &result,
                                  losses, logits, &error),
                     IML_OK);
    check_at(self, "logits", ROWS * CLASSES, logits);
    check_at(self, "losses", ROWS, losses);
    double sum = 0;
    for (size_t i = 0; i < ROWS; i++) sum += (double)losses[i];
    check_close(result.loss_sum, sum, tolerance);
}

/* ℓ̇ᵢ(q), for the pull of the example weights (MATH §3.3). */
static void check_loss_tangents(struct problem *self)
{
    iml_real q[P], tangents[ROWS];
    struct iml_batch_result result;
    struct iml_error error = {0};
    const struct iml_curvature *curvature = NULL;
    assert_int_equal(iml_linearize(self->fixture.evaluator, self->theta, &self->batch, NULL, NULL,
                                   &result, &curvature, &error),
                     IML_OK);
    import_at(self, "pull/q", q);
    assert_int_equal(iml_loss_tangents(self->fixture.evaluator, q, tangents, &error), IML_OK);
    check_at(self, "pull/loss_tangents", ROWS, tangents);
}

/* The validation loss: no weights, its own divisor, fewer rows than the evaluator has. */
static void check_validation(struct problem *self)
{
    enum { VALIDATION_ROWS = 6 };
    iml_real inputs[VALIDATION_ROWS * INPUTS], v[P];
    uint32_t labels[VALIDATION_ROWS];
    fixture_reals(self->json, "validation/inputs", VALIDATION_ROWS * INPUTS, inputs);
    fixture_labels(self->json, "validation/labels", VALIDATION_ROWS, labels);
    const struct iml_batch batch = {
        .rows = VALIDATION_ROWS, .inputs = inputs, .labels = labels, .divisor = VALIDATION_ROWS};
    struct iml_batch_result result;
    struct iml_error error = {0};
    assert_int_equal(
        iml_gradient(self->fixture.evaluator, self->theta, &batch, NULL, v, &result, &error),
        IML_OK);
    check_close(result.loss, fixture_number(self->json, "validation/loss"), tolerance);
    check_close(result.loss_sum / VALIDATION_ROWS, result.loss, tolerance);
    check_theta_at(self, "validation/gradient", v);
}

static void check_net(const char *name)
{
    struct problem problem;
    problem_open(&problem, name);
    check_logits_and_losses(&problem);
    check_section(&problem, "data");
    check_section(&problem, "l2_per_parameter");
    check_section(&problem, "l2_per_layer");
    check_loss_tangents(&problem);
    check_validation(&problem);
    problem_close(&problem);
}

static void test_tanh(void **state)
{
    (void)state;
    check_net("tanh");
}

static void test_relu(void **state)
{
    (void)state;
    check_net("relu");
}

static void test_tanh_soft_targets(void **state)
{
    (void)state;
    check_net("tanh_soft_targets");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tanh),
        cmocka_unit_test(test_relu),
        cmocka_unit_test(test_tanh_soft_targets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
