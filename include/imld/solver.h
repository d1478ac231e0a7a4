/* solver.h: estimates q of H⁻¹v from products with H alone (MATH §4). One file a solver. */
#ifndef IMLD_SOLVER_H
#define IMLD_SOLVER_H

#include "imld/arena.h"
#include "imld/curvature.h"
#include "imld/registry.h"

enum iml_precondition { IML_PRECONDITION_NONE, IML_PRECONDITION_L2 };

enum iml_end {
    IML_END_TERMS,              /* all terms were used */
    IML_END_TARGET,             /* the residual reached its target */
    IML_END_NEGATIVE_CURVATURE, /* cg met pᵀHp ≤ 0 */
    IML_END_NOT_FINITE,
    IML_END_CANCELLED
};

/* What the residual of a report is. */
enum iml_residual_kind {
    IML_RESIDUAL_NONE,     /* not known without another product */
    IML_RESIDUAL_EXACT,    /* of the estimate itself, up to rounding */
    IML_RESIDUAL_PREVIOUS  /* of the estimate with one term less (neumann) */
};

struct iml_solver_kind;

struct iml_solver_options {
    const struct iml_solver_kind *kind;
    unsigned terms;                     /* K */
    enum iml_precondition precondition; /* neumann, cg: by M = μ̂_A I + D */
    double step_size;                   /* α, or 1/μ̂_A where preconditioned; 0: auto */
    double damping;                     /* δ ≥ 0 added to H; default 0 */
    double target_residual;             /* relative to ‖v‖; cg ends below 1e-14 anyway */
    bool reorthogonalize;               /* cg: keeps min(K, P) residuals */
};

struct iml_report {
    unsigned products; /* all of them, power iteration included */
    double residual;   /* ‖v − H_δq‖/‖v‖ as residual_kind says; NaN where none */
    enum iml_residual_kind residual_kind;
    double smallest_curvature; /* smallest pᵀH_δp/‖p‖² met; NaN where the solver meets none */
    double step_size;          /* α used; NaN where there is none */
    double largest_curvature;  /* μ̂ or μ̂_A of `auto`; NaN where not estimated */
    enum iml_end end;
};

const char *iml_end_name(enum iml_end end); /* "terms", "target_residual", … */

/* A solver with its work vectors and what it keeps between solves (the warm vector of `auto`). */
struct iml_solver {
    struct iml_solver_options options;
    size_t size;
    iml_real *vectors[4];   /* borrowed from the arena, size each; the kind says what they hold */
    iml_real *residuals;    /* cg with reorthogonalize: min(terms, size) × size */
    iml_real *warm;         /* state: unit vector of the power iteration, size */
    uint64_t *warm_products; /* state: products taken by the power iteration so far; 0: `warm` not set */
};

struct iml_solver_kind {
    const char *name;
    /* Takes work vectors from the arena (measuring or open). */
    void (*layout)(struct iml_solver *self, struct iml_arena *arena);
    /* See iml_solver_solve. v ≠ 0 and finite here. */
    void (*solve)(struct iml_solver *self, const struct iml_curvature *curvature, const iml_real *v,
                  iml_real *q, struct iml_report *report);
};

/* All kinds, ending with NULL; and the one of that name, or NULL. */
extern const struct iml_solver_kind *const iml_solver_kinds[];
const struct iml_solver_kind *iml_solver_kind_find(const char *name);

/* Sets options and size, takes all memory. Can't fail: sizes overflow in the arena's plan. */
void iml_solver_layout(struct iml_solver *self, const struct iml_solver_options *options, size_t size,
                       struct iml_arena *arena);

/* Registers what must survive a restart, under "state/solver/…". */
IML_MUST_USE enum iml_code iml_solver_register(const struct iml_solver *self,
                                               const struct iml_net *net,
                                               struct iml_registry *registry,
                                               struct iml_error *error);

/* q ≈ H_δ⁻¹v. v = 0 gives q = 0, residual 0, no product. q holds the iterate so far, also where the
 * report says that the solve ended early; q and v don't overlap. Scalars accumulate in double, norms
 * are never formed in float. Allocates nothing; called from the run's own thread only. */
void iml_solver_solve(struct iml_solver *self, const struct iml_curvature *curvature,
                      const iml_real *v, iml_real *q, struct iml_report *report);

#endif
