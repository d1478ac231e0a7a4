/* recipe.c: how a net is trained on few labels (FIXMATCH 1.6 to 1.9), with a pool or, as its
 * baseline, without: weight decay, schedule, moving average, and what is told of them. */
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/core/clones.h"
#include "engine/core/vector.h"
#include "engine/trainer/run.h"

bool iml_run_has_views(const struct iml_trainer *self)
{
    return self->methods->has_pool || self->options.data.views != IML_VIEWS_NONE;
}

bool iml_run_has_recipe(const struct iml_trainer *self)
{
    return self->options.data.pool.labels > 0;
}

double iml_recipe_rate(const struct iml_inner_options *inner, uint64_t step)
{
    const double rate = inner->optimizer.learning_rate;
    if (inner->schedule == IML_SCHEDULE_CONSTANT) return rate;
    return rate * cos(7 * acos(-1) * (double)step / (16 * (double)inner->steps));
}

double iml_recipe_share(const struct iml_average_options *average, uint64_t step)
{
    const double k = (double)step;
    return average->has_warmup ? fmin(average->decay, (1 + k) / (10 + k)) : average->decay;
}

void iml_recipe_derive(struct iml_trainer *self)
{
    if (!self->decay) return;
    for (size_t b = 0; b < iml_net_block_count(self->net); b++) {
        const struct iml_block *block = iml_net_block(self->net, b);
        const double delta = block->is_kernel ? self->options.inner.weight_decay : 0;
        for (size_t j = 0; j < block->count; j++) self->decay[block->offset + j] = (iml_real)delta;
    }
}

void iml_recipe_begin(struct iml_trainer *self)
{
    const size_t parameters = iml_net_parameters(self->net);
    if (self->average) memcpy(self->average, self->theta, parameters * sizeof *self->average);
}

double iml_recipe_momentum(const struct iml_trainer *self)
{
    const struct iml_average_options *average = &self->options.inner.average;
    if (!average->is_on) return self->options.model.batch_norm_momentum;
    return 1 - iml_recipe_share(average, self->state->step);
}

/* θ̄ ← dθ̄ + (1−d)θ */
IML_CLONES static void average_part(size_t n, double d, const iml_real *restrict theta,
                                    iml_real *restrict average)
{
    for (size_t j = 0; j < n; j++)
        average[j] = (iml_real)(d * (double)average[j] + (1 - d) * (double)theta[j]);
}

void iml_recipe_average(const struct iml_trainer *self, size_t first, size_t count)
{
    if (!self->average) return;
    const double d = iml_recipe_share(&self->options.inner.average, self->state->step);
    average_part(count, d, self->theta + first, self->average + first);
}

void iml_recipe_look(struct iml_trainer *self)
{
    const double squared = iml_norm_squared(iml_net_parameters(self->net), self->gradient);
    self->state->gradient_norm = sqrt(squared);
}

/* --- what is told of it --- */

/* ‖θ − θ̄‖/‖θ‖ */
static double distance(const struct iml_trainer *self)
{
    double sum = 0;
    const size_t parameters = iml_net_parameters(self->net);
    for (size_t j = 0; j < parameters; j++) {
        const double difference = (double)self->theta[j] - (double)self->average[j];
        sum += difference * difference;
    }
    return sqrt(sum / iml_norm_squared(parameters, self->theta));
}

static int compare_numbers(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* A short list: qsort of the C library takes no memory below a kilobyte. */
static double median(const double *values, size_t count)
{
    double sorted[IML_ACCURACIES_MAX];
    memcpy(sorted, values, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, compare_numbers);
    return (sorted[(count - 1) / 2] + sorted[count / 2]) / 2;
}

static void keep_accuracy(struct iml_accuracies *self, double value)
{
    self->values[self->seen++ % IML_ACCURACIES_MAX] = value;
}

/* At each evaluation, so that it is there in whatever way the run ends. */
static void tell_median(struct iml_trainer *self, struct iml_rows *rows)
{
    struct iml_accuracies *accuracies = &self->state->test_accuracies;
    const char *const name = iml_metrics[IML_METRIC_TEST_ACCURACY].name;
    for (size_t i = 0; i < rows->count; i++)
        if (rows->rows[i].metric == name) keep_accuracy(accuracies, rows->rows[i].value);
    if (accuracies->seen == 0) return;
    const size_t count =
        accuracies->seen < IML_ACCURACIES_MAX ? (size_t)accuracies->seen : IML_ACCURACIES_MAX;
    iml_rows_add(rows, IML_METRIC_TEST_ACCURACY_MEDIAN, median(accuracies->values, count));
}

void iml_recipe_tell(struct iml_trainer *self, struct iml_rows *rows)
{
    struct iml_state *state = self->state;
    if (!iml_run_has_recipe(self)) return;
    if (state->step > 0) {
        iml_rows_add(rows, IML_METRIC_INNER_LEARNING_RATE,
                     iml_recipe_rate(&self->options.inner, state->step - 1));
        iml_rows_add(rows, IML_METRIC_INNER_GRADIENT_NORM, state->gradient_norm);
    }
    if (self->average) iml_rows_add(rows, IML_METRIC_EMA_DISTANCE, distance(self));
    if (self->methods->has_pool && state->tally.steps > 0)
        iml_consistency_tell(&state->tally, iml_net_outputs(self->net), rows);
    state->tally = (struct iml_consistency_tally){0};
    tell_median(self, rows);
}
