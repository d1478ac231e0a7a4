/* test_checks.c: the checks of verify are checked: they pass where the engine is right, and a fault
 * in any kernel of any layer or in the mixed derivative makes one fail (MATH §5.7).
 * Compiled in double in every build, as what it looks into is. */
#include <math.h>
#include <string.h>

#include "engine/net/convolution.h"
#include "engine/net/evaluator.h"
#include "engine/verify/state.h"
#include "tests/unit/check.h"

enum { ROWS = 70, VALIDATION_ROWS = 9, IMAGES = 3, INPUTS = 7, PIXELS = 6, CLASSES = 4 };
static const double bound = 1e-6, fault = 1.001;

/* clang-format off */
static const struct iml_net_options nets[] = {
    {.inputs = INPUTS, .hidden = {6, 5}, .hidden_count = 2, .outputs = CLASSES, .has_bias = true,
     .activation = IML_ACTIVATION_RELU},
    {.inputs = INPUTS, .hidden = {6, 5}, .hidden_count = 2, .outputs = CLASSES, .has_bias = true,
     .activation = IML_ACTIVATION_LEAKY_RELU, .slope = 0.2, .has_batch_norm = true, .epsilon = 1e-3, .dropout = 0.3},
    {.inputs = INPUTS, .hidden = {6}, .hidden_count = 1, .outputs = CLASSES, .has_bias = true,
     .activation = IML_ACTIVATION_TANH, .dropout = 0.2},
};
/* of images: convolutions of all strides, batch norm 2-D, forks and sums */
static const struct iml_net_options image_net = {
    .inputs = (size_t)PIXELS * PIXELS, .channels = 1, .height = PIXELS, .width = PIXELS, .outputs = CLASSES,
    .depth = 10, .widening = 1, .epsilon = 1e-3};
/* clang-format on */
enum { NETS = sizeof nets / sizeof nets[0] };

struct subject {
    struct iml_arena arena;
    struct iml_team *team;
    struct iml_checks *checks;
};

/* Numbers that look like a trained net's: smooth in i, and of both signs. */
static void fill(size_t count, double size, double phase, double *out)
{
    for (size_t i = 0; i < count; i++) out[i] = size * sin(phase + 1.7 * (double)i);
}

static void fill_point(struct iml_checks *checks)
{
    const struct iml_checks_point point = iml_checks_point(checks);
    const struct iml_net *net = checks->nets[IML_CHECKS_PLAIN];
    const size_t *rows = checks->options.rows, inputs = iml_net_inputs(net);
    fill(iml_net_parameters(net), 0.6, 0.3, point.theta);
    for (size_t c = 0; c < iml_net_statistics(net); c++)
        point.statistics[c] = 0.5 + 0.01 * (double)c;
    if (point.lambda) fill(checks->knowledge.size, 1, 2, point.lambda);
    for (size_t m = 0; point.lambda && m < checks->knowledge.size; m++) point.lambda[m] -= 4;
    for (size_t b = 0; b < IML_CHECKS_BATCHES; b++) {
        fill(rows[b] * inputs, 1, 5 + (double)b, point.inputs[b]);
        for (size_t i = 0; i < rows[b]; i++) point.labels[b][i] = (uint32_t)(i % CLASSES);
    }
}

static struct subject subject_open(const struct iml_net_options *net, const char *knowledge)
{
    struct subject self = {0};
    struct iml_error error = {0};
    const bool is_of_images = net->channels > 0;
    struct iml_checks_options options = {.net = *net,
                                         .model = is_of_images ? "wrn" : "mlp",
                                         .knowledge = knowledge,
                                         .rows = {ROWS, VALIDATION_ROWS},
                                         .seed = 3};
    if (is_of_images) options.rows[IML_CHECKS_CURVATURE] = IMAGES;
    options.net.threads = 2;
    assert_int_equal(iml_team_open(2, 0, NULL, &self.team, &error), IML_OK);
    iml_arena_measure(&self.arena);
    iml_arena_part(&self.arena, "double");
    assert_int_equal(iml_checks_new(&options, NULL, &self.arena, &self.checks, &error), IML_OK);
    iml_checks_free(self.checks);
    const struct iml_plan plan = self.arena.plan;
    assert_int_equal(iml_arena_open(&self.arena, &plan, &error), IML_OK);
    iml_arena_part(&self.arena, "double");
    assert_int_equal(iml_checks_new(&options, self.team, &self.arena, &self.checks, &error),
                     IML_OK);
    assert_int_equal(self.arena.plan.total_bytes, plan.total_bytes);
    const struct iml_dropout_key dropout = {.is_on = true, .seed = 5, .pass = 1};
    iml_checks_linearize_as(self.checks, IML_BATCH_NORM_BATCH, &dropout);
    fill_point(self.checks);
    return self;
}

