/* test_float.c: float against double at one point of each net of images (MATH §7.5): gradient,
 * product, hypergradients with neumann(3) and cg(3), relu signs held as the double run has them.
 * Plainly, rounding may flip signs: that is reported, not judged. Winograd and direct side by side.
 * In the build for the checkers both sides are double. */
#include <math.h>

#include "engine/trainer/verify.h"
#include "tests/unit/check.h"
#include "tests/unit/engine/report_case.h"

/* Sanitizers and double have plain loops only, which take fifty times as long. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || defined(IML_REAL_DOUBLE)
enum { NETS = 1, ROWS = 3 };
#else
/* Two tiles. Of fewer rows the last means of resnet18 are over so few numbers that float is 2e-5
 * away. */
enum { NETS = 3, ROWS = 17 };
#endif

enum { FEW_ROWS = 4, FLOAT_STEP = 4 /* of a verify run: its last */ };

static const double bound = 1e-5;
static const char *const models[] = {"cnn_small", "wrn", "resnet18"};

/* A little trained, so that batch norm has statistics and most signs are not those of the start. */
static struct iml_trainer_options image_job(const struct sets *sets, size_t net,
                                            enum iml_convolution_method method)
{
    struct iml_trainer_options options = case_iml(sets);
    options.model = (struct iml_model_options){.kind = iml_model_kind_find(models[net]),
                                               .batch_norm_epsilon = 1e-3,
                                               .batch_norm_momentum = 0.1,
                                               .has_batch_norm = true,
                                               .depth = 10,
                                               .widening = net == 2 ? 3 : 1,
                                               .convolution = method};
    options.data.validation = 8;
    options.data.test = FEW_ROWS;
    options.inner.batch = 12;
    options.inner.warmup_steps = 4;
    options.inner.steps_per_update = 1;
    options.meta.updates = 1;
    options.meta.validation_batch = FEW_ROWS;
    options.meta.curvature_batch = net == 1 ? FEW_ROWS : ROWS;
    return options;
}

static void check_float(const struct sets *sets, size_t net, enum iml_convolution_method method)
{
    const struct iml_trainer_options trained = image_job(sets, net, method);
    const struct iml_trainer_options options = report_options(&trained, "verify");
    struct iml_trainer *trainer = report_open(&trained, &options);
    struct iml_rows rows = {0};
    struct iml_error error = {0};
    trainer->state->step = FLOAT_STEP;
    assert_int_equal(iml_trainer_step(trainer, &rows, &error), IML_OK);
    assert_true(iml_trainer_progress(trainer).is_finished);
    for (size_t i = IML_VERIFIED_FLOAT; i < IML_VERIFIED_COUNT; i++) {
        const struct iml_checks_result *result = &trainer->verify->results[i];
        if (result->held <= bound && isfinite(result->plain)) continue;
        fail_msg("%s, method %d, quantity %zu: relative error %.3g, plainly %.3g", models[net],
                 (int)method, i - IML_VERIFIED_FLOAT, result->held, result->plain);
    }
    iml_trainer_close(trainer);
}

static void test_float_is_near_double(void **state)
{
    for (size_t net = 0; net < NETS; net++) check_float(*state, net, IML_CONVOLUTION_AUTO);
}

static void test_so_is_float_by_direct_convolutions(void **state)
{
    if (NETS == 1) skip(); /* plain loops either way */
    for (size_t net = 0; net < NETS; net++) check_float(*state, net, IML_CONVOLUTION_DIRECT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_float_is_near_double),
        cmocka_unit_test(test_so_is_float_by_direct_convolutions),
    };
    return cmocka_run_group_tests(tests, case_set_up, case_tear_down);
}
