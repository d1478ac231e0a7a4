/* loss.h: what a kind of loss offers, for one example (MATH §2). One file a kind; losses.c lists
 * them. Kernels allocate nothing and run in any thread. */
#ifndef IMLD_ENGINE_NET_LOSS_H
#define IMLD_ENGINE_NET_LOSS_H

#include <stddef.h>
#include <stdint.h>

#include "imld/net.h"

/* One example. */
struct iml_loss_row {
    size_t outputs;
    const iml_real *z;
    const iml_real *targets;     /* outputs; NULL: `label` */
    uint32_t label;              /* t is 1 there and 0 elsewhere */
    double scale;                /* wᵢ/N */
    double scale_dot;            /* ẇᵢ/N of a product; 0: the weight is constant */
    const iml_real *targets_dot; /* outputs: ṫ of a product; NULL: t is constant */
    iml_real *kept;              /* outputs: what `value` leaves for the derivatives */
};

struct iml_loss_kind {
    const char *name;
    enum iml_loss id;
    /* ℓᵢ; fills `kept`, which the other three read */
    double (*value)(const struct iml_loss_row *row);
    /* z̄ᵢ, scaled by wᵢ/N */
    void (*backward)(const struct iml_loss_row *row, iml_real *z_bar);
    /* ℓ̇ᵢ along ż, not scaled */
    double (*tangent)(const struct iml_loss_row *row, const iml_real *z_dot);
    /* ż̄ᵢ: the derivative of `backward` along ż, ẇ and ṫ */
    void (*tangent_backward)(const struct iml_loss_row *row, const iml_real *z_dot,
                             iml_real *z_bar_dot);
};

extern const struct iml_loss_kind iml_cross_entropy, iml_squared_error, iml_inner_product;

/* All kinds, ending with NULL: what the checker walks. */
extern const struct iml_loss_kind *const iml_loss_kinds[];
const struct iml_loss_kind *iml_loss_kind_of(enum iml_loss id);

/* t_c of a row. */
double iml_loss_target(const struct iml_loss_row *row, size_t c);

#endif
