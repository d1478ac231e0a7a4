/* differences.c: derivatives against central differences, in double (MATH §5.7, §7): see checks.h.
 *
 * A direction has the norm of θ (of λ: elements ±1). D(h) = (f(h) − f(−h))/2h is taken with h and
 * 2h; (4D(h) − D(2h))/3 has an error of order h⁴, so h can be large enough for rounding to stay
 * small: with h = 1e-4 both were below 1e-8 on trained nets. */
#include <math.h>
#include <string.h>

#include "engine/core/vector.h"
#include "engine/verify/state.h"
#include "imld/random.h"

static const double theta_step = 1e-4, lambda_step = 1e-2;

/* Streams of the directions: the i-th u, the i-th w; of λ's. */
enum { STREAM_U = 1000, STREAM_W = 2000, STREAM_LAMBDA = 3000 };

/* Normal, of the norm of θ (1 where that is 0). */
static void draw(const struct iml_checks *self, size_t stream, iml_real *out)
{
    const struct iml_stream key = {
        .seed = self->options.seed, .purpose = IML_PURPOSE_PROBE, .index = (uint32_t)stream};
    iml_stream_normal(&key, 1, self->size, out);
    const double size = sqrt(iml_norm_squared(self->size, self->vectors[IML_CHECKS_THETA]));
    iml_scale(self->size, (size > 0 ? size : 1) / sqrt(iml_norm_squared(self->size, out)), out);
}

/* ±1 */
static void draw_signs(const struct iml_checks *self, size_t stream, size_t count, iml_real *out)
{
    const struct iml_stream key = {
        .seed = self->options.seed, .purpose = IML_PURPOSE_PROBE, .index = (uint32_t)stream};
    iml_stream_uniform(&key, -1, 1, count, out);
    for (size_t m = 0; m < count; m++) out[m] = out[m] < 0 ? -1 : 1;
}

static void move(const struct iml_checks *self, double h)
{
    iml_real *moved = self->vectors[IML_CHECKS_MOVED];
    memcpy(moved, self->vectors[IML_CHECKS_THETA], self->size * sizeof *moved);
    /* where h is 0 there may be no u yet: a run that goes on here has drawn none */
    if (h != 0) iml_axpy(self->size, h, self->vectors[IML_CHECKS_U], moved);
}

static struct iml_batch batch_of(const struct iml_checks *self, enum iml_checks_side side)
{
    struct iml_batch batch = iml_checks_batch_of(self, IML_CHECKS_CURVATURE);
    batch.mode.holds_kinks = side == IML_CHECKS_HELD;
    return batch;
}

/* L_T with R at θ + hu. */
static enum iml_code loss_at(struct iml_checks *self, enum iml_checks_side side, double h,
                             double *loss, struct iml_error *error)
{
    const struct iml_batch batch = batch_of(self, side);
    const iml_real *moved = self->vectors[IML_CHECKS_MOVED];
    struct iml_batch_result result;
    move(self, h);
    const enum iml_code code =
        iml_evaluate(self->evaluators[side], moved, &batch, &result, NULL, NULL, error);
    if (code != IML_OK) return code;
    *loss = result.loss;
    if (self->has_knowledge) *loss += iml_knowledge_loss(&self->knowledge, moved);
    return IML_OK;
}

/* ∇θL_T with R at θ + hu. */
static enum iml_code gradient_at(struct iml_checks *self, enum iml_checks_side side, double h,
                                 iml_real *out, struct iml_error *error)
{
    const struct iml_batch batch = batch_of(self, side);
    struct iml_batch_result result;
    move(self, h);
    return iml_gradient(self->evaluators[side], self->vectors[IML_CHECKS_MOVED], &batch,
                        iml_checks_diagonal(self), out, &result, error);
}

static enum iml_code loss_difference(struct iml_checks *self, enum iml_checks_side side, double h,
                                     double *difference, struct iml_error *error)
{
    double plus = 0, minus = 0;
    enum iml_code code = loss_at(self, side, h, &plus, error);
    if (code == IML_OK) code = loss_at(self, side, -h, &minus, error);
    *difference = (plus - minus) / (2 * h);
    return code;
}

static enum iml_code gradient_difference(struct iml_checks *self, enum iml_checks_side side,
                                         double h, iml_real *out, struct iml_error *error)
{
    iml_real *plus = self->vectors[IML_CHECKS_PLUS], *minus = self->vectors[IML_CHECKS_MINUS];
    enum iml_code code = gradient_at(self, side, h, plus, error);
    if (code == IML_OK) code = gradient_at(self, side, -h, minus, error);
    for (size_t j = 0; j < self->size; j++) out[j] = (plus[j] - minus[j]) / (2 * h);
    return code;
}

