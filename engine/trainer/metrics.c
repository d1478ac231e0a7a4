/* metrics.c: the table of the metrics that trainers emit; see metrics.h. */
#include "engine/trainer/metrics.h"

#include <assert.h>
#include <math.h>

/* clang-format off */
const struct iml_metric_row iml_metrics[IML_METRIC_COUNT] = {
    [IML_METRIC_TRAIN_LOSS]                 = {"train/loss",                 "mean batch loss over the steps since the last evaluation, each before its step"},
    [IML_METRIC_TRAIN_ACCURACY]             = {"train/accuracy",             "share of right answers over the batches of these steps"},
    [IML_METRIC_VALIDATION_LOSS]            = {"validation/loss",            "mean loss on all validation images"},
    [IML_METRIC_VALIDATION_ACCURACY]        = {"validation/accuracy",        "share of right answers on all validation images"},
    [IML_METRIC_TEST_LOSS]                  = {"test/loss",                  "mean loss on the test images"},
    [IML_METRIC_TEST_ACCURACY]              = {"test/accuracy",              "share of right answers on the test images"},
    [IML_METRIC_GRADIENT_NORM]              = {"meta/gradient_norm",         "norm of dL_V/dλ at an update (MATH §1)"},
    [IML_METRIC_META_VALIDATION_LOSS]       = {"meta/validation_loss",       "loss on the update's validation batch"},
    [IML_METRIC_META_FAILED]                = {"meta/failed",                "enum iml_failure of the estimate (MATH §5.6)"},
    [IML_METRIC_META_SKIPPED]               = {"meta/skipped",               "1 where the estimate failed and λ stayed as it was, else 0 (MATH §5.6)"},
    [IML_METRIC_META_STALLED]               = {"meta/stalled",               "share of λ whose root of the second moment is below the optimizer's ε (MATH §1)"},
    [IML_METRIC_SOLVER_PRODUCTS]            = {"solver/products",            "products with H, power iteration included (MATH §4)"},
    [IML_METRIC_SOLVER_RESIDUAL]            = {"solver/residual",            "‖v − Hq‖/‖v‖; neumann: of the estimate with one term less (MATH §4)"},
    [IML_METRIC_SOLVER_STEP_SIZE]           = {"solver/step_size",           "α (MATH §4)"},
    [IML_METRIC_SOLVER_LARGEST_CURVATURE]   = {"solver/largest_curvature",   "μ̂ of the power iteration (MATH §4)"},
    [IML_METRIC_SOLVER_SMALLEST_CURVATURE]  = {"solver/smallest_curvature",  "smallest pᵀHp/‖p‖² met (MATH §4)"},
    [IML_METRIC_SOLVER_SMALLEST_EIGENVALUE] = {"solver/smallest_eigenvalue", "of H + δI; exact (MATH §4)"},
    [IML_METRIC_SOLVER_LARGEST_EIGENVALUE]  = {"solver/largest_eigenvalue",  "of H + δI; exact (MATH §4)"},
    [IML_METRIC_SOLVER_CONDITION]           = {"solver/condition",           "max |μ| / min |μ| of H + δI; exact (MATH §4)"},
    [IML_METRIC_SOLVER_Q_NORM]              = {"solver/q_norm",              "‖q‖ (MATH §4)"},
    [IML_METRIC_INNER_END_RATIO]            = {"inner/end_ratio",            "|q·g| / |∇λL·Δλ| with q and Δλ of the last update where an inner loop by remaining_ratio ended (MATH §6)"},
    [IML_METRIC_INNER_GRADIENT_NORM]        = {"inner/gradient_norm",        "norm of the training gradient on the monitoring batch where a loop by gradient_norm ended (MATH §6)"},
    [IML_METRIC_INNER_REMAINING]            = {"inner/remaining",            "q·g: how far the validation loss is from its value at θ*, to first order (MATH §6)"},
    [IML_METRIC_INNER_REMAINING_RATIO]      = {"inner/remaining_ratio",      "|q·g| / |∇λL·Δλ| of the last update that moved λ (MATH §6)"},
    [IML_METRIC_INNER_STEPS]                = {"inner/steps",                "steps between two updates, where a bound ends them (MATH §6)"},
    [IML_METRIC_KNOWLEDGE_MEAN_COEFFICIENT] = {"knowledge/mean_coefficient", "mean of e^λ after the update (MATH §3)"},
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
