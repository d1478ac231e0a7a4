/* kinds.h: the solvers of this folder, for the table in solvers.c; one line each. */
#ifndef IMLD_ENGINE_SOLVER_KINDS_H
#define IMLD_ENGINE_SOLVER_KINDS_H

#include "imld/solver.h"

extern const struct iml_solver_kind iml_identity;
extern const struct iml_solver_kind iml_neumann;
extern const struct iml_solver_kind iml_cg;
extern const struct iml_solver_kind iml_minres;
extern const struct iml_solver_kind iml_nystrom;
extern const struct iml_solver_kind iml_exact;
extern const struct iml_solver_kind iml_auto;

#endif