/* ‖a − b‖/max(‖a‖, ‖b‖); 0 where both are 0. */
static double relative_error(size_t n, const iml_real *a, const iml_real *b)
{
    double distance = 0, a_squared = 0, b_squared = 0;
    for (size_t j = 0; j < n; j++) {
        distance += (a[j] - b[j]) * (a[j] - b[j]);
        a_squared += a[j] * a[j];
        b_squared += b[j] * b[j];
    }
    if (distance == 0) return 0;
    return sqrt(distance / (a_squared > b_squared ? a_squared : b_squared));
}

/* narrow ← (4·narrow − wide)/3 */
static void extrapolate(size_t n, iml_real *narrow, const iml_real *wide)
{
    for (size_t j = 0; j < n; j++) narrow[j] = (4 * narrow[j] - wide[j]) / 3;
}

/* NaN wins: it is the worst. */
static double worse(double a, double b)
{
    return b > a || isnan(b) ? b : a;
}

static enum iml_code linearize(struct iml_checks *self, iml_real *gradient,
                               const struct iml_curvature **curvature, struct iml_error *error)
{
    const struct iml_batch batch = iml_checks_batch_of(self, IML_CHECKS_CURVATURE);
    struct iml_batch_result result;
    return iml_linearize(self->evaluators[IML_CHECKS_PLAIN], self->vectors[IML_CHECKS_THETA],
                         &batch, iml_checks_diagonal(self), gradient, &result, curvature, error);
}

static enum iml_code cancelled_or(const struct iml_curvature *curvature, struct iml_error *error)
{
    if (!iml_curvature_is_cancelled(curvature)) return IML_OK;
    return iml_error_set(error, IML_ERROR_CANCELLED, "the check was cancelled");
}

enum iml_code iml_checks_gradient(struct iml_checks *self, struct iml_checks_result *result,
                                  struct iml_error *error)
{
    enum { N = IML_CHECKS_DIRECTIONS };
    iml_real exact[N], narrow[IML_CHECKS_SIDES][N], wide[IML_CHECKS_SIDES][N];
    iml_real *u = self->vectors[IML_CHECKS_U], *gradient = self->vectors[IML_CHECKS_EXACT];
    const struct iml_curvature *curvature = NULL;
    enum iml_code code = iml_checks_hold(self, IML_CHECKS_CURVATURE, error);
    if (code == IML_OK) code = linearize(self, gradient, &curvature, error);
    for (size_t i = 0; i < N && code == IML_OK; i++) {
        draw(self, STREAM_U + i, u);
        exact[i] = iml_dot(self->size, gradient, u);
        for (enum iml_checks_side side = 0; side < IML_CHECKS_SIDES && code == IML_OK; side++) {
            code = loss_difference(self, side, theta_step, &narrow[side][i], error);
            if (code == IML_OK)
                code = loss_difference(self, side, 2 * theta_step, &wide[side][i], error);
        }
    }
    if (code != IML_OK) return code;
    result->agreement = relative_error(N, narrow[IML_CHECKS_HELD], wide[IML_CHECKS_HELD]);
    for (size_t side = 0; side < IML_CHECKS_SIDES; side++) extrapolate(N, narrow[side], wide[side]);
    result->held = relative_error(N, exact, narrow[IML_CHECKS_HELD]);
    result->plain = relative_error(N, exact, narrow[IML_CHECKS_PLAIN]);
    return IML_OK;
}

enum iml_code iml_checks_symmetry(struct iml_checks *self, struct iml_checks_result *result,
                                  struct iml_error *error)
{
    const size_t n = self->size;
    iml_real *a = self->vectors[IML_CHECKS_U], *b = self->vectors[IML_CHECKS_W];
    iml_real *ha = self->vectors[IML_CHECKS_PLUS], *hb = self->vectors[IML_CHECKS_MINUS];
    const struct iml_curvature *curvature = NULL;
    if (self->has_knowledge) iml_knowledge_refresh(&self->knowledge);
    const enum iml_code code = linearize(self, NULL, &curvature, error);
    if (code != IML_OK) return code;
    double worst = 0;
    for (size_t i = 0; i < IML_CHECKS_DIRECTIONS; i++) {
        draw(self, STREAM_U + i, a);
        draw(self, STREAM_W + i, b);
        curvature->apply(curvature, a, ha);
        curvature->apply(curvature, b, hb);
        const double gap = fabs(iml_dot(n, a, hb) - iml_dot(n, b, ha));
        const double scale = sqrt(iml_norm_squared(n, a)) * sqrt(iml_norm_squared(n, hb));
        worst = worse(worst, gap == 0 ? 0 : gap / scale);
    }
    *result = (struct iml_checks_result){worst, worst, 0};
    return cancelled_or(curvature, error);
}

