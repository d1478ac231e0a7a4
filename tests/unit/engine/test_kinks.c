/* test_kinks.c: signs and winners told in plain order are held by a net whose images lie in any
 * form (engine/net/kinks.h). */
#include "engine/net/build.h"
#include "engine/net/kinks.h"
#include "tests/unit/check.h"
#include "tests/unit/engine/net_fixture.h"

enum {
    ROWS = 2,
    CHANNELS = 16,
    SIDE = 4,
    AREA = SIDE * SIDE,
    WINDOWS = 4, /* 2 × 2 pixels each */
    ELEMENTS = CHANNELS * AREA,
    OUTPUTS = CHANNELS * WINDOWS,
    TAPS = 9,
    KERNEL = CHANNELS * TAPS,
    P = KERNEL + OUTPUTS * OUTPUTS
};

/* conv, relu, max pool: the channels lie in blocks where the machine's kernels like that. */
static void describe(struct iml_builder *builder)
{
    const struct iml_layer relu = {.kind = &iml_relu};
    iml_build_conv(builder, "conv", CHANNELS, 3, 1);
    iml_build_elementwise(builder, &relu);
    iml_build_pool(builder, &iml_max_pool, (struct iml_window){2, 2, 2, 0});
    iml_build_flatten(builder);
    iml_build_linear(builder, "fc", OUTPUTS, false);
}

/* Slopes and winners in plain order: channel c of image r has the slope 1 + c + 100 r, and pixel c
 * mod 4 wins in each of its windows. */
struct kinks {
    double slopes[ROWS * ELEMENTS], winners[ROWS * OUTPUTS];
};

static void fill(struct kinks *kinks)
{
    for (size_t r = 0; r < ROWS; r++) {
        for (size_t j = 0; j < ELEMENTS; j++) {
            const size_t c = j / AREA;
            kinks->slopes[r * ELEMENTS + j] = (double)(1 + c + 100 * r);
        }
        for (size_t o = 0; o < OUTPUTS; o++) {
            const size_t c = o / WINDOWS, window = o % WINDOWS;
            const size_t y = 2 * (window / 2) + c % 4 / 2, x = 2 * (window % 2) + c % 2;
            kinks->winners[r * OUTPUTS + o] = (double)(c * AREA + y * SIDE + x);
        }
    }
}

static void test_kinks_are_held_in_any_form(void **state)
{
    (void)state;
    const struct iml_model_kind kind = {.name = "pooled",
                                        .is_of_images = true,
                                        .check = iml_model_check_image,
                                        .describe = describe};
    const struct iml_net_options options = {.model = &kind,
                                            .inputs = AREA,
                                            .channels = 1,
                                            .height = SIDE,
                                            .width = SIDE,
                                            .outputs = OUTPUTS,
                                            .epsilon = 1e-3,
                                            .keeps_kinks = true};
    static iml_real theta[P], inputs[ROWS * AREA], logits[ROWS * OUTPUTS];
    static const uint32_t labels[ROWS];
    static struct kinks kinks;
    struct net_fixture fixture = net_fixture_open(&options, ROWS, 1, NULL);
    struct iml_batch_result result;
    struct iml_error error = {0};
    assert_int_equal(iml_net_parameters(fixture.net), P);
    for (size_t c = 0; c < CHANNELS; c++)
        theta[c * TAPS + TAPS / 2] = 1; /* each channel is the image */
    for (size_t o = 0; o < OUTPUTS; o++) theta[KERNEL + o * OUTPUTS + o] = 1;
    for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++) inputs[i] = (iml_real)(i + 1);
    fill(&kinks);
    iml_hold_kinks(fixture.evaluator, 0, kinks.slopes, sizeof kinks.slopes / sizeof(double));
    iml_hold_kinks(fixture.evaluator, 1, kinks.winners, sizeof kinks.winners / sizeof(double));
    const struct iml_batch batch = {
        .rows = ROWS,
        .inputs = inputs,
        .labels = labels,
        .divisor = 1,
        .mode = {.batch_norm = IML_BATCH_NORM_BATCH, .holds_kinks = true}};
    assert_int_equal(iml_evaluate(fixture.evaluator, theta, &batch, &result, NULL, logits, &error),
                     IML_OK);
    for (size_t r = 0; r < ROWS; r++) {
        for (size_t o = 0; o < OUTPUTS; o++) {
            const size_t at = (size_t)kinks.winners[r * OUTPUTS + o];
            const double x = (double)inputs[r * AREA + at % AREA];
            assert_true((double)logits[r * OUTPUTS + o] == x * kinks.slopes[r * ELEMENTS + at]);
        }
    }
    net_fixture_close(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_kinks_are_held_in_any_form)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
