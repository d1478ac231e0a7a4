/* metrics.c: the table of metrics (DESIGN §4); see metrics.h. */
#include "spec/metrics.h"

#include <string.h>

#include "spec/fields.h"

#define NONE IMLD_BETTER_NONE
#define HIGHER IMLD_BETTER_HIGHER
#define LOWER IMLD_BETTER_LOWER

/* clang-format off */
const struct imld_metric imld_metrics[] = {
    /* name, unit, better, deterministic, at evaluations, algorithms, help */
    {"inner/end_ratio", "1", LOWER, true, false, IMLD_IML,
     "|q·g| / |∇λL·Δλ| with q and Δλ of the last update, where an inner loop by inner.until.remaining_ratio ended (MATH §6)."},
    {"inner/gradient_norm", "1", LOWER, true, false, IMLD_IML,
     "Norm of the training gradient on the monitoring batch, where a warm-up or an inner loop by gradient_norm ended (MATH §6)."},
    {"inner/remaining", "nats", NONE, true, false, IMLD_IML,
     "q·g at an update: to first order what the validation loss would still change if the inner training went to its end (MATH §6)."},
    {"inner/remaining_ratio", "1", NONE, true, false, IMLD_IML,
     "|inner/remaining| over what the last move of λ changed the validation loss by to first order, |∇λL·Δλ|; above 1, λ moves on noise of the inner problem (MATH §6)."},
    {"inner/steps", "steps", NONE, true, false, IMLD_IML,
     "Training steps between two updates of λ, where inner.until ends them (MATH §6)."},
    {"knowledge/mean_coefficient", "1", NONE, true, false, IMLD_IML,
     "Mean of the coefficients e^λ after an update (MATH §3)."},
    {"lens/alpha_mu_max", "1", NONE, true, false, IMLD_IML,
     "Estimate: neumann's α times the largest Ritz value; above 2 its series diverges (MATH §5.1)."},
    {"lens/best_products", "products", LOWER, true, false, IMLD_IML,
     "Fewest products with which neumann, cg or minres, not preconditioned, reaches the solver's target_residual (0.1 where it has none); no row where none does within the lens' steps (MATH §5.1)."},
    {"lens/best_residual", "1", LOWER, true, false, IMLD_IML,
     "Least residual of neumann, cg and minres, not preconditioned, with at most as many products as the solver took (MATH §5.1)."},
    {"lens/largest", "1", NONE, true, false, IMLD_IML,
     "Estimate: the largest Ritz value of H + δI from v (MATH §5.1)."},
    {"lens/negative_share", "1", NONE, true, false, IMLD_IML,
     "Estimate: the share of v in directions of negative curvature (MATH §5.1)."},
    {"lens/smallest", "1", NONE, true, false, IMLD_IML,
     "Estimate: the smallest Ritz value of H + δI from v (MATH §5.1)."},
    {"lens/v_inverse_v", "nats", NONE, true, false, IMLD_IML,
     "Estimate: vᵀ(H + δI)⁻¹v by Gauss quadrature (MATH §5.1)."},
    {"meta/cosine", "1", NONE, true, false, IMLD_IML,
     "Cosine of this dL_V/dλ and the last finite one before it (MATH §5.3)."},
    {"meta/cosine_to_exact", "1", HIGHER, true, false, IMLD_IML,
     "Cosine of dL_V/dλ and that of the reference for H⁻¹v (MATH §5.4)."},
    {"meta/error_to_exact", "1", LOWER, true, false, IMLD_IML,
     "Distance of dL_V/dλ from that of the reference, over the reference's norm (MATH §5.4)."},
    {"meta/error_to_stationary", "1", LOWER, true, false, IMLD_IML,
     "Of a synthetic quadratic, while every e^λ is its coefficient: distance of dL_V/dλ from the closed form at the stationary point, over its norm (MATH §6)."},
    {"meta/failed", "1", NONE, true, false, IMLD_IML,
     "Why the update's estimate failed: 0 it did not, 1 not finite, 2 v·q ≤ 0, and the gate's bounds 3 residual, 4 cosine, 5 norm (MATH §5.6)."},
    {"meta/gradient_norm", "nats", NONE, true, false, IMLD_IML,
     "Norm of dL_V/dλ at an update (MATH §1)."},
    {"meta/mean_cosine", "1", HIGHER, true, false, IMLD_IML,
     "Mean pairwise cosine of dL_V/dλ over batch pairs at one (θ, λ) (MATH §5.3)."},
    {"meta/reference_residual", "1", LOWER, true, false, IMLD_IML,
     "‖v − Hq‖/‖v‖ that the reference itself reached: how far to trust it (MATH §5.4)."},
    {"meta/seconds", "s", NONE, false, false, IMLD_IML,
     "Time of the update of λ, diagnostics left out (MATH §5.5)."},
    {"meta/share_of_step", "1", NONE, false, false, IMLD_IML,
     "The update's share of the time of itself and the inner steps since the one before it (MATH §5.5)."},
    {"meta/skipped", "updates", NONE, true, false, IMLD_IML,
     "1 where the update was skipped because its estimate failed, else 0 (MATH §5.6)."},
    {"meta/stalled", "1", NONE, true, false, IMLD_IML,
     "Share of λ whose root of the second moment is below the optimizer's ε (MATH §1)."},
    {"meta/validation_loss", "nats", LOWER, true, false, IMLD_IML,
     "Loss on the update's validation batch, before the update (MATH §1)."},
    {"meta/variance", "1", LOWER, true, false, IMLD_IML,
     "Relative variance of dL_V/dλ over batch pairs at one (θ, λ) (MATH §5.3)."},
    {"run/seconds", "s", NONE, false, true, IMLD_ALL,
     "Running time so far, without waiting; what a budget in seconds is compared with (DESIGN §5)."},
    {"solver/bytes", "bytes", NONE, true, false, IMLD_IML,
     "The solver's own memory (MATH §5.5)."},
    {"solver/condition", "1", NONE, true, false, IMLD_IML,
     "Condition number of H + δI, largest over smallest size of an eigenvalue; solver exact (MATH §4)."},
    {"solver/largest_curvature", "1", NONE, true, false, IMLD_IML,
     "Estimate of the largest eigenvalue by the power iteration of step_size auto (MATH §4)."},
    {"solver/largest_eigenvalue", "1", NONE, true, false, IMLD_IML,
     "Largest eigenvalue of H + δI; solver exact (MATH §4)."},
    {"solver/products", "products", NONE, true, false, IMLD_IML,
     "Products with H that the solve took, power iteration included (MATH §4)."},
    {"solver/q_mean_cosine", "1", HIGHER, true, false, IMLD_IML,
     "Mean pairwise cosine of q over batch pairs at one (θ, λ) (MATH §5.3)."},
    {"solver/q_norm", "1", NONE, true, false, IMLD_IML,
     "Norm of the estimate q (MATH §4)."},
    {"solver/q_norm_variance", "1", NONE, true, false, IMLD_IML,
     "Variance of ‖q‖ over the last 10 updates, over its squared mean (MATH §5.3)."},
    {"solver/q_variance", "1", LOWER, true, false, IMLD_IML,
     "Relative variance of q over batch pairs at one (θ, λ) (MATH §5.3)."},
    {"solver/residual", "1", LOWER, true, false, IMLD_IML,
     "‖v − Hq‖/‖v‖; for neumann that of the estimate with one term less (MATH §4)."},
    {"solver/residual_exact", "1", LOWER, true, false, IMLD_IML,
     "‖v − (H + δI)q‖/‖v‖ of the estimate itself, by one product more; nystrom: of H (MATH §5.6)."},
    {"solver/residual_scaled", "1", LOWER, true, false, IMLD_IML,
     "The same on the scale of M = μ̂I + D, in which stiff coordinates don't drown the rest (MATH §5.6)."},
    {"solver/seconds", "s", NONE, false, false, IMLD_IML,
     "Time of the solve (MATH §5.5)."},
    {"solver/smallest_curvature", "1", NONE, true, false, IMLD_IML,
     "Smallest pᵀHp/‖p‖² that the solve met (MATH §4)."},
    {"solver/smallest_eigenvalue", "1", NONE, true, false, IMLD_IML,
     "Smallest eigenvalue of H + δI; solver exact (MATH §4)."},
    {"solver/step_size", "1", NONE, true, false, IMLD_IML,
     "The step size α that was used (MATH §4)."},
    {"spectrum/largest", "1", NONE, true, false, IMLD_IML,
     "Largest node of the spectrum: at most the largest eigenvalue of H, and close to it (MATH §5.2)."},
    {"spectrum/negative_mass", "1", NONE, true, false, IMLD_IML,
     "Estimated share of the eigenvalues below −1e-6 of the largest (MATH §5.2)."},
    {"spectrum/smallest", "1", NONE, true, false, IMLD_IML,
     "Smallest node of the spectrum: at least the smallest eigenvalue of H (MATH §5.2)."},
    {"spectrum/trace", "1", NONE, true, false, IMLD_IML,
     "Estimate of the trace of H (MATH §5.2)."},
    {"test/accuracy", "1", HIGHER, true, true, IMLD_ALL,
     "Share of the test images that are classified rightly (DESIGN §4)."},
    {"test/loss", "nats", LOWER, true, true, IMLD_ALL,
     "Mean cross-entropy on the test images (DESIGN §4)."},
    {"train/accuracy", "1", HIGHER, true, true, IMLD_ALL,
     "Share of right answers over the batches of the steps since the last evaluation (DESIGN §4)."},
    {"train/loss", "nats", LOWER, true, true, IMLD_ALL,
     "Mean batch loss over the steps since the last evaluation, each before its step (DESIGN §4)."},
    {"validation/accuracy", "1", HIGHER, true, true, IMLD_ALL,
     "Share of the validation images that are classified rightly (DESIGN §4)."},
    {"validation/accuracy_deviation", "1", NONE, true, true, IMLD_ALL,
     "Standard deviation of validation/accuracy over the last 10 evaluations, from the second one on (DESIGN §5)."},
    {"validation/loss", "nats", LOWER, true, true, IMLD_ALL,
     "Mean cross-entropy on the validation images (DESIGN §4)."},
};
/* clang-format on */

const size_t imld_metric_count = sizeof imld_metrics / sizeof imld_metrics[0];

const struct imld_metric *imld_metric_find(const char *name)
{
    for (size_t i = 0; i < imld_metric_count; i++) {
        if (strcmp(imld_metrics[i].name, name) == 0) return &imld_metrics[i];
    }
    return NULL;
}

const char *imld_better_name(enum imld_better better)
{
    static const char *const names[] = {
        [IMLD_BETTER_NONE] = "none",
        [IMLD_BETTER_HIGHER] = "higher",
        [IMLD_BETTER_LOWER] = "lower",
    };
    return names[better];
}
