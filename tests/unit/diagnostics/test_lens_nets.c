/* test_lens_nets.c: the lens' exact quantities against the solvers' own on three nets, 22 steps
 * (MATH §5.1): ≤ 1e-6 in double; float prints its differences. Batches are short, so that plain
 * loops in double stay within seconds; widths are those of the benchmarks. */
#include <math.h>
#include <stdlib.h>

#include "imld/diagnostics.h"
#include "imld/random.h"
#include "tests/unit/check.h"
#include "tests/unit/engine/net_fixture.h"

enum { STEPS = 22 };

/* --- a net at a random point, linearized --- */

struct point {
    struct net_fixture fixture;
    size_t parameters;
    iml_real *theta, *diagonal, *v, *q, *r, *inputs; /* owned */
    uint32_t *labels;                                /* owned */
    const struct iml_curvature *curvature;
};

static iml_real *numbers(size_t n, uint32_t seed)
{
    const struct iml_stream stream = {.seed = seed, .purpose = IML_PURPOSE_PROBE};
    iml_real *out = malloc(n * sizeof *out);
    assert_non_null(out);
    iml_stream_normal(&stream, 1, n, out);
    return out;
}

static void point_open(struct point *self, const struct iml_net_options *options, size_t rows)
{
    struct iml_batch_result result;
    struct iml_error error = {0};
    self->fixture = net_fixture_open(options, rows, 2, NULL);
    const size_t p = self->parameters = iml_net_parameters(self->fixture.net);
    self->theta = numbers(p, 1);
    self->diagonal = numbers(p, 2);
    self->v = numbers(p, 3);
    self->q = numbers(p, 3);
    self->r = numbers(p, 3);
    self->inputs = numbers(rows * options->inputs, 4);
    self->labels = malloc(rows * sizeof *self->labels);
    assert_non_null(self->labels);
    iml_net_initialize(self->fixture.net, 1, self->theta);
    for (size_t j = 0; j < p; j++) /* coefficients between e⁻⁵ and e⁰, about */
        self->diagonal[j] = (iml_real)exp(-3 + 0.5 * (double)self->diagonal[j]);
    for (size_t i = 0; i < rows; i++) self->labels[i] = (uint32_t)(i * 7 % 10);
    const struct iml_batch batch = {
        .rows = rows, .inputs = self->inputs, .labels = self->labels, .divisor = (double)rows};
    /* v is a validation gradient's stand-in: the gradient on half of the rows */
    struct iml_batch half = batch;
    half.rows = rows / 2;
    half.divisor = (double)half.rows;
    assert_int_equal(
        iml_gradient(self->fixture.evaluator, self->theta, &half, NULL, self->v, &result, &error),
        IML_OK);
    assert_int_equal(iml_linearize(self->fixture.evaluator, self->theta, &batch, self->diagonal,
                                   NULL, &result, &self->curvature, &error),
                     IML_OK);
}

static void point_close(struct point *self)
{
    free(self->theta);
    free(self->diagonal);
    free(self->v);
    free(self->q);
    free(self->r);
    free(self->inputs);
    free(self->labels);
    net_fixture_close(&self->fixture);
}

/* --- memory of a lens, and of a solver --- */

static void lens_open(struct iml_lens *lens, struct iml_arena *arena, size_t size)
{
    struct iml_error error = {0};
    struct iml_arena plan;
    iml_arena_measure(&plan);
    iml_lens_layout(lens, STEPS, 0, size, &plan);
    assert_int_equal(iml_arena_open(arena, &plan.plan, &error), IML_OK);
    iml_lens_layout(lens, STEPS, 0, size, arena);
}

/* The residual of the solver's q, by one product more. */
static double solver_residual(struct point *point, enum iml_lens_solver solver, double step_size,
                              unsigned terms)
{
    struct iml_solver own;
    struct iml_arena arena, plan;
    struct iml_report report;
    struct iml_error error = {0};
    const struct iml_solver_options options = {
        .kind = iml_solver_kind_find(iml_lens_solver_name(solver)),
        .terms = terms,
        .step_size = step_size};
    iml_arena_measure(&plan);
    iml_solver_layout(&own, &options, point->parameters, &plan);
    assert_int_equal(iml_arena_open(&arena, &plan.plan, &error), IML_OK);
    iml_solver_layout(&own, &options, point->parameters, &arena);
    iml_solver_solve(&own, point->curvature, point->v, point->q, &report);
    iml_arena_close(&arena);
    return iml_residuals_measure(point->curvature, 0, 1, point->v, point->q, point->r).plain;
}

static void check_net(const struct iml_net_options *options, size_t rows)
{
    struct point point;
    struct iml_lens lens;
    struct iml_arena arena;
    const unsigned terms[] = {2, STEPS - 2}; /* K + 1 < m */
    double curve[STEPS], worst = 0;
    point_open(&point, options, rows);
    lens_open(&lens, &arena, point.parameters);
    iml_lens_look(&lens, point.curvature, point.v);
    const double alpha = 1 / iml_lens_estimate(&lens, 1).largest;
    for (int s = 0; s < IML_LENS_SOLVERS; s++) {
        const enum iml_lens_solver solver = (enum iml_lens_solver)s;
        iml_lens_curve(&lens, solver, alpha, STEPS, curve);
        for (size_t i = 0; i < sizeof terms / sizeof *terms; i++) {
            const double own = solver_residual(&point, solver, alpha, terms[i]);
            worst = fmax(worst, fabs(curve[terms[i]] - own) / fmax(curve[terms[i]], own));
        }
    }
    print_message("%zu parameters, %u steps: relative difference at most %.2g\n", point.parameters,
                  lens.lanczos.reached, worst);
#ifdef IML_REAL_DOUBLE
    assert_true(worst <= 1e-6);
#else
    assert_true(isfinite(worst)); /* float is told, not judged */
#endif
    iml_arena_close(&arena);
    point_close(&point);
}

static struct iml_net_options mlp(size_t inputs, size_t width)
{
    return (struct iml_net_options){.inputs = inputs,
                                    .hidden = {width, width},
                                    .hidden_count = 2,
                                    .outputs = 10,
                                    .activation = IML_ACTIVATION_RELU,
                                    .loss = IML_LOSS_CROSS_ENTROPY,
                                    .has_bias = true};
}

static void test_narrow_net(void **state)
{
    (void)state;
    const struct iml_net_options options = mlp(784, 128);
    check_net(&options, 32);
}

static void test_middle_net(void **state)
{
    (void)state;
    const struct iml_net_options options = mlp(784, 500);
    check_net(&options, 8);
}

static void test_wide_net(void **state)
{
    (void)state;
    const struct iml_net_options options = mlp(3072, 1000);
    check_net(&options, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_narrow_net),
        cmocka_unit_test(test_middle_net),
        cmocka_unit_test(test_wide_net),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
