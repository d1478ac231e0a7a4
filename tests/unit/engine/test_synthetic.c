/* test_synthetic.c: problems with a known Hessian: their eigenvalues by a dense decomposition,
 * their stationary point, and the hypergradient of a whole run against the closed form (MATH §1).
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/core/lapack.h"
#include "engine/data/synthetic.h"
#include "tests/unit/check.h"
#include "tests/unit/engine/dense.h"
#include "tests/unit/engine/trainer_case.h"

enum { D = 40, ROWS_MAX = 200 };

/* One unit of rounding of the engine's numbers, with room for the sums of some 40 of them. */
static double rounding(void)
{
    return sizeof(iml_real) == sizeof(float) ? 1e-6 : 1e-14;
}

static struct iml_synthetic_options quadratic(double condition, double negative_mass)
{
    return (struct iml_synthetic_options){.kind = IML_SYNTHETIC_QUADRATIC,
                                          .dimension = D,
                                          .condition = condition,
                                          .largest = 2,
                                          .negative_mass = negative_mass,
                                          .distance = 0.5};
}

static struct iml_synthetic_options least_squares(void)
{
    return (struct iml_synthetic_options){.kind = IML_SYNTHETIC_LEAST_SQUARES,
                                          .dimension = D,
                                          .condition = 100,
                                          .largest = 1,
                                          .rows = ROWS_MAX,
                                          .noise = 0.1};
}

/* A problem and rows of it, in memory of their own. */
struct problem {
    struct iml_arena arena;
    struct iml_synthetic synthetic;
    struct iml_images train, validation;
};

static void lay_out(struct problem *problem, const struct iml_synthetic_options *options,
                    const struct iml_split_view *split)
{
    struct iml_images *both[] = {&problem->train, &problem->validation};
    const size_t counts[] = {split->train_count, split->validation_count};
    iml_arena_part(&problem->arena, "problem");
    iml_synthetic_layout(&problem->synthetic, options, &problem->arena);
    for (size_t i = 0; i < 2; i++) {
        *both[i] = (struct iml_images){.count = counts[i], .width = options->dimension};
        both[i]->values =
            iml_arena_take(&problem->arena, counts[i], options->dimension * sizeof(iml_real));
        both[i]->targets = iml_arena_take(&problem->arena, counts[i], sizeof(iml_real));
        both[i]->weights = iml_arena_take(&problem->arena, counts[i], sizeof(iml_real));
        for (size_t j = 0; both[i]->weights && j < counts[i]; j++) both[i]->weights[j] = 1;
    }
}

static struct problem *open_problem(const struct iml_synthetic_options *asked, uint32_t seed,
                                    double coefficient, const struct iml_split_view *split)
{
    struct iml_synthetic_options with = *asked;
    const struct iml_synthetic_options *options = &with;
    with.coefficient = coefficient;
    struct problem *problem = calloc(1, sizeof *problem);
    struct iml_error error = {0};
    assert_non_null(problem);
    iml_arena_measure(&problem->arena);
    lay_out(problem, options, split);
    const struct iml_plan plan = problem->arena.plan;
    assert_int_equal(iml_arena_open(&problem->arena, &plan, &error), IML_OK);
    lay_out(problem, options, split);
    struct iml_synthetic *synthetic = &problem->synthetic;
    assert_true(iml_synthetic_draw(synthetic, seed, NULL));
    assert_true(
        iml_synthetic_rows(synthetic, IML_SPLIT_TRAIN, split->train, &problem->train, NULL));
    assert_true(iml_synthetic_rows(synthetic, IML_SPLIT_TRAIN, split->validation,
                                   &problem->validation, NULL));
    return problem;
}

static void close_problem(struct problem *problem)
{
    iml_arena_close(&problem->arena);
    free(problem);
}

/* Rows 0 … D − 1 for training, the next D for validation. */
static struct iml_split_view halves(void)
{
    static uint32_t places[2 * D];
    for (uint32_t i = 0; i < 2 * D; i++) places[i] = i;
    return (struct iml_split_view){
        .train = places, .validation = places + D, .train_count = D, .validation_count = D};
}

