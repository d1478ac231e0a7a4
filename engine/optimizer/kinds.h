/* kinds.h: the optimizers of this folder, for the table in optimizers.c; one line each. */
#ifndef IMLD_ENGINE_OPTIMIZER_KINDS_H
#define IMLD_ENGINE_OPTIMIZER_KINDS_H

#include "imld/optimizer.h"

extern const struct iml_optimizer_kind iml_sgd;
extern const struct iml_optimizer_kind iml_adam;
extern const struct iml_optimizer_kind iml_rmsprop;

#endif
