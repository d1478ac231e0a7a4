/* losses.c: the table of losses. */
#include "engine/net/loss.h"

#include <assert.h>

const struct iml_loss_kind *const iml_loss_kinds[] = {&iml_cross_entropy, &iml_squared_error,
                                                      &iml_inner_product, NULL};

const struct iml_loss_kind *iml_loss_kind_of(enum iml_loss id)
{
    const struct iml_loss_kind *const *kind = iml_loss_kinds;
    while (*kind && (*kind)->id != id) kind++;
    assert(*kind);
    return *kind;
}

double iml_loss_target(const struct iml_loss_row *row, size_t c)
{
    if (row->targets) return (double)row->targets[c];
    return c == row->label ? 1 : 0;
}
