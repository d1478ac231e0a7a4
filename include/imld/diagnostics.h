/* diagnostics.h: a number beside each estimate that says whether to believe it (MATH §5): the lens,
 * the spectrum, variances and cosines, the gate.
 *
 * All memory is laid out in an arena (measuring or open), nothing allocates later. Nothing here
 * changes θ, λ or any state of a run but the gate's own. Everything is called from the run's own
 * thread. */
#ifndef IMLD_DIAGNOSTICS_H
#define IMLD_DIAGNOSTICS_H

#include "imld/solver.h"

/* --- Lanczos with full reorthogonalization --- */

struct iml_lanczos {
    size_t size;
    unsigned steps;         /* m, at most size */
    iml_real *basis, *next; /* m × size, size */
    double *alpha, *beta;   /* T: α₁ … α_m; β₁ … β_m, the last one beyond T */
    double *values,
        *firsts;      /* of T: eigenvalues, ascending, and squared first components (Σ = 1) */
    double *scratch;  /* m × m eigenvectors and LAPACK's work */
    unsigned reached; /* steps done: the order of T */
    bool is_complete; /* the Krylov space is exhausted: T has all of H that v sees */
    unsigned products;
    enum iml_end end; /* TERMS; NOT_FINITE or CANCELLED: T has the `reached` steps before */
};

/* --- the lens: what H looks like from v, and what each solver would make of it (MATH §5.1) --- */

enum iml_lens_solver { IML_LENS_NEUMANN, IML_LENS_CG, IML_LENS_MINRES, IML_LENS_SOLVERS };
const char *iml_lens_solver_name(enum iml_lens_solver solver); /* "neumann", … */

struct iml_lens {
    double damping;             /* δ: the lens looks at H_δ */
    struct iml_lanczos lanczos; /* values are ρᵢ, firsts τᵢ */
    double v_norm;
    size_t bytes; /* taken from the arena */
};

/* m = steps ≥ 2 products a look, m + 1 vectors of memory. Sizes overflow in the arena's plan. */
void iml_lens_layout(struct iml_lens *self, unsigned steps, double damping, size_t size,
                     struct iml_arena *arena);

/* Looks from v, which must not be 0 and must be finite. lanczos.end says whether it came through;
 * with fewer than m steps everything below holds for those that were done. */
void iml_lens_look(struct iml_lens *self, const struct iml_curvature *curvature, const iml_real *v);

/* residuals[K] = ‖v − H_δq‖/‖v‖ of the solver with K terms (without preconditioner), K < count:
 * exact for all K < iml_lens_known; NaN beyond. step_size is neumann's α. cg keeps its last value
 * after it met negative curvature, as its q does. */
void iml_lens_curve(const struct iml_lens *self, enum iml_lens_solver solver, double step_size,
                    size_t count, double *residuals);

/* Number of K, from 0, that the lens knows: neumann m (degree K + 1 ≤ m, one more than quadrature
 * alone would give, since the last β is at hand), cg and minres m + 1; SIZE_MAX when complete. */
size_t iml_lens_known(const struct iml_lens *self, enum iml_lens_solver solver);

/* The best estimate in hindsight. */
struct iml_lens_best {
    enum iml_lens_solver solver;
    unsigned terms; /* K = its products */
    double residual;
    bool is_reached; /* the target; if not, this is the smallest residual */
};

/* The fewest products with which one of the solvers reaches the target residual, among those that
 * the lens knows and that take at most max_products; of equals the first in the enum. */
struct iml_lens_best iml_lens_find_best(const struct iml_lens *self, double step_size,
                                        double target_residual, unsigned max_products);

/* Estimates, that can be far off for ill-conditioned H: Ritz values stand in for eigenvalues. Exact
 * when complete. */
struct iml_lens_estimates {
    double smallest, largest; /* Ritz values of H_δ */
    double alpha_mu_max;      /* α · largest */
    double negative_share;    /* Σ τᵢ over ρᵢ < 0 */
    double v_inverse_v;       /* vᵀH_δ⁻¹v by Gauss quadrature */
};
struct iml_lens_estimates iml_lens_estimate(const struct iml_lens *self, double step_size);

/* --- the spectrum of H by stochastic Lanczos quadrature (MATH §5.2) --- */

#define IML_SPECTRUM_TOP_MAX 32

struct iml_spectrum_options {
    unsigned probes; /* n */
    unsigned steps;  /* m of each */
    unsigned top;    /* eigenvalues listed; at most steps and IML_SPECTRUM_TOP_MAX */
};

struct iml_spectrum {
    struct iml_spectrum_options options;
    struct iml_lanczos lanczos;
    double *nodes, *weights; /* probes × steps; of each probe Σ = 1, unused places have weight 0 */
    double smallest,
        largest;  /* of all nodes: λ_min is at most the first, λ_max at least the second */
    double trace; /* P · mean Σ weight·node */
    double negative_mass;             /* mean Σ weights of nodes below −1e-6·λ_max */
    double top[IML_SPECTRUM_TOP_MAX]; /* the i-th largest node of any one probe: never above the
                                         i-th largest eigenvalue (interlacing) */
    unsigned products;
    enum iml_end end; /* TERMS; otherwise the numbers above mean nothing */
    size_t bytes;
};

void iml_spectrum_layout(struct iml_spectrum *self, const struct iml_spectrum_options *options,
                         size_t size, struct iml_arena *arena);

