/* system.h: what all solvers share: products with H_δ = H + δI that are counted and stop at a
 * cancel, the preconditioner M = μ̂_A I + D, memory for kept vectors, and the scale of v (MATH §4).
 * Private to this folder.
 */
#ifndef IMLD_ENGINE_SOLVER_SYSTEM_H
#define IMLD_ENGINE_SOLVER_SYSTEM_H

#include "imld/solver.h"

/* One solve's view of the matrix; all borrowed for the solve. */
struct iml_system {
    const struct iml_curvature *curvature;
    double damping; /* δ */
    struct iml_report *report;
};

/* hu = H_δu. Counts the product. false: the cancel flag was seen, hu is meaningless and the
 * report's end says so. */
bool iml_system_apply(const struct iml_system *system, const iml_real *u, iml_real *hu);

/* The same of A alone, the data's part of H_δ = A + D + δI, with Au given to the consumer in parts
 * (struct iml_consumer) and kept nowhere; *sum receives its answers' sum. */
bool iml_system_consume(const struct iml_system *system, const iml_real *u,
                        const struct iml_consumer *consumer, double *sum);

/* au = Au, A = H − D the data's part of H; as iml_system_apply. What is below the rounding of the
 * subtraction counts as 0: for a coefficient of 1e8 in float it is noise of size 5 that would pass
 * for curvature. */
bool iml_system_apply_data(const struct iml_system *system, const iml_real *u, iml_real *au);

/* M⁻¹, or the multiple of the identity that stands for it without a preconditioner. */
struct iml_inverse {
    double scalar;          /* where vector is NULL */
    const iml_real *vector; /* 1/(μ̂_A + Dⱼ), D with δ in it */
    size_t size;
};

/* Writes 1/(1/α + dⱼ + δ) to `to` and returns it as an inverse. */
struct iml_inverse iml_system_precondition(const struct iml_system *system, double step_size,
                                           iml_real *to);

/* out = M⁻¹x; x and out don't overlap unless they are the same. */
void iml_inverse_apply(const struct iml_inverse *inverse, const iml_real *x, iml_real *out);

/* out = M⁻¹x + b·out; x and out don't overlap. */
void iml_inverse_xpby(const struct iml_inverse *inverse, const iml_real *x, double b,
                      iml_real *out);

/* M⁻¹ of elements first … first + count − 1. */
struct iml_inverse iml_inverse_part(const struct iml_inverse *inverse, size_t first, size_t count);

/* aᵀM⁻¹b, in double. */
double iml_inverse_dot(const struct iml_inverse *inverse, const iml_real *a, const iml_real *b);

/* Vectors that `reorthogonalize` keeps: min(terms, size), since more can't be independent; 0
 * without it. And rows × size elements for them (NULL for none). */
size_t iml_basis_rows(const struct iml_solver *self);
iml_real *iml_basis_take(const struct iml_solver *self, struct iml_arena *arena, size_t rows);

/* From ‖v‖, a power of two s with ½ ≤ s‖v‖ < 1 (to within the range of double). Solvers work on sv
 * and divide by s at the end: small v (1e-25) then keep clear of denormal numbers in H's own
 * products, and no bit changes. v ≠ 0 and finite. */
double iml_scale_of_norm(double norm);

#endif
