/* weights_per_example.c: one wᵢ an image of the pool, in [0, 2], moved by an Adam of its own (MATH
 * §3.3 [R], FIXMATCH 6.5). λ is w. */
#include <math.h>
#include <string.h>

#include "engine/knowledge/kinds.h"
#include "engine/knowledge/weigher.h"

enum { MEAN, SQUARE };

static const double high = 2;

static size_t size(const struct iml_knowledge *self)
{
    return self->options.weigher->pool;
}

static void layout(struct iml_knowledge *self, struct iml_arena *arena)
{
    for (size_t i = 0; i < 2; i++)
        self->moments[i] = iml_arena_take(arena, self->size, sizeof(iml_real));
    self->steps = iml_arena_take(arena, self->size, sizeof *self->steps);
}

static void initialize(struct iml_knowledge *self, uint32_t seed)
{
    (void)seed;
    for (size_t i = 0; i < self->size; i++) {
        self->lambda[i] = 1;
        self->moments[MEAN][i] = self->moments[SQUARE][i] = 0;
        self->steps[i] = 0;
    }
}

static enum iml_code weigh(const struct iml_knowledge *self, struct iml_error *error)
{
    (void)error;
    struct iml_weigher *w = self->options.weigher;
    for (size_t i = 0; i < w->weights.count; i++)
        w->weights.w[i] = (double)self->lambda[w->places[i]];
    return IML_OK;
}

/* An image that is in the batch twice gets both influences. */
static void pull(const struct iml_knowledge *self, const iml_real *theta, const iml_real *q,
                 iml_real *out)
{
    (void)theta;
    struct iml_weigher *w = self->options.weigher;
    struct iml_error error = {0};
    memset(out, 0, self->size * sizeof *out);
    if (iml_weigher_influences(w, q, &error) != IML_OK) return; /* cancelled, as the caller sees */
    for (size_t i = 0; i < w->weighed.count; i++) out[w->places[i]] += (iml_real)w->influences[i];
}

/* One step of Adam (MATH §1) on image m, with a step count of its own; then into the bounds. */
static void step(struct iml_knowledge *self, const struct iml_optimizer_options *options, size_t m,
                 double gradient)
{
    iml_real *mean = &self->moments[MEAN][m], *square = &self->moments[SQUARE][m];
    const double steps = ++self->steps[m];
    *mean = (iml_real)(options->beta1 * (double)*mean + (1 - options->beta1) * gradient);
    *square =
        (iml_real)(options->beta2 * (double)*square + (1 - options->beta2) * gradient * gradient);
    const double corrected = (double)*mean / (1 - pow(options->beta1, steps));
    const double root = sqrt((double)*square / (1 - pow(options->beta2, steps)));
    const double w =
        (double)self->lambda[m] - options->learning_rate * corrected / (root + options->epsilon);
    self->lambda[m] = (iml_real)w;
    if (w < 0) self->lambda[m] = 0; /* as comparisons: a NaN stays seen */
    if (w > high) self->lambda[m] = (iml_real)high;
}

/* Images with an influence alone: those of the curvature batch whose pseudo label counts. */
static void move(struct iml_knowledge *self, const struct iml_optimizer_options *options,
                 const iml_real *gradient)
{
    for (size_t m = 0; m < self->size; m++)
        if (gradient[m] != 0) step(self, options, m, (double)gradient[m]);
}

static enum iml_code register_list(const struct iml_knowledge *self, const char *name,
                                   enum iml_item_type type, void *data,
                                   struct iml_registry *registry, struct iml_error *error)
{
    struct iml_item item = {.type = type, .rank = 1, .shape = {self->size}, .data = data};
    memcpy(item.name, name, strlen(name) + 1);
    return iml_registry_add(registry, &item, error);
}

static enum iml_code register_items(const struct iml_knowledge *self, struct iml_registry *registry,
                                    struct iml_error *error)
{
    enum iml_code code =
        register_list(self, "knowledge/weights", IML_ITEM_REAL, self->lambda, registry, error);
    if (code == IML_OK)
        code = register_list(self, "knowledge/average", IML_ITEM_REAL, self->moments[MEAN],
                             registry, error);
    if (code == IML_OK)
        code = register_list(self, "knowledge/square_average", IML_ITEM_REAL, self->moments[SQUARE],
                             registry, error);
    if (code == IML_OK)
        code = register_list(self, "knowledge/steps", IML_ITEM_U32, self->steps, registry, error);
    return code;
}

const struct iml_knowledge_kind iml_weights_per_example = {
    .name = "weights_per_example",
    .weighs = true,
    .size = size,
    .layout = layout,
    .initialize = initialize,
    .weigh = weigh,
    .move = move,
    .pull = pull,
    .register_items = register_items,
};
