/* truth.c: of a synthetic quadratic the hypergradient at the stationary point θ* is known in closed
 * form, at the first λ: how far is the one at hand from it? The error of the solver and that of a θ
 * which is not at θ* (MATH §6) in one number. */
#include <math.h>

#include "engine/trainer/run.h"

/* λ is where it began: frozen, or not moved yet. */
static bool is_first_lambda(const struct iml_trainer *self)
{
    return self->state->update == 0 || self->options.meta.optimizer.learning_rate <= 0;
}

/* dL_V/dλ at θ*, summed where one λ stands for all parameters. */
static double error_of_sums(const struct iml_trainer *self, const double *truth, size_t d)
{
    double sum = 0;
    for (size_t j = 0; j < d; j++) sum += truth[j];
    return fabs((double)self->hypergradient[0] - sum) / fabs(sum);
}

static double error_of_each(const struct iml_trainer *self, const double *truth, size_t d)
{
    double errors = 0, squares = 0;
    for (size_t j = 0; j < d; j++) {
        const double error = (double)self->hypergradient[j] - truth[j];
        errors += error * error;
        squares += truth[j] * truth[j];
    }
    return sqrt(errors / squares);
}

void iml_tell_truth(const struct iml_trainer *self, struct iml_rows *rows)
{
    if (!iml_run_is_synthetic(self) || !is_first_lambda(self)) return;
    const struct iml_synthetic *problem = &self->synthetic;
    const size_t d = problem->options.dimension;
    if (problem->options.kind != IML_SYNTHETIC_QUADRATIC) return;
    iml_rows_add(rows, IML_METRIC_META_ERROR_TO_STATIONARY,
                 self->knowledge.size == d ? error_of_each(self, problem->truth, d)
                                           : error_of_sums(self, problem->truth, d));
}
