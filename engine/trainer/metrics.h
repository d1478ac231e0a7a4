/* metrics.h: every metric that a trainer emits, by number, so that a name is written once. */
#ifndef IMLD_ENGINE_TRAINER_METRICS_H
#define IMLD_ENGINE_TRAINER_METRICS_H

#include "imld/trainer.h"

enum iml_metric {
    IML_METRIC_TRAIN_LOSS,
    IML_METRIC_TRAIN_ACCURACY,
    IML_METRIC_VALIDATION_LOSS,
    IML_METRIC_VALIDATION_ACCURACY,
    IML_METRIC_TEST_LOSS,
    IML_METRIC_TEST_ACCURACY,
    IML_METRIC_GRADIENT_NORM,
    IML_METRIC_META_VALIDATION_LOSS,
    IML_METRIC_META_FAILED,
    IML_METRIC_META_SKIPPED,
    IML_METRIC_META_STALLED,
    IML_METRIC_SOLVER_PRODUCTS,
    IML_METRIC_SOLVER_RESIDUAL,
    IML_METRIC_SOLVER_STEP_SIZE,
    IML_METRIC_SOLVER_LARGEST_CURVATURE,
    IML_METRIC_SOLVER_SMALLEST_CURVATURE,
    IML_METRIC_SOLVER_SMALLEST_EIGENVALUE,
    IML_METRIC_SOLVER_LARGEST_EIGENVALUE,
    IML_METRIC_SOLVER_CONDITION,
    IML_METRIC_SOLVER_Q_NORM,
    IML_METRIC_INNER_END_RATIO,
    IML_METRIC_INNER_GRADIENT_NORM,
    IML_METRIC_INNER_REMAINING,
    IML_METRIC_INNER_REMAINING_RATIO,
    IML_METRIC_INNER_STEPS,
    IML_METRIC_KNOWLEDGE_MEAN_COEFFICIENT,
    IML_METRIC_COUNT
};

struct iml_metric_row {
    const char *name;
    const char *meaning;
};

extern const struct iml_metric_row iml_metrics[IML_METRIC_COUNT];

/* Adds a row; asserts that there is room (IML_ROWS_MAX is above IML_METRIC_COUNT). */
void iml_rows_add(struct iml_rows *rows, enum iml_metric metric, double value);

/* The same, but a NaN, where the thing measured does not exist, adds no row. */
void iml_rows_add_known(struct iml_rows *rows, enum iml_metric metric, double value);

#endif
