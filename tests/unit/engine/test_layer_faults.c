/* test_layer_faults.c: the checker of layers and losses (layer_check.h) finds planted faults: kinds
 * that are right but for one kernel. */
#include <math.h>
#include <string.h>

#include "../check.h"
#include "layer_check.h"

static void wrong_tanh_tangent_backward(const struct iml_layer *layer,
                                        const struct iml_row_pass *pass)
{
    if (!pass->x_bar_dot) return;
    for (size_t i = 0; i < pass->rows * layer->in; i++) { /* the sign of the second term */
        const iml_real y = pass->y[i];
        pass->x_bar_dot[i] =
            (1 - y * y) * pass->y_bar_dot[i] + 2 * y * pass->y_dot[i] * pass->y_bar[i];
    }
}

static void wrong_linear_tangent_backward(const struct iml_layer *layer,
                                          const struct iml_row_pass *pass)
{
    struct iml_row_pass without = *pass; /* ȳU is missing */
    const iml_real zero[128] = {0};
    without.u = zero;
    iml_linear.tangent_backward(layer, &without);
}

static void wrong_parameters(const struct iml_layer *layer, const struct iml_parameter_pass *pass)
{
    struct iml_parameter_pass without = *pass; /* ȳᵀẋ is missing */
    without.x_dot = NULL;
    iml_linear.parameter_tangent_backward(layer, &without);
}

static void wrong_batch_norm_tangent_backward(const struct iml_layer *layer,
                                              const struct iml_row_pass *pass)
{
    struct iml_row_pass without = *pass; /* −x̂⟨ġx̂ + gx̂̇⟩ is missing */
    iml_real means[2 * 11] = {0};
    memcpy(means, pass->means[IML_PHASE_TANGENT_BACKWARD], layer->out * sizeof *means);
    without.means[IML_PHASE_TANGENT_BACKWARD] = means;
    iml_batch_norm.tangent_backward(layer, &without);
}

static void wrong_scale(const struct iml_layer *layer, const struct iml_parameter_pass *pass)
{
    struct iml_parameter_pass without = *pass; /* x̂̇ as if the means were constants */
    const iml_real zero[2 * 11] = {0};
    without.means[IML_PHASE_TANGENT] = zero;
    iml_batch_norm.parameter_tangent_backward(layer, &without);
}

/* Of the batch's sums the last tile's is left out. */
static void wrong_settle(const struct iml_layer *layer, const struct iml_settling *settling)
{
    struct iml_settling without = *settling;
    if (without.phase == IML_PHASE_BACKWARD) without.tiles--;
    iml_batch_norm.sums->settle(layer, &without);
}

/* U∗ᵀȳ is missing: the direction's packing is that of 0 */
static void wrong_conv_tangent_backward(const struct iml_layer *layer,
                                        const struct iml_row_pass *pass)
{
    struct iml_row_pass without = *pass;
    const iml_real zero[224] = {0};
    without.packed_u[1] = zero;
    iml_conv_2d.tangent_backward(layer, &without);
}

static void wrong_conv_parameters(const struct iml_layer *layer,
                                  const struct iml_parameter_pass *pass)
{
    struct iml_parameter_pass without = *pass; /* ẋ⋆ȳ is missing */
    without.x_dot = NULL;
    iml_conv_2d.parameter_tangent_backward(layer, &without);
}

static void wrong_batch_norm_2d_tangent_backward(const struct iml_layer *layer,
                                                 const struct iml_row_pass *pass)
{
    struct iml_row_pass without = *pass; /* −x̂⟨ġx̂ + gx̂̇⟩ is missing */
    iml_real means[2 * 11] = {0};
    memcpy(means, pass->means[IML_PHASE_TANGENT_BACKWARD], layer->channels * sizeof *means);
    without.means[IML_PHASE_TANGENT_BACKWARD] = means;
    iml_batch_norm_2d.tangent_backward(layer, &without);
}

/* The term of u_γ is missing in the means. */
static void wrong_settle_2d(const struct iml_layer *layer, const struct iml_settling *settling)
{
    struct iml_settling without = *settling;
    const iml_real zero[11] = {0};
    without.u = zero;
    iml_batch_norm_2d.sums->settle(layer, &without);
}

/* The winners of the wrong row. */
static void wrong_pool_backward(const struct iml_layer *layer, const struct iml_row_pass *pass)
{
    for (size_t i = 0; pass->x_bar && i < pass->rows * layer->in; i++) pass->x_bar[i] = 0;
    for (size_t i = 0; pass->x_bar && i < pass->rows * layer->out; i++)
        pass->x_bar[(size_t)pass->kept[i]] += pass->y_bar[i];
}

/* One of two adjoints. */
static void wrong_add_backward(const struct iml_layer *layer, const struct iml_row_pass *pass)
{
    struct iml_row_pass without = *pass;
    without.x2_bar = NULL;
    iml_add.backward(layer, &without);
}

