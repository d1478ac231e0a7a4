/* evaluate.c: loss and accuracy on whole sets, in fixed chunks summed in order (DESIGN §4). */
#include "engine/trainer/run.h"

void iml_add_accuracy(const struct iml_trainer *self, struct iml_rows *rows, enum iml_metric metric,
                      double share)
{
    if (!iml_run_is_synthetic(self)) iml_rows_add(rows, metric, share);
}

static enum iml_code evaluate_set(struct iml_trainer *self, const struct iml_images *images,
                                  enum iml_metric loss_metric, enum iml_metric accuracy_metric,
                                  struct iml_rows *rows, struct iml_error *error)
{
    if (images->count == 0) return IML_OK;
    double loss = 0;
    size_t correct = 0;
    const size_t chunk_rows = self->evaluation_rows;
    for (size_t first = 0; first < images->count; first += chunk_rows) {
        const size_t left = images->count - first, n = left < chunk_rows ? left : chunk_rows;
        struct iml_batch batch;
        struct iml_batch_result result;
        iml_batch_place_run(&self->maker, first, n);
        enum iml_code code = iml_batch_make(&self->maker, images, n, &batch, error);
        batch.mode = iml_evaluation_mode(self);
        if (code == IML_OK)
            code = iml_evaluate(self->evaluation, self->theta, &batch, &result, NULL, NULL, error);
        if (code != IML_OK) return code;
        loss += result.loss_sum;
        correct += result.correct;
    }
    iml_rows_add(rows, loss_metric, loss / (double)images->count);
    iml_add_accuracy(self, rows, accuracy_metric, (double)correct / (double)images->count);
    return IML_OK;
}

enum iml_code iml_evaluate_sets(struct iml_trainer *self, struct iml_rows *rows,
                                struct iml_error *error)
{
    const enum iml_code code = evaluate_set(self, &self->validation, IML_METRIC_VALIDATION_LOSS,
                                            IML_METRIC_VALIDATION_ACCURACY, rows, error);
    if (code != IML_OK) return code;
    return evaluate_set(self, &self->test, IML_METRIC_TEST_LOSS, IML_METRIC_TEST_ACCURACY, rows,
                        error);
}

enum iml_code iml_evaluate_first_batch(struct iml_trainer *self, struct iml_rows *rows,
                                       struct iml_error *error)
{
    const size_t n = self->options.inner.batch;
    struct iml_batch batch;
    struct iml_batch_result result;
    iml_sampler_batch(&self->order, 0, n, self->maker.places);
    enum iml_code code = iml_batch_make(&self->maker, &self->train, n, &batch, error);
    batch.mode = iml_training_mode(self);
    if (code == IML_OK)
        code = iml_evaluate(self->training, self->theta, &batch, &result, NULL, NULL, error);
    if (code != IML_OK) return code;
    iml_rows_add(rows, IML_METRIC_TRAIN_LOSS, result.loss);
    iml_add_accuracy(self, rows, IML_METRIC_TRAIN_ACCURACY, (double)result.correct / (double)n);
    return IML_OK;
}
