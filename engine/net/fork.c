/* fork.c: y = x, for a value that two layers read: one reads x, one y. On the way down x̄ holds the
 * first reader's part, and ȳ is added to it; see layer.h. */
#include <string.h>

#include "engine/core/clones.h"
#include "engine/net/layer.h"

static void copy(const struct iml_layer *layer, const struct iml_row_pass *pass,
                 const iml_real *from, iml_real *to)
{
    if (!from)
        memset(to, 0, pass->rows * layer->out * sizeof *to);
    else if (from != to)
        memcpy(to, from, pass->rows * layer->out * sizeof *to);
}

IML_CLONES static void add(const struct iml_layer *layer, const struct iml_row_pass *pass,
                           const iml_real *y_bar, iml_real *x_bar)
{
    for (size_t i = 0; x_bar && i < pass->rows * layer->out; i++) x_bar[i] += y_bar[i];
}

static void fork_forward(const struct iml_layer *layer, const struct iml_row_pass *pass)
{
    copy(layer, pass, pass->x, pass->y);
}

static void fork_backward(const struct iml_layer *layer, const struct iml_row_pass *pass)
{
    add(layer, pass, pass->y_bar, pass->x_bar);
}

static void fork_tangent(const struct iml_layer *layer, const struct iml_row_pass *pass)
{
    copy(layer, pass, pass->x_dot, pass->y_dot);
}

static void fork_tangent_backward(const struct iml_layer *layer, const struct iml_row_pass *pass)
{
    add(layer, pass, pass->y_bar_dot, pass->x_bar_dot);
}

const struct iml_layer_kind iml_fork = {
    .name = "fork",
    .is_fork = true,
    .forward = fork_forward,
    .backward = fork_backward,
    .tangent = fork_tangent,
    .tangent_backward = fork_tangent_backward,
};
