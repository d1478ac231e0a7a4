/* weighed.c: weights of a fixed part of the pool and their numbers; see weighed.h. */
#include "engine/trainer/weighed.h"

#include <assert.h>
#include <math.h>

#include "engine/trainer/run.h"

void iml_weighed_layout(struct iml_trainer *self, struct iml_arena *arena)
{
    struct iml_weighed *weighed = &self->weighed;
    const size_t pool = self->pool.count;
    const size_t n = pool < IML_WEIGHED_MAX ? pool : IML_WEIGHED_MAX;
    *weighed = (struct iml_weighed){.count = n};
    weighed->previous_count = n < IML_WEIGHED_KEPT ? n : IML_WEIGHED_KEPT;
    iml_arena_part(arena, "confidence");
    weighed->w = iml_arena_take(arena, n, sizeof *weighed->w);
    weighed->confidences = iml_arena_take(arena, n, sizeof *weighed->confidences);
    weighed->correct = iml_arena_take(arena, n, sizeof *weighed->correct);
    weighed->is_inside = iml_arena_take(arena, n, sizeof *weighed->is_inside);
    weighed->places = iml_arena_take(arena, n, sizeof *weighed->places);
    weighed->sorted = iml_arena_take(arena, n, sizeof *weighed->sorted);
    weighed->logits =
        iml_arena_take(arena, self->evaluation_rows, iml_net_outputs(self->net) * sizeof(iml_real));
    weighed->previous = iml_arena_take(arena, weighed->previous_count, sizeof *weighed->previous);
    weighed->by_class =
        iml_arena_take(arena, self->facts.classes, IML_WEIGHED_BINS * sizeof *weighed->by_class);
}

/* max softmax(z), and where. */
static double confidence_of(const iml_real *z, size_t n, size_t *label)
{
    double sum = 0;
    *label = 0;
    for (size_t c = 1; c < n; c++)
        if (z[c] > z[*label]) *label = c;
    for (size_t c = 0; c < n; c++) sum += exp((double)z[c] - (double)z[*label]);
    return 1 / sum;
}

/* What the base net and the weigher, which have just looked, say of image i of the list, row `row`
 * of the chunk. */
static void keep_image(struct iml_trainer *self, size_t i, size_t row)
{
    struct iml_weighed *weighed = &self->weighed;
    const size_t outputs = iml_net_outputs(self->net);
    const struct iml_origin *origin = &self->origins[weighed->places[i]];
    size_t label;
    weighed->w[i] = self->weigher->weights.w[row];
    weighed->confidences[i] = confidence_of(weighed->logits + row * outputs, outputs, &label);
    weighed->correct[i] =
        origin->is_in_distribution && label == self->pool_counts.known.label[origin->class_number];
}

/* Images first … first + rows − 1 of the list. */
static enum iml_code weigh_chunk(struct iml_trainer *self, size_t first, size_t rows,
                                 struct iml_error *error)
{
    struct iml_weighed *weighed = &self->weighed;
    struct iml_batch batch;
    struct iml_batch_result result;
    assert(first + rows <= weighed->count && rows <= self->evaluation_rows);
    for (size_t i = 0; i < rows; i++) self->maker.places[i] = weighed->places[first + i];
    enum iml_code code = iml_batch_make(&self->maker, &self->pool, rows, &batch, error);
    batch.mode = iml_evaluation_mode(self);
    if (code == IML_OK)
        code = iml_evaluate(self->evaluation, self->theta, &batch, &result, NULL, weighed->logits,
                            error);
    if (code != IML_OK) return code;
    const struct iml_pool_rows seen = {.evaluator = self->evaluation,
                                       .count = rows,
                                       .inputs = batch.inputs,
                                       .logits = weighed->logits,
                                       .places = self->maker.places};
    iml_weigher_look(self->weigher, &seen);
    code = self->knowledge.options.kind->weigh(&self->knowledge, error);
    for (size_t row = 0; row < rows && code == IML_OK; row++) keep_image(self, first + row, row);
    return code;
}

/* The first n images of the list. Where weights are normalized it is over the mean of these n: in
 * chunks of another size they would be other weights. */
