/* evaluator.h: the buffers of a net for one batch, and the passes over them. Private to the engine:
 * engine/curvature adds the linearization and its products.
 *
 * Every computation is at most two passes of the team, each a set of tasks whose shape depends on
 * the net and the batch alone: rows:    a tile of about 64 rows goes up through all layers and the
 * loss, and down again, while it is in cache; weights: a tile of parameter rows of one layer is
 * summed over the whole batch (one GEMM call, so no partial sums), and the regularizer's term is
 * added while the tile is in cache. */
#ifndef IMLD_ENGINE_NET_EVALUATOR_H
#define IMLD_ENGINE_NET_EVALUATOR_H

#include "engine/net/graph.h"
#include "imld/curvature.h"

/* What lies between two layers: rows × width each. An in-place layer's output edge shares its
 * arrays with the input edge; tanh's keeps its own adjoint where products are wanted. */
struct iml_edge {
    size_t width;
    iml_real *value;           /* x, y; of edge 0 NULL: the batch's own inputs */
    iml_real *tangent;         /* ẋ; of edge 0 NULL: zero */
    iml_real *adjoint;         /* x̄; of edge 0 NULL: not wanted */
    iml_real *adjoint_tangent; /* x̄̇; likewise */
};

struct iml_tile_result {
    double loss;     /* Σ wᵢ ℓᵢ of the tile's rows */
    double loss_sum; /* Σ ℓᵢ */
    size_t correct;
};

struct iml_weight_tile {
    size_t layer, first, count; /* parameter rows of the layer */
};

struct iml_evaluator {
    struct iml_curvature curvature; /* first: hessian.c gets from it to the evaluator */
    const struct iml_net *net;      /* borrowed */
    struct iml_team *team;          /* borrowed */
    size_t rows;                    /* the largest batch */
    bool wants_products;
    bool is_measured_only; /* made on a measuring arena: can't run */
    struct iml_edge edges[IML_LAYERS_MAX + 1];
    iml_real *kept;                  /* rows × outputs: what the loss keeps for its derivatives */
    struct iml_tile_result *results; /* one a tile of rows */
    struct iml_weight_tile *weight_tiles;
    size_t weight_tile_count;
    /* the linearization at hand: what products need besides the edges */
    const iml_real *theta, *diagonal;
    struct iml_batch batch;
    bool is_linearized;
};

/* One computation: what its two passes read and write. */
struct iml_pass {
    const struct iml_evaluator *evaluator;
    const struct iml_batch *batch;
    const iml_real *theta;
    const iml_real *u;        /* direction (products) */
    const iml_real *diagonal; /* P; NULL: no regularizer */
    iml_real *out;            /* P: gradient or product */
    iml_real *losses;         /* rows or NULL: ℓᵢ, or ℓ̇ᵢ (loss tangents) */
    iml_real *logits;         /* rows × outputs or NULL */
};

/* Tiles of n rows: an even number (1 if n is 1) of nearly equal tiles of about `target` rows: five
 * tiles of 100 on two threads wait for the last one, eight of 63 do not (measured: 20 %). */
size_t iml_tile_count(size_t n, size_t target);
void iml_tile_range(size_t n, size_t tiles, size_t i, size_t *first, size_t *count);

/* The passes. false: the team was cancelled, and what they write is meaningless. */
bool iml_pass_forward(const struct iml_pass *pass);          /* values, losses, logits, results */
bool iml_pass_gradient_rows(const struct iml_pass *pass);    /* the same, and adjoints */
bool iml_pass_gradient_weights(const struct iml_pass *pass); /* out = d∘θ + θ̄ */
bool iml_pass_tangent(const struct iml_pass *pass);          /* tangents; losses = ℓ̇ᵢ */
bool iml_pass_product_rows(const struct iml_pass *pass);     /* tangents, adjoint tangents */
bool iml_pass_product_weights(const struct iml_pass *pass);  /* out = d∘u + θ̄̇ */

/* Adds the tiles' results in tile order. */
void iml_evaluator_sum(const struct iml_pass *pass, struct iml_batch_result *result);

/* Row tiles of a batch. */
size_t iml_evaluator_row_tiles(const struct iml_batch *batch);

/* IML_ERROR_CANCELLED with its text. */
enum iml_code iml_evaluator_cancelled(struct iml_error *error);

/* Asserts that the batch fits the evaluator. */
void iml_evaluator_check(const struct iml_evaluator *self, const struct iml_batch *batch);

#endif