/* h ← (1/N) Σ wᵢxᵢxᵢᵀ + cI, g ← (1/N) Σ wᵢxᵢ(xᵢ·θ − yᵢ) + cθ; either may be NULL. */
static void form(const struct iml_images *rows, double c, const double *theta, double *h, double *g)
{
    const double n = (double)rows->count;
    for (size_t i = 0; h && i < (size_t)D * D; i++) h[i] = i % (D + 1) == 0 ? c : 0;
    for (size_t j = 0; g && j < D; j++) g[j] = c * theta[j];
    for (size_t i = 0; i < rows->count; i++) {
        const iml_real *x = rows->values + i * D;
        const double w = (double)rows->weights[i];
        double z = -(double)rows->targets[i];
        for (size_t j = 0; g && j < D; j++) z += (double)x[j] * theta[j];
        for (size_t j = 0; g && j < D; j++) g[j] += w * (double)x[j] * z / n;
        for (size_t j = 0; h && j < D; j++)
            for (size_t k = 0; k < D; k++) h[j * D + k] += w * (double)x[j] * (double)x[k] / n;
    }
}

static double norm(const double *x)
{
    double sum = 0;
    for (size_t j = 0; j < D; j++) sum += x[j] * x[j];
    return sqrt(sum);
}

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The eigenvalues asked for, by hand: sizes 2 … 2/condition in equal ratios, some negative. */
static void wanted_eigenvalues(double condition, size_t negative, double *mu)
{
    for (size_t i = 0; i < D; i++) mu[i] = 2 * exp(-log(condition) * (double)i / (double)(D - 1));
    for (size_t k = 0; k < negative; k++) mu[(2 * k + 1) * D / (2 * negative)] *= -1;
    qsort(mu, D, sizeof *mu, ascending);
}

static void test_the_eigenvalues_are_those_asked_for(void **state)
{
    (void)state;
    static const struct {
        double condition, negative_mass, coefficient;
        size_t negative;
    } cases[] = {{1, 0, 0, 0},        {10, 0, 1e-12, 0},    {1e6, 0, 1e-3, 0},
                 {1e4, 0.05, 0.1, 2}, {100, 0.01, 1e-4, 0}, {100, 0.5, 0, 20}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct iml_split_view split = halves();
        const struct iml_synthetic_options options =
            quadratic(cases[i].condition, cases[i].negative_mass);
        struct problem *problem = open_problem(&options, 3, cases[i].coefficient, &split);
        double h[D * D], found[D], wanted[D];
        double *work = calloc(iml_lapack_work(D), sizeof *work);
        assert_non_null(work);
        form(&problem->train, cases[i].coefficient, NULL, h, NULL);
        assert_int_equal(iml_lapack_eigenvalues_lower(D, h, found, work), 0);
        wanted_eigenvalues(cases[i].condition, cases[i].negative, wanted);
        for (size_t j = 0; j < D; j++)
            if (!(fabs(found[j] - wanted[j]) <= 2 * rounding())) /* of the largest */
                fail_msg("case %zu, eigenvalue %zu: %.17g, not %.17g", i, j, found[j], wanted[j]);
        free(work);
        close_problem(problem);
    }
}

static void test_the_start_is_at_its_distance_from_the_stationary_point(void **state)
{
    (void)state;
    for (uint32_t seed = 1; seed <= 3; seed++) {
        const struct iml_split_view split = halves();
        const struct iml_synthetic_options options = quadratic(100, 0.05);
        struct problem *problem = open_problem(&options, seed, 0.05, &split);
        const struct iml_synthetic *made = &problem->synthetic;
        double g[D], apart[D];
        form(&problem->train, 0.05, made->optimum, NULL, g);
        assert_true(norm(g) <= 10 * rounding()); /* θ* is stationary, regularizer included */
        assert_true(norm(made->optimum) > 1);
        for (size_t j = 0; j < D; j++) apart[j] = made->start[j] - made->optimum[j];
        check_close(norm(apart), 0.5, 1e-12);
        /* v at θ* is a unit vector */
        form(&problem->validation, 0, made->optimum, NULL, g);
        check_close(norm(g), 1, 10 * rounding());
        close_problem(problem);
    }
}

