/* test_layers.c: every kind of layer and loss held to MATH §7.1. In double everything is judged; in
 * float what needs no differences (layer_check.h). That the checker finds what is wrong:
 * test_layer_faults.c. */
#include <math.h>
#include <string.h>

#include "../check.h"
#include "engine/net/evaluator.h"
#include "imld/random.h"
#include "layer_check.h"
#include "net_fixture.h"

#ifdef IML_REAL_DOUBLE
static const bool is_double = true;
static const double structural = 1e-12; /* symmetry, linearity */
#else
static const bool is_double = false;
static const double structural = 2e-5;
#endif

static const struct layer_case shapes[] = {
    {.rows = 1, .in = 1, .out = 1, .has_bias = true},
    {.rows = 1, .in = 5, .out = 3, .has_bias = true},
    {.rows = 7, .in = 3, .out = 5, .has_bias = true},
    {.rows = 5, .in = 11, .out = 4, .has_bias = false},
    {.rows = 8, .in = 4, .out = 9, .has_bias = true},
    {.rows = 3, .in = 1, .out = 7, .has_bias = false},
    {.rows = 11, .in = 10, .out = 1, .has_bias = true},
};
enum { SHAPES = sizeof shapes / sizeof shapes[0] };

/* n = 1, odd sizes, not square, blocks of channels, windows that leave a border, padding. */
static const struct layer_case image_shapes[] = {
    {.rows = 1, .from = {1, 1, 1, 1}, .channels = 1, .block = 1, .window = {1, 1, 1, 0}},
    {.rows = 3, .from = {2, 5, 3, 1}, .channels = 3, .block = 1, .window = {3, 3, 1, 1}},
    {.rows = 2, .from = {3, 4, 5, 1}, .channels = 4, .block = 2, .window = {3, 3, 2, 1}},
    {.rows = 2, .from = {4, 3, 3, 2}, .channels = 3, .block = 3, .window = {2, 2, 1, 0}},
    {.rows = 5, .from = {4, 2, 3, 4}, .channels = 2, .block = 1, .window = {1, 1, 2, 0}},
    {.rows = 1, .from = {2, 7, 6, 2}, .channels = 4, .block = 4, .window = {3, 2, 2, 1}},
    {.rows = 2, .from = {8, 3, 2, 8}, .channels = 2, .block = 2, .window = {3, 2, 1, 0}},
};
enum { IMAGE_SHAPES = sizeof image_shapes / sizeof image_shapes[0] };
_Static_assert((int)IMAGE_SHAPES == (int)SHAPES, "one loop walks either");

static void print_errors(const char *name, const struct kernel_errors *errors)
{
    print_error("%s: agreement %.2g, tangent %.2g, backward %.2g, adjoint %.2g, "
                "tangent_backward %.2g, conventions %g\n",
                name, errors->agreement, errors->tangent, errors->backward, errors->adjoint,
                errors->tangent_backward, errors->conventions);
}

static void test_each_layer(void **state)
{
    (void)state;
    for (size_t k = 0; iml_layer_kinds[k]; k++) {
        for (size_t s = 0; s < 2 * SHAPES; s++) { /* each in training mode, then in evaluation's */
            struct layer_case shape =
                (is_of_images(iml_layer_kinds[k]) ? image_shapes : shapes)[s % SHAPES];
            shape.is_evaluation = s >= SHAPES;
            const struct kernel_errors errors =
                check_layer(iml_layer_kinds[k], &shape, (uint32_t)(100 * k + s % SHAPES));
            if (kernel_errors_pass(&errors)) continue;
            print_errors(iml_layer_kinds[k]->name, &errors);
            fail_msg("shape %zu: %zu rows, %zu × %zu%s", s % SHAPES, shape.rows, shape.in,
                     shape.out, shape.is_evaluation ? ", evaluation" : "");
        }
    }
}

static void test_each_loss(void **state)
{
    (void)state;
    const size_t widths[] = {1, 2, 3, 10};
    for (size_t k = 0; iml_loss_kinds[k]; k++) {
        for (size_t i = 0; i < 8; i++) {
            const bool has_label = i % 2 == 0;
            const size_t outputs = widths[i / 2];
            /* softmax of one output is constant 1: its derivatives are 0, and so relative to
             * nothing */
            if (outputs == 1 && iml_loss_kinds[k] == &iml_cross_entropy) continue;
            const struct kernel_errors errors =
                check_loss(iml_loss_kinds[k], outputs, has_label, (uint32_t)(10 * k + i));
            if (kernel_errors_pass(&errors)) continue;
            print_errors(iml_loss_kinds[k]->name, &errors);
            fail_msg("at %zu outputs", outputs);
        }
    }
}

