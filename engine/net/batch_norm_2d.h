/* batch_norm_2d.h: a group of channels of one row, and what batch norm of images knows of it:
 * private to batch_norm_2d.c (the kernels) and batch_norm_2d_sums.c (sums and means).
 *
 * A row is channels / block groups of area × block elements: the loops end in one over the block,
 * whose results go through the stack (arrays that may be the same are not vectorized). */
#ifndef IMLD_ENGINE_NET_BATCH_NORM_2D_H
#define IMLD_ENGINE_NET_BATCH_NORM_2D_H

#include <string.h>

#include "engine/net/layer.h"

enum { NORM_BLOCK_MAX = 16 };

#define NORM_INLINE __attribute__((always_inline)) static inline

NORM_INLINE size_t norm_area(const struct iml_layer *layer)
{
    return layer->from.height * layer->from.width;
}

/* What kernels and sums need of one block of channels. */
struct norm_coefficients {
    iml_real mean[NORM_BLOCK_MAX], s[NORM_BLOCK_MAX];                 /* forward */
    iml_real g_mean[NORM_BLOCK_MAX], gx_mean[NORM_BLOCK_MAX];         /* backward */
    iml_real x_dot_mean[NORM_BLOCK_MAX], xx_dot_mean[NORM_BLOCK_MAX]; /* tangent */
    iml_real g_dot_mean[NORM_BLOCK_MAX], gx_dot_mean[NORM_BLOCK_MAX]; /* tangent_backward */
    iml_real gamma[NORM_BLOCK_MAX], beta[NORM_BLOCK_MAX];
    iml_real u_gamma[NORM_BLOCK_MAX], u_beta[NORM_BLOCK_MAX];
};

static inline void norm_read_pair(const struct iml_layer *layer, const iml_real *pair, size_t first,
                                  size_t block, iml_real *a, iml_real *b)
{
    if (!pair) return;
    memcpy(a, pair + first, block * sizeof *a);
    memcpy(b, pair + layer->channels + first, block * sizeof *b);
}

static inline void norm_read(const struct iml_layer *layer, const struct iml_row_pass *pass,
                             size_t first, struct norm_coefficients *k)
{
    const size_t block = layer->from.block;
    norm_read_pair(layer, pass->means[IML_PHASE_FORWARD], first, block, k->mean, k->s);
    norm_read_pair(layer, pass->means[IML_PHASE_BACKWARD], first, block, k->g_mean, k->gx_mean);
    norm_read_pair(layer, pass->means[IML_PHASE_TANGENT], first, block, k->x_dot_mean,
                   k->xx_dot_mean);
    norm_read_pair(layer, pass->means[IML_PHASE_TANGENT_BACKWARD], first, block, k->g_dot_mean,
                   k->gx_dot_mean);
    norm_read_pair(layer, pass->theta, first, block, k->gamma, k->beta);
    norm_read_pair(layer, pass->u, first, block, k->u_gamma, k->u_beta);
}

/* One group of one row: area × block elements of each array. */
struct norm_group {
    const iml_real *x, *x_dot, *y_bar, *y_bar_dot; /* x_dot NULL: zero */
    iml_real *y, *y_dot, *x_bar, *x_bar_dot;
    size_t area;
};

NORM_INLINE iml_real norm_x_hat(const struct norm_coefficients *k, iml_real x, size_t c)
{
    return k->s[c] * (x - k->mean[c]);
}

/* s(ẋ − ⟨ẋ⟩ − x̂⟨x̂ẋ⟩) */
NORM_INLINE iml_real norm_x_hat_dot(const struct norm_coefficients *k, iml_real x_hat,
                                    iml_real x_dot, size_t c)
{
    return k->s[c] * (x_dot - k->x_dot_mean[c] - x_hat * k->xx_dot_mean[c]);
}

static inline const iml_real *norm_at(const iml_real *array, size_t place)
{
    return array ? array + place : NULL;
}

static inline iml_real *norm_to(iml_real *array, size_t place)
{
    return array ? array + place : NULL;
}

/* Of the pass's row `row`, from channel `first`. */
NORM_INLINE struct norm_group norm_group_at(const struct iml_layer *layer,
                                            const struct iml_row_pass *pass, size_t row,
                                            size_t first)
{
    const size_t area = norm_area(layer), place = row * layer->in + first * area;
    return (struct norm_group){.x = pass->x + place,
                               .x_dot = norm_at(pass->x_dot, place),
                               .y_bar = norm_at(pass->y_bar, place),
                               .y_bar_dot = norm_at(pass->y_bar_dot, place),
                               .y = norm_to(pass->y, place),
                               .y_dot = norm_to(pass->y_dot, place),
                               .x_bar = norm_to(pass->x_bar, place),
                               .x_bar_dot = norm_to(pass->x_bar_dot, place),
                               .area = area};
}

/* The means of a batch: gathered tile by tile, then settled. */
extern const struct iml_sums_kind iml_batch_norm_2d_sums;

/* γ̄ and β̄, or their tangents, from the sums. */
void iml_batch_norm_2d_parameters(const struct iml_layer *layer,
                                  const struct iml_parameter_pass *pass);

#endif
