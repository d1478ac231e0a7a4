/* synthetic.c: problems with a known Hessian; see synthetic.h. */
#include "engine/data/synthetic.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "engine/core/clones.h"
#include "imld/random.h"

/* What a stream is for: its `pass`. Numbered for good. */
enum part { REFLECTIONS, OPTIMUM, START, OPPOSITE, TRAIN_ROWS, TEST_ROWS };

bool iml_set_is_synthetic(const char *name)
{
    return strcmp(name, IML_SET_SYNTHETIC_NAME) == 0;
}

enum iml_code iml_synthetic_facts(const struct iml_synthetic_options *options,
                                  struct iml_set_facts *facts, struct iml_error *error)
{
    if (options->dimension < 1 || options->dimension > IML_SYNTHETIC_DIMENSION_MAX) {
        const enum iml_code code =
            iml_error_set(error, IML_ERROR_LIMIT, "%zu asked, 1 to %d possible", options->dimension,
                          IML_SYNTHETIC_DIMENSION_MAX);
        iml_error_where(error, "/data/synthetic/dimension");
        return code;
    }
    const bool is_quadratic = options->kind == IML_SYNTHETIC_QUADRATIC;
    *facts = (struct iml_set_facts){.name = IML_SET_SYNTHETIC_NAME,
                                    .form = IML_SET_SYNTHETIC,
                                    .channels = 1,
                                    .height = 1,
                                    .width = options->dimension,
                                    .classes = 1};
    facts->train_images = is_quadratic ? 2 * options->dimension : options->rows;
    facts->test_images = is_quadratic ? 0 : options->rows;
    facts->train_class_images[0] = facts->train_images;
    return IML_OK;
}

void iml_synthetic_layout(struct iml_synthetic *self, const struct iml_synthetic_options *options,
                          struct iml_arena *arena)
{
    const size_t d = options->dimension;
    self->options = *options;
    self->basis = iml_arena_take(arena, d, d * sizeof *self->basis); /* d: bounded by the facts */
    self->eigenvalues = iml_arena_take(arena, d, sizeof *self->eigenvalues);
    self->optimum = iml_arena_take(arena, d, sizeof *self->optimum);
    self->start = iml_arena_take(arena, d, sizeof *self->start);
    self->opposite = iml_arena_take(arena, d, sizeof *self->opposite);
    self->truth = iml_arena_take(arena, d, sizeof *self->truth);
    self->scratch = iml_arena_take(arena, d, sizeof *self->scratch);
}

/* ---- draws ---- */

static double normal(const struct iml_synthetic *self, enum part part, size_t index, size_t j)
{
    const struct iml_stream stream = {.seed = self->seed,
                                      .purpose = IML_PURPOSE_SYNTHETIC,
                                      .index = (uint32_t)index,
                                      .pass = (uint32_t)part};
    return (double)iml_stream_normal_at(&stream, 1, j);
}

static double norm(const double *x, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += x[i] * x[i];
    return sqrt(sum);
}

/* x ← a unit vector, uniform over the sphere. */
static void draw_direction(const struct iml_synthetic *self, enum part part, double *x)
{
    const size_t d = self->options.dimension;
    for (size_t j = 0; j < d; j++) x[j] = normal(self, part, 0, j);
    const double length = norm(x, d);
    for (size_t j = 0; j < d; j++) x[j] /= length;
}

/* The block of rows and columns from k on becomes (I − 2wwᵀ) times itself. t: d. */
IML_CLONES static void reflect(double *matrix, size_t d, size_t k, const double *w, double *t)
{
    for (size_t j = k; j < d; j++) t[j] = 0;
    for (size_t i = k; i < d; i++)
        for (size_t j = k; j < d; j++) t[j] += w[i] * matrix[i * d + j];
    for (size_t i = k; i < d; i++)
        for (size_t j = k; j < d; j++) matrix[i * d + j] -= 2 * w[i] * t[j];
}

/* Uniform over the orthogonal matrices: reflections of normal vectors (Stewart 1980, "The efficient
 * generation of random orthogonal matrices"). w lies in `opposite`, which is drawn later. */
static bool draw_basis(struct iml_synthetic *self, const struct iml_team *team)
{
    const size_t d = self->options.dimension;
    double *w = self->opposite;
    memset(self->basis, 0, d * d * sizeof *self->basis);
    for (size_t k = d; k-- > 0;) {
        if (iml_team_is_cancelled(team)) return false;
        for (size_t i = k; i < d; i++) w[i] = normal(self, REFLECTIONS, k, i);
        const double sign = w[k] < 0 ? -1 : 1;
        self->basis[k * d + k] = -sign;
        if (k + 1 == d) continue; /* one element is only signed */
        w[k] += sign * norm(w + k, d - k);
        const double length = norm(w + k, d - k);
        for (size_t i = k; i < d; i++) w[i] /= length;
        reflect(self->basis, d, k, w, self->scratch);
    }
    return true;
}

static void set_eigenvalues(struct iml_synthetic *self)
{
    const struct iml_synthetic_options *options = &self->options;
    const size_t d = options->dimension;
    const bool is_quadratic = options->kind == IML_SYNTHETIC_QUADRATIC;
    for (size_t i = 0; i < d; i++) {
        const double share = d > 1 ? (double)i / (double)(d - 1) : 0;
        self->eigenvalues[i] = options->largest * pow(options->condition, -share);
    }
    if (!is_quadratic) return;
    const size_t wanted = (size_t)round(options->negative_mass * (double)d);
    for (size_t k = 0; k < wanted; k++) { /* in the middle of each of `wanted` equal parts */
        const size_t i = (2 * k + 1) * d / (2 * wanted);
        self->eigenvalues[i] = -self->eigenvalues[i];
    }
}

