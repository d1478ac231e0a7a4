/* layer_check.c: kernels against central differences and each other; see layer_check.h. */
#include "layer_check.h"

#include <math.h>
#include <string.h>

#include "../check.h"
#include "layer_subject.h"

static const double step = 1e-5; /* of central differences; the second one is twice as long */

/* point + h·direction */
static struct point shifted(const struct point *point, double h, const struct point *direction)
{
    struct point result = {0};
    for (size_t i = 0; i < ELEMENTS_MAX; i++) {
        result.x[i] = point->x[i] + (iml_real)h * direction->x[i];
        result.theta[i] = point->theta[i] + (iml_real)h * direction->theta[i];
        result.y_bar[i] = point->y_bar[i] + (iml_real)h * direction->y_bar[i];
    }
    return result;
}

/* y, and x̄ with θ̄ as one vector, in double. */
struct vectors {
    double y[ELEMENTS_MAX], bars[2 * ELEMENTS_MAX];
};

static struct vectors vectors_of(const struct subject *self, const struct values *values)
{
    struct vectors result = {0};
    for (size_t i = 0; i < self->outputs; i++) result.y[i] = (double)values->y[i];
    for (size_t i = 0; i < self->inputs; i++) result.bars[i] = (double)values->x_bar[i];
    for (size_t i = 0; i < self->parameters; i++)
        result.bars[self->inputs + i] = (double)values->theta_bar[i];
    return result;
}

static struct vectors difference(const struct subject *self, const struct point *at,
                                 const struct point *direction, double h)
{
    static struct values after, before; /* static: large, and a test has one thread */
    static struct point above, below;
    above = shifted(at, h, direction);
    below = shifted(at, -h, direction);
    run_at(self, &above, &after);
    run_at(self, &below, &before);
    static struct vectors a, b;
    a = vectors_of(self, &after);
    b = vectors_of(self, &before);
    for (size_t i = 0; i < ELEMENTS_MAX; i++) a.y[i] = (a.y[i] - b.y[i]) / (2 * h);
    for (size_t i = 0; i < 2 * ELEMENTS_MAX; i++) a.bars[i] = (a.bars[i] - b.bars[i]) / (2 * h);
    return a;
}

/* x̄ and θ̄ by differences of ȳ·f, coordinate by coordinate. */
static void difference_gradient(const struct subject *self, const struct point *at, double h,
                                double *bars)
{
    for (size_t j = 0; j < self->inputs + self->parameters; j++) {
        struct point unit = {0};
        if (j < self->inputs)
            unit.x[j] = 1;
        else
            unit.theta[j - self->inputs] = 1;
        const struct vectors slope = difference(self, at, &unit, h);
        bars[j] = 0;
        for (size_t i = 0; i < self->outputs; i++) bars[j] += (double)at->y_bar[i] * slope.y[i];
    }
}

static void compare_with_differences(const struct subject *self, const struct point *at,
                                     const struct point *direction, const struct values *values,
                                     const struct values *dots, struct kernel_errors *errors)
{
    const size_t n = self->outputs, m = self->inputs + self->parameters;
    static struct vectors kernels, tangents, near, far; /* large */
    kernels = vectors_of(self, values);
    tangents = vectors_of(self, dots);
    near = difference(self, at, direction, step);
    far = difference(self, at, direction, 2 * step);
    static double gradient[2 * ELEMENTS_MAX], gradient_far[2 * ELEMENTS_MAX];
    difference_gradient(self, at, step, gradient);
    difference_gradient(self, at, 2 * step, gradient_far);
    errors->agreement =
        fmax(fmax(relative_error(n, near.y, far.y), relative_error(m, near.bars, far.bars)),
             relative_error(m, gradient, gradient_far));
    errors->tangent = relative_error(n, tangents.y, near.y);
    errors->backward = relative_error(m, kernels.bars, gradient);
    errors->tangent_backward = relative_error(m, tangents.bars, near.bars);
}

/* An in-place kind on shared arrays, in the evaluator's order of calls. */
static bool is_same_in_place(const struct subject *self, const struct point *at,
                             const struct point *direction, const struct values *values,
                             const struct values *dots)
{
    const struct iml_layer_kind *kind = self->layer.kind;
    struct point value = *at, dot_of = *direction;
    iml_real x_bar[ELEMENTS_MAX];
    memcpy(x_bar, at->y_bar, sizeof x_bar);
    const struct iml_row_pass rows = {.rows = self->rows,
                                      .x = value.x,
                                      .x_dot = dot_of.x,
                                      .y = value.x,
                                      .y_dot = dot_of.x,
                                      .y_bar = kind->keeps_adjoint ? at->y_bar : x_bar,
                                      .x_bar = x_bar,
                                      .y_bar_dot = dot_of.y_bar,
                                      .x_bar_dot = dot_of.y_bar,
                                      .x2 = value.x + self->outputs,
                                      .x2_dot = dot_of.x + self->outputs,
                                      .x2_bar = x_bar + self->outputs,
                                      .x2_bar_dot = dot_of.y_bar + self->outputs};
    kind->forward(&self->layer, &rows);
    kind->backward(&self->layer, &rows);
    kind->tangent(&self->layer, &rows);
    kind->tangent_backward(&self->layer, &rows);
    const size_t bytes = self->outputs * sizeof(iml_real), bars = self->inputs * sizeof(iml_real);
    return memcmp(value.x, values->y, bytes) == 0 && memcmp(x_bar, values->x_bar, bars) == 0 &&
           memcmp(dot_of.x, dots->y, bytes) == 0 && memcmp(dot_of.y_bar, dots->x_bar, bars) == 0;
}

