/* layer.h: what a kind of layer offers: four kernels on a tile of rows, and two on a tile of
 * parameter rows over the whole batch (MATH §2). One file a kind; layers.c lists them.
 *
 * A dot is a derivative along the direction u, a bar is ∂L/∂·. Matrices are row-major and dense:
 * rows × in or rows × out. Kernels allocate nothing, run in any thread and write only what they are
 * given; tiles don't overlap. */
#ifndef IMLD_ENGINE_NET_LAYER_H
#define IMLD_ENGINE_NET_LAYER_H

#include <stdbool.h>
#include <stddef.h>

#include "imld/net.h"
#include "imld/real.h"

struct iml_layer_kind;
struct iml_convolution;

/* The form of a row that holds an image: element (c, y, x) lies at ((c / block)·height·width +
 * y·width + x)·block + c mod block, block a divisor of channels: 1 is NCHW, 8 oneDNN's nChw8c. */
struct iml_image {
    size_t channels, height, width;
    size_t block;
};

/* Of convolutions and pools: zeros (a convolution) or nothing (a pool) lie `padding` around. */
struct iml_window {
    size_t height, width;
    size_t stride, padding;
};

/* The four row kernels, by number. */
enum iml_phase {
    IML_PHASE_FORWARD,
    IML_PHASE_BACKWARD,
    IML_PHASE_TANGENT,
    IML_PHASE_TANGENT_BACKWARD,
    IML_PHASES
};

/* A layer of a net: it reads edge `input` and writes the edge that follows it in the graph's order.
 * Its part of θ is a matrix of parameter_rows × parameter_width, from `offset`. */
struct iml_layer {
    const struct iml_layer_kind *kind;
    char name[48];  /* of a layer with parameters: "linear1", "layer1.0.conv2" */
    size_t input;   /* edge */
    size_t second;  /* of kinds with `has_second`: the other edge that it reads */
    size_t in, out; /* elements of a row */
    struct iml_image from, to;
    struct iml_window window;
    size_t channels; /* of kinds with `sums`: means are taken a channel */
    size_t offset;
    size_t parameter_rows, parameter_width; /* 0: no parameters */
    bool has_bias;
    double slope;      /* leaky_relu: of the left half */
    double epsilon;    /* batch_norm */
    size_t statistics; /* batch_norm: where the layer's part of the running statistics starts */
    double rate;       /* dropout: share of values that become 0 */
    size_t first_word; /* dropout: the layer's place in a row's stream of random words */
};

/* One call of a row kernel. theta and u start at the layer's own part. */
struct iml_row_pass {
    size_t rows;
    const iml_real *theta, *u;
    const iml_real *x, *x_dot; /* x_dot NULL: zero (the net's input) */
    iml_real *y, *y_dot;
    const iml_real *y_bar, *y_bar_dot;
    iml_real *x_bar, *x_bar_dot; /* NULL: not wanted (the net's input) */
    /* of kinds with `has_second` */
    const iml_real *x2, *x2_dot;
    iml_real *x2_bar, *x2_bar_dot;
    /* of kinds with `has_convolution` */
    const struct iml_convolution *convolution;
    const iml_real *packed_theta[2], *packed_u[2]; /* by enum iml_packing */
    unsigned worker;
    /* of kinds with `keeps_rows`: rows × out, what forward leaves for the others */
    iml_real *kept;
    size_t first_row; /* of the tile in the batch, and the mode: for forward */
    const struct iml_mode *mode;
    const iml_real *means[IML_PHASES]; /* of kinds with `sums`: 2 × out each, settled */
    size_t rows_before; /* for gather: of the same tile, whose sums are there already */
};

/* One call of a parameter kernel: parameter rows first … first + count − 1 from all rows of the
 * batch. out has these rows alone: count × parameter_width, all of which are set. */
struct iml_parameter_pass {
    size_t rows;
    size_t first, count;
    const iml_real *x, *x_dot; /* x_dot NULL: zero */
    const iml_real *y_bar, *y_bar_dot;
    const iml_real *means[IML_PHASES];
    const double *sums; /* of kinds that keep them: tiles × 2 × channels of the way down at hand */
    size_t tiles;
    /* of kinds with `has_convolution`: first and count are then rows of the batch, and out is a
     * buffer of the task's own in the convolution's packing of gradients */
    const struct iml_convolution *convolution;
    unsigned worker;
    iml_real *out;
};

typedef void iml_row_kernel(const struct iml_layer *layer, const struct iml_row_pass *pass);
typedef void iml_parameter_kernel(const struct iml_layer *layer,
                                  const struct iml_parameter_pass *pass);

