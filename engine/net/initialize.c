/* initialize.c: the initial values of a net, one row of a table a scheme; see include/imld/net.h.
 */
#include <assert.h>
#include <math.h>

#include "engine/net/graph.h"
#include "imld/random.h"

/* What a scheme depends on. */
struct fans {
    double in, out;
    double gain; /* of the activation that follows */
    bool is_convolution;
};

static double by_fan_in(const struct fans *fans)
{
    return 1 / sqrt(fans->in);
}

static double kaiming_bound(const struct fans *fans)
{
    return fans->gain * sqrt(3 / fans->in);
}

static double kaiming_deviation(const struct fans *fans)
{
    return fans->gain / sqrt(fans->in);
}

static double xavier_bound(const struct fans *fans)
{
    return sqrt(6 / (fans->in + fans->out));
}

static double xavier_deviation(const struct fans *fans)
{
    return sqrt(2 / (fans->in + fans->out));
}

/* FIXMATCH 2.5 */
static double fan_out_deviation(const struct fans *fans)
{
    return fans->is_convolution ? sqrt(2 / fans->out) : xavier_deviation(fans);
}

struct scheme {
    double (*size)(const struct fans *fans); /* the bound, or the deviation of a normal scheme */
    bool is_normal;
    bool has_bias; /* drawn as weights are; else 0 */
};

static const struct scheme schemes[] = {
    [IML_INITIALIZATION_PYTORCH] = {.size = by_fan_in, .has_bias = true},
    [IML_INITIALIZATION_KAIMING_UNIFORM] = {.size = kaiming_bound},
    [IML_INITIALIZATION_KAIMING_NORMAL] = {.size = kaiming_deviation, .is_normal = true},
    [IML_INITIALIZATION_XAVIER_UNIFORM] = {.size = xavier_bound},
    [IML_INITIALIZATION_XAVIER_NORMAL] = {.size = xavier_deviation, .is_normal = true},
    [IML_INITIALIZATION_FAN_OUT] = {.size = fan_out_deviation, .is_normal = true},
};

/* torch.nn.init.calculate_gain; 1 after the last layer. */
static double gain_after(const struct iml_net *net, bool is_last)
{
    const struct iml_net_options *options = &net->options;
    if (is_last) return 1;
    if (options->activation == IML_ACTIVATION_TANH) return 5.0 / 3;
    const double slope = options->activation == IML_ACTIVATION_LEAKY_RELU ? options->slope : 0;
    return sqrt(2 / (1 + slope * slope));
}

static void fill(const struct iml_block *block, iml_real *theta, iml_real value)
{
    for (size_t j = 0; j < block->count; j++) theta[block->offset + j] = value;
}

/* Draw j of the block belongs to element j of the outside's order. */
static void draw(const struct scheme *scheme, double size, const struct iml_stream *stream,
                 const struct iml_block *block, iml_real *theta)
{
    const size_t columns = block->is_transposed ? block->shape[1] : 1;
    const size_t rows = block->count / columns;
    for (size_t j = 0; j < block->count; j++) {
        const size_t inside = j % columns * rows + j / columns;
        theta[block->offset + inside] =
            scheme->is_normal ? iml_stream_normal_at(stream, size, j)
                              : iml_word_uniform(iml_stream_word(stream, j), -size, size);
    }
}

static struct fans fans_of(const struct iml_net *net, const struct iml_block *weight)
{
    const bool is_convolution = weight->rank == 4;
    const size_t pixels = is_convolution ? weight->shape[2] * weight->shape[3] : 1;
    return (struct fans){.in = (double)(weight->shape[1] * pixels),
                         .out = (double)(weight->shape[0] * pixels),
                         .gain = gain_after(net, weight->layer == net->with_parameters - 1),
                         .is_convolution = is_convolution};
}

/* The fans of a bias are those of the weight before it. */
void iml_net_initialize(const struct iml_net *net, uint32_t seed, iml_real *theta)
{
    const struct scheme *scheme = &schemes[iml_net_is_of_images(net) ? IML_INITIALIZATION_FAN_OUT
                                                                     : net->options.initialization];
    size_t kernel = 0; /* the latest */
    for (size_t i = 0; i < net->block_count; i++) {
        const struct iml_block *block = &net->blocks[i];
        const struct iml_stream stream = {
            .seed = seed, .purpose = IML_PURPOSE_INITIALIZATION, .index = (uint32_t)i};
        if (block->is_kernel) kernel = i;
        const struct iml_block *weight = &net->blocks[kernel];
        const struct fans fans = fans_of(net, weight);
        if (block->is_scale)
            fill(block, theta, 1);
        else if (block->is_kernel || (scheme->has_bias && block->layer == weight->layer))
            draw(scheme, scheme->size(&fans), &stream, block, theta);
        else
            fill(block, theta, 0);
    }
}
