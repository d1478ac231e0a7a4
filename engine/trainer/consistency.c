/* consistency.c: pseudo labels, mask, weights of rows, tallies; see consistency.h. */
#include "engine/trainer/consistency.h"

#include <assert.h>
#include <math.h>

#include "engine/trainer/metrics.h"
#include "imld/random.h"

enum { OUT, IN };

static size_t first_largest(const iml_real *z, size_t n)
{
    size_t best = 0;
    for (size_t c = 1; c < n; c++)
        if (z[c] > z[best]) best = c;
    return best;
}

/* max softmax(z), at `best`. */
static double confidence_of(const iml_real *z, size_t n, size_t best)
{
    double sum = 0;
    for (size_t c = 0; c < n; c++) sum += exp((double)z[c] - (double)z[best]);
    return 1 / sum;
}

/* Fisher and Yates, by the rule of permutations (FIXMATCH 1.12). */
static void permute(struct iml_consistency *self)
{
    const size_t n = self->unlabeled;
    for (size_t i = 0; i < n; i++) self->permutation[i] = (uint32_t)i;
    for (size_t i = n - 1; i > 0; i--) {
        const size_t j = iml_word_below(iml_stream_word(&self->shuffle, i), (uint32_t)(i + 1));
        const uint32_t kept = self->permutation[i];
        self->permutation[i] = self->permutation[j];
        self->permutation[j] = kept;
    }
}

/* wᵢ as it multiplies the loss. */
static double used_weight(const struct iml_consistency *self, size_t i)
{
    if (!self->knowledge) return 1;
    const struct iml_weigher *weigher = self->knowledge->options.weigher;
    if (weigher->options.used == IML_WEIGHER_ONES) return 1;
    return weigher->weights.w[self->permutation ? self->permutation[i] : i];
}

/* Of the weak views. If the team was cancelled, so is the way that this is a part of. */
static void weigh(struct iml_consistency *self, const struct iml_evaluator *evaluator,
                  const iml_real *logits)
{
    const struct iml_pool_rows rows = {.evaluator = evaluator,
                                       .first = self->labeled,
                                       .count = self->unlabeled,
                                       .inputs = self->images,
                                       .logits = logits + self->labeled * self->outputs,
                                       .places = self->places};
    struct iml_weigher *weigher = self->knowledge->options.weigher;
    struct iml_error error = {0};
    iml_weigher_look(weigher, &rows);
    if (self->knowledge->options.kind->weigh(self->knowledge, &error) != IML_OK) return;
    const bool is_small = weigher->net && !weigher->weights.is_unequal;
    self->small_mean = is_small ? weigher->weights.found_mean : nan("");
    if (self->permutation) permute(self);
}

static void choose_pseudo_label(struct iml_consistency *self, const iml_real *z, size_t i)
{
    const size_t n = self->outputs, weak = self->labeled + i, strong = weak + self->unlabeled;
    const size_t best = first_largest(z, n);
    self->labels[weak] = self->labels[strong] = (uint32_t)best;
    self->confidences[i] = confidence_of(z, n, best);
    self->masks[i] = self->confidences[i] >= self->threshold;
}

/* A weak row weighs nothing, so its adjoint at the logits is 0; its label, too, is ŷ, so that its
 * loss is a number. */
static void choose(void *context, const struct iml_evaluator *evaluator, size_t rows,
                   const iml_real *logits)
{
    struct iml_consistency *self = context;
    const size_t n = self->outputs, weak = self->labeled, strong = weak + self->unlabeled;
    assert(rows == strong + self->unlabeled);
    self->correct = 0;
    for (size_t r = 0; r < weak; r++)
        self->correct += first_largest(logits + r * n, n) == self->labels[r];
    for (size_t i = 0; i < self->unlabeled; i++)
        choose_pseudo_label(self, logits + (weak + i) * n, i);
    if (self->knowledge) weigh(self, evaluator, logits);
    for (size_t i = 0; i < self->unlabeled; i++)
        self->weights[strong + i] =
            self->masks[i] ? (iml_real)(self->weight * used_weight(self, i)) : 0;
}

/* --- weights that depend on θ (MATH §3.4) --- */