/* What to make means of: the tiles' sums, or nothing but the running statistics. */
struct iml_settling {
    enum iml_phase phase;
    size_t rows, tiles;
    size_t tile_rows;        /* tile i has the rows of iml_row_tile */
    const double *sums;      /* tiles × 2 × channels; NULL: not of this batch, from `running` */
    const double *backward;  /* the same of the backward phase; where sums are kept */
    const iml_real *running; /* the layer's own part, mean before variance; where sums is NULL */
    const iml_real *theta, *u;
    iml_real *means;    /* 2 × channels */
    iml_real *variance; /* channels: the batch's, unbiased; forward only */
};

/* A kind whose kernels need means over the whole batch. Before each row kernel `gather` sums over
 * every tile; after the team's barrier `settle` adds the tiles in order, on one thread. Without
 * sums (MATH §2, batch norm with running statistics) the means of all phases but forward are 0. */
struct iml_sums_kind {
    void (*gather[IML_PHASES])(const struct iml_layer *layer, const struct iml_row_pass *pass,
                               double *sums);
    /* gather adds to the sums of the tile's rows before these; else it sees whole tiles. They are 0
     * before its first rows in either case */
    bool adds_rows;
    /* the sums of a way down stay, for the parameter kernels, and are gathered in either mode */
    bool keeps_sums;
    void (*settle)(const struct iml_layer *layer, const struct iml_settling *settling);
};

struct iml_layer_kind {
    const char *name;
    /* y, ẏ, x̄, x̄̇ may lie on x, ẋ, ȳ, ȳ̇ (in = out): the kernels then read y where they need x */
    bool is_in_place;
    /* tangent_backward reads ȳ: x̄ must not lie on it where products are wanted */
    bool keeps_adjoint;
    /* x̄ and x̄̇ may lie on ȳ and ȳ̇ (in = out), which nobody reads below */
    bool shares_adjoints;
    /* y is x: the edges share values and tangents, adjoints are apart, and the ways down *add* to
     * x̄, which a layer above has set: how an edge gets a second reader */
    bool is_fork;
    bool has_second;                  /* reads two edges */
    bool has_convolution;             /* works through convolution.h */
    bool keeps_rows;                  /* forward fills `kept` */
    const struct iml_sums_kind *sums; /* NULL: a row needs no other row */
    /* parameter_rows of a layer with in, out and has_bias; NULL: no parameters */
    size_t (*parameter_rows)(const struct iml_layer *layer);
    iml_row_kernel *forward;                          /* x → y */
    iml_row_kernel *backward;                         /* x, y, ȳ → x̄ */
    iml_row_kernel *tangent;                          /* x, y, ẋ → ẏ */
    iml_row_kernel *tangent_backward;                 /* y, ẏ, ȳ, ȳ̇ → x̄̇ */
    iml_parameter_kernel *parameter_backward;         /* x, ȳ → θ̄; NULL: no parameters */
    iml_parameter_kernel *parameter_tangent_backward; /* x, ẋ, ȳ, ȳ̇ → θ̄̇ */
};

extern const struct iml_layer_kind iml_linear, iml_relu, iml_leaky_relu, iml_tanh, iml_batch_norm,
    iml_dropout, iml_conv_2d, iml_batch_norm_2d, iml_max_pool, iml_average_pool, iml_add, iml_fork,
    iml_flatten, iml_held;

/* All kinds, ending with NULL: what the checker walks. */
extern const struct iml_layer_kind *const iml_layer_kinds[];

/* Tiles of n rows: an even number (1 if n is 1) of nearly equal tiles of about `target` rows: five
 * tiles of 100 on two threads wait for the last one, eight of 63 do not (measured: 20 %). */
size_t iml_tile_count(size_t n, size_t target);
void iml_tile_range(size_t n, size_t tiles, size_t i, size_t *first, size_t *count);

/* Row tile i of a batch: tiles of tile_rows rows but for the last, or those of iml_tile_range where
 * tile_rows is 0. */
void iml_row_tile(size_t rows, size_t tiles, size_t tile_rows, size_t i, size_t *first,
                  size_t *count);

/* Elements of an image; the place of one of them in a row. */
size_t iml_image_elements(const struct iml_image *image);
static inline size_t iml_image_at(const struct iml_image *image, size_t c, size_t y, size_t x)
{
    return ((c / image->block * image->height + y) * image->width + x) * image->block +
           c % image->block;
}

#endif