static void subject_close(struct subject *self)
{
    iml_checks_free(self->checks);
    iml_team_close(self->team);
    iml_arena_close(&self->arena);
}

static double gradient_error(const struct subject *self)
{
    struct iml_checks_result result;
    struct iml_error error = {0};
    assert_int_equal(iml_checks_gradient(self->checks, &result, &error), IML_OK);
    return result.held;
}

static double product_error(const struct subject *self)
{
    struct iml_checks_result result;
    struct iml_error error = {0};
    assert_int_equal(iml_checks_product(self->checks, &result, &error), IML_OK);
    return result.held;
}

static double mixed_error(const struct subject *self)
{
    struct iml_checks_result result;
    struct iml_error error = {0};
    assert_int_equal(iml_checks_mixed(self->checks, &result, &error), IML_OK);
    return result.held;
}

static void test_the_engine_passes(void **state)
{
    (void)state;
    const char *const knowledges[NETS + 1] = {"l2_per_parameter", "l2_per_layer", NULL,
                                              "l2_per_layer"};
    for (size_t i = 0; i <= NETS; i++) {
        struct subject self = subject_open(i < NETS ? &nets[i] : &image_net, knowledges[i]);
        struct iml_checks_result symmetry;
        struct iml_error error = {0};
        assert_true(gradient_error(&self) <= bound / 100);
        assert_true(product_error(&self) <= bound / 100);
        if (knowledges[i]) assert_true(mixed_error(&self) <= bound / 100);
        assert_int_equal(iml_checks_symmetry(self.checks, &symmetry, &error), IML_OK);
        assert_true(symmetry.held <= 1e-13);
        subject_close(&self);
    }
}

/* relu's differences are of another function once a step crosses its kink: plainly they are off,
 * and with the signs held they are not. */
static void test_signs_that_are_held_make_it_smooth(void **state)
{
    (void)state;
    struct subject self = subject_open(&nets[0], NULL);
    const struct iml_checks_point point = iml_checks_point(self.checks);
    struct iml_checks_result result;
    struct iml_error error = {0};
    /* rows whose x of the first relu is its bias, which is next to 0 */
    const size_t bias = INPUTS * nets[0].hidden[0];
    for (size_t j = 0; j < nets[0].hidden[0]; j++) point.theta[bias + j] = 1e-7;
    memset(point.inputs[IML_CHECKS_CURVATURE], 0, sizeof(double) * 10 * INPUTS);
    assert_int_equal(iml_checks_product(self.checks, &result, &error), IML_OK);
    assert_true(result.plain > bound);
    assert_true(result.held <= bound / 100);
    subject_close(&self);
}

/* --- planted faults --- */

static const struct iml_layer_kind *genuine[IML_CHECKS_SIDES]; /* of the layer with the fault */
static enum iml_checks_side side_of(const struct iml_layer *layer);

static void spoil(size_t count, iml_real *values)
{
    for (size_t i = 0; values && i < count; i++) values[i] *= fault;
}

static void spoiled_forward(const struct iml_layer *layer, const struct iml_row_pass *pass)
{
    genuine[side_of(layer)]->forward(layer, pass);
    spoil(pass->rows * layer->out, pass->y);
}

static void spoiled_backward(const struct iml_layer *layer, const struct iml_row_pass *pass)
{
    genuine[side_of(layer)]->backward(layer, pass);
    spoil(pass->rows * layer->in, pass->x_bar);
}

