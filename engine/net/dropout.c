/* dropout.c: y = m∘x, MATH §2; m = 0 for a share `rate` of the values and 1/(1 − rate) for the
 * rest (PyTorch's scaling), 1 everywhere where the mode has no dropout. Forward leaves m in `kept`,
 * and the other kernels read it: one mask for all products of a linearization.
 *
 * The mask of row i is words first_word … of the stream (seed, IML_PURPOSE_DROPOUT, first_index +
 * i, pass): a function of the row's place in the batch, not of tiles or threads. */
#include "engine/net/layer.h"
#include "imld/random.h"

enum { WORDS = 64 }; /* drawn at a time, held on the stack */

static void draw_row(const struct iml_layer *layer, const struct iml_dropout_key *key, size_t row,
                     iml_real *m)
{
    const struct iml_stream stream = {.seed = key->seed,
                                      .purpose = IML_PURPOSE_DROPOUT,
                                      .index = key->first_index + (uint32_t)row,
                                      .pass = key->pass};
    /* rate < 1, so the bound is below 2³² */
    const uint32_t bound = (uint32_t)(layer->rate * 4294967296.0);
    const iml_real scale = (iml_real)(1 / (1 - layer->rate));
    for (size_t from = 0; from < layer->out; from += WORDS) {
        uint32_t words[WORDS];
        const size_t n = layer->out - from < WORDS ? layer->out - from : WORDS;
        iml_stream_words(&stream, layer->first_word + from, n, words);
        for (size_t j = 0; j < n; j++) m[from + j] = words[j] < bound ? 0 : scale;
    }
}

static void apply(const struct iml_layer *layer, const struct iml_row_pass *pass,
                  const iml_real *in, iml_real *out)
{
    for (size_t i = 0; i < pass->rows * layer->out; i++) out[i] = pass->kept[i] * in[i];
}

static void dropout_forward(const struct iml_layer *layer, const struct iml_row_pass *pass)
{
    for (size_t r = 0; pass->mode->dropout.is_on && r < pass->rows; r++)
        draw_row(layer, &pass->mode->dropout, pass->first_row + r, pass->kept + r * layer->out);
    for (size_t i = 0; !pass->mode->dropout.is_on && i < pass->rows * layer->out; i++)
        pass->kept[i] = 1;
    apply(layer, pass, pass->x, pass->y);
}

static void dropout_backward(const struct iml_layer *layer, const struct iml_row_pass *pass)
{
    if (pass->x_bar) apply(layer, pass, pass->y_bar, pass->x_bar);
}

static void dropout_tangent(const struct iml_layer *layer, const struct iml_row_pass *pass)
{
    if (pass->x_dot) {
        apply(layer, pass, pass->x_dot, pass->y_dot);
        return;
    }
    for (size_t i = 0; i < pass->rows * layer->out; i++) pass->y_dot[i] = 0;
}

static void dropout_tangent_backward(const struct iml_layer *layer, const struct iml_row_pass *pass)
{
    if (pass->x_bar_dot) apply(layer, pass, pass->y_bar_dot, pass->x_bar_dot);
}

/* Not in place: the layer below may read its own y (tanh), which the mask would have changed. */
const struct iml_layer_kind iml_dropout = {
    .name = "dropout",
    .keeps_rows = true,
    .forward = dropout_forward,
    .backward = dropout_backward,
    .tangent = dropout_tangent,
    .tangent_backward = dropout_tangent_backward,
};