static void test_a_row_is_a_function_of_seed_and_number(void **state)
{
    (void)state;
    const struct iml_synthetic_options options = least_squares();
    uint32_t all[50], some[] = {3, 7, 49};
    for (uint32_t i = 0; i < 50; i++) all[i] = i;
    const struct iml_split_view a_split = {.train = all, .train_count = 50, .validation = all},
                                b_split = {.train = some, .train_count = 3, .validation = all};
    struct problem *a = open_problem(&options, 5, 0, &a_split),
                   *b = open_problem(&options, 5, 0, &b_split),
                   *c = open_problem(&options, 6, 0, &b_split);
    for (size_t i = 0; i < 3; i++) {
        const size_t row = D * sizeof(iml_real);
        assert_memory_equal(b->train.values + i * D, a->train.values + some[i] * D, row);
        assert_memory_equal(&b->train.targets[i], &a->train.targets[some[i]], sizeof(iml_real));
        assert_memory_not_equal(b->train.values + i * D, c->train.values + i * D, row);
    }
    close_problem(a);
    close_problem(b);
    close_problem(c);
}

static void test_least_squares_has_its_covariance_and_noise(void **state)
{
    (void)state;
    enum { MANY = 4000 };
    static uint32_t rows[MANY];
    for (uint32_t i = 0; i < MANY; i++) rows[i] = i;
    const struct iml_synthetic_options options = least_squares();
    const struct iml_split_view split = {.train = rows, .train_count = MANY, .validation = rows};
    struct problem *problem = open_problem(&options, 1, 0, &split);
    double h[D * D], mu[D], squares = 0;
    double *work = calloc(iml_lapack_work(D), sizeof *work);
    assert_non_null(work);
    form(&problem->train, 0, NULL, h, NULL);
    assert_int_equal(iml_lapack_eigenvalues_lower(D, h, mu, work), 0);
    check_close(mu[D - 1], 1, 0.1); /* √(D/MANY) is 0.1: Marchenko and Pastur's width */
    check_close(mu[0], 0.01, 0.25);
    for (size_t i = 0; i < MANY; i++) {
        double z = -(double)problem->train.targets[i];
        for (size_t j = 0; j < D; j++)
            z += (double)problem->train.values[i * D + j] * problem->synthetic.optimum[j];
        squares += z * z / MANY;
    }
    check_close(sqrt(squares), 0.1, 0.05);
    free(work);
    close_problem(problem);
}

/* ---- whole runs ---- */

static struct iml_trainer_options job(const struct sets *sets,
                                      const struct iml_synthetic_options *synthetic)
{
    struct iml_trainer_options options = case_iml(sets);
    const bool is_quadratic = synthetic->kind == IML_SYNTHETIC_QUADRATIC;
    options.data = (struct iml_data_options){.set = "synthetic",
                                             .train = is_quadratic ? D : 120,
                                             .validation = is_quadratic ? D : 80,
                                             .test = is_quadratic ? 0 : 50,
                                             .synthetic = *synthetic};
    options.model.hidden_count = 0;
    options.inner.warmup_steps = 5;
    options.inner.optimizer = (struct iml_optimizer_options){.kind = iml_optimizer_kind_find("sgd"),
                                                             .learning_rate = 0.1};
    options.meta.knowledge.initial = options.data.synthetic.coefficient = 0.05;
    options.meta.optimizer =
        (struct iml_optimizer_options){.kind = iml_optimizer_kind_find("sgd"), .learning_rate = 1};
    options.meta.solver =
        (struct iml_solver_options){.kind = iml_solver_kind_find("exact"), .max_parameters = D};
    options.meta.curvature_batch = options.data.train;
    options.meta.validation_batch = options.data.validation;
    options.meta.updates = 1;
    options.inner.steps_per_update = 1;
    return options;
}

