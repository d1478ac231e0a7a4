/* test_knowledge.c: the knowledge of the table: pulls against tests/fixtures/mlp.json and against
 * central differences of the gradient in λ (MATH §3, §7.2); clamp, diagonal, registry. In double.
 */
#include <math.h>
#include <string.h>

#include "../check.h"
#include "fixture.h"
#include "problem.h"

enum { P = 39, ROWS = 7 };

/* One net of mlp.json with its batch and a knowledge. */
struct trial {
    json_t *root;
    const json_t *json;
    struct net_fixture fixture;
    struct problem_batch train;
    struct iml_knowledge knowledge;
    struct iml_arena arena;
    iml_real theta[P];
    double lambda[P]; /* in the outside's order */
};

static const char *const nets[] = {"tanh", "relu", "tanh_soft_targets"};

static void trial_open(struct trial *self, const char *net, const char *kind)
{
    *self = (struct trial){.root = fixture_load("mlp.json")};
    self->json = fixture_at(self->root, net);
    const struct iml_net_options options = mlp_options(self->json);
    self->fixture = net_fixture_open(&options, ROWS, 1, NULL);
    batch_read(&self->train, self->json, &options, "inputs", "labels", "targets", "weights");
    self->train.batch.divisor = fixture_number(self->json, "divisor");
    iml_real outside[P];
    fixture_reals(self->json, "theta", P, outside);
    iml_net_import(self->fixture.net, outside, self->theta);
    const bool is_per_layer = strcmp(kind, "l2_per_layer") == 0;
    const char *path = is_per_layer ? "lambda_per_layer" : "lambda_per_parameter";
    fixture_doubles(self->json, path, is_per_layer ? 2 : P, self->lambda);
    knowledge_open(&self->knowledge, &self->arena, kind, self->fixture.net, self->lambda);
}

static void trial_close(struct trial *self)
{
    iml_arena_close(&self->arena);
    net_fixture_close(&self->fixture);
    json_decref(self->root);
}

/* A vector of λ's shape in the outside's order. */
static void to_outside(const struct trial *trial, const iml_real *in, double *out)
{
    iml_real outside[P];
    memcpy(outside, in, trial->knowledge.size * sizeof *in);
    if (trial->knowledge.options.kind->is_theta_shaped)
        iml_net_export(trial->fixture.net, in, outside);
    widen(trial->knowledge.size, outside, out);
}

static void read_q(const struct trial *trial, iml_real *q)
{
    iml_real outside[P];
    fixture_reals(trial->json, "pull/q", P, outside);
    iml_net_import(trial->fixture.net, outside, q);
}

/* Calls test for every net and every knowledge of the table that is a regularizer;
 * test_confidence.c has the others. */
static void for_all(void (*test)(struct trial *trial))
{
    for (size_t i = 0; i < sizeof nets / sizeof *nets; i++) {
        for (const struct iml_knowledge_kind *const *kind = iml_knowledge_kinds; *kind; kind++) {
            static struct trial trial;
            if ((*kind)->weighs) continue;
            trial_open(&trial, nets[i], (*kind)->name);
            test(&trial);
            trial_close(&trial);
        }
    }
}

static void pull_is_the_fixture_s(struct trial *trial)
{
    iml_real q[P], pull[P];
    double got[P], expected[P];
    char path[64];
    (void)snprintf(path, sizeof path, "pull/%s", trial->knowledge.options.kind->name);
    fixture_doubles(trial->json, path, trial->knowledge.size, expected);
    read_q(trial, q);
    iml_knowledge_pull(&trial->knowledge, trial->theta, q, pull);
    to_outside(trial, pull, got);
    check_vectors_close(trial->knowledge.size, got, expected, 1e-13);
}

static void test_pulls_are_those_of_pytorch(void **state)
{
    (void)state;
    for_all(pull_is_the_fixture_s);
}

/* q·∇θL_T with λ_m moved by h. */
static double directional(struct trial *trial, size_t m, double h, const iml_real *q)
{
    struct iml_batch_result result;
    struct iml_error error = {0};
    iml_real gradient[P];
    const iml_real lambda = trial->knowledge.lambda[m];
    trial->knowledge.lambda[m] += (iml_real)h;
    iml_knowledge_refresh(&trial->knowledge);
    assert_int_equal(iml_gradient(trial->fixture.evaluator, trial->theta, &trial->train.batch,
                                  trial->knowledge.diagonal, gradient, &result, &error),
                     IML_OK);
    trial->knowledge.lambda[m] = lambda;
    iml_knowledge_refresh(&trial->knowledge);
    double sum = 0;
    for (size_t j = 0; j < P; j++) sum += (double)q[j] * (double)gradient[j];
    return sum;
}

static void pull_is_the_difference(struct trial *trial)
{
    const double steps[] = {1e-3, 1e-4};
    iml_real q[P], pull[P];
    double got[P], by_difference[2][P];
    read_q(trial, q);
    iml_knowledge_pull(&trial->knowledge, trial->theta, q, pull);
    for (size_t m = 0; m < trial->knowledge.size; m++) {
        for (size_t i = 0; i < 2; i++) {
            const double h = steps[i];
            by_difference[i][m] =
                -(directional(trial, m, h, q) - directional(trial, m, -h, q)) / (2 * h);
        }
    }
    widen(trial->knowledge.size, pull, got);
    check_vectors_close(trial->knowledge.size, by_difference[0], by_difference[1], 1e-6);
    check_vectors_close(trial->knowledge.size, got, by_difference[1], 1e-8);
}

static void test_pulls_are_differences_of_the_gradient_in_lambda(void **state)
{
    (void)state;
    for_all(pull_is_the_difference);
}

