/* weighed_draw.c: pictures of the weights of a fixed part of the pool, as artifacts: histograms of
 * all, by origin and by class, and the images at both ends (FIXMATCH 6.6). */
#include "engine/trainer/run.h"
#include "engine/trainer/weighed.h"

static size_t bin_of(const struct iml_weighed_range *range, double w)
{
    const double at = (w - range->low) / (range->high - range->low) * IML_WEIGHED_BINS;
    if (!(at > 0)) return 0; /* NaN, too */
    return at < IML_WEIGHED_BINS ? (size_t)at : IML_WEIGHED_BINS - 1;
}

static void fill_histogram(struct iml_trainer *self)
{
    struct iml_weighed *weighed = &self->weighed;
    const struct iml_weighed_range range = iml_weighed_range(self);
    for (size_t b = 0; b <= IML_WEIGHED_BINS; b++)
        weighed->edges[b] =
            range.low + (range.high - range.low) * (double)b / (double)IML_WEIGHED_BINS;
    for (size_t b = 0; b < IML_WEIGHED_BINS; b++)
        weighed->all[b] = weighed->in_distribution[b] = weighed->out_of_distribution[b] = 0;
    for (size_t i = 0; i < self->facts.classes * IML_WEIGHED_BINS; i++) weighed->by_class[i] = 0;
    for (size_t i = 0; i < weighed->count; i++) {
        const struct iml_origin *origin = iml_weighed_origin(self, i);
        const size_t b = bin_of(&range, weighed->w[i]);
        weighed->all[b]++;
        (origin->is_in_distribution ? weighed->in_distribution : weighed->out_of_distribution)[b]++;
        if (!origin->is_extra)
            weighed->by_class[(size_t)origin->class_number * IML_WEIGHED_BINS + b]++;
    }
}

static void fill_extreme(const struct iml_trainer *self, size_t i, size_t at,
                         struct iml_extremes *extremes)
{
    const struct iml_origin *origin = iml_weighed_origin(self, i);
    extremes->indices[at] = self->pool_indices[self->weighed.places[i]];
    extremes->weights[at] = self->weighed.w[i];
    extremes->in_distribution[at] = origin->is_in_distribution;
    extremes->extra[at] = origin->is_extra;
    extremes->classes[at] = origin->class_number;
}

static struct iml_artifact *add_artifact(struct iml_trainer *self, const char *name)
{
    struct iml_artifact *artifact = &self->artifacts[self->artifact_count++];
    *artifact = (struct iml_artifact){.name = name};
    return artifact;
}

static void tell_histogram(struct iml_trainer *self)
{
    const struct iml_weighed *weighed = &self->weighed;
    struct iml_artifact *artifact = add_artifact(self, "weights");
    fill_histogram(self);
    iml_artifact_text(artifact, "output",
                      self->weigher->net ? self->weigher->weights.output->name : "free");
    iml_artifact_list(artifact, "edges", weighed->edges, IML_WEIGHED_BINS + 1);
    iml_artifact_list(artifact, "all", weighed->all, IML_WEIGHED_BINS);
    iml_artifact_list(artifact, "in_distribution", weighed->in_distribution, IML_WEIGHED_BINS);
    iml_artifact_list(artifact, "out_of_distribution", weighed->out_of_distribution,
                      IML_WEIGHED_BINS);
    iml_artifact_table(artifact, "by_class", weighed->by_class, self->facts.classes,
                       IML_WEIGHED_BINS);
}

static void tell_extremes(struct iml_trainer *self)
{
    struct iml_weighed *weighed = &self->weighed;
    const size_t n = weighed->count < IML_WEIGHED_EXTREMES ? weighed->count : IML_WEIGHED_EXTREMES;
    struct iml_artifact *artifact = add_artifact(self, "weighed_images");
    for (size_t k = 0; k < n; k++) {
        fill_extreme(self, weighed->sorted[k], k, &weighed->least);
        fill_extreme(self, weighed->sorted[weighed->count - 1 - k], k, &weighed->most);
    }
    const struct {
        const char *name;
        const double *values;
    } lists[] = {
        {"least_indices", weighed->least.indices},
        {"least_weights", weighed->least.weights},
        {"least_in_distribution", weighed->least.in_distribution},
        {"least_extra", weighed->least.extra},
        {"least_classes", weighed->least.classes},
        {"most_indices", weighed->most.indices},
        {"most_weights", weighed->most.weights},
        {"most_in_distribution", weighed->most.in_distribution},
        {"most_extra", weighed->most.extra},
        {"most_classes", weighed->most.classes},
    };
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        iml_artifact_list(artifact, lists[i].name, lists[i].values, n);
}

void iml_weighed_draw(struct iml_trainer *self)
{
    tell_histogram(self);
    tell_extremes(self);
}
