/* consistency.c: pseudo labels, mask, weights of rows, tallies; see consistency.h. */
#include "engine/trainer/consistency.h"

#include <assert.h>
#include <math.h>

#include "engine/trainer/metrics.h"

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

/* A weak row weighs nothing, so its adjoint at the logits is 0; its label, too, is ŷ, so that its
 * loss is a number. */
static void choose(void *context, size_t rows, const iml_real *logits)
{
    struct iml_consistency *self = context;
    const size_t n = self->outputs, weak = self->labeled, strong = weak + self->unlabeled;
    assert(rows == strong + self->unlabeled);
    self->correct = 0;
    for (size_t r = 0; r < weak; r++)
        self->correct += first_largest(logits + r * n, n) == self->labels[r];
    for (size_t i = 0; i < self->unlabeled; i++) {
        const iml_real *z = logits + (weak + i) * n;
        const size_t best = first_largest(z, n);
        self->labels[weak + i] = self->labels[strong + i] = (uint32_t)best;
        self->confidences[i] = confidence_of(z, n, best);
        self->masks[i] = self->confidences[i] >= self->threshold;
        self->weights[strong + i] = self->masks[i] ? (iml_real)self->weight : 0;
    }
}

void iml_consistency_layout(struct iml_consistency *self,
                            const struct iml_consistency_options *options, size_t labeled,
                            size_t outputs, uint32_t *labels, struct iml_arena *arena)
{
    const size_t unlabeled = options->ratio * labeled, rows = labeled + 2 * unlabeled;
    *self = (struct iml_consistency){.threshold = options->threshold,
                                     .weight = options->weight / (double)options->ratio,
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

void iml_consistency_ask(struct iml_consistency *self, struct iml_batch *batch)
{
    for (size_t r = 0; r < self->labeled; r++) self->weights[r] = 1;
    for (size_t r = 0; r < self->unlabeled; r++) self->weights[self->labeled + r] = 0;
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