/* The shift by the maximum: logits that overflow exp, and their exact losses. */
static void test_cross_entropy_far_out(void **state)
{
    (void)state;
    const iml_real z[3] = {2000, -3000, 1000};
    iml_real kept[3], z_bar[3];
    struct iml_loss_row row = {.outputs = 3, .z = z, .label = 2, .scale = 1, .kept = kept};
    check_close(iml_cross_entropy.value(&row), 1000, 1e-15);
    iml_cross_entropy.backward(&row, z_bar);
    assert_true(z_bar[0] == 1 && z_bar[1] == 0 && z_bar[2] == -1);
    row.label = 0;
    assert_true(iml_cross_entropy.value(&row) == 0);
}

/* --- nets of these layers --- */

enum { P_MAX = 120, ROWS_MAX = 71, INPUTS = 5, OUTPUTS = 3, STATISTICS_MAX = 22 };

struct problem {
    struct net_fixture fixture;
    size_t size;
    iml_real theta[P_MAX], inputs[ROWS_MAX * INPUTS], weights[ROWS_MAX], diagonal[P_MAX];
    iml_real targets[ROWS_MAX * OUTPUTS];
    iml_real statistics[STATISTICS_MAX];
    uint32_t labels[ROWS_MAX];
    struct iml_batch batch;
};

static void draw(uint32_t index, double low, double high, size_t count, iml_real *out)
{
    const struct iml_stream stream = {.seed = 12, .purpose = IML_PURPOSE_PROBE, .index = index};
    iml_stream_uniform(&stream, low, high, count, out);
}

static void problem_open(struct problem *self, const struct iml_net_options *options, size_t rows,
                         const struct iml_mode *mode)
{
    memset(self, 0, sizeof *self);
    self->fixture = net_fixture_open(options, rows, 2, NULL);
    self->size = iml_net_parameters(self->fixture.net);
    assert_true(self->size <= P_MAX && rows <= ROWS_MAX);
    draw(8, -0.7, 0.7, self->size, self->theta);
    draw(0, -1, 1, rows * INPUTS, self->inputs);
    draw(1, 0, 2, rows, self->weights);
    draw(2, 0, 0.1, self->size, self->diagonal);
    draw(3, -1, 1, rows * OUTPUTS, self->targets);
    draw(7, 0.5, 1.5, iml_net_statistics(self->fixture.net), self->statistics);
    for (size_t i = 0; i < rows; i++) self->labels[i] = (uint32_t)(i % OUTPUTS);
    self->batch = (struct iml_batch){.rows = rows,
                                     .inputs = self->inputs,
                                     .weights = self->weights,
                                     .divisor = (double)rows + 2,
                                     .mode = *mode};
    self->batch.mode.statistics = self->statistics;
    if (options->loss == IML_LOSS_SQUARED_ERROR)
        self->batch.targets = self->targets;
    else
        self->batch.labels = self->labels;
}

static double dot(size_t n, const iml_real *a, const iml_real *b)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += (double)a[i] * (double)b[i];
    return sum;
}

static const struct iml_curvature *linearize(struct problem *self)
{
    const struct iml_curvature *curvature = NULL;
    struct iml_batch_result result;
    struct iml_error error = {0};
    assert_int_equal(iml_linearize(self->fixture.evaluator, self->theta, &self->batch,
                                   self->diagonal, NULL, &result, &curvature, &error),
                     IML_OK);
    assert_int_equal(curvature->size, self->size);
    return curvature;
}

static void check_product(struct problem *self, enum iml_curvature_kind kind)
{
    const size_t n = self->size;
    (void)linearize(self);
    const struct iml_curvature *curvature = iml_linearized(self->fixture.evaluator, kind);
    iml_real u[P_MAX], w[P_MAX], hu[P_MAX], hw[P_MAX], mix[P_MAX], h_mix[P_MAX], again[P_MAX];
    draw(4, -1, 1, n, u);
    draw(5, -1, 1, n, w);
    curvature->apply(curvature, u, hu);
    curvature->apply(curvature, w, hw);
    const double scale = sqrt(dot(n, u, u)) * sqrt(dot(n, hw, hw));
    assert_true(fabs(dot(n, u, hw) - dot(n, w, hu)) <= structural * scale);

    double expected[P_MAX], got[P_MAX];
    for (size_t j = 0; j < n; j++) mix[j] = 2 * u[j] - (iml_real)0.5 * w[j];
    curvature->apply(curvature, mix, h_mix);
    for (size_t j = 0; j < n; j++) {
        expected[j] = 2 * (double)hu[j] - 0.5 * (double)hw[j];
        got[j] = (double)h_mix[j];
    }
    check_vectors_close(n, got, expected, structural);

    memset(mix, 0, sizeof mix);
    curvature->apply(curvature, mix, h_mix);
    for (size_t j = 0; j < n; j++) assert_true(h_mix[j] == 0);
    curvature->apply(curvature, u, again); /* nothing of the earlier products is left */
    assert_memory_equal(again, hu, n * sizeof *hu);
}