static enum iml_code weigh_list(struct iml_trainer *self, size_t n, struct iml_error *error)
{
    struct iml_weighed *weighed = &self->weighed;
    struct iml_weigher *weigher = self->weigher;
    enum iml_code code = IML_OK;
    double mean = 0;
    iml_sampler_head(&self->weighed_order, 0, weighed->count, weighed->places);
    weigher->weights.normalize = IML_WEIGHER_PLAIN;
    for (size_t first = 0; first < n && code == IML_OK; first += self->evaluation_rows) {
        const size_t left = n - first;
        code = weigh_chunk(self, first, left < self->evaluation_rows ? left : self->evaluation_rows,
                           error);
    }
    weigher->weights.normalize = weigher->options.normalize;
    if (code == IML_OK && weigher->options.normalize == IML_WEIGHER_BATCH_MEAN)
        (void)iml_weights_divide(n, weighed->w, &mean);
    return code;
}

static double mean_of(size_t n, const double *x)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += x[i];
    return sum / (double)n;
}

static double deviation_of(size_t n, const double *x)
{
    const double mean = mean_of(n, x);
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += (x[i] - mean) * (x[i] - mean);
    return sqrt(sum / (double)n);
}

enum iml_code iml_weighed_keep(struct iml_trainer *self, double *oscillation,
                               struct iml_error *error)
{
    struct iml_weighed *weighed = &self->weighed;
    const size_t n = weighed->previous_count;
    const enum iml_code code = weigh_list(self, n, error);
    if (code != IML_OK) return code;
    const double *w = weighed->w;
    const double deviation = deviation_of(n, w);
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += fabs(w[i] - weighed->previous[i]);
        weighed->previous[i] = w[i];
    }
    *oscillation = deviation > 0 ? sum / (double)n / deviation : nan("");
    return IML_OK;
}

/* --- numbers --- */

static bool is_below(const double *w, uint32_t a, uint32_t b)
{
    return w[a] < w[b] || (w[a] == w[b] && a < b);
}

/* Lets the element at `root` of a heap of n sink: heapsort, since qsort may allocate. */
static void sink(size_t n, const double *w, uint32_t *heap, size_t root)
{
    const uint32_t sinking = heap[root];
    for (size_t child = 2 * root + 1; child < n; child = 2 * root + 1) {
        if (child + 1 < n && is_below(w, heap[child], heap[child + 1])) child++;
        if (!is_below(w, sinking, heap[child])) break;
        heap[root] = heap[child];
        root = child;
    }
    heap[root] = sinking;
}

void iml_weighed_sort(size_t n, const double *w, uint32_t *sorted)
{
    for (size_t i = 0; i < n; i++) sorted[i] = (uint32_t)i;
    for (size_t i = n / 2; i > 0; i--) sink(n, w, sorted, i - 1);
    for (size_t end = n; end > 1; end--) {
        const uint32_t largest = sorted[0];
        sorted[0] = sorted[end - 1];
        sorted[end - 1] = largest;
        sink(end - 1, w, sorted, 0);
    }
}

/* Pairs of a positive above a negative, group by group of equal w. */
double iml_weighed_auroc(size_t n, const double *w, const uint32_t *sorted, const uint8_t *positive)
{
    double pairs = 0, below = 0, positives = 0;
    for (size_t first = 0, end = 0; first < n; first = end) {
        double high = 0, low = 0;
        for (; end < n && w[sorted[end]] == w[sorted[first]]; end++)
            *(positive[sorted[end]] ? &high : &low) += 1;
        if (end == first) return nan(""); /* w is no number */
        pairs += high * (below + low / 2);
        below += low;
        positives += high;
    }
    return positives > 0 && below > 0 ? pairs / (positives * below) : nan("");
}

/* Pearson's; NaN where one of the two does not vary. */
static double correlation(size_t n, const double *x,
                          double (*y)(const struct iml_weighed *, size_t),
                          const struct iml_weighed *weighed)
{
    double mean_x = mean_of(n, x), mean_y = 0, xx = 0, yy = 0, xy = 0;
    for (size_t i = 0; i < n; i++) mean_y += y(weighed, i) / (double)n;
    for (size_t i = 0; i < n; i++) {
        const double dx = x[i] - mean_x, dy = y(weighed, i) - mean_y;
        xx += dx * dx;
        yy += dy * dy;
        xy += dx * dy;
    }
    return xx > 0 && yy > 0 ? xy / sqrt(xx * yy) : nan("");
}

static double confidence_at(const struct iml_weighed *weighed, size_t i)
{
    return weighed->confidences[i];
}

static double correct_at(const struct iml_weighed *weighed, size_t i)
{
    return weighed->correct[i];
}