static void wrong_relu_backward(const struct iml_layer *layer, const struct iml_row_pass *pass)
{
    for (size_t i = 0; pass->x_bar && i < pass->rows * layer->in; i++)
        pass->x_bar[i] = pass->y_bar[i];
}

static void wrong_relu_tangent(const struct iml_layer *layer, const struct iml_row_pass *pass)
{
    for (size_t i = 0; i < pass->rows * layer->in; i++)
        pass->y_dot[i] = pass->x_dot ? pass->x_dot[i] : 0;
}

static void wrong_loss(const struct iml_loss_row *row, const iml_real *z_dot, iml_real *z_bar_dot)
{
    for (size_t c = 0; c < row->outputs; c++) /* −p(p·ż) is missing */
        z_bar_dot[c] = (iml_real)(row->scale * (double)row->kept[c] * (double)z_dot[c]);
}

static struct kernel_errors errors_of_mutant(const struct iml_layer_kind *kind)
{
    static const struct layer_case plain = {.rows = 5, .in = 4, .out = 3, .has_bias = true};
    static const struct layer_case image = {
        .rows = 3, .from = {2, 5, 3, 1}, .channels = 3, .block = 1, .window = {3, 3, 1, 1}};
    return check_layer(kind, is_of_images(kind) ? &image : &plain, 1);
}

/* The faults that only differences see: judged in double alone. */
static void test_checker_finds_wrong_second_derivatives(void **state)
{
    (void)state;
#ifndef IML_REAL_DOUBLE
    skip(); /* differences in float are not judged, so nothing could be found */
#endif
    struct iml_layer_kind mutants[] = {iml_tanh,       iml_linear,        iml_linear,
                                       iml_batch_norm, iml_batch_norm,    iml_conv_2d,
                                       iml_conv_2d,    iml_batch_norm_2d, iml_batch_norm_2d};
    struct iml_sums_kind sums = *iml_batch_norm_2d.sums;
    sums.settle = wrong_settle_2d;
    mutants[0].tangent_backward = wrong_tanh_tangent_backward;
    mutants[1].tangent_backward = wrong_linear_tangent_backward;
    mutants[2].parameter_tangent_backward = wrong_parameters;
    mutants[3].tangent_backward = wrong_batch_norm_tangent_backward;
    mutants[4].parameter_tangent_backward = wrong_scale;
    mutants[5].tangent_backward = wrong_conv_tangent_backward;
    mutants[6].parameter_tangent_backward = wrong_conv_parameters;
    mutants[7].tangent_backward = wrong_batch_norm_2d_tangent_backward;
    mutants[8].sums = &sums;
    for (size_t i = 0; i < sizeof mutants / sizeof *mutants; i++) {
        struct kernel_errors errors = errors_of_mutant(&mutants[i]);
        assert_true(errors.tangent_backward > 0.05);
        assert_false(kernel_errors_pass(&errors));
        errors.tangent_backward = 0; /* and nothing else is found: only that kernel is wrong */
        assert_true(kernel_errors_pass(&errors));
    }
    struct iml_loss_kind loss = iml_cross_entropy;
    loss.tangent_backward = wrong_loss;
    const struct kernel_errors errors = check_loss(&loss, 4, true, 1);
    assert_true(errors.tangent_backward > 0.05);
    assert_false(kernel_errors_pass(&errors));
}

/* The adjoint identity finds these in float too. */
static void test_checker_finds_wrong_first_derivatives(void **state)
{
    (void)state;
    struct iml_layer_kind mutant = iml_relu;
    mutant.backward = wrong_relu_backward;
    struct kernel_errors errors = errors_of_mutant(&mutant);
    assert_true(errors.adjoint > 1e-3);
    assert_false(kernel_errors_pass(&errors));
    mutant = iml_relu;
    mutant.tangent = wrong_relu_tangent;
    errors = errors_of_mutant(&mutant);
    assert_true(errors.adjoint > 1e-3);
    assert_false(kernel_errors_pass(&errors));
    mutant = iml_max_pool;
    mutant.backward = wrong_pool_backward;
    errors = errors_of_mutant(&mutant);
    assert_true(errors.adjoint > 1e-3);
    mutant = iml_add;
    mutant.backward = wrong_add_backward;
    errors = errors_of_mutant(&mutant);
    assert_true(errors.adjoint > 1e-3);
    struct iml_sums_kind sums = *iml_batch_norm.sums;
    sums.settle = wrong_settle;
    mutant = iml_batch_norm;
    mutant.sums = &sums;
    errors = errors_of_mutant(&mutant);
    assert_true(errors.adjoint > 1e-3);
    assert_false(kernel_errors_pass(&errors));
    errors = (struct kernel_errors){.adjoint = (double)NAN}; /* not a number is no pass */
    assert_false(kernel_errors_pass(&errors));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_checker_finds_wrong_second_derivatives),
        cmocka_unit_test(test_checker_finds_wrong_first_derivatives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
