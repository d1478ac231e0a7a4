/* solver.h: estimates q of H⁻¹v from products with H alone (MATH §4). One file a solver. */
#ifndef IMLD_SOLVER_H
#define IMLD_SOLVER_H

#include "imld/arena.h"
#include "imld/curvature.h"
#include "imld/registry.h"

enum iml_precondition { IML_PRECONDITION_NONE, IML_PRECONDITION_L2 };

enum iml_end {
    IML_END_TERMS,              /* all terms were used, or no further one could change q */
    IML_END_TARGET,             /* the residual reached its target */
    IML_END_NEGATIVE_CURVATURE, /* cg met pᵀHp ≤ 0 */
    IML_END_NOT_FINITE,
    IML_END_CANCELLED
};

/* What the residual of a report is. */
enum iml_residual_kind {
    IML_RESIDUAL_NONE,    /* not known without another product */
    IML_RESIDUAL_EXACT,   /* of the estimate itself, up to rounding */
    IML_RESIDUAL_PREVIOUS /* of the estimate with one term less (neumann) */
};

struct iml_solver_kind;

/* Each kind reads the fields that are its own and ignores the rest. 0 is every field's plainest
 * value. */
struct iml_solver_options {
    const struct iml_solver_kind *kind;
    unsigned terms;                     /* K; auto: max_products */
    enum iml_precondition precondition; /* neumann, cg: by M = μ̂_A I + D */
    double step_size;                   /* α, or 1/μ̂_A where preconditioned; 0: auto */
    bool is_unscaled;       /* neumann without preconditioner: q is the sum without its factor α
                               (`scale: false`); the report's residual is that of αq */
    double damping;         /* δ ≥ 0 added to H; default 0. nystrom: ρ > 0 */
    double target_residual; /* relative to ‖v‖; cg, minres, auto end below 1e-14 anyway */
    bool reorthogonalize;   /* cg, minres, auto: keeps min(K, P) residuals or Lanczos vectors */
    unsigned rank;          /* nystrom: r ≥ 1; above P it counts as P */
    const uint32_t *coordinates; /* nystrom: S, r distinct ones; borrowed. NULL: drawn from
                                    (seed, update), see iml_solver_draw */
    size_t max_parameters;       /* exact: refused above it; 0: 16,384 */
    bool skips_eigenvalues;      /* exact: none in the report; they cost more than the solution */
};

struct iml_report {
    unsigned products; /* all of them, power iteration included */
    double residual;   /* ‖v − H_δq‖/‖v‖ as residual_kind says; NaN where none */
    enum iml_residual_kind residual_kind;
    double smallest_curvature; /* smallest pᵀH_δp/‖p‖² met (cg: of its directions; minres, auto: of
                                  the Lanczos vectors); NaN where the solver meets none */
    double step_size;          /* α used; NaN where there is none */
    double largest_curvature; /* μ̂ or μ̂_A of `auto`; NaN where not estimated */
    double smallest_eigenvalue, largest_eigenvalue; /* exact: of H_δ; otherwise NaN */
    double condition;                               /* exact: max |μ| / min |μ|; otherwise NaN */
    size_t bytes;                                   /* of the solver's own memory, as planned */
    double seconds; /* of this solve, by CLOCK_MONOTONIC: alone among these fields it
                       differs from run to run */
    enum iml_end end;
};

const char *iml_end_name(enum iml_end end); /* "terms", "target_residual", … */

/* A solver with its work vectors and what it keeps between solves (the warm vector of `auto`). The
 * pointers are borrowed from the arena; the kind says what they hold. */
struct iml_solver {
    struct iml_solver_options options;
    size_t size;
    size_t bytes;          /* taken from the arena */
    uint32_t seed, update; /* of iml_solver_draw */
    double v_norm;         /* ‖v‖ of the solve at hand */
    iml_real *vectors[5];  /* size each */
    iml_real *basis;       /* rows × size: cg's residuals, minres' Lanczos vectors, nystrom's C */
    double *matrix, *small, *work; /* nystrom, exact: dense matrices, numbers, LAPACK's work */
    int *pivots;                   /* exact */
    uint32_t *coordinates;         /* nystrom: S of the solve at hand */
    iml_real *warm;                /* state: unit vector of the power iteration, size */
    uint64_t
        *warm_products; /* state: products taken by the power iteration so far; 0: `warm` not set */
};

struct iml_solver_kind {
    const char *name;
    /* Whether the options can be solved with at this size; NULL: always. */
    enum iml_code (*check)(const struct iml_solver_options *options, size_t size,
                           struct iml_error *error);
    /* Takes work vectors from the arena (measuring or open). */
    void (*layout)(struct iml_solver *self, struct iml_arena *arena);
    /* See iml_solver_solve. v ≠ 0 and finite here. */
    void (*solve)(struct iml_solver *self, const struct iml_curvature *curvature, const iml_real *v,
                  iml_real *q, struct iml_report *report);
};

/* All kinds, ending with NULL; and the one of that name, or NULL. */
extern const struct iml_solver_kind *const iml_solver_kinds[];
const struct iml_solver_kind *iml_solver_kind_find(const char *name);

/* What iml_solver_layout needs to be true: nystrom's rank ≥ 1 and ρ > 0 (IML_ERROR_ARGUMENT),
 * exact's size within max_parameters (IML_ERROR_LIMIT, with the bytes that it would take). To be
 * asked while planning, before the layout; `where` is left to the caller. */
IML_MUST_USE enum iml_code iml_solver_check(const struct iml_solver_options *options, size_t size,
                                            struct iml_error *error);

/* Sets options and size, takes all memory. Can't fail: sizes overflow in the arena's plan; options
 * that iml_solver_check refuses are a programming error and assert. */
void iml_solver_layout(struct iml_solver *self, const struct iml_solver_options *options,
                       size_t size, struct iml_arena *arena);

/* Registers what must survive a restart, under "state/solver/…". */
IML_MUST_USE enum iml_code iml_solver_register(const struct iml_solver *self,
                                               const struct iml_net *net,
                                               struct iml_registry *registry,
                                               struct iml_error *error);

/* What the next solve draws from: nystrom's coordinates come from (seed, update), so that a resumed
 * run draws the same. To be called before each solve; other kinds draw nothing. */
void iml_solver_draw(struct iml_solver *self, uint32_t seed, uint32_t update);

/* q ≈ H_δ⁻¹v. v = 0 gives q = 0, residual 0, no product. q holds the iterate so far, also where the
 * report says that the solve ended early (neumann, not finite: its first
 * summand); q and v don't overlap. Scalars accumulate in double, norms are never formed in float.
 * Allocates nothing; called from the run's own thread only. */
void iml_solver_solve(struct iml_solver *self, const struct iml_curvature *curvature,
                      const iml_real *v, iml_real *q, struct iml_report *report);

#endif
