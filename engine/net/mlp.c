/* mlp.c: a multilayer perceptron; see struct iml_net_options. */
#include <limits.h>
#include <stdio.h>

#include "engine/net/build.h"

static const struct iml_layer_kind *const activations[] = {
    [IML_ACTIVATION_RELU] = &iml_relu,
    [IML_ACTIVATION_TANH] = &iml_tanh,
    [IML_ACTIVATION_LEAKY_RELU] = &iml_leaky_relu,
};

/* Written so that a NaN is refused. */
static enum iml_code check_numbers(const struct iml_net_options *options, struct iml_error *error)
{
    if (!(options->dropout >= 0 && options->dropout < 1))
        return iml_error_set(error, IML_ERROR_ARGUMENT,
                             "a dropout rate must be 0 or above and below 1, not %g",
                             options->dropout);
    if (options->activation == IML_ACTIVATION_LEAKY_RELU &&
        !(options->slope >= 0 && options->slope <= 1))
        return iml_error_set(error, IML_ERROR_ARGUMENT,
                             "the slope of leaky_relu must be 0 to 1, not %g", options->slope);
    if (options->has_batch_norm && !(options->epsilon > 0))
        return iml_error_set(error, IML_ERROR_ARGUMENT,
                             "the epsilon of batch norm must be above 0, not %g", options->epsilon);
    return IML_OK;
}

static enum iml_code mlp_check(const struct iml_net_options *options, struct iml_error *error)
{
    if (options->hidden_count > IML_HIDDEN_MAX)
        return iml_error_set(error, IML_ERROR_ARGUMENT,
                             "a net has at most %d hidden layers, not %zu", IML_HIDDEN_MAX,
                             options->hidden_count);
    for (size_t i = 0; i < options->hidden_count; i++) {
        if (options->hidden[i] < 1 || options->hidden[i] > INT_MAX)
            return iml_error_set(error, IML_ERROR_ARGUMENT, "a layer's width must be 1 to %d",
                                 INT_MAX);
    }
    return check_numbers(options, error);
}

static void add_hidden(struct iml_builder *builder, size_t number)
{
    const struct iml_net_options *options = &builder->net->options;
    char name[32];
    (void)snprintf(name, sizeof name, "linear%zu", number);
    iml_build_linear(builder, name, options->hidden[number - 1], options->has_bias);
    (void)snprintf(name, sizeof name, "batch_norm%zu", number);
    if (options->has_batch_norm) iml_build_batch_norm(builder, name);
    iml_build_elementwise(builder, &(struct iml_layer){.kind = activations[options->activation],
                                                       .slope = options->slope});
    if (options->dropout <= 0) return;
    size_t words = 0; /* of the layers below: each row draws one a unit */
    for (size_t i = 0; i + 1 < number; i++) words += options->hidden[i];
    iml_build_elementwise(
        builder,
        &(struct iml_layer){.kind = &iml_dropout, .rate = options->dropout, .first_word = words});
}

static void mlp_describe(struct iml_builder *builder)
{
    const struct iml_net_options *options = &builder->net->options;
    char name[32];
    for (size_t i = 0; i < options->hidden_count; i++) add_hidden(builder, i + 1);
    (void)snprintf(name, sizeof name, "linear%zu", options->hidden_count + 1);
    iml_build_linear(builder, name, options->outputs, options->has_bias);
}

const struct iml_model_kind iml_mlp = {.name = "mlp", .check = mlp_check, .describe = mlp_describe};