static void spoiled_tangent(const struct iml_layer *layer, const struct iml_row_pass *pass)
{
    genuine[side_of(layer)]->tangent(layer, pass);
    spoil(pass->rows * layer->out, pass->y_dot);
}

static void spoiled_tangent_backward(const struct iml_layer *layer, const struct iml_row_pass *pass)
{
    genuine[side_of(layer)]->tangent_backward(layer, pass);
    spoil(pass->rows * layer->in, pass->x_bar_dot);
}

/* What a parameter kernel fills: a convolution's, a whole gradient in its packing. */
static size_t elements_of(const struct iml_layer *layer, const struct iml_parameter_pass *pass)
{
    if (layer->kind->has_convolution) return iml_convolution_sizes(pass->convolution)->gradient;
    return pass->count * layer->parameter_width;
}

static void spoiled_parameters(const struct iml_layer *layer, const struct iml_parameter_pass *pass)
{
    genuine[side_of(layer)]->parameter_backward(layer, pass);
    spoil(elements_of(layer, pass), pass->out);
}

static void spoiled_parameter_tangents(const struct iml_layer *layer,
                                       const struct iml_parameter_pass *pass)
{
    genuine[side_of(layer)]->parameter_tangent_backward(layer, pass);
    spoil(elements_of(layer, pass), pass->out);
}

/* Of one phase alone. */
static enum iml_phase spoiled_phase;

static void spoiled_means(const struct iml_layer *layer, const struct iml_settling *settling)
{
    genuine[side_of(layer)]->sums->settle(layer, settling);
    if (settling->phase == spoiled_phase) spoil(2 * layer->channels, settling->means);
}

static struct iml_layer_kind planted[IML_CHECKS_SIDES];
static struct iml_sums_kind planted_sums[IML_CHECKS_SIDES];

static enum iml_checks_side side_of(const struct iml_layer *layer)
{
    return layer->kind == &planted[IML_CHECKS_HELD] ? IML_CHECKS_HELD : IML_CHECKS_PLAIN;
}

enum { PARAMETERS = 4, MEANS = 6, KERNELS = MEANS + IML_PHASES };
static const char *const kernel_names[KERNELS] = {"forward",
                                                  "backward",
                                                  "tangent",
                                                  "tangent_backward",
                                                  "parameter_backward",
                                                  "parameter_tangent_backward",
                                                  "means of forward",
                                                  "means of backward",
                                                  "means of tangent",
                                                  "means of tangent_backward"};

static void plant(enum iml_checks_side side, size_t kernel)
{
    struct iml_layer_kind *kind = &planted[side];
    *kind = *genuine[side];
    if (kernel == 0) kind->forward = spoiled_forward;
    if (kernel == 1) kind->backward = spoiled_backward;
    if (kernel == 2) kind->tangent = spoiled_tangent;
    if (kernel == 3) kind->tangent_backward = spoiled_tangent_backward;
    if (kernel == 4) kind->parameter_backward = spoiled_parameters;
    if (kernel == 5) kind->parameter_tangent_backward = spoiled_parameter_tangents;
    if (kernel < MEANS) return;
    planted_sums[side] = *genuine[side]->sums;
    planted_sums[side].settle = spoiled_means;
    spoiled_phase = (enum iml_phase)(kernel - MEANS);
    kind->sums = &planted_sums[side];
}

/* What the layer has of them; the first one has no x̄. */
static bool has_kernel(const struct iml_net *net, size_t l, size_t kernel)
{
    const struct iml_layer_kind *kind = net->layers[l].kind;
    if (kernel >= MEANS) return kind->sums != NULL;
    if (kernel >= PARAMETERS) return kind->parameter_rows != NULL;
    return l > 0 || (kernel != 1 && kernel != 3);
}