static const iml_real *item(const struct iml_trainer *trainer, const char *name)
{
    const struct iml_registry *registry = iml_trainer_registry(trainer);
    for (size_t i = 0; i < registry->count; i++)
        if (strcmp(registry->items[i].name, name) == 0) return registry->items[i].data;
    fail_msg("no item %s", name);
    return NULL;
}

/* dL_V/dλⱼ = −qⱼ c θⱼ with Hq = v, all of it dense and in double. */
static void closed_form(const struct iml_trainer *trainer,
                        const struct iml_trainer_options *options, const double *theta,
                        double *hypergradient)
{
    const double c = options->meta.knowledge.initial;
    const struct iml_split_view split = iml_trainer_split(trainer);
    struct problem *problem = open_problem(&options->data.synthetic, options->seed, c, &split);
    double h[D * D], v[D], q[D];
    form(&problem->train, c, NULL, h, NULL);
    form(&problem->validation, 0, theta, NULL, v);
    dense_solve(D, h, v, q);
    for (size_t j = 0; j < D; j++) hypergradient[j] = -q[j] * c * theta[j];
    close_problem(problem);
}

/* meta/error_to_stationary against the closed form at θ*, made anew. */
static void check_truth(const struct iml_trainer *trainer,
                        const struct iml_trainer_options *options, const double *found,
                        const struct case_log *log)
{
    if (options->data.synthetic.kind != IML_SYNTHETIC_QUADRATIC) return;
    const struct iml_split_view split = iml_trainer_split(trainer);
    struct problem *problem = open_problem(&options->data.synthetic, options->seed,
                                           options->meta.knowledge.initial, &split);
    double truth[D], apart[D];
    closed_form(trainer, options, problem->synthetic.optimum, truth);
    for (size_t j = 0; j < D; j++) apart[j] = found[j] - truth[j];
    check_close(case_last(log, "meta/error_to_stationary"), norm(apart) / norm(truth),
                100 * rounding());
    close_problem(problem);
}

static void check_hypergradient(const struct iml_trainer_options *options, double tolerance)
{
    struct iml_trainer *trainer = case_open(options, NULL);
    struct case_log *log = calloc(1, sizeof *log);
    assert_non_null(log);
    while (iml_trainer_progress(trainer).step < options->inner.warmup_steps ||
           iml_trainer_progress(trainer).is_evaluation_due)
        assert_true(case_act(trainer, log));
    double theta[D], before[D], wanted[D], found[D];
    widen(D, item(trainer, "parameters/linear1.weight"), theta);
    widen(D, item(trainer, "knowledge/lambda/linear1.weight"), before);
    closed_form(trainer, options, theta, wanted);
    assert_true(case_act(trainer, log));
    assert_int_equal(iml_trainer_progress(trainer).update, 1);
    const iml_real *after = item(trainer, "knowledge/lambda/linear1.weight");
    for (size_t j = 0; j < D; j++) found[j] = before[j] - (double)after[j]; /* lr 1 */
    double error = 0, size = norm(wanted);
    for (size_t j = 0; j < D; j++) error += (found[j] - wanted[j]) * (found[j] - wanted[j]);
    if (!(sqrt(error) <= tolerance * size))
        fail_msg("the hypergradient is off by %g of %g", sqrt(error), size);
    check_close(case_last(log, "meta/gradient_norm"), size, tolerance);
    check_truth(trainer, options, found, log);
    iml_trainer_close(trainer);
    free(log);
}

static void test_exact_gives_the_closed_form(void **state)
{
    const double scale = rounding() / 1e-6; /* λ itself is rounded: 2e-7 of its 3 */
    const struct iml_synthetic_options positive = quadratic(100, 0),
                                       indefinite = quadratic(100, .1), ridge = least_squares();
    const struct iml_synthetic_options *const problems[] = {&positive, &indefinite, &ridge};
    for (size_t i = 0; i < 3; i++) {
        const struct iml_trainer_options options = job(*state, problems[i]);
        check_hypergradient(&options, 1e-4 * scale);
    }
}

