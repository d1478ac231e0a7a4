/* checks.h: the engine's derivatives at one point, checked in double (MATH §5.7).
 *
 * What is behind this header is compiled with iml_real = double in every build: in that of the
 * daemon it is a second engine inside the first (docs/decisions/0104), which shares with it only
 * what has no iml_real (team, arena, LAPACK, errors). So this side speaks plain C types. One thread
 * at a time: the one that opened the team. */
#ifndef IMLD_ENGINE_VERIFY_CHECKS_H
#define IMLD_ENGINE_VERIFY_CHECKS_H

#include "imld/net.h"

enum { IML_CHECKS_DIRECTIONS = 10 };

enum iml_checks_batch { IML_CHECKS_CURVATURE, IML_CHECKS_VALIDATION, IML_CHECKS_BATCHES };

struct iml_checks_options {
    struct iml_net_options net; /* but for its model: the other side's has the other kernels */
    const char *model;          /* its name */
    const char *knowledge;      /* name of λ's kind; NULL: there is no λ. A string literal */
    size_t rows[IML_CHECKS_BATCHES];
    uint32_t seed; /* of the directions */
};

struct iml_checks;

/* Memory comes from the arena (measuring: then it can only be freed); the net's description alone
 * is allocated. team is borrowed. Free with iml_checks_free. */
IML_MUST_USE enum iml_code iml_checks_new(const struct iml_checks_options *options,
                                          struct iml_team *team, struct iml_arena *arena,
                                          struct iml_checks **checks, struct iml_error *error);
void iml_checks_free(struct iml_checks *checks); /* NULL-safe */

/* The point, to be written before the first check: θ and running statistics in the inside's order
 * of this build, batches as the net takes them. Zero pointers: there is none. */
struct iml_checks_point {
    double *theta, *statistics, *lambda;
    double *inputs[IML_CHECKS_BATCHES];   /* rows × inputs */
    uint32_t *labels[IML_CHECKS_BATCHES]; /* rows */
};
struct iml_checks_point iml_checks_point(struct iml_checks *self);

/* The function that is linearized, before the first check; v's is that of evaluation mode. */
void iml_checks_linearize_as(struct iml_checks *self, enum iml_batch_norm batch_norm,
                             const struct iml_dropout_key *dropout);

/* Relative errors ‖a − b‖/max(‖a‖, ‖b‖) of a derivative against central differences, two step sizes
 * extrapolated. */
struct iml_checks_result {
    double held;      /* relu signs held at the point: what the derivative is the derivative of */
    double plain;     /* kinks crossed */
    double agreement; /* of the differences of the two step sizes, signs held */
};

/* ∇θL_T·u against differences of L_T, R included, over all directions as one vector. The point is
 * read anew by each check. IML_ERROR_CANCELLED: the results are meaningless. */
IML_MUST_USE enum iml_code iml_checks_gradient(struct iml_checks *self,
                                               struct iml_checks_result *result,
                                               struct iml_error *error);
/* The worst |a·Hb − b·Ha|/(‖a‖‖Hb‖) of as many pairs. */
IML_MUST_USE enum iml_code iml_checks_symmetry(struct iml_checks *self,
                                               struct iml_checks_result *result,
                                               struct iml_error *error);
/* Hu against differences of ∇θL_T; the worst direction. */
IML_MUST_USE enum iml_code iml_checks_product(struct iml_checks *self,
                                              struct iml_checks_result *result,
                                              struct iml_error *error);
/* The mixed derivative against differences of ∇θL_T in λ, which cross no kink (plain = held). */
IML_MUST_USE enum iml_code iml_checks_mixed(struct iml_checks *self,
                                            struct iml_checks_result *result,
                                            struct iml_error *error);

/* --- for float beside double (MATH §7.5) --- */

enum iml_checks_quantity {
    IML_CHECKS_GRADIENT_OF,
    IML_CHECKS_PRODUCT_OF,
    IML_CHECKS_NEUMANN_OF, /* dL_V/dλ by neumann(3), and by cg(3); q where there is no λ */
    IML_CHECKS_CG_OF,
    IML_CHECKS_QUANTITIES
};

/* Computes them, Hu of that u (P). */
IML_MUST_USE enum iml_code iml_checks_run(struct iml_checks *self, const double *u,
                                          struct iml_error *error);
/* What the run gave; *count elements. */
const double *iml_checks_quantity(const struct iml_checks *self, enum iml_checks_quantity quantity,
                                  size_t *count);

/* Takes the kinks of a batch at the point, and gives those of the n-th layer that has any: a slope
 * a unit or a winner a window, *count of them, images in plain order; NULL: there are not so many.
 */
IML_MUST_USE enum iml_code iml_checks_hold(struct iml_checks *self, enum iml_checks_batch batch,
                                           struct iml_error *error);
const double *iml_checks_kinks(const struct iml_checks *self, enum iml_checks_batch batch, size_t n,
                               size_t *count);

#endif