/* In both nets, as a fault in a file would be. what: of the net, for the message. */
static void check_layer_faults(const struct subject *self, size_t l, const char *what)
{
    struct iml_net *const *both = self->checks->nets;
    for (size_t kernel = 0; kernel < KERNELS; kernel++) {
        if (!has_kernel(both[0], l, kernel)) continue;
        for (size_t side = 0; side < IML_CHECKS_SIDES; side++) {
            genuine[side] = both[side]->layers[l].kind;
            plant((enum iml_checks_side)side, kernel);
            both[side]->layers[l].kind = &planted[side];
        }
        if (gradient_error(self) <= bound && product_error(self) <= bound)
            fail_msg("%s: %s of layer %zu, a %s", what, kernel_names[kernel], l, genuine[0]->name);
        for (size_t side = 0; side < IML_CHECKS_SIDES; side++)
            both[side]->layers[l].kind = genuine[side];
    }
}

static void test_a_fault_in_any_kernel_is_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < NETS; i++) {
        struct subject self = subject_open(&nets[i], NULL);
        for (size_t l = 0; l < self.checks->nets[0]->layer_count; l++)
            check_layer_faults(&self, l, i == 0 ? "relu" : i == 1 ? "leaky_relu" : "tanh");
        assert_true(gradient_error(&self) <= bound && product_error(&self) <= bound);
        subject_close(&self);
    }
}

/* The first layer of that kind with another one below it. */
static size_t find_layer(const struct iml_net *net, const char *kind)
{
    for (size_t l = 1; l < net->layer_count; l++)
        if (strcmp(net->layers[l].kind->name, kind) == 0) return l;
    fail_msg("no layer of kind %s", kind);
    return 0;
}

/* What only nets of images have, a layer of each kind. */
static void test_a_fault_in_a_net_of_images_is_found(void **state)
{
    (void)state;
    const char *const kinds[] = {"conv_2d", "batch_norm_2d", "average_pool", "fork", "add"};
    struct subject self = subject_open(&image_net, NULL);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        check_layer_faults(&self, find_layer(self.checks->nets[0], kinds[i]), "wrn");
    assert_true(gradient_error(&self) <= bound && product_error(&self) <= bound);
    subject_close(&self);
}

static const struct iml_knowledge_kind *genuine_knowledge;

static void spoiled_pull(const struct iml_knowledge *self, const iml_real *theta, const iml_real *q,
                         iml_real *out)
{
    genuine_knowledge->pull(self, theta, q, out);
    spoil(1, out);
}

static void test_a_fault_in_the_mixed_derivative_is_found(void **state)
{
    (void)state;
    const char *const knowledges[] = {"l2_per_parameter", "l2_per_layer"};
    for (size_t i = 0; i < 2; i++) {
        struct subject self = subject_open(&nets[i], knowledges[i]);
        struct iml_knowledge *knowledge = &self.checks->knowledge;
        genuine_knowledge = knowledge->options.kind;
        struct iml_knowledge_kind kind = *genuine_knowledge;
        kind.pull = spoiled_pull;
        knowledge->options.kind = &kind;
        assert_true(mixed_error(&self) > bound);
        knowledge->options.kind = genuine_knowledge;
        assert_true(mixed_error(&self) <= bound);
        subject_close(&self);
    }
}

/* A pair a, b of a matrix that is not symmetric: a tangent that is off in one layer alone. */
static void test_a_fault_in_symmetry_is_found(void **state)
{
    (void)state;
    struct subject self = subject_open(&nets[0], NULL);
    struct iml_net *net = self.checks->nets[IML_CHECKS_PLAIN];
    struct iml_checks_result result;
    struct iml_error error = {0};
    genuine[IML_CHECKS_PLAIN] = net->layers[1].kind;
    plant(IML_CHECKS_PLAIN, 2);
    net->layers[1].kind = &planted[IML_CHECKS_PLAIN];
    assert_int_equal(iml_checks_symmetry(self.checks, &result, &error), IML_OK);
    assert_true(result.held > 1e-12);
    subject_close(&self);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_engine_passes),
        cmocka_unit_test(test_signs_that_are_held_make_it_smooth),
        cmocka_unit_test(test_a_fault_in_any_kernel_is_found),
        cmocka_unit_test(test_a_fault_in_a_net_of_images_is_found),
        cmocka_unit_test(test_a_fault_in_the_mixed_derivative_is_found),
        cmocka_unit_test(test_a_fault_in_symmetry_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