/* out ← Σ aᵢuᵢ */
static void combine(const struct iml_synthetic *self, const double *a, double *out)
{
    const size_t d = self->options.dimension;
    memset(out, 0, d * sizeof *out);
    for (size_t i = 0; i < d; i++)
        for (size_t j = 0; j < d; j++) out[j] += a[i] * self->basis[i * d + j];
}

/* ---- quadratic ---- */

static double data_eigenvalue(const struct iml_synthetic *self, size_t i)
{
    return self->eigenvalues[i] - self->options.coefficient;
}

/* tᵢ: where the data's part alone has its stationary point, along uᵢ. */
static double target_along(const struct iml_synthetic *self, size_t i)
{
    return normal(self, OPTIMUM, 0, i);
}

static void draw_quadratic(struct iml_synthetic *self)
{
    const size_t d = self->options.dimension;
    for (size_t i = 0; i < d; i++)
        self->scratch[i] = data_eigenvalue(self, i) * target_along(self, i) / self->eigenvalues[i];
    combine(self, self->scratch, self->optimum);
    draw_direction(self, START, self->start);
    draw_direction(self, OPPOSITE, self->opposite);
    for (size_t j = 0; j < d; j++) {
        self->start[j] = self->optimum[j] + self->options.distance * self->start[j];
        self->opposite[j] = self->optimum[j] - self->opposite[j];
    }
}

/* q = H⁻¹v at θ* is Σ (uᵢ·v / μᵢ) uᵢ. */
static void find_truth(struct iml_synthetic *self)
{
    const size_t d = self->options.dimension;
    for (size_t i = 0; i < d; i++) {
        double along = 0;
        for (size_t j = 0; j < d; j++)
            along += self->basis[i * d + j] * (self->optimum[j] - self->opposite[j]);
        self->scratch[i] = along / self->eigenvalues[i];
    }
    combine(self, self->scratch, self->truth);
    for (size_t j = 0; j < d; j++) self->truth[j] *= -self->options.coefficient * self->optimum[j];
}

/* Row i of L_T: √(d|aᵢ|) uᵢ, aimed at tᵢ. */
static void training_row(const struct iml_synthetic *self, size_t i, iml_real *x, iml_real *y)
{
    const size_t d = self->options.dimension;
    const double size = sqrt((double)d * fabs(data_eigenvalue(self, i)));
    for (size_t j = 0; j < d; j++) x[j] = (iml_real)(size * self->basis[i * d + j]);
    *y = (iml_real)(size * target_along(self, i));
}

/* Row i of L_V: √d times the i-th axis, aimed at θ_V. */
static void validation_row(const struct iml_synthetic *self, size_t i, iml_real *x, iml_real *y)
{
    const size_t d = self->options.dimension;
    for (size_t j = 0; j < d; j++) x[j] = 0;
    x[i] = (iml_real)sqrt((double)d);
    *y = (iml_real)(sqrt((double)d) * self->opposite[i]);
}

static void quadratic_row(const struct iml_synthetic *self, size_t row,
                          const struct iml_images *images, size_t place)
{
    const size_t d = self->options.dimension;
    iml_real *x = images->values + place * d, *y = images->targets + place;
    assert(row < 2 * d);
    if (row >= d) {
        validation_row(self, row - d, x, y);
        return;
    }
    training_row(self, row, x, y);
    if (images->weights) images->weights[place] = data_eigenvalue(self, row) < 0 ? -1 : 1;
}

/* ---- least squares ---- */

static void draw_least_squares(struct iml_synthetic *self)
{
    for (size_t j = 0; j < self->options.dimension; j++) {
        self->optimum[j] = normal(self, OPTIMUM, 0, j);
        self->start[j] = 0;
        self->opposite[j] = 0;
    }
}

static void sampled_row(const struct iml_synthetic *self, enum part part, size_t row,
                        const struct iml_images *images, size_t place)
{
    const size_t d = self->options.dimension;
    iml_real *x = images->values + place * d;
    double *exact = self->scratch;
    memset(exact, 0, d * sizeof *exact);
    for (size_t k = 0; k < d; k++) {
        const double a = sqrt(self->eigenvalues[k]) * normal(self, part, row, k);
        for (size_t j = 0; j < d; j++) exact[j] += a * self->basis[k * d + j];
    }
    double y = self->options.noise * normal(self, part, row, d);
    for (size_t j = 0; j < d; j++) {
        y += exact[j] * self->optimum[j];
        x[j] = (iml_real)exact[j];
    }
    images->targets[place] = (iml_real)y;
    if (images->weights) images->weights[place] = 1;
}

/* ---- both ---- */

bool iml_synthetic_draw(struct iml_synthetic *self, uint32_t seed, const struct iml_team *team)
{
    self->seed = seed;
    if (!draw_basis(self, team)) return false;
    set_eigenvalues(self);
    if (self->options.kind == IML_SYNTHETIC_QUADRATIC) {
        draw_quadratic(self);
        find_truth(self);
    } else {
        draw_least_squares(self);
    }
    return true;
}

bool iml_synthetic_rows(const struct iml_synthetic *self, enum iml_set_split split,
                        const uint32_t *chosen, const struct iml_images *images,
                        const struct iml_team *team)
{
    const enum part part = split == IML_SPLIT_TRAIN ? TRAIN_ROWS : TEST_ROWS;
    for (size_t place = 0; place < images->count; place++) {
        if (iml_team_is_cancelled(team)) return false;
        if (self->options.kind == IML_SYNTHETIC_QUADRATIC) {
            quadratic_row(self, chosen[place], images, place);
        } else {
            sampled_row(self, part, chosen[place], images, place);
        }
    }
    return true;
}
