/* verify_float.c: the engine's own numbers beside double's at the same point (MATH §7.5): with the
 * relu signs of the double run, which is judged, and plainly, where signs flip at kinks. */
#include <math.h>

#include "engine/core/vector.h"
#include "engine/net/kinks.h"
#include "engine/trainer/verify.h"
#include "imld/random.h"

enum { STREAM = 4000 }; /* of the direction, among those of verify */

static const enum iml_checks_batch sides_batch[] = {
    [IML_POINT_CURVATURE] = IML_CHECKS_CURVATURE,
    [IML_POINT_VALIDATION] = IML_CHECKS_VALIDATION,
};

/* Normal, of the norm of θ; as float numbers, which double has too. */
static void draw(struct iml_trainer *self)
{
    struct iml_verify *verify = self->verify;
    const size_t n = iml_net_parameters(self->net);
    const struct iml_stream stream = {
        .seed = self->options.seed, .purpose = IML_PURPOSE_PROBE, .index = STREAM};
    iml_stream_normal(&stream, 1, n, verify->u);
    const double size = sqrt(iml_norm_squared(n, self->theta));
    iml_scale(n, (size > 0 ? size : 1) / sqrt(iml_norm_squared(n, verify->u)), verify->u);
    for (size_t j = 0; j < n; j++) verify->u_in_double[j] = (double)verify->u[j];
}

/* A batch whose signs the held net is told by the double run. */
static enum iml_code held_batch(struct iml_trainer *self, enum iml_point_batch which,
                                struct iml_batch *batch, struct iml_error *error)
{
    struct iml_verify *verify = self->verify;
    enum iml_code code = iml_point_batch(self, which, batch, error);
    if (code == IML_OK) code = iml_checks_hold(verify->checks, sides_batch[which], error);
    if (code != IML_OK) return code;
    size_t count = 0;
    const double *plain = NULL;
    for (size_t n = 0; (plain = iml_checks_kinks(verify->checks, sides_batch[which], n, &count));
         n++)
        iml_hold_kinks(verify->held, n, plain, count);
    batch->mode.holds_kinks = true;
    return IML_OK;
}

typedef enum iml_code make_batch(struct iml_trainer *self, enum iml_point_batch which,
                                 struct iml_batch *batch, struct iml_error *error);

static enum iml_code take(struct iml_trainer *self, struct iml_evaluator *evaluator,
                          make_batch *make, struct iml_error *error)
{
    struct iml_verify *verify = self->verify;
    struct iml_batch batch;
    enum iml_code code = make(self, IML_POINT_VALIDATION, &batch, error);
    if (code == IML_OK)
        code = iml_sample_take_v(&verify->sample, evaluator, self->theta, &batch, error);
    if (code == IML_OK) code = make(self, IML_POINT_CURVATURE, &batch, error);
    if (code != IML_OK) return code;
    return iml_sample_take(&verify->sample, evaluator, iml_point_knowledge(self), self->theta,
                           &batch, verify->u, error);
}

/* ‖a − b‖/max(‖a‖, ‖b‖); 0 where both are 0. */
static double relative_error(size_t n, const iml_real *a, const double *b)
{
    double distance = 0, a_squared = 0, b_squared = 0;
    for (size_t j = 0; j < n; j++) {
        const double x = (double)a[j];
        distance += (x - b[j]) * (x - b[j]);
        a_squared += x * x;
        b_squared += b[j] * b[j];
    }
    if (distance == 0) return 0;
    return sqrt(distance / (a_squared > b_squared ? a_squared : b_squared));
}

static double error_of(const struct iml_verify *verify, enum iml_checks_quantity quantity)
{
    const struct iml_sample *sample = &verify->sample;
    const iml_real *const ours[IML_CHECKS_QUANTITIES] = {
        [IML_CHECKS_GRADIENT_OF] = sample->gradient,
        [IML_CHECKS_PRODUCT_OF] = sample->product,
        [IML_CHECKS_NEUMANN_OF] = sample->hypergradients[0],
        [IML_CHECKS_CG_OF] = sample->hypergradients[1],
    };
    size_t count = 0;
    const double *theirs = iml_checks_quantity(verify->checks, quantity, &count);
    return relative_error(count, ours[quantity], theirs);
}

enum iml_code iml_verify_float(struct iml_trainer *self, struct iml_error *error)
{
    struct iml_verify *verify = self->verify;
    struct iml_checks_result *results = verify->results + IML_VERIFIED_FLOAT;
    draw(self);
    enum iml_code code = iml_checks_run(verify->checks, verify->u_in_double, error);
    if (code == IML_OK) code = take(self, self->curvature, iml_point_batch, error);
    for (unsigned i = 0; i < IML_CHECKS_QUANTITIES && code == IML_OK; i++)
        results[i].plain = error_of(verify, (enum iml_checks_quantity)i);
    if (code == IML_OK) code = take(self, verify->held, held_batch, error);
    for (unsigned i = 0; i < IML_CHECKS_QUANTITIES && code == IML_OK; i++)
        results[i].held = error_of(verify, (enum iml_checks_quantity)i);
    return code;
}