static void test_exact_reports_the_eigenvalues(void **state)
{
    const struct iml_synthetic_options synthetic = quadratic(100, 0.05);
    const struct iml_trainer_options options = job(*state, &synthetic);
    struct iml_trainer *trainer = case_open(&options, NULL);
    struct case_log *log = calloc(1, sizeof *log);
    assert_non_null(log);
    (void)case_finish(trainer, log, 100);
    double mu[D];
    wanted_eigenvalues(100, 2, mu);
    check_close(case_last(log, "solver/largest_eigenvalue"), mu[D - 1], 10 * rounding());
    check_close(case_last(log, "solver/smallest_eigenvalue"), mu[0], 10 * rounding());
    check_close(case_last(log, "solver/condition"), 100, 1000 * rounding());
    iml_trainer_close(trainer);
    free(log);
}

/* θ frozen at its start: q·g is 0 there, v·H⁻¹H(θ − θ*) = v·(θ − θ*) elsewhere. */
static void test_what_remains_is_the_distance(void **state)
{
    for (size_t i = 0; i < 2; i++) {
        struct iml_synthetic_options synthetic = quadratic(10, 0);
        synthetic.distance = i == 0 ? 0 : 0.25;
        struct iml_trainer_options options = job(*state, &synthetic);
        options.inner.optimizer.learning_rate = 0;
        struct iml_trainer *trainer = case_open(&options, NULL);
        struct case_log *log = calloc(1, sizeof *log);
        assert_non_null(log);
        (void)case_finish(trainer, log, 100);
        const struct iml_split_view split = iml_trainer_split(trainer);
        struct problem *problem = open_problem(&synthetic, options.seed, 0.05, &split);
        const struct iml_synthetic *made = &problem->synthetic;
        double wanted = 0;
        for (size_t j = 0; j < D; j++)
            wanted += (made->start[j] - made->opposite[j]) * (made->start[j] - made->optimum[j]);
        const double found = case_last(log, "inner/remaining");
        if (!(fabs(found - wanted) <= 1000 * rounding())) fail_msg("%g, not %g", found, wanted);
        close_problem(problem);
        iml_trainer_close(trainer);
        free(log);
    }
}

/* Exact, θ at the stationary point: nothing is left but rounding. At a distance of it, the error is
 * of that order (MATH §6), whatever the solver. */
static void test_the_error_to_the_stationary_point(void **state)
{
    static const double distances[] = {0, 1e-2, 1e-1};
    double errors[3];
    for (size_t i = 0; i < 3; i++) {
        struct iml_synthetic_options synthetic = quadratic(10, 0);
        synthetic.distance = distances[i];
        struct iml_trainer_options options = job(*state, &synthetic);
        options.inner.optimizer.learning_rate = 0;
        struct iml_trainer *trainer = case_open(&options, NULL);
        struct case_log *log = calloc(1, sizeof *log);
        assert_non_null(log);
        (void)case_finish(trainer, log, 100);
        errors[i] = case_last(log, "meta/error_to_stationary");
        iml_trainer_close(trainer);
        free(log);
    }
    assert_true(errors[0] <= 100 * rounding());
    assert_true(errors[1] > 1e-3 && errors[1] < 1e-1);
    assert_true(errors[2] > 5 * errors[1] && errors[2] < 20 * errors[1]);
}

/* There are no classes: losses alone; and they are the same for any number of threads. */
static void test_the_rows_of_a_run(void **state)
{
    const struct iml_synthetic_options problems[] = {quadratic(100, 0), least_squares()};
    for (size_t i = 0; i < 2; i++) {
        struct iml_trainer_options options = job(*state, &problems[i]);
        options.meta.updates = 3;
        struct case_log *logs = calloc(3, sizeof *logs);
        assert_non_null(logs);
        for (size_t k = 0; k < 3; k++) {
            options.threads = 1U << k;
            struct iml_trainer *trainer = case_open(&options, NULL);
            (void)case_finish(trainer, &logs[k], 100);
            case_assert_same(&logs[0], 0, &logs[k]);
            iml_trainer_close(trainer);
        }
        assert_true(isfinite(case_last(&logs[0], "train/loss")));
        assert_true(isfinite(case_last(&logs[0], "validation/loss")));
        for (size_t k = 0; k < logs[0].count; k++) {
            const char *metric = logs[0].entries[k].metric;
            assert_true(!metric || !strstr(metric, "accuracy"));
            assert_true(i == 1 || !metric || !strstr(metric, "test/"));
        }
        free(logs);
    }
}

