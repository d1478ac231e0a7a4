/* metrics.c: the table of the metrics that trainers emit; see metrics.h. */
#include "engine/trainer/metrics.h"

#include <assert.h>
#include <math.h>

_Static_assert((int)IML_METRIC_COUNT <= IML_ROWS_MAX, "one call may tell of every metric");

/* clang-format off */
const struct iml_metric_row iml_metrics[IML_METRIC_COUNT] = {
    [IML_METRIC_TRAIN_LOSS]                 = {"train/loss",                 "mean batch loss over the steps since the last evaluation, each before its step"},
    [IML_METRIC_TRAIN_ACCURACY]             = {"train/accuracy",             "share of right answers over the batches of these steps"},
    [IML_METRIC_VALIDATION_LOSS]            = {"validation/loss",            "mean loss on all validation images"},
    [IML_METRIC_VALIDATION_ACCURACY]        = {"validation/accuracy",        "share of right answers on all validation images"},
    [IML_METRIC_TEST_LOSS]                  = {"test/loss",                  "mean loss on the test images"},
    [IML_METRIC_TEST_ACCURACY]              = {"test/accuracy",              "share of right answers on the test images"},
    [IML_METRIC_VALIDATION_ACCURACY_RAW]    = {"validation/accuracy_raw",    "validation/accuracy of θ where the other is of θ̄ (FIXMATCH 1.10)"},
    [IML_METRIC_TEST_ACCURACY_RAW]          = {"test/accuracy_raw",          "test/accuracy of θ where the other is of θ̄ (FIXMATCH 1.10)"},
    [IML_METRIC_TEST_ACCURACY_MEDIAN]       = {"test/accuracy_median20",     "median of test/accuracy at the last 20 evaluations (FIXMATCH 1.13)"},
    [IML_METRIC_INNER_LEARNING_RATE]        = {"inner/learning_rate",        "η_k of the last step (FIXMATCH 1.7)"},
    [IML_METRIC_EMA_DISTANCE]               = {"ema/distance",               "‖θ − θ̄‖/‖θ‖ (FIXMATCH 1.8)"},
    [IML_METRIC_CONSISTENCY_MASK]           = {"consistency/mask",           "share of pool images whose pseudo label counts (FIXMATCH §5)"},
    [IML_METRIC_CONSISTENCY_MASK_IN]        = {"consistency/mask_in_distribution", "the same, of images in distribution"},
    [IML_METRIC_CONSISTENCY_MASK_OUT]       = {"consistency/mask_out_of_distribution", "the same, of images out of distribution"},
    [IML_METRIC_CONSISTENCY_CONFIDENCE]     = {"consistency/confidence",     "mean of max q over the weak views"},
    [IML_METRIC_CONSISTENCY_ACCURACY]       = {"consistency/pseudo_label_accuracy", "share of right pseudo labels of images in distribution"},
    [IML_METRIC_CONSISTENCY_MASKED_ACCURACY] = {"consistency/masked_accuracy", "the same, of those that count"},
    [IML_METRIC_CONSISTENCY_LOSS]           = {"consistency/loss",           "mean of the pool's loss, without its weight"},
    [IML_METRIC_CONSISTENCY_CLASS_ENTROPY]  = {"consistency/class_entropy",  "entropy of the pseudo labels that count, over ln classes"},
    [IML_METRIC_CONSISTENCY_IMAGES]         = {"consistency/images",         "pool images met"},
    [IML_METRIC_CONSISTENCY_IMAGES_IN]      = {"consistency/images_in_distribution", "of these, in distribution"},
    [IML_METRIC_CONSISTENCY_MASKED]         = {"consistency/masked",         "pool images whose pseudo label counts"},
    [IML_METRIC_CONSISTENCY_MASKED_IN]      = {"consistency/masked_in_distribution", "of these, in distribution"},
    [IML_METRIC_WEIGHT_MEAN]                = {"weight/mean",                "mean weight of up to 10,000 fixed pool images, not augmented (FIXMATCH 6.6)"},
    [IML_METRIC_WEIGHT_DEVIATION]           = {"weight/deviation",           "their standard deviation"},
    [IML_METRIC_WEIGHT_IN]                  = {"weight/in_distribution",     "mean weight of images in distribution"},
    [IML_METRIC_WEIGHT_OUT]                 = {"weight/out_of_distribution", "mean weight of images out of distribution"},
    [IML_METRIC_WEIGHT_AUROC]               = {"weight/auroc",               "how well the weights tell the two apart"},
    [IML_METRIC_WEIGHT_LOW]                 = {"weight/low",                 "share of weights near the low bound"},
    [IML_METRIC_WEIGHT_HIGH]                = {"weight/high",                "share of weights near the high bound"},
    [IML_METRIC_WEIGHT_EFFECTIVE_SIZE]      = {"weight/effective_size",      "(Σw)²/(nΣw²)"},
    [IML_METRIC_WEIGHT_CORRELATION_CONFIDENCE] = {"weight/correlation_confidence", "correlation of w and max q"},
    [IML_METRIC_WEIGHT_CORRELATION_CORRECT] = {"weight/correlation_correct", "correlation of w and whether the pseudo label is right"},
    [IML_METRIC_WEIGHT_OSCILLATION]         = {"weight/oscillation",         "mean |wₜ − wₜ₋₁| between updates over the deviation of wₜ, on the first of these images"},
    [IML_METRIC_GRADIENT_NORM]              = {"meta/gradient_norm",         "norm of dL_V/dλ at an update (MATH §1)"},
    [IML_METRIC_META_VALIDATION_LOSS]       = {"meta/validation_loss",       "loss on the update's validation batch"},
    [IML_METRIC_META_COSINE]                = {"meta/cosine",                "cosine of this dL_V/dλ and the last finite one before it (MATH §5.3)"},
    [IML_METRIC_META_FAILED]                = {"meta/failed",                "enum iml_failure of the estimate (MATH §5.6)"},
    [IML_METRIC_META_SKIPPED]               = {"meta/skipped",               "1 where the estimate failed and λ stayed as it was, else 0 (MATH §5.6)"},
    [IML_METRIC_META_STALLED]               = {"meta/stalled",               "share of λ whose root of the second moment is below the optimizer's ε (MATH §1)"},
    [IML_METRIC_META_SECONDS]               = {"meta/seconds",               "of the update, diagnostics left out (MATH §5.5)"},
    [IML_METRIC_META_SHARE_OF_STEP]         = {"meta/share_of_step",         "the update's share of its seconds and those of the inner steps since the one before (MATH §5.5)"},
    [IML_METRIC_META_VARIANCE]              = {"meta/variance",              "relative variance of dL_V/dλ over batch pairs (MATH §5.3)"},
    [IML_METRIC_META_MEAN_COSINE]           = {"meta/mean_cosine",           "mean pairwise cosine of dL_V/dλ over batch pairs (MATH §5.3)"},
    [IML_METRIC_META_COSINE_TO_EXACT]       = {"meta/cosine_to_exact",       "cosine of dL_V/dλ and that of the reference (MATH §5.4)"},
    [IML_METRIC_META_ERROR_TO_EXACT]        = {"meta/error_to_exact",        "‖g − g*‖/‖g*‖, g* of the reference (MATH §5.4)"},
    [IML_METRIC_META_ERROR_TO_STATIONARY]   = {"meta/error_to_stationary",   "‖g − g*‖/‖g*‖, g* of a synthetic quadratic's stationary point, at its first λ (MATH §6)"},
    [IML_METRIC_META_REFERENCE_RESIDUAL]    = {"meta/reference_residual",    "‖v − Hq*‖/‖v‖ of the reference (MATH §5.4)"},
    [IML_METRIC_SOLVER_PRODUCTS]            = {"solver/products",            "products with H, power iteration included (MATH §4)"},
    [IML_METRIC_SOLVER_BYTES]               = {"solver/bytes",               "of the solver's own memory (MATH §5.5)"},
    [IML_METRIC_SOLVER_SECONDS]             = {"solver/seconds",             "of the solve (MATH §5.5)"},
    [IML_METRIC_SOLVER_RESIDUAL]            = {"solver/residual",            "‖v − Hq‖/‖v‖; neumann: of the estimate with one term less (MATH §4)"},
    [IML_METRIC_SOLVER_RESIDUAL_EXACT]      = {"solver/residual_exact",      "‖v − H_δq‖/‖v‖ by a product more (MATH §5.6)"},
    [IML_METRIC_SOLVER_RESIDUAL_SCALED]     = {"solver/residual_scaled",     "‖M^−½(v − H_δq)‖/‖M^−½v‖ (MATH §5.6)"},
    [IML_METRIC_SOLVER_STEP_SIZE]           = {"solver/step_size",           "α (MATH §4)"},
    [IML_METRIC_SOLVER_LARGEST_CURVATURE]   = {"solver/largest_curvature",   "μ̂ of the power iteration (MATH §4)"},
    [IML_METRIC_SOLVER_SMALLEST_CURVATURE]  = {"solver/smallest_curvature",  "smallest pᵀHp/‖p‖² met (MATH §4)"},
    [IML_METRIC_SOLVER_SMALLEST_EIGENVALUE] = {"solver/smallest_eigenvalue", "of H + δI; exact (MATH §4)"},
    [IML_METRIC_SOLVER_LARGEST_EIGENVALUE]  = {"solver/largest_eigenvalue",  "of H + δI; exact (MATH §4)"},
    [IML_METRIC_SOLVER_CONDITION]           = {"solver/condition",           "max |μ| / min |μ| of H + δI; exact (MATH §4)"},
    [IML_METRIC_SOLVER_Q_NORM]              = {"solver/q_norm",              "‖q‖ (MATH §4)"},
    [IML_METRIC_INNER_END_RATIO]            = {"inner/end_ratio",            "|q·g| / |∇λL·Δλ| with q and Δλ of the last update where an inner loop by remaining_ratio ended (MATH §6)"},
    [IML_METRIC_INNER_GRADIENT_NORM]        = {"inner/gradient_norm",        "norm of the training gradient on the monitoring batch where a loop by gradient_norm ended (MATH §6); with few labels: of the last step's loss"},
    [IML_METRIC_SOLVER_Q_NORM_VARIANCE]     = {"solver/q_norm_variance",     "variance of ‖q‖ over the last 10 finite estimates, over its squared mean (MATH §5.3)"},
    [IML_METRIC_SOLVER_Q_VARIANCE]          = {"solver/q_variance",          "relative variance of q over batch pairs (MATH §5.3)"},
    [IML_METRIC_SOLVER_Q_MEAN_COSINE]       = {"solver/q_mean_cosine",       "mean pairwise cosine of q over batch pairs (MATH §5.3)"},
    [IML_METRIC_LENS_SMALLEST]              = {"lens/smallest",              "smallest Ritz value of H_δ: an estimate (MATH §5.1)"},
    [IML_METRIC_LENS_LARGEST]               = {"lens/largest",               "largest Ritz value of H_δ: an estimate (MATH §5.1)"},
    [IML_METRIC_LENS_ALPHA_MU_MAX]          = {"lens/alpha_mu_max",          "α times the largest Ritz value: an estimate (MATH §5.1)"},
    [IML_METRIC_LENS_NEGATIVE_SHARE]        = {"lens/negative_share",        "Σ τᵢ over ρᵢ < 0: an estimate (MATH §5.1)"},
    [IML_METRIC_LENS_V_INVERSE_V]           = {"lens/v_inverse_v",           "vᵀH_δ⁻¹v by Gauss quadrature: an estimate (MATH §5.1)"},
    [IML_METRIC_LENS_BEST_PRODUCTS]         = {"lens/best_products",         "fewest products with which neumann, cg or minres reaches the target residual (MATH §5.1)"},
    [IML_METRIC_LENS_BEST_RESIDUAL]         = {"lens/best_residual",         "least residual of neumann, cg and minres with as many products as the solver took (MATH §5.1)"},
    [IML_METRIC_SPECTRUM_SMALLEST]          = {"spectrum/smallest",          "smallest node (MATH §5.2)"},
    [IML_METRIC_SPECTRUM_LARGEST]           = {"spectrum/largest",           "largest node (MATH §5.2)"},
    [IML_METRIC_SPECTRUM_TRACE]             = {"spectrum/trace",             "estimate of the trace of H (MATH §5.2)"},
    [IML_METRIC_SPECTRUM_NEGATIVE_MASS]     = {"spectrum/negative_mass",     "share of eigenvalues below −1e-6·λ_max, estimated (MATH §5.2)"},
    [IML_METRIC_INNER_REMAINING]            = {"inner/remaining",            "q·g: how far the validation loss is from its value at θ*, to first order (MATH §6)"},
    [IML_METRIC_INNER_REMAINING_RATIO]      = {"inner/remaining_ratio",      "|q·g| / |∇λL·Δλ| of the last update that moved λ (MATH §6)"},
    [IML_METRIC_INNER_STEPS]                = {"inner/steps",                "steps between two updates, where a bound ends them (MATH §6)"},
    [IML_METRIC_KNOWLEDGE_MEAN_COEFFICIENT] = {"knowledge/mean_coefficient", "mean of e^λ after the update (MATH §3)"},
    [IML_METRIC_COMPARE_RESIDUAL]           = {"compare/residual",           "‖v − Hq‖/‖v‖ of the step's solver, by a product more (MATH §5.7)"},
    [IML_METRIC_COMPARE_Q_NORM]             = {"compare/q_norm",             "‖q‖ of the step's solver (MATH §5.7)"},
    [IML_METRIC_COMPARE_VQ]                 = {"compare/vq",                 "v·q of the step's solver (MATH §5.7)"},
    [IML_METRIC_COMPARE_PRODUCTS]           = {"compare/products",           "products that the step's solver took (MATH §5.7)"},
    [IML_METRIC_COMPARE_SECONDS]            = {"compare/seconds",            "seconds that the step's solver took (MATH §5.7)"},
    [IML_METRIC_COMPARE_COSINE]             = {"compare/cosine",             "cosine of dL_V/dλ and the reference's (MATH §5.4)"},
    [IML_METRIC_COMPARE_RELATIVE_ERROR]     = {"compare/relative_error",     "relative error of dL_V/dλ against the reference's (MATH §5.4)"},
    [IML_METRIC_COMPARE_REFERENCE_RESIDUAL] = {"compare/reference_residual", "residual of the reference (MATH §5.4)"},
    [IML_METRIC_COMPARE_BEST_COSINE]        = {"compare/best_cosine",        "largest compare/cosine of the solvers (MATH §5.7)"},
    [IML_METRIC_VERIFY_ERROR]               = {"verify/error",               "worst judged error of the step's check, over its bound (MATH §5.7)"},
    [IML_METRIC_VERIFY_PLAIN]               = {"verify/error_plain",         "the same with kinks crossed, not judged (MATH §5.7)"},
    [IML_METRIC_VERIFY_PASSED]              = {"verify/passed",              "1 where every judged check is within its bound, else 0 (MATH §5.7)"},
    [IML_METRIC_VERIFY_WORST]               = {"verify/worst",               "largest judged error over its bound (MATH §5.7)"},
};
/* clang-format on */

void iml_rows_add(struct iml_rows *rows, enum iml_metric metric, double value)
{
    assert(rows->count < IML_ROWS_MAX && metric < IML_METRIC_COUNT);
    rows->rows[rows->count++] =
        (struct iml_row){.metric = iml_metrics[metric].name, .value = value};
}

void iml_rows_add_known(struct iml_rows *rows, enum iml_metric metric, double value)
{
    if (!isnan(value)) iml_rows_add(rows, metric, value);
}
