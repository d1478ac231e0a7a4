/* side.h: what the programs of imld's side share. */
#ifndef IMLD_BENCH_SIDE_H
#define IMLD_BENCH_SIDE_H

#include "imld/arena.h"
#include "imld/solver.h"

/* Ends the program, with the error's text, where code is one. */
void bench_must(enum iml_code code, const struct iml_error *error);

/* Planned bytes of a part; 0: there is none. */
size_t bench_part_bytes(const struct iml_plan *plan, const char *name);

double bench_norm(size_t n, const iml_real *x);

/* q = H⁻¹v; ends the program where the solver takes other than its options' terms, which would be
 * another quantity. */
void bench_solve(struct iml_solver *solver, const struct iml_curvature *curvature,
                 const iml_real *v, iml_real *q);

#endif
