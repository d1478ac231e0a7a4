/* evaluate.c: loss and accuracy on whole sets, in fixed chunks summed in order (DESIGN §4). */
#include "engine/trainer/run.h"

void iml_add_accuracy(const struct iml_trainer *self, struct iml_rows *rows, enum iml_metric metric,
                      double share)
{
    if (!iml_run_is_synthetic(self)) iml_rows_add(rows, metric, share);
}

/* Sums over a set. */
struct sums {
    double loss;
    size_t correct;
};

static enum iml_code evaluate_images(struct iml_trainer *self, const struct iml_images *images,
                                     const iml_real *theta, struct sums *sums,
                                     struct iml_error *error)
{
    const size_t chunk_rows = self->evaluation_rows;
    *sums = (struct sums){0};
    for (size_t first = 0; first < images->count; first += chunk_rows) {
        const size_t left = images->count - first, n = left < chunk_rows ? left : chunk_rows;
        struct iml_batch batch;
        struct iml_batch_result result;
        iml_batch_place_run(&self->maker, first, n);
        enum iml_code code = iml_batch_make(&self->maker, images, n, &batch, error);
        batch.mode = iml_evaluation_mode(self);
        if (code == IML_OK)
            code = iml_evaluate(self->evaluation, theta, &batch, &result, NULL, NULL, error);
        if (code != IML_OK) return code;
        sums->loss += result.loss_sum;
        sums->correct += result.correct;
    }
    return IML_OK;
}

/* The metrics of a set: of θ̄ where there is one (FIXMATCH 1.10), with θ's accuracy beside it. */
struct set_metrics {
    enum iml_metric loss, accuracy, raw;
};

static enum iml_code evaluate_set(struct iml_trainer *self, const struct iml_images *images,
                                  const struct set_metrics *metrics, struct iml_rows *rows,
                                  struct iml_error *error)
{
    if (images->count == 0) return IML_OK;
    const double count = (double)images->count;
    struct sums sums;
    enum iml_code code =
        evaluate_images(self, images, self->average ? self->average : self->theta, &sums, error);
    if (code != IML_OK) return code;
    iml_rows_add(rows, metrics->loss, sums.loss / count);
    iml_add_accuracy(self, rows, metrics->accuracy, (double)sums.correct / count);
    if (!self->average) return IML_OK;
    code = evaluate_images(self, images, self->theta, &sums, error);
    if (code == IML_OK) iml_add_accuracy(self, rows, metrics->raw, (double)sums.correct / count);
    return code;
}

enum iml_code iml_evaluate_sets(struct iml_trainer *self, struct iml_rows *rows,
                                struct iml_error *error)
{
    static const struct set_metrics validation = {.loss = IML_METRIC_VALIDATION_LOSS,
                                                  .accuracy = IML_METRIC_VALIDATION_ACCURACY,
                                                  .raw = IML_METRIC_VALIDATION_ACCURACY_RAW};
    static const struct set_metrics test = {.loss = IML_METRIC_TEST_LOSS,
                                            .accuracy = IML_METRIC_TEST_ACCURACY,
                                            .raw = IML_METRIC_TEST_ACCURACY_RAW};
    const enum iml_code code = evaluate_set(self, &self->validation, &validation, rows, error);
    return code == IML_OK ? evaluate_set(self, &self->test, &test, rows, error) : code;
}

enum iml_code iml_evaluate_first_batch(struct iml_trainer *self, struct iml_rows *rows,
                                       struct iml_error *error)
{
    struct iml_batch batch;
    struct iml_batch_result result;
    enum iml_code code = iml_inner_batch(self, &batch, error);
    if (code == IML_OK)
        code = iml_evaluate(self->training, self->theta, &batch, &result, NULL, NULL, error);
    if (code != IML_OK) return code;
    const struct iml_labeled_result labeled = iml_inner_labeled(self, &result);
    iml_rows_add(rows, IML_METRIC_TRAIN_LOSS, labeled.loss);
    iml_add_accuracy(self, rows, IML_METRIC_TRAIN_ACCURACY,
                     (double)labeled.correct / (double)self->options.inner.batch);
    return IML_OK;
}