/* The regularized loss and its gradient at θ + h·u. */
static double loss_at(struct problem *self, double h, const iml_real *u, double *gradient)
{
    iml_real theta[P_MAX], g[P_MAX];
    for (size_t j = 0; j < self->size; j++) theta[j] = self->theta[j] + (iml_real)h * u[j];
    struct iml_batch_result result;
    struct iml_error error = {0};
    assert_int_equal(iml_gradient(self->fixture.evaluator, theta, &self->batch, self->diagonal, g,
                                  &result, &error),
                     IML_OK);
    double regularizer = 0;
    for (size_t j = 0; j < self->size; j++) {
        regularizer += (double)self->diagonal[j] * (double)theta[j] * (double)theta[j] / 2;
        gradient[j] = (double)g[j];
    }
    return result.loss + regularizer;
}

enum { SIGNS_MAX = 2 * 11 * ROWS_MAX };

/* Which values of relu and leaky_relu are above 0 at θ + h·u: on the other side of a kink is
 * another smooth function. */
static void signs_at(struct problem *self, double h, const iml_real *u, bool *signs,
                     double *gradient)
{
    const struct iml_evaluator *evaluator = self->fixture.evaluator;
    size_t count = 0;
    (void)loss_at(self, h, u, gradient);
    for (size_t l = 0; l < evaluator->net->layer_count; l++) {
        const struct iml_layer *layer = &evaluator->net->layers[l];
        if (layer->kind != &iml_relu && layer->kind != &iml_leaky_relu) continue;
        for (size_t i = 0; i < self->batch.rows * layer->out; i++)
            signs[count++] = evaluator->edges[l + 1].value[i] > 0;
    }
    assert_true(count <= SIGNS_MAX);
}

/* |g·u| ≥ ‖g‖/5: not so near to orthogonal that the slope's relative error is rounding. */
static bool is_steep(size_t n, const double *g, const iml_real *u)
{
    double slope = 0, squares = 0;
    for (size_t j = 0; j < n; j++) {
        slope += g[j] * (double)u[j];
        squares += g[j] * g[j];
    }
    return fabs(slope) >= sqrt(squares) / 5;
}

/* A direction along which no kink is within the longest step, and the loss changes. */
static void draw_smooth_direction(struct problem *self, double longest, iml_real *u)
{
    bool here[SIGNS_MAX] = {false}, above[SIGNS_MAX] = {false}, below[SIGNS_MAX] = {false};
    double gradient[P_MAX];
    for (uint32_t index = 100; index < 200; index++) {
        draw(index, -1, 1, self->size, u);
        signs_at(self, longest, u, above, gradient);
        signs_at(self, -longest, u, below, gradient);
        signs_at(self, 0, u, here, gradient);
        if (is_steep(self->size, gradient, u) && memcmp(here, above, sizeof here) == 0 &&
            memcmp(here, below, sizeof here) == 0)
            return;
    }
    fail_msg("no smooth direction");
}

/* Gradient and product against differences of loss and gradient along one direction. */
static void check_differences(struct problem *self)
{
    const size_t n = self->size;
    iml_real u[P_MAX], hu[P_MAX];
    double g[P_MAX], above[P_MAX], below[P_MAX], product[P_MAX], slopes[2], products[2][P_MAX];
    draw_smooth_direction(self, 2e-5, u);
    const struct iml_curvature *curvature = linearize(self);
    curvature->apply(curvature, u, hu);
    for (size_t k = 0; k < 2; k++) {
        const double h = k == 0 ? 1e-5 : 2e-5;
        slopes[k] = (loss_at(self, h, u, above) - loss_at(self, -h, u, below)) / (2 * h);
        for (size_t j = 0; j < n; j++) products[k][j] = (above[j] - below[j]) / (2 * h);
    }
    (void)loss_at(self, 0, u, g);
    double slope = 0;
    for (size_t j = 0; j < n; j++) {
        slope += g[j] * (double)u[j];
        product[j] = (double)hu[j];
    }
    check_close(slopes[0], slopes[1], 1e-7);
    check_close(slope, slopes[0], 1e-7);
    check_vectors_close(n, products[0], products[1], 1e-6);
    check_vectors_close(n, product, products[0], 1e-6);
}

/* Row i of H_ℓ, the Hessian of the loss in z, by its formula: (wᵢ/N)(diag p − ppᵀ), or (wᵢ/N)I. */
static void loss_hessian(const struct problem *self, const iml_real *logits, size_t i,
                         double h[OUTPUTS][OUTPUTS])
{
    const double scale = (double)self->weights[i] / self->batch.divisor;
    double p[OUTPUTS], sum = 0;
    for (size_t a = 0; a < OUTPUTS; a++) sum += p[a] = exp((double)logits[i * OUTPUTS + a]);
    for (size_t a = 0; a < OUTPUTS; a++) {
        for (size_t b = 0; b < OUTPUTS; b++) {
            const double same = a == b ? 1 : 0;
            h[a][b] = self->batch.labels ? scale * p[a] / sum * (same - p[b] / sum) : scale * same;
        }
    }
}