static void spoil_train(struct iml_trainer_options *o)
{
    o->data.train = D - 1;
}
static void spoil_validation(struct iml_trainer_options *o)
{
    o->data.validation = D - 1;
}
static void spoil_dimension(struct iml_trainer_options *o)
{
    o->data.synthetic.dimension = IML_SYNTHETIC_DIMENSION_MAX + 1;
}
static void spoil_hidden(struct iml_trainer_options *o)
{
    o->model.hidden_count = 1;
}

static void test_what_the_problem_leaves_no_choice_in_is_refused(void **state)
{
    static const struct {
        void (*spoil)(struct iml_trainer_options *options);
        const char *where;
    } refusals[] = {{spoil_train, "/data/train"},
                    {spoil_validation, "/data/validation"},
                    {spoil_dimension, "/data/synthetic/dimension"},
                    {spoil_hidden, "/model/hidden"}};
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        const struct iml_synthetic_options synthetic = quadratic(10, 0);
        struct iml_trainer_options options = job(*state, &synthetic);
        refusals[i].spoil(&options);
        struct iml_trainer *trainer = NULL;
        struct iml_error error = {0};
        assert_int_not_equal(iml_trainer_open(&options, NULL, &trainer, &error), IML_OK);
        assert_string_equal(error.where, refusals[i].where);
    }
}

/* Seconds at the largest dimension: a shutdown must not wait for them. */
static void test_a_draw_can_be_cancelled(void **state)
{
    const struct iml_synthetic_options problems[] = {quadratic(10, 0), least_squares()};
    for (size_t i = 0; i < sizeof problems / sizeof problems[0]; i++) {
        const struct iml_trainer_options options = job(*state, &problems[i]);
        const atomic_bool cancel = true;
        struct iml_trainer *trainer = NULL;
        struct iml_error error = {0};
        assert_int_equal(iml_trainer_open(&options, &cancel, &trainer, &error),
                         IML_ERROR_CANCELLED);
        assert_null(trainer);
    }
}

static void test_facts_and_plan_need_no_files(void **state)
{
    const struct iml_synthetic_options synthetic = quadratic(10, 0);
    const struct iml_trainer_options options = job(*state, &synthetic);
    const struct iml_set_roots nowhere = {0};
    struct iml_set_facts facts;
    struct iml_plan plan;
    struct iml_error error = {0};
    assert_int_equal(iml_trainer_facts(&options.data, &nowhere, &facts, &error), IML_OK);
    assert_int_equal(facts.train_images, 2 * D);
    assert_string_equal(iml_set_form_name(facts.form), "synthetic");
    assert_int_equal(iml_trainer_plan(&options, &facts, &plan, &error), IML_OK);
    assert_true(plan.total_bytes > D * D * (sizeof(double) + sizeof(iml_real)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_eigenvalues_are_those_asked_for),
        cmocka_unit_test(test_the_start_is_at_its_distance_from_the_stationary_point),
        cmocka_unit_test(test_a_row_is_a_function_of_seed_and_number),
        cmocka_unit_test(test_least_squares_has_its_covariance_and_noise),
        cmocka_unit_test(test_exact_gives_the_closed_form),
        cmocka_unit_test(test_exact_reports_the_eigenvalues),
        cmocka_unit_test(test_what_remains_is_the_distance),
        cmocka_unit_test(test_the_error_to_the_stationary_point),
        cmocka_unit_test(test_the_rows_of_a_run),
        cmocka_unit_test(test_what_the_problem_leaves_no_choice_in_is_refused),
        cmocka_unit_test(test_a_draw_can_be_cancelled),
        cmocka_unit_test(test_facts_and_plan_need_no_files),
    };
    return cmocka_run_group_tests(tests, sets_set_up, sets_tear_down);
}