static void find_tangent(void *context, const struct iml_evaluator *evaluator)
{
    struct iml_consistency *self = context;
    iml_real *strong = self->weight_tangents + self->labeled + self->unlabeled;
    const double *w_dot =
        iml_weigher_tangent(self->knowledge->options.weigher, evaluator, self->labeled);
    for (size_t i = 0; i < self->unlabeled; i++)
        strong[i] = self->masks[i] ? (iml_real)(self->weight * w_dot[i]) : 0;
}

/* ∂L/∂wᵢ = c mᵢ ℓᵢ/N, or along a direction, from ℓᵢ or ℓ̇ᵢ of all rows. */
static void find_w_bar(const struct iml_consistency *self, const iml_real *losses, double *w_bar)
{
    const double scale = self->weight / (double)self->labeled;
    const iml_real *strong = losses + self->labeled + self->unlabeled;
    for (size_t i = 0; i < self->unlabeled; i++)
        w_bar[i] = self->masks[i] ? scale * (double)strong[i] : 0;
}

static void join(void *context, const struct iml_evaluator *evaluator)
{
    struct iml_consistency *self = context;
    find_w_bar(self, self->losses, self->w_bar);
    iml_weigher_join(self->knowledge->options.weigher, evaluator, self->labeled, self->w_bar);
}

static void join_tangent(void *context, const struct iml_evaluator *evaluator)
{
    struct iml_consistency *self = context;
    find_w_bar(self, self->loss_tangents, self->w_bar_dot);
    iml_weigher_join_tangent(self->knowledge->options.weigher, evaluator, self->labeled,
                             self->w_bar, self->w_bar_dot);
}

/* --- a batch --- */

void iml_consistency_layout(struct iml_consistency *self,
                            const struct iml_consistency_options *options, size_t labeled,
                            size_t unlabeled, size_t outputs, uint32_t *labels,
                            struct iml_arena *arena)
{
    const size_t rows = labeled + 2 * unlabeled;
    *self =
        (struct iml_consistency){.threshold = options->threshold,
                                 .weight = options->weight * (double)labeled / (double)unlabeled,
                                 .labeled = labeled,
                                 .unlabeled = unlabeled,
                                 .outputs = outputs};
    self->labels = labels;
    self->weights = iml_arena_take(arena, rows, sizeof *self->weights);
    self->losses = iml_arena_take(arena, rows, sizeof *self->losses);
    self->confidences = iml_arena_take(arena, unlabeled, sizeof *self->confidences);
    self->masks = iml_arena_take(arena, unlabeled, sizeof *self->masks);
    self->chooser = (struct iml_chooser){.choose = choose, .context = self, .losses = self->losses};
}

void iml_consistency_weigh(struct iml_consistency *self, const struct iml_knowledge *knowledge,
                           struct iml_arena *arena)
{
    const size_t rows = self->labeled + 2 * self->unlabeled;
    const struct iml_weigher_options *options = &knowledge->options.weigher->options;
    self->knowledge = knowledge;
    if (options->used == IML_WEIGHER_PERMUTED)
        self->permutation = iml_arena_take(arena, self->unlabeled, sizeof *self->permutation);
    if (!options->through_features) return;
    self->weight_tangents = iml_arena_take(arena, rows, sizeof *self->weight_tangents);
    self->loss_tangents = iml_arena_take(arena, rows, sizeof *self->loss_tangents);
    self->w_bar = iml_arena_take(arena, self->unlabeled, sizeof *self->w_bar);
    self->w_bar_dot = iml_arena_take(arena, self->unlabeled, sizeof *self->w_bar_dot);
    self->coupling = (struct iml_coupling){.tangent = find_tangent,
                                           .adjoint = join,
                                           .adjoint_tangent = join_tangent,
                                           .weight_tangents = self->weight_tangents,
                                           .loss_tangents = self->loss_tangents};
    self->chooser.coupling = &self->coupling;
}

void iml_consistency_ask(struct iml_consistency *self, const struct iml_consistency_images *images,
                         struct iml_batch *batch)
{
    for (size_t r = 0; r < self->labeled; r++) self->weights[r] = 1;
    for (size_t r = 0; r < self->unlabeled; r++) self->weights[self->labeled + r] = 0;
    for (size_t r = 0; self->weight_tangents && r < self->labeled + self->unlabeled; r++)
        self->weight_tangents[r] = 0;
    if (self->knowledge) self->images = batch->inputs + self->labeled * images->inputs;
    self->places = images->places;
    self->shuffle = (struct iml_stream){
        .seed = images->seed, .purpose = IML_PURPOSE_PERMUTED, .pass = images->key};
    batch->labels = self->labels;
    batch->weights = self->weights;
    batch->divisor = (double)self->labeled;
    batch->chooser = &self->chooser;
}