static void loss_and_diagonal_are_right(struct trial *trial)
{
    char path[64];
    double layer[P] = {0}, d[P];
    iml_real outside[P];
    const bool is_per_layer = !trial->knowledge.options.kind->is_theta_shaped;
    (void)snprintf(path, sizeof path, "%s/loss", trial->knowledge.options.kind->name);
    const double penalty =
        fixture_number(trial->json, path) - fixture_number(trial->json, "data/loss");
    assert_true(fabs(iml_knowledge_loss(&trial->knowledge, trial->theta) - penalty) <= 1e-13);
    for (size_t j = 24; j < P; j++) layer[j] = 1; /* W₁, b₁: 24; W₂, b₂: 15 */
    iml_net_export(trial->fixture.net, trial->knowledge.diagonal, outside);
    widen(P, outside, d);
    for (size_t j = 0; j < P; j++)
        check_close(d[j], exp(trial->lambda[is_per_layer ? (size_t)layer[j] : j]), 1e-15);
}

static void test_loss_and_diagonal(void **state)
{
    (void)state;
    for_all(loss_and_diagonal_are_right);
}

static void clamp_projects(struct trial *trial)
{
    struct iml_knowledge *knowledge = &trial->knowledge;
    const double before = (double)knowledge->lambda[1];
    iml_knowledge_clamp(knowledge); /* low 0, high infinite: none */
    check_close(knowledge->lambda[1], before, 0);
    knowledge->options.clamp_low = 1e-3;
    knowledge->options.clamp_high = 10;
    knowledge->lambda[0] = (iml_real)log(1e-6);
    knowledge->lambda[1] = (iml_real)log(1e6);
    iml_knowledge_clamp(knowledge);
    iml_knowledge_refresh(knowledge);
    check_close(exp((double)knowledge->lambda[0]), 1e-3, 1e-14);
    check_close(exp((double)knowledge->lambda[1]), 10, 1e-14);
    for (size_t j = 0; j < P; j++)
        assert_true(knowledge->diagonal[j] >= 1e-3 * (1 - 1e-14) &&
                    knowledge->diagonal[j] <= 10 * (1 + 1e-14));
    knowledge->lambda[0] = (iml_real)nan("");
    iml_knowledge_clamp(knowledge); /* a NaN stays seen */
    assert_true(isnan(knowledge->lambda[0]));
}

static void test_clamp_projects_the_coefficient(void **state)
{
    (void)state;
    for_all(clamp_projects);
}

static void initial_is_the_coefficient(struct trial *trial)
{
    trial->knowledge.options.initial = 1e-4;
    iml_knowledge_initialize(&trial->knowledge, 1);
    for (size_t j = 0; j < P; j++) check_close(trial->knowledge.diagonal[j], 1e-4, 1e-14);
}

static void test_initial_is_the_coefficient(void **state)
{
    (void)state;
    for_all(initial_is_the_coefficient);
}

/* All of λ is registered, and exported in the outside's order. */
static void lambda_is_registered(struct trial *trial)
{
    struct iml_registry registry;
    struct iml_error error = {0};
    iml_real out[P];
    double got[P];
    const size_t bytes = trial->knowledge.size * sizeof *out;
    assert_int_equal(iml_registry_open(&registry, &error), IML_OK);
    assert_int_equal(iml_knowledge_register(&trial->knowledge, &registry, &error), IML_OK);
    assert_int_equal(iml_registry_bytes(&registry), bytes);
    for (size_t i = 0; i < registry.count; i++)
        assert_int_equal(strncmp(registry.items[i].name, "knowledge/", 10), 0);
    iml_registry_export(&registry, out, bytes);
    widen(trial->knowledge.size, out, got);
    check_vectors_close(trial->knowledge.size, got, trial->lambda, 0);
    iml_registry_close(&registry);
}

static void test_lambda_is_registered(void **state)
{
    (void)state;
    for_all(lambda_is_registered);
}

static void test_names_are_found(void **state)
{
    (void)state;
    for (const struct iml_knowledge_kind *const *kind = iml_knowledge_kinds; *kind; kind++)
        assert_ptr_equal(iml_knowledge_kind_find((*kind)->name), *kind);
    assert_null(iml_knowledge_kind_find("nothing"));
}

/* What `auto` keeps is registered too, block by block. */
static void test_solver_s_warm_vector_is_registered(void **state)
{
    (void)state;
    static struct trial trial;
    struct iml_solver solver;
    struct iml_arena arena;
    struct iml_registry registry;
    struct iml_error error = {0};
    trial_open(&trial, "tanh", "l2_per_layer");
    for (int is_auto = 0; is_auto < 2; is_auto++) {
        const struct iml_solver_options options = {
            .kind = iml_solver_kind_find("neumann"), .terms = 3, .step_size = is_auto ? 0 : 0.1};
        solver_open(&solver, &arena, &options, P);
        assert_int_equal(iml_registry_open(&registry, &error), IML_OK);
        assert_int_equal(iml_solver_register(&solver, trial.fixture.net, &registry, &error),
                         IML_OK);
        assert_int_equal(iml_registry_bytes(&registry),
                         is_auto ? P * sizeof(iml_real) + sizeof(uint64_t) : 0);
        iml_registry_close(&registry);
        iml_arena_close(&arena);
    }
    trial_close(&trial);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pulls_are_those_of_pytorch),
        cmocka_unit_test(test_pulls_are_differences_of_the_gradient_in_lambda),
        cmocka_unit_test(test_loss_and_diagonal),
        cmocka_unit_test(test_clamp_projects_the_coefficient),
        cmocka_unit_test(test_initial_is_the_coefficient),
        cmocka_unit_test(test_lambda_is_registered),
        cmocka_unit_test(test_names_are_found),
        cmocka_unit_test(test_solver_s_warm_vector_is_registered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
