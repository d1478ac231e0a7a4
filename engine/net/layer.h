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

#include "imld/real.h"

struct iml_layer_kind;

/* A layer of a net. Its part of θ is a matrix of parameter_rows × parameter_width, from `offset`.
 */
struct iml_layer {
    const struct iml_layer_kind *kind;
    size_t in, out;
    size_t offset;
    size_t parameter_rows, parameter_width; /* 0: no parameters */
    bool has_bias;
};

/* One call of a row kernel. theta and u start at the layer's own part. */
struct iml_row_pass {
    size_t rows;
    const iml_real *theta, *u;
    const iml_real *x, *x_dot; /* x_dot NULL: zero (the net's input) */
    iml_real *y, *y_dot;
    const iml_real *y_bar, *y_bar_dot;
    iml_real *x_bar, *x_bar_dot; /* NULL: not wanted (the net's input) */
};

/* One call of a parameter kernel: parameter rows first … first + count − 1 from all rows of the
 * batch. out starts at the layer's own part; exactly these rows of it are set. */
struct iml_parameter_pass {
    size_t rows;
    size_t first, count;
    const iml_real *x, *x_dot; /* x_dot NULL: zero */
    const iml_real *y_bar, *y_bar_dot;
    iml_real *out;
};

typedef void iml_row_kernel(const struct iml_layer *layer, const struct iml_row_pass *pass);
typedef void iml_parameter_kernel(const struct iml_layer *layer,
                                  const struct iml_parameter_pass *pass);

struct iml_layer_kind {
    const char *name;
    /* y, ẏ, x̄, x̄̇ may lie on x, ẋ, ȳ, ȳ̇ (in = out): the kernels then read y where they need x */
    bool is_in_place;
    /* tangent_backward reads ȳ: x̄ must not lie on it where products are wanted */
    bool keeps_adjoint;
    /* parameter_rows of a layer with in, out and has_bias; NULL: no parameters */
    size_t (*parameter_rows)(const struct iml_layer *layer);
    iml_row_kernel *forward;                          /* x → y */
    iml_row_kernel *backward;                         /* x, y, ȳ → x̄ */
    iml_row_kernel *tangent;                          /* x, y, ẋ → ẏ */
    iml_row_kernel *tangent_backward;                 /* y, ẏ, ȳ, ȳ̇ → x̄̇ */
    iml_parameter_kernel *parameter_backward;         /* x, ȳ → θ̄; NULL: no parameters */
    iml_parameter_kernel *parameter_tangent_backward; /* x, ẋ, ȳ, ȳ̇ → θ̄̇ */
};

extern const struct iml_layer_kind iml_linear, iml_relu, iml_tanh;

/* All kinds, ending with NULL: what the checker walks. */
extern const struct iml_layer_kind *const iml_layer_kinds[];

#endif