/* Probes are unit normal, from (seed, IML_PURPOSE_PROBE), index = probe + 1, pass = update. */
void iml_spectrum_measure(struct iml_spectrum *self, const struct iml_curvature *curvature,
                          uint32_t seed, uint32_t update);

/* density[i] at x[i]: the weights as Gaussians of deviation `width`, whose integral is 1. */
void iml_spectrum_density(const struct iml_spectrum *self, double width, size_t count,
                          const double *x, double *density);

/* --- residuals (MATH §5.6) --- */

struct iml_residuals {
    double plain;  /* ‖v − H_δq‖/‖v‖ */
    double scaled; /* ‖M^−½(v − H_δq)‖/‖M^−½v‖, M = μ̂_A I + D with δ in it */
    unsigned products;
    enum iml_end end; /* TERMS; otherwise both are NaN */
};

/* Takes one product; r (P) receives v − H_δq. v ≠ 0. */
struct iml_residuals iml_residuals_measure(const struct iml_curvature *curvature, double damping,
                                           double mu, const iml_real *v, const iml_real *q,
                                           iml_real *r);

/* μ̂_A: an estimate of ‖A‖₂ from below, A = H − D, by `products` products of a power iteration from
 * a fixed direction; u and work (P each) are overwritten. Not finite where a product is not, and
 * after a cancel. */
double iml_data_curvature(const struct iml_curvature *curvature, unsigned products, iml_real *u,
                          iml_real *work);

/* The second number from a residual r at hand; diagonal may be NULL. */
double iml_residual_scaled(size_t n, const iml_real *diagonal, double damping, double mu,
                           const iml_real *v, const iml_real *r);

/* --- variance (MATH §5.3) --- */

/* cos(a, b); NaN where one of them is 0 or not finite. */
double iml_cosine(size_t n, const iml_real *a, const iml_real *b);

struct iml_spread {
    double relative_variance; /* Σ‖gⱼ − ḡ‖²/((r − 1)‖ḡ‖²) */
    double mean_cosine;       /* over all pairs */
};

/* Of count ≥ 2 vectors, one after the other; both NaN for fewer. */
struct iml_spread iml_spread_of(size_t n, size_t count, const iml_real *vectors);

/* The last numbers of a series. Plain data: a run registers both fields as its state. */
#define IML_RECENT_MAX 20
struct iml_recent {
    double values[IML_RECENT_MAX]; /* the newest at (seen − 1) mod IML_RECENT_MAX */
    uint64_t seen;                 /* 0: empty */
};
void iml_recent_add(struct iml_recent *self, double value);
double iml_recent_median(const struct iml_recent *self); /* NaN if empty */

/* Variance of the last `count` values over their squared mean; NaN before 2 values are there. */
double iml_recent_relative_variance(const struct iml_recent *self, size_t count);

/* --- failure policy and gate (MATH §5.6) --- */

/* What becomes of an estimate that fails. One that is not finite is never used: `use` skips it. */
enum iml_on_failure { IML_ON_FAILURE_USE, IML_ON_FAILURE_IDENTITY, IML_ON_FAILURE_SKIP };

enum iml_failure {
    IML_FAILURE_NONE,
    IML_FAILURE_NOT_FINITE,
    IML_FAILURE_NOT_POSITIVE, /* v·q ≤ 0 although the solver promises a positive definite answer */
    IML_FAILURE_RESIDUAL,
    IML_FAILURE_COSINE,
    IML_FAILURE_NORM
};
const char *iml_failure_name(enum iml_failure failure); /* "none", "not_finite", … */

/* A bound of NaN is not asked. */
struct iml_gate_options {
    enum iml_on_failure on_failure;
    double residual_below;  /* ‖v − H_δq‖/‖v‖ */
    double cosine_above;    /* of this hypergradient and the one before */
    double norm_below;      /* ‖g‖ as a multiple of the running median of 20 */
    unsigned stalled_after; /* skips in a row until the warning; 0: 10 */
};
struct iml_gate_options iml_gate_none(void); /* use, no bound */

/* What is known of an estimate; NaN where it is not: then that bound is not asked of it. */
struct iml_gate_facts {
    bool is_finite;         /* q and the hypergradient, every element */
    bool promises_positive; /* cg; any solver with the Gauss–Newton matrix */
    double vq;              /* v·q */
    double residual, cosine, norm;
};

struct iml_gate_verdict {
    enum iml_failure failure;   /* the first in the order of the enum */
    enum iml_on_failure action; /* USE, IDENTITY (take q = v), SKIP (λ stays) */
    bool is_first;              /* the first failure of the run: worth an event */
    bool is_stalled; /* the n-th skip in a row, and only then: the warning that λ may be locked,
                        which precondition, auto or clamp would mend */
};

/* State of a run: all fields are registered by whoever owns it. Starts as {0}. */
struct iml_gate_state {
    struct iml_recent norms; /* of all finite hypergradients, failed ones too: a lasting change of
                                size is news once, not for ever */
    uint64_t failures, skipped_in_a_row;
};

/* Judges one estimate before the optimizer on λ sees it. norm_below is not asked before 5 norms are
 * there. */
struct iml_gate_verdict iml_gate_judge(const struct iml_gate_options *options,
                                       struct iml_gate_state *state,
                                       const struct iml_gate_facts *facts);

#endif
