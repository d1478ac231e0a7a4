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
    {"meta/failed", "1", NONE, true, false, IMLD_IML,
     "Why the update's estimate failed: 0 it did not, 1 not finite, 2 v·q ≤ 0, and the gate's bounds 3 residual, 4 cosine, 5 norm (MATH §5.6)."},
    {"meta/gradient_norm", "nats", NONE, true, false, IMLD_IML,
     "Norm of dL_V/dλ at an update (MATH §1)."},
    {"meta/skipped", "updates", NONE, true, false, IMLD_IML,
     "1 where the update was skipped because its estimate failed, else 0 (MATH §5.6)."},
    {"meta/stalled", "1", NONE, true, false, IMLD_IML,
     "Share of λ whose root of the second moment is below the optimizer's ε (MATH §1)."},
    {"meta/validation_loss", "nats", LOWER, true, false, IMLD_IML,
     "Loss on the update's validation batch, before the update (MATH §1)."},
    {"run/seconds", "s", NONE, false, true, IMLD_ALL,
     "Running time so far, without waiting; what a budget in seconds is compared with (DESIGN §5)."},
    {"solver/condition", "1", NONE, true, false, IMLD_IML,
     "Condition number of H + δI, largest over smallest size of an eigenvalue; solver exact (MATH §4)."},
    {"solver/largest_curvature", "1", NONE, true, false, IMLD_IML,
     "Estimate of the largest eigenvalue by the power iteration of step_size auto (MATH §4)."},
    {"solver/largest_eigenvalue", "1", NONE, true, false, IMLD_IML,
     "Largest eigenvalue of H + δI; solver exact (MATH §4)."},
    {"solver/products", "products", NONE, true, false, IMLD_IML,
     "Products with H that the solve took, power iteration included (MATH §4)."},
    {"solver/q_norm", "1", NONE, true, false, IMLD_IML,
     "Norm of the estimate q (MATH §4)."},
    {"solver/residual", "1", LOWER, true, false, IMLD_IML,
     "‖v − Hq‖/‖v‖; for neumann that of the estimate with one term less (MATH §4)."},
    {"solver/smallest_curvature", "1", NONE, true, false, IMLD_IML,
     "Smallest pᵀHp/‖p‖² that the solve met (MATH §4)."},
    {"solver/smallest_eigenvalue", "1", NONE, true, false, IMLD_IML,
     "Smallest eigenvalue of H + δI; solver exact (MATH §4)."},
    {"solver/step_size", "1", NONE, true, false, IMLD_IML,
     "The step size α that was used (MATH §4)."},
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
