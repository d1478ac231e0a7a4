/* layer_subject.h: one kind of layer at a point: its kernels called in the order and with the
 * memory that the evaluator gives them, tile by tile. What the checks of layer_check.h look at. */
#ifndef IMLD_TESTS_LAYER_SUBJECT_H
#define IMLD_TESTS_LAYER_SUBJECT_H

#include "engine/net/convolution.h"
#include "layer_check.h"

enum { ELEMENTS_MAX = 224, WIDTH = 11 }; /* of an array; of a row */

/* A point, or a direction from one: what the kernels are given. */
struct point {
    iml_real x[ELEMENTS_MAX], theta[ELEMENTS_MAX], y_bar[ELEMENTS_MAX];
};

/* What the kernels give. */
struct values {
    iml_real y[ELEMENTS_MAX];
    iml_real x_bar[ELEMENTS_MAX], theta_bar[ELEMENTS_MAX];
    /* what they leave for each other */
    iml_real kept[ELEMENTS_MAX], means[IML_PHASES][2 * WIDTH];
    double sums[IML_PHASES][WIDTH * 2 * WIDTH];
    iml_real packed_theta[IML_PACKINGS][ELEMENTS_MAX], packed_u[IML_PACKINGS][ELEMENTS_MAX];
};

struct subject {
    struct iml_layer layer;
    size_t rows, inputs, outputs, parameters; /* elements of x, y, θ */
    iml_real running[2 * WIDTH];
    struct iml_mode mode;                /* its statistics: `running`, set where it is used */
    struct iml_convolution *convolution; /* owned by the caller */
};

struct subject subject_of(const struct iml_layer_kind *kind, const struct layer_case *shape);

/* Numbers in (−1, 1); those of x then at least 0.01 from 0. */
void draw_point(struct point *point, uint32_t seed, uint32_t index);
void leave_kinks(struct point *point);

/* Forward, backward and the parameters' gradient; the derivatives of these along `direction`, by
 * the kernels. */
void run_at(const struct subject *self, const struct point *at, struct values *values);
void run_tangent(const struct subject *self, const struct point *at, const struct values *values,
                 const struct point *direction, struct values *dots);

/* One row kernel, with what its kind keeps in `memory`; one parameter kernel, tile by tile. */
void run_kernel(const struct subject *self, enum iml_phase phase, struct iml_row_pass pass,
                struct values *memory);
void run_parameters(const struct subject *self, iml_parameter_kernel *kernel,
                    struct iml_parameter_pass pass, const struct values *memory);

double inner_product(size_t n, const iml_real *a, const iml_real *b);

#endif
