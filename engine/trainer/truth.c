/* truth.c: of a synthetic quadratic the hypergradient at the stationary point θ* is known in closed
 * form, at the first λ: how far is the one at hand from it? The error of the solver and that of a θ
 * which is not at θ* (MATH §6) in one number. */
#include <math.h>

#include "engine/trainer/run.h"

/* e^λ is the problem's own coefficient, to rounding: λ has not moved yet, or is frozen. */
static bool is_first_lambda(const struct iml_trainer *self)
{
    const double first = log(self->synthetic.options.coefficient);
    const double tolerance = 1e-6 * fabs(first);
    for (size_t m = 0; m < self->knowledge.size; m++)
        if (!(fabs((double)self->knowledge.lambda[m] - first) <= tolerance)) return false;
    return true;
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
    const struct iml_synthetic *problem = &self->synthetic;
    const size_t d = problem->options.dimension;
    if (!iml_run_is_synthetic(self) || problem->options.kind != IML_SYNTHETIC_QUADRATIC) return;
    if (!is_first_lambda(self)) return;
    iml_rows_add(rows, IML_METRIC_META_ERROR_TO_STATIONARY,
                 self->knowledge.size == d ? error_of_each(self, problem->truth, d)
                                           : error_of_sums(self, problem->truth, d));
}
