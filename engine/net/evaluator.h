/* evaluator.h: the buffers of a net for one batch, and the passes over them. Private to the engine:
 * engine/curvature adds the linearization and its products.
 *
 * A computation goes over rows, then over weights. Rows: a tile of about 128 rows goes up through
 * all layers and the loss, and down again, while it is in cache. That is one pass of the team,
 * unless a layer needs means over the whole batch (layer.h): then the way is cut into stages there,
 * one pass each, with the tiles' sums added in tile order between two of them (walk.c). Weights: a
 * tile of parameter rows of one layer is summed over the whole batch (one GEMM call, so no partial
 * sums), and the regularizer's term is added while the tile is in cache. The shapes of tiles and
 * stages depend on the net, the batch and its mode alone. */
#ifndef IMLD_ENGINE_NET_EVALUATOR_H
#define IMLD_ENGINE_NET_EVALUATOR_H

#include "engine/net/convolution.h"
#include "engine/net/graph.h"
#include "imld/curvature.h"

/* What lies between two layers: rows × width each. An in-place layer's output edge shares its
 * arrays with the input edge; batch norm's of images the adjoints alone; tanh's and that batch
 * norm's keep the first adjoint where products are wanted. A fork's edge has adjoints of its own,
 * but forks whose ways down don't overlap share them. */