double iml_consistency_labeled_loss(const struct iml_consistency *self)
{
    double sum = 0;
    for (size_t r = 0; r < self->labeled; r++) sum += (double)self->losses[r];
    return sum / (double)self->labeled;
}

double iml_consistency_loss(const struct iml_consistency *self)
{
    const iml_real *losses = self->losses + self->labeled + self->unlabeled;
    double sum = 0;
    for (size_t i = 0; i < self->unlabeled; i++)
        if (self->masks[i]) sum += (double)losses[i];
    return sum / (double)self->unlabeled;
}

static void count_image(const struct iml_consistency *self, size_t i,
                        const struct iml_origin *origin, const struct iml_known *known,
                        struct iml_consistency_tally *tally)
{
    const uint32_t label = self->labels[self->labeled + i];
    const int group = origin->is_in_distribution ? IN : OUT;
    const bool is_correct =
        origin->is_in_distribution && label == known->label[origin->class_number];
    tally->confidence += self->confidences[i];
    tally->images[group]++;
    tally->correct += is_correct;
    if (!self->masks[i]) return;
    tally->masked[group]++;
    tally->masked_correct += is_correct;
    tally->classes[label]++;
}

void iml_consistency_count(const struct iml_consistency *self, const uint32_t *places,
                           const struct iml_origin *origins, const struct iml_known *known,
                           struct iml_consistency_tally *tally)
{
    for (size_t i = 0; i < self->unlabeled; i++)
        count_image(self, i, &origins[places[i]], known, tally);
    tally->loss += iml_consistency_loss(self);
    tally->steps++;
}

static double share(double part, uint64_t whole)
{
    return whole > 0 ? part / (double)whole : nan("");
}

/* −Σ p ln p over ln classes. */
static double class_entropy(const struct iml_consistency_tally *tally, size_t outputs)
{
    const uint64_t all = tally->masked[OUT] + tally->masked[IN];
    double sum = 0;
    for (size_t c = 0; c < outputs; c++) {
        const double p = share((double)tally->classes[c], all);
        if (p > 0) sum -= p * log(p);
    }
    return all > 0 && outputs > 1 ? sum / log((double)outputs) : nan("");
}

void iml_consistency_tell(const struct iml_consistency_tally *tally, size_t outputs,
                          struct iml_rows *rows)
{
    const uint64_t images = tally->images[OUT] + tally->images[IN];
    const uint64_t masked = tally->masked[OUT] + tally->masked[IN];
    const struct {
        enum iml_metric metric;
        double value;
    } told[] = {
        {IML_METRIC_CONSISTENCY_MASK, share((double)masked, images)},
        {IML_METRIC_CONSISTENCY_MASK_IN, share((double)tally->masked[IN], tally->images[IN])},
        {IML_METRIC_CONSISTENCY_MASK_OUT, share((double)tally->masked[OUT], tally->images[OUT])},
        {IML_METRIC_CONSISTENCY_CONFIDENCE, share(tally->confidence, images)},
        {IML_METRIC_CONSISTENCY_ACCURACY, share((double)tally->correct, tally->images[IN])},
        {IML_METRIC_CONSISTENCY_MASKED_ACCURACY,
         share((double)tally->masked_correct, tally->masked[IN])},
        {IML_METRIC_CONSISTENCY_LOSS, share(tally->loss, tally->steps)},
        {IML_METRIC_CONSISTENCY_CLASS_ENTROPY, class_entropy(tally, outputs)},
        {IML_METRIC_CONSISTENCY_IMAGES, (double)images},
        {IML_METRIC_CONSISTENCY_IMAGES_IN, (double)tally->images[IN]},
        {IML_METRIC_CONSISTENCY_MASKED, (double)masked},
        {IML_METRIC_CONSISTENCY_MASKED_IN, (double)tally->masked[IN]},
    };
    for (size_t i = 0; i < sizeof told / sizeof told[0]; i++)
        iml_rows_add(rows, told[i].metric, told[i].value);
}