const struct iml_origin *iml_weighed_origin(const struct iml_trainer *self, size_t i)
{
    return &self->origins[self->weighed.places[i]];
}

/* Mean over the images of one side of the distribution; NaN: there are none. */
static double mean_of_origin(const struct iml_trainer *self, bool is_in_distribution)
{
    double sum = 0, count = 0;
    for (size_t i = 0; i < self->weighed.count; i++) {
        if (iml_weighed_origin(self, i)->is_in_distribution != is_in_distribution) continue;
        sum += self->weighed.w[i];
        count++;
    }
    return count > 0 ? sum / count : nan("");
}

static double auroc(const struct iml_trainer *self)
{
    uint8_t *positive = self->weighed.is_inside;
    for (size_t i = 0; i < self->weighed.count; i++)
        positive[i] = iml_weighed_origin(self, i)->is_in_distribution;
    return iml_weighed_auroc(self->weighed.count, self->weighed.w, self->weighed.sorted, positive);
}

/* (Σw)²/(nΣw²); NaN where all are 0. */
static double effective_size(size_t n, const double *w)
{
    double sum = 0, squares = 0;
    for (size_t i = 0; i < n; i++) {
        sum += w[i];
        squares += w[i] * w[i];
    }
    return squares > 0 ? sum * sum / ((double)n * squares) : nan("");
}

struct iml_weighed_range iml_weighed_range(const struct iml_trainer *self)
{
    const struct iml_weigher *weigher = self->weigher;
    const struct iml_weight_output *output = weigher->weights.output;
    const bool is_divided = weigher->options.normalize == IML_WEIGHER_BATCH_MEAN;
    if (!weigher->net) return (struct iml_weighed_range){0, 2, true};
    if (output->low == output->high) return (struct iml_weighed_range){-1, 3, false};
    if (is_divided) return (struct iml_weighed_range){0, 3, false};
    return (struct iml_weighed_range){output->low, output->high, true};
}

/* Share within 2 % of the range from its low end (sign 1) or its high end (sign −1). */
static double share_near(const struct iml_trainer *self, double bound, double sign)
{
    const struct iml_weighed_range range = iml_weighed_range(self);
    size_t near = 0;
    for (size_t i = 0; i < self->weighed.count; i++)
        near += sign * (self->weighed.w[i] - bound) <= 0.02 * (range.high - range.low);
    return range.is_bounded ? (double)near / (double)self->weighed.count : nan("");
}

static void tell_numbers(const struct iml_trainer *self, struct iml_rows *rows)
{
    const struct iml_weighed *weighed = &self->weighed;
    const size_t n = weighed->count;
    const struct iml_weighed_range range = iml_weighed_range(self);
    const struct {
        enum iml_metric metric;
        double value;
    } told[] = {
        {IML_METRIC_WEIGHT_MEAN, mean_of(n, weighed->w)},
        {IML_METRIC_WEIGHT_DEVIATION, deviation_of(n, weighed->w)},
        {IML_METRIC_WEIGHT_IN, mean_of_origin(self, true)},
        {IML_METRIC_WEIGHT_OUT, mean_of_origin(self, false)},
        {IML_METRIC_WEIGHT_AUROC, auroc(self)},
        {IML_METRIC_WEIGHT_LOW, share_near(self, range.low, 1)},
        {IML_METRIC_WEIGHT_HIGH, share_near(self, range.high, -1)},
        {IML_METRIC_WEIGHT_EFFECTIVE_SIZE, effective_size(n, weighed->w)},
        {IML_METRIC_WEIGHT_CORRELATION_CONFIDENCE,
         correlation(n, weighed->w, confidence_at, weighed)},
        {IML_METRIC_WEIGHT_CORRELATION_CORRECT, correlation(n, weighed->w, correct_at, weighed)},
    };
    for (size_t i = 0; i < sizeof told / sizeof told[0]; i++)
        iml_rows_add(rows, told[i].metric, told[i].value);
}

enum iml_code iml_weighed_tell(struct iml_trainer *self, struct iml_rows *rows,
                               struct iml_error *error)
{
    const enum iml_code code = weigh_list(self, self->weighed.count, error);
    if (code != IML_OK) return code;
    iml_weighed_sort(self->weighed.count, self->weighed.w, self->weighed.sorted);
    tell_numbers(self, rows);
    iml_weighed_draw(self);
    return IML_OK;
}