/* One side of one direction: Hu, in EXACT, against the differences; *agreement of the held side. */
static enum iml_code product_side(struct iml_checks *self, enum iml_checks_side side, double *error,
                                  double *agreement, struct iml_error *failure)
{
    iml_real *narrow = self->vectors[IML_CHECKS_NARROW], *wide = self->vectors[IML_CHECKS_WIDE];
    enum iml_code code = gradient_difference(self, side, theta_step, narrow, failure);
    if (code == IML_OK) code = gradient_difference(self, side, 2 * theta_step, wide, failure);
    if (code != IML_OK) return code;
    *agreement = relative_error(self->size, narrow, wide);
    extrapolate(self->size, narrow, wide);
    *error = relative_error(self->size, self->vectors[IML_CHECKS_EXACT], narrow);
    return IML_OK;
}

enum iml_code iml_checks_product(struct iml_checks *self, struct iml_checks_result *result,
                                 struct iml_error *error)
{
    iml_real *u = self->vectors[IML_CHECKS_U], *hu = self->vectors[IML_CHECKS_EXACT];
    double worst[IML_CHECKS_SIDES] = {0}, agreement[IML_CHECKS_SIDES] = {0};
    enum iml_code code = iml_checks_hold(self, IML_CHECKS_CURVATURE, error);
    for (size_t i = 0; i < IML_CHECKS_DIRECTIONS && code == IML_OK; i++) {
        const struct iml_curvature *curvature = NULL;
        draw(self, STREAM_U + i, u);
        code = linearize(self, NULL, &curvature, error);
        if (code != IML_OK) break;
        curvature->apply(curvature, u, hu);
        code = cancelled_or(curvature, error);
        for (enum iml_checks_side side = 0; side < IML_CHECKS_SIDES && code == IML_OK; side++) {
            double found = 0, gap = 0;
            code = product_side(self, side, &found, &gap, error);
            worst[side] = worse(worst[side], found);
            agreement[side] = worse(agreement[side], gap);
        }
    }
    *result = (struct iml_checks_result){worst[IML_CHECKS_HELD], worst[IML_CHECKS_PLAIN],
                                         agreement[IML_CHECKS_HELD]};
    return code;
}

/* −q·(∇θL_T(λ + hw) − ∇θL_T(λ − hw))/2h; q in W, w in lambda_u; λ is put back. */
static enum iml_code lambda_difference(struct iml_checks *self, double h, double *difference,
                                       struct iml_error *error)
{
    struct iml_knowledge *knowledge = &self->knowledge;
    const size_t bytes = knowledge->size * sizeof *knowledge->lambda;
    iml_real *const ends[2] = {self->vectors[IML_CHECKS_PLUS], self->vectors[IML_CHECKS_MINUS]};
    enum iml_code code = IML_OK;
    memcpy(self->moved_lambda, knowledge->lambda, bytes);
    for (size_t i = 0; i < 2 && code == IML_OK; i++) {
        iml_axpy(knowledge->size, i == 0 ? h : -h, self->lambda_u, knowledge->lambda);
        iml_knowledge_refresh(knowledge);
        code = gradient_at(self, IML_CHECKS_PLAIN, 0, ends[i], error);
        memcpy(knowledge->lambda, self->moved_lambda, bytes);
    }
    iml_knowledge_refresh(knowledge);
    iml_axpy(self->size, -1, ends[1], ends[0]);
    *difference = -iml_dot(self->size, self->vectors[IML_CHECKS_W], ends[0]) / (2 * h);
    return code;
}

enum iml_code iml_checks_mixed(struct iml_checks *self, struct iml_checks_result *result,
                               struct iml_error *error)
{
    enum { N = IML_CHECKS_DIRECTIONS };
    iml_real exact[N] = {0}, narrow[N] = {0}, wide[N] = {0};
    iml_real *q = self->vectors[IML_CHECKS_W];
    struct iml_knowledge *knowledge = &self->knowledge;
    enum iml_code code = IML_OK;
    iml_knowledge_refresh(knowledge);
    for (size_t i = 0; i < N && code == IML_OK; i++) {
        draw(self, STREAM_W + i, q);
        draw_signs(self, STREAM_LAMBDA + i, knowledge->size, self->lambda_u);
        iml_knowledge_pull(knowledge, self->vectors[IML_CHECKS_THETA], q, self->lambda_pull);
        exact[i] = iml_dot(knowledge->size, self->lambda_u, self->lambda_pull);
        code = lambda_difference(self, lambda_step, &narrow[i], error);
        if (code == IML_OK) code = lambda_difference(self, 2 * lambda_step, &wide[i], error);
    }
    result->agreement = relative_error(N, narrow, wide);
    extrapolate(N, narrow, wide);
    result->held = result->plain = relative_error(N, exact, narrow);
    return code;
}
