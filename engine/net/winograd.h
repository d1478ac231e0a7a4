/* winograd.h: the parts of a convolution by Winograd's F(4×4, 3×3) (Lavin, Gray 2015, "Fast
 * algorithms for convolutional neural networks"): private to convolution_winograd.c,
 * convolution_transform.c and convolution_multiply.c, which are compiled for AVX2 and FMA.
 *
 *   y = Aᵀ[(G W Gᵀ) ∘ (Bᵀ x B)]A        of each 4 × 4 tile of y, from its 6 × 6 patch of x,
 *
 * summed over input channels: at each of the 36 points one product of matrices, tiles × in with in
 * × out. 36 multiplications stand for 4·4·9 = 144. The gradient of W is the adjoint of the same
 * formula, W̄ = Gᵀ[Σ (Bᵀ x B) ∘ (A ȳ Aᵀ)]G. Images lie in blocks of 8 channels. */
#ifndef IMLD_ENGINE_NET_WINOGRAD_H
#define IMLD_ENGINE_NET_WINOGRAD_H

#include <stdbool.h>

#include "engine/net/layer.h"

enum {
    WINOGRAD_LANES = 8, /* channels that are worked on at once, a block of an image */
    WINOGRAD_TILE = 4,  /* pixels of a tile's side */
    WINOGRAD_PATCH = 6, /* of x, for one tile */
    WINOGRAD_POINTS = 36,
    WINOGRAD_TAPS = 9,   /* of W, an in and an out */
    WINOGRAD_PANEL = 16, /* outputs of one step of a product: two vectors */
    WINOGRAD_STRIP = 6   /* tiles of one step */
};

/* What the transforms write and read point by point: point e's elements start at e × stride. */
struct iml_points {
    iml_real *at;
    size_t stride;
};

/* A tile of an image: row and column among the tiles. */
struct iml_tile_place {
    size_t row, column;
};

/* Of all channels of one tile; channel c of a point at c. */
void iml_winograd_transform_input(const struct iml_image *form, const iml_real *image,
                                  struct iml_tile_place place, struct iml_points out); /* Bᵀ x B */
void iml_winograd_transform_adjoint(const struct iml_image *form, const iml_real *image,
                                    struct iml_tile_place place,
                                    struct iml_points out); /* A ȳ Aᵀ */
/* Aᵀ m A, set or added to the image */
void iml_winograd_transform_output(const struct iml_image *form, struct iml_points in,
                                   struct iml_tile_place place, bool has_sum, iml_real *image);

/* G W Gᵀ. W lies tap by tap, and each tap as each point of `out`: (outputs / PANEL) × inputs ×
 * PANEL.
 */
void iml_winograd_transform_weights(const iml_real *taps, size_t inputs, size_t outputs,
                                    struct iml_points out);
/* Gᵀ u G of inputs × outputs elements a point, set or added to taps × inputs × outputs. */
void iml_winograd_transform_gradient(struct iml_points in, size_t inputs, size_t outputs,
                                     bool has_sum, iml_real *gradient);

/* One term of a product: v is tiles × inputs with rows v_stride apart, u in panels as above. */
struct iml_winograd_term {
    const iml_real *v, *u;
};
/* m (tiles × outputs) = Σ v u over the terms. tiles: a multiple of STRIP. */
struct iml_winograd_product {
    struct iml_winograd_term terms[2];
    size_t term_count;
    size_t tiles, inputs, outputs, v_stride;
    iml_real *m;
};
void iml_winograd_multiply(const struct iml_winograd_product *product);

/* u (inputs × outputs) += vᵀ m: v is tiles × inputs, m tiles × outputs. */
struct iml_winograd_sum {
    const iml_real *v, *m;
    size_t tiles, inputs, outputs;
    iml_real *u;
};
void iml_winograd_multiply_transposed(const struct iml_winograd_sum *sum);

#endif
