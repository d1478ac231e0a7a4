/* batch_norm_2d.c: batch norm of images, MATH §2: a mean a channel, over batch and pixels. The
 * parameters are two rows: γ, then β.
 *
 * As in batch_norm.c one set of kernels serves both modes, each reading two means a channel:
 *   forward            μ, s
 *   backward           ⟨g⟩, ⟨gx̂⟩               g = γȳ
 *   tangent            ⟨ẋ⟩, ⟨x̂ẋ⟩
 *   tangent_backward   ⟨ġ⟩, ⟨ġx̂ + gx̂̇⟩         ġ = γȳ̇ + u_γȳ
 * But the sums gathered on the ways down are those without γ: Σȳ, Σȳx̂ and Σȳ̇, Σ(ȳ̇x̂ + ȳx̂̇). They
 * are β̄, γ̄ and β̄̇, γ̄̇ as well, so that no pass over the batch is made for the parameters. */
#include "engine/net/batch_norm_2d.h"

#include <assert.h>

#include "engine/core/clones.h"

static size_t batch_norm_2d_parameter_rows(const struct iml_layer *layer)
{
    (void)layer;
    return 2;
}

/* --- row kernels, a group at a time --- */

NORM_INLINE void forward_group(const struct norm_group *g, const struct norm_coefficients *k,
                               size_t block)
{
    for (size_t i = 0; i < g->area * block; i += block) {
        iml_real out[NORM_BLOCK_MAX];
        for (size_t c = 0; c < block; c++)
            out[c] = k->gamma[c] * norm_x_hat(k, g->x[i + c], c) + k->beta[c];
        memcpy(g->y + i, out, block * sizeof *out);
    }
}

NORM_INLINE void backward_group(const struct norm_group *g, const struct norm_coefficients *k,
                                size_t block)
{
    for (size_t i = 0; i < g->area * block; i += block) {
        iml_real out[NORM_BLOCK_MAX];
        for (size_t c = 0; c < block; c++) { /* s(g − ⟨g⟩ − x̂⟨gx̂⟩) */
            const iml_real x_hat = norm_x_hat(k, g->x[i + c], c);
            out[c] =
                k->s[c] * (k->gamma[c] * g->y_bar[i + c] - k->g_mean[c] - x_hat * k->gx_mean[c]);
        }
        memcpy(g->x_bar + i, out, block * sizeof *out);
    }
}

NORM_INLINE void tangent_group(const struct norm_group *g, const struct norm_coefficients *k,
                               size_t block)
{
    for (size_t i = 0; i < g->area * block; i += block) {
        iml_real out[NORM_BLOCK_MAX];
        for (size_t c = 0; c < block; c++) { /* γx̂̇ + u_γx̂ + u_β */
            const iml_real x_hat = norm_x_hat(k, g->x[i + c], c);
            const iml_real x_hat_dot = norm_x_hat_dot(k, x_hat, g->x_dot ? g->x_dot[i + c] : 0, c);
            out[c] = k->gamma[c] * x_hat_dot + k->u_gamma[c] * x_hat + k->u_beta[c];
        }
        memcpy(g->y_dot + i, out, block * sizeof *out);
    }
}

NORM_INLINE void tangent_backward_group(const struct norm_group *g,
                                        const struct norm_coefficients *k, size_t block)
{
    for (size_t i = 0; i < g->area * block; i += block) {
        iml_real out[NORM_BLOCK_MAX];
        for (size_t c = 0; c < block; c++) {
            /* −s⟨x̂ẋ⟩x̄ + s(ġ − ⟨ġ⟩ − x̂̇⟨gx̂⟩ − x̂⟨ġx̂ + gx̂̇⟩), x̄ anew */
            const iml_real s = k->s[c], x_hat = norm_x_hat(k, g->x[i + c], c);
            const iml_real x_hat_dot = norm_x_hat_dot(k, x_hat, g->x_dot ? g->x_dot[i + c] : 0, c);
            const iml_real y_bar = g->y_bar[i + c];
            const iml_real x_bar = s * (k->gamma[c] * y_bar - k->g_mean[c] - x_hat * k->gx_mean[c]);
            const iml_real g_dot = k->gamma[c] * g->y_bar_dot[i + c] + k->u_gamma[c] * y_bar;
            out[c] = s * (g_dot - k->g_dot_mean[c] - x_hat_dot * k->gx_mean[c] -
                          x_hat * k->gx_dot_mean[c]) -
                     s * k->xx_dot_mean[c] * x_bar;
        }
        memcpy(g->x_bar_dot + i, out, block * sizeof *out);
    }
}

typedef void group_kernel(const struct norm_group *g, const struct norm_coefficients *k,
                          size_t block);

NORM_INLINE void each_group(const struct iml_layer *layer, const struct iml_row_pass *pass,
                            group_kernel *kernel, size_t block)
{
    struct norm_coefficients k = {0};
    for (size_t first = 0; first < layer->channels; first += block) {
        norm_read(layer, pass, first, &k);
        for (size_t r = 0; r < pass->rows; r++) {
            const struct norm_group group = norm_group_at(layer, pass, r, first);
            kernel(&group, &k, block);
        }
    }
}

/* 8, oneDNN's block, as a constant: the inner loops are then vectorized. */
#define EACH_GROUP(kernel)                                                                         \
    do {                                                                                           \
        if (layer->from.block == 8)                                                                \
            each_group(layer, pass, kernel, 8);                                                    \
        else                                                                                       \
            each_group(layer, pass, kernel, layer->from.block);                                    \
    } while (0)

IML_CLONES static void batch_norm_2d_forward(const struct iml_layer *layer,
                                             const struct iml_row_pass *pass)
{
    EACH_GROUP(forward_group);
}

IML_CLONES static void batch_norm_2d_backward(const struct iml_layer *layer,
                                              const struct iml_row_pass *pass)
{
    if (pass->x_bar) EACH_GROUP(backward_group);
}

IML_CLONES static void batch_norm_2d_tangent(const struct iml_layer *layer,
                                             const struct iml_row_pass *pass)
{
    EACH_GROUP(tangent_group);
}

IML_CLONES static void batch_norm_2d_tangent_backward(const struct iml_layer *layer,
                                                      const struct iml_row_pass *pass)
{
    assert(pass->y_bar && pass->y_bar_dot);
    if (pass->x_bar_dot) EACH_GROUP(tangent_backward_group);
}

const struct iml_layer_kind iml_batch_norm_2d = {
    .name = "batch_norm_2d",
    .shares_adjoints = true, /* through the stack; of products ȳ is read again */
    .keeps_adjoint = true,
    .sums = &iml_batch_norm_2d_sums,
    .parameter_rows = batch_norm_2d_parameter_rows,
    .forward = batch_norm_2d_forward,
    .backward = batch_norm_2d_backward,
    .tangent = batch_norm_2d_tangent,
    .tangent_backward = batch_norm_2d_tangent_backward,
    .parameter_backward = iml_batch_norm_2d_parameters,
    .parameter_tangent_backward = iml_batch_norm_2d_parameters,
};
