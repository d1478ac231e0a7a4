/* power.h: the warm-started power iteration behind `step_size: "auto"` (MATH §4). Private to the
 * engine. */
#ifndef IMLD_ENGINE_SOLVER_POWER_H
#define IMLD_ENGINE_SOLVER_POWER_H

#include "engine/solver/system.h"

/* Which matrix's norm is asked for. */
enum iml_part { IML_PART_WHOLE /* H_δ */, IML_PART_DATA /* A = H − D */ };

/* Takes the warm vector and its count from the arena, if the step size is to be estimated. */
void iml_power_layout(struct iml_solver *self, struct iml_arena *arena);

/* Registers them under "state/solver/…", if there are any. */
IML_MUST_USE enum iml_code iml_power_register(const struct iml_solver *self,
                                              const struct iml_net *net,
                                              struct iml_registry *registry,
                                              struct iml_error *error);

/* u ← Hu/‖Hu‖, `products` times; u has norm 1, work is overwritten. Returns the largest ‖Hu‖ seen;
 * 0 if Hu = 0, where u stays; not finite as soon as Hu is, and after a cancel. */
double iml_power_iterate(const struct iml_system *system, enum iml_part part, unsigned products,
                         iml_real *u, iml_real *work);

/* α: the option's number, or 1/μ̂ by 20 products at the first solve and 2 later, noted in the
 * report. false: no α, the report's end says why. */
bool iml_step_size(struct iml_solver *self, const struct iml_system *system, enum iml_part part,
                   iml_real *work, double *alpha);

#endif
