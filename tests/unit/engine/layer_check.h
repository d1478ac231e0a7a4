/* layer_check.h: the one checker of every kind of layer and loss, MATH §7.1. It measures; the test
 * judges, so that the checker itself can be tested with kinds that are wrong. */
#ifndef IMLD_TESTS_LAYER_CHECK_H
#define IMLD_TESTS_LAYER_CHECK_H

#include "engine/net/layer.h"
#include "engine/net/loss.h"

/* Relative errors (MATH §7) of a kind at a random point. */
struct kernel_errors {
    double agreement; /* of the central differences with two step sizes, the worst of all three */
    double tangent;   /* against central differences of forward (a loss: of its value) */
    double backward;  /* against central differences of forward */
    double adjoint;   /* |ȳ·ẏ − x̄·ẋ − θ̄·u| / (‖ȳ‖‖ẏ‖) */
    double tangent_backward; /* against central differences of backward */
    double conventions; /* 0 if bits are the same in place, with ẋ NULL for ẋ = 0, with x̄ NULL; else
                           1 */
};

/* What the test holds them to: MATH §7.1 in double. In float differences say nothing (their own
 * error is 1e-3): the three fields of differences are then not judged, adjoint to 1e-5. */
struct kernel_errors kernel_tolerances(void);

/* Whether each error is within its tolerance (a NaN is not). */
bool kernel_errors_pass(const struct kernel_errors *errors);

/* rows, in, out ≤ 11. All kinds but linear take out = in; kinds of images take from, to's channels
 * and block, and the window instead (up to 11 channels, 224 elements of a batch, of the weights).
 * is_evaluation: running statistics and no
 * dropout; else means over the batch, in tiles of two or three rows, and a mask. */
struct layer_case {
    size_t rows, in, out;
    bool has_bias, is_evaluation;
    struct iml_image from;
    size_t channels, block; /* of the image that a convolution makes */
    struct iml_window window;
};

/* Kinds whose rows are images. */
bool is_of_images(const struct iml_layer_kind *kind);

struct kernel_errors check_layer(const struct iml_layer_kind *kind, const struct layer_case *shape,
                                 uint32_t seed);

/* One example with that many outputs (≤ 11); has_label: a class, else a distribution. */
struct kernel_errors check_loss(const struct iml_loss_kind *kind, size_t outputs, bool has_label,
                                uint32_t seed);

#endif