/* Gu against JᵀH_ℓJu + Du. J column by column: ż for a unit vector, which a product leaves in the
 * last edge; no backward pass takes part. */
static void check_gauss_newton(struct problem *self)
{
    const size_t n = self->size, outputs = self->batch.rows * OUTPUTS;
    static double jacobian[P_MAX][ROWS_MAX * OUTPUTS], above[ROWS_MAX * OUTPUTS];
    static iml_real logits[ROWS_MAX * OUTPUTS];
    iml_real u[P_MAX], gu[P_MAX], unit[P_MAX];
    double got[P_MAX], expected[P_MAX];
    struct iml_batch_result result;
    struct iml_error error = {0};
    struct iml_evaluator *evaluator = self->fixture.evaluator;
    assert_int_equal(
        iml_evaluate(evaluator, self->theta, &self->batch, &result, NULL, logits, &error), IML_OK);
    (void)linearize(self);
    const struct iml_curvature *g = iml_linearized(evaluator, IML_CURVATURE_GAUSS_NEWTON);
    const iml_real *z_dot = evaluator->edges[evaluator->net->layer_count].tangent;
    draw(4, -1, 1, n, u);
    memset(above, 0, sizeof above);
    for (size_t j = 0; j < n; j++) {
        memset(unit, 0, sizeof unit);
        unit[j] = 1;
        g->apply(g, unit, gu);
        for (size_t i = 0; i < outputs; i++) {
            jacobian[j][i] = (double)z_dot[i];
            above[i] += jacobian[j][i] * (double)u[j];
        }
    }
    for (size_t j = 0; j < n; j++) expected[j] = (double)self->diagonal[j] * (double)u[j];
    for (size_t i = 0; i < self->batch.rows; i++) {
        double h[OUTPUTS][OUTPUTS];
        loss_hessian(self, logits, i, h);
        for (size_t a = 0; a < OUTPUTS; a++) {
            double bar = 0;
            for (size_t b = 0; b < OUTPUTS; b++) bar += h[a][b] * above[i * OUTPUTS + b];
            for (size_t j = 0; j < n; j++) expected[j] += jacobian[j][i * OUTPUTS + a] * bar;
        }
    }
    g->apply(g, u, gu);
    for (size_t j = 0; j < n; j++) got[j] = (double)gu[j];
    check_vectors_close(n, got, expected, is_double ? 1e-11 : 1e-4);
}

/* Trial i of those below: all activations, losses, depths, with and without bias, batch norm,
 * dropout. */
static struct iml_net_options options_of(size_t i)
{
    static const enum iml_activation activations[] = {IML_ACTIVATION_RELU, IML_ACTIVATION_TANH,
                                                      IML_ACTIVATION_LEAKY_RELU};
    return (struct iml_net_options){
        .inputs = INPUTS,
        .hidden = {7, 4},
        .hidden_count = i / 6 % 3,
        .outputs = OUTPUTS,
        .activation = activations[i % 3],
        .loss = i / 3 % 2 ? IML_LOSS_CROSS_ENTROPY : IML_LOSS_SQUARED_ERROR,
        .has_bias = i % 5 != 4,
        .slope = 0.1,
        .has_batch_norm = i % 7 < 4,
        .epsilon = 0.1,
        .dropout = i % 11 < 5 ? 0.3 : 0,
    };
}

static void test_nets_of_each_layer(void **state)
{
    (void)state;
    static const size_t rows[] = {1, 2, 7, 64, 71};
    static const struct iml_mode modes[] = {
        {.batch_norm = IML_BATCH_NORM_RUNNING},
        {.batch_norm = IML_BATCH_NORM_BATCH, .dropout = {.is_on = true, .seed = 1, .pass = 2}},
    };
    static struct problem problem;
    for (size_t i = 0; i < 2 * 18 * 5; i++) {
        const struct iml_net_options options = options_of(i / 2);
        problem_open(&problem, &options, rows[i / 36], &modes[i % 2]);
        check_product(&problem, IML_CURVATURE_HESSIAN);
        check_product(&problem, IML_CURVATURE_GAUSS_NEWTON);
        check_gauss_newton(&problem);
        if (is_double) check_differences(&problem);
        net_fixture_close(&problem.fixture);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_layer),
        cmocka_unit_test(test_each_loss),
        cmocka_unit_test(test_cross_entropy_far_out),
        cmocka_unit_test(test_nets_of_each_layer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