struct iml_edge {
    size_t width;
    size_t stride; /* row tile `first` starts at first × stride: width, or that of a shared array */
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

/* Parameter rows of a layer; of one with a convolution: number `first` of its `count` shards, each
 * a share of the batch's rows. */
struct iml_weight_tile {
    size_t layer, first, count;
};

/* What a layer keeps of a batch beside its edges; NULL where its kind keeps nothing. */
struct iml_layer_memory {
    iml_real *kept;       /* rows × out */
    iml_real *means;      /* IML_PHASES × 2 × channels: by iml_sums_kind */
    iml_real *variance;   /* channels */
    double *kept_sums[2]; /* tiles × 2 × channels each: of backward, and of tangent_backward */
    struct iml_convolution *convolution; /* owned */
    iml_real *packed_theta[2], *packed_u[2];
    iml_real *shards; /* shard_count gradients in the convolution's packing */
    size_t shard_count;
};

/* A matrix of the linearization at hand. */
struct iml_matrix {
    struct iml_curvature curvature; /* first: its apply gets from it to the evaluator */
    const struct iml_product_passes *passes;
    const struct iml_evaluator *evaluator;
};

struct iml_evaluator {
    struct iml_matrix matrices[IML_CURVATURE_KINDS];
    const struct iml_net *net; /* borrowed */
    struct iml_team *team;     /* borrowed */
    size_t rows;               /* the largest batch */
    bool wants_products;
    bool is_measured_only; /* made on a measuring arena: can't run */
    struct iml_edge edges[IML_LAYERS_MAX + 1];
    struct iml_layer_memory memory[IML_LAYERS_MAX];
    double *sums;                    /* row tiles × 2 × the widest layer with sums */
    size_t rows_forward;             /* of the batch that has last gone forward, */
    enum iml_batch_norm batch_norm;  /* and its mode */
    iml_real *kept;                  /* rows × outputs: what the loss keeps for its derivatives */
    struct iml_tile_result *results; /* one a tile of rows */
    struct iml_weight_tile *weight_tiles;
    size_t weight_tile_count;
    double *answers;     /* of a product's consumer: one a weight tile, then one a convolution */
    size_t tile_rows;    /* of a row tile of a net of images; 0: nearly equal tiles of about 128 */
    size_t convolutions; /* layers that have one, */
    size_t *convolved;   /* and which */
    void *scratch;       /* theirs, a stride a worker */
    size_t stride_bytes;
    /* where products are wanted: a part of one that only its consumer sees, part_elements a worker
     */
    iml_real *parts;
    size_t part_elements;
    enum iml_evaluator_use use;
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
    iml_real *out;            /* P: gradient or product; NULL: each part is its consumer's alone */
    const struct iml_consumer *consumer; /* of a product's parts; NULL: none */
    iml_real *losses;                    /* rows or NULL: ℓᵢ, or ℓ̇ᵢ (loss tangents) */
    iml_real *logits;                    /* rows × outputs or NULL */
};

/* The ways over rows (walk.c): false: the team was cancelled, and what they write is meaningless.
 */
bool iml_pass_forward(const struct iml_pass *pass);       /* values, losses, logits, results */
bool iml_pass_gradient_rows(const struct iml_pass *pass); /* the same, and adjoints */
bool iml_pass_tangent(const struct iml_pass *pass);       /* tangents; losses = ℓ̇ᵢ */
bool iml_pass_product_rows(const struct iml_pass *pass);  /* tangents, adjoint tangents */
/* the same, but the adjoint tangents are J_xᵀ of those above: of Gauss–Newton */
bool iml_pass_gauss_newton_rows(const struct iml_pass *pass);

/* Passes over weights (passes.c), likewise. */
bool iml_pass_gradient_weights(const struct iml_pass *pass);     /* out = d∘θ + θ̄ */
bool iml_pass_product_weights(const struct iml_pass *pass);      /* out = d∘u + θ̄̇ */
bool iml_pass_gauss_newton_weights(const struct iml_pass *pass); /* out = d∘u + J_θᵀ of x̄̇ */

/* Packs the weights (ways without tangents) or the direction of all convolutions (convolutions.c);
 * false: cancelled. */
bool iml_pass_pack(const struct iml_pass *pass, bool goes_down);
/* Where the part of out that begins with element `first` is made by this worker. */
iml_real *iml_pass_part(const struct iml_pass *pass, size_t first, unsigned worker);
/* Gives elements first … of out, which are ready and in cache, to the consumer, if there is one;
 * the answer is number i. */
void iml_pass_give(const struct iml_pass *pass, size_t i, size_t first, size_t count,
                   iml_real *part);
/* Adds the shards of all convolutions into out, with d∘x; false: cancelled. */
bool iml_pass_join_shards(const struct iml_pass *pass, const iml_real *x);
/* Rows of a batch that belong to a shard: whole multiples of a row tile but for the last. */
void iml_shard_range(const struct iml_evaluator *self, size_t rows,
                     const struct iml_weight_tile *shard, size_t *first, size_t *count);
/* Lays out what lies between the layers (edges.c). */
void iml_edges_lay_out(struct iml_evaluator *self, struct iml_arena *arena);
/* Creates the convolutions and lays out their memory; frees them. */
IML_MUST_USE enum iml_code iml_convolutions_lay_out(struct iml_evaluator *self,
                                                    struct iml_arena *arena,
                                                    struct iml_error *error);
void iml_convolutions_free(struct iml_evaluator *self);

/* What makes the batch's weights functions of θ; NULL: nothing. */
static inline const struct iml_coupling *iml_coupling_of(const struct iml_batch *batch)
{
    return batch->chooser ? batch->chooser->coupling : NULL;
}

/* What a row of a tile does at the loss (loss_rows.c): first … first + rows − 1 of the batch. */
struct iml_tile {
    const struct iml_pass *pass;
    size_t index, first, rows;
    size_t rows_before; /* of the same tile */
    unsigned worker;
};
void iml_loss_rows_value(const struct iml_tile *tile);            /* results, losses, logits */
void iml_loss_rows_backward(const struct iml_tile *tile);         /* the same, and z̄ */
void iml_loss_rows_tangent(const struct iml_tile *tile);          /* losses, where wanted */
void iml_loss_rows_tangent_backward(const struct iml_tile *tile); /* ż̄ */

/* x of layer `edge`: the batch's inputs or what a layer wrote. */
const iml_real *iml_edge_value(const struct iml_pass *pass, size_t edge);

/* Sets the layer's means of a phase: statistics.c. sums of all tiles, or NULL: running. */
void iml_settle(const struct iml_pass *pass, size_t layer, enum iml_phase phase,
                enum iml_phase slot, const double *sums);
/* Where the means of a phase lie. */
iml_real *iml_means(const struct iml_evaluator *self, size_t layer, enum iml_phase slot);
/* Where the tiles' sums of a phase lie. */
double *iml_sums(const struct iml_evaluator *self, size_t layer, enum iml_phase slot);
/* True: the layer's means are of this batch. */
bool iml_needs_sums(const struct iml_pass *pass, size_t layer);

/* Adds the tiles' results in tile order. */
void iml_evaluator_sum(const struct iml_pass *pass, struct iml_batch_result *result);

/* Row tiles of a batch of so many rows. */
size_t iml_evaluator_row_tiles(const struct iml_evaluator *self, size_t rows);

/* IML_ERROR_CANCELLED with its text. */
enum iml_code iml_evaluator_cancelled(struct iml_error *error);

/* Asserts that the batch fits the evaluator; ends a linearization. Before every way from forward.
 */
void iml_evaluator_begin(struct iml_evaluator *self, const struct iml_batch *batch);

#endif