/* A kind that shares adjoints: x̄ on ȳ, x̄̇ on ȳ̇; products see ȳ itself. */
static bool is_same_on_shared_adjoints(const struct subject *self, const struct point *at,
                                       const struct point *direction, const struct values *values,
                                       const struct values *dots)
{
    static struct values memory; /* large */
    struct point bar = *at, bar_dot = *direction;
    iml_real y_dot[ELEMENTS_MAX];
    memory = *values;
    struct iml_row_pass rows = {.rows = self->rows,
                                .theta = at->theta,
                                .u = direction->theta,
                                .x = at->x,
                                .x_dot = direction->x,
                                .y = memory.y,
                                .y_dot = y_dot,
                                .y_bar = bar.y_bar,
                                .x_bar = bar.y_bar,
                                .y_bar_dot = bar_dot.y_bar,
                                .x_bar_dot = bar_dot.y_bar};
    run_kernel(self, IML_PHASE_BACKWARD, rows, &memory);
    rows.y_bar = at->y_bar;
    rows.x_bar = NULL;
    run_kernel(self, IML_PHASE_TANGENT, rows, &memory);
    run_kernel(self, IML_PHASE_TANGENT_BACKWARD, rows, &memory);
    const size_t bytes = self->inputs * sizeof(iml_real);
    return memcmp(bar.y_bar, values->x_bar, bytes) == 0 &&
           memcmp(bar_dot.y_bar, dots->x_bar, bytes) == 0;
}

/* The net's input: ẋ NULL means 0, x̄ NULL and x̄̇ NULL are not written. */
static bool is_same_at_the_input(const struct subject *self, const struct point *at,
                                 const struct point *direction)
{
    const struct iml_layer_kind *kind = self->layer.kind;
    struct point still = *direction;
    memset(still.x, 0, sizeof still.x);
    static struct values values, dots;
    run_at(self, at, &values);
    run_tangent(self, at, &values, &still, &dots);
    iml_real y_dot[ELEMENTS_MAX] = {0}, theta_bar_dot[ELEMENTS_MAX] = {0};
    const struct iml_row_pass rows = {.rows = self->rows,
                                      .theta = at->theta,
                                      .u = direction->theta,
                                      .x = at->x,
                                      .y = values.y,
                                      .y_dot = y_dot,
                                      .y_bar = at->y_bar,
                                      .y_bar_dot = direction->y_bar};
    run_kernel(self, IML_PHASE_BACKWARD, rows, &values);
    run_kernel(self, IML_PHASE_TANGENT, rows, &values);
    run_kernel(self, IML_PHASE_TANGENT_BACKWARD, rows, &values);
    run_parameters(self, kind->parameter_tangent_backward,
                   (struct iml_parameter_pass){.rows = self->rows,
                                               .x = at->x,
                                               .y_bar = at->y_bar,
                                               .y_bar_dot = direction->y_bar,
                                               .out = theta_bar_dot},
                   &values);
    for (size_t i = 0; i < self->outputs; i++) { /* as numbers: a 0 may have either sign */
        if (y_dot[i] != dots.y[i]) return false;
    }
    return memcmp(theta_bar_dot, dots.theta_bar, sizeof theta_bar_dot) == 0;
}

struct kernel_errors check_layer(const struct iml_layer_kind *kind, const struct layer_case *shape,
                                 uint32_t seed)
{
    const struct subject self = subject_of(kind, shape);
    static struct point at, direction; /* static: large, and a test has one thread */
    static struct values values, dots;
    struct kernel_errors errors = {0};
    draw_point(&at, seed, 0);
    draw_point(&direction, seed, 1);
    leave_kinks(&at);
    run_at(&self, &at, &values);
    run_tangent(&self, &at, &values, &direction, &dots);
    compare_with_differences(&self, &at, &direction, &values, &dots, &errors);

    const double scale = sqrt(inner_product(self.outputs, at.y_bar, at.y_bar)) *
                         sqrt(inner_product(self.outputs, dots.y, dots.y));
    const double upwards = inner_product(self.outputs, at.y_bar, dots.y);
    const double downwards = inner_product(self.inputs, values.x_bar, direction.x) +
                             inner_product(self.parameters, values.theta_bar, direction.theta);
    errors.adjoint = scale > 0 ? fabs(upwards - downwards) / scale : fabs(upwards - downwards);

    const bool holds =
        (!kind->is_in_place || is_same_in_place(&self, &at, &direction, &values, &dots)) &&
        (!kind->shares_adjoints ||
         is_same_on_shared_adjoints(&self, &at, &direction, &values, &dots)) &&
        is_same_at_the_input(&self, &at, &direction);
    errors.conventions = holds ? 0 : 1;
    iml_convolution_free(self.convolution);
    return errors;
}

struct kernel_errors kernel_tolerances(void)
{
#ifdef IML_REAL_DOUBLE
    return (struct kernel_errors){.agreement = 1e-7,
                                  .tangent = 1e-7,
                                  .backward = 1e-7,
                                  .adjoint = 1e-12,
                                  .tangent_backward = 1e-6,
                                  .conventions = 0};
#else
    return (struct kernel_errors){.agreement = HUGE_VAL,
                                  .tangent = HUGE_VAL,
                                  .backward = HUGE_VAL,
                                  .adjoint = 1e-5,
                                  .tangent_backward = HUGE_VAL,
                                  .conventions = 0};
#endif
}

bool kernel_errors_pass(const struct kernel_errors *errors)
{
    const struct kernel_errors limit = kernel_tolerances();
    return errors->agreement <= limit.agreement && errors->tangent <= limit.tangent &&
           errors->backward <= limit.backward && errors->adjoint <= limit.adjoint &&
           errors->tangent_backward <= limit.tangent_backward &&
           errors->conventions <= limit.conventions;
}
