/* load.c: a job's images from their files into memory; see run.h. */
#include <assert.h>
#include <string.h>

#include "engine/trainer/run.h"

static void pick_labels(const uint8_t *labels, const uint32_t *chosen, struct iml_images *images)
{
    for (size_t i = 0; i < images->count; i++) images->labels[i] = labels[chosen[i]];
}

static uint32_t split_seed(const struct iml_trainer_options *options)
{
    return options->has_split_seed ? options->split_seed : options->seed;
}

static enum iml_code load_train_split(struct iml_trainer *self, const struct iml_set *set,
                                      struct iml_error *error)
{
    const struct iml_split_lists lists = {.validation = self->validation_indices,
                                          .train = self->train_indices,
                                          .scratch = self->split_scratch};
    const uint32_t seed = split_seed(&self->options);
    enum iml_code code = iml_set_labels(set, IML_SPLIT_TRAIN, self->split_labels, error);
    if (code == IML_OK)
        code = iml_split_draw(seed, &self->counts, self->split_labels, self->facts.train_images,
                              &lists, error);
    if (code != IML_OK) return code;
    pick_labels(self->split_labels, self->train_indices, &self->train);
    pick_labels(self->split_labels, self->validation_indices, &self->validation);
    code = iml_set_pixels(set, IML_SPLIT_TRAIN, self->train_indices, self->train.count,
                          self->train.pixels, error);
    if (code != IML_OK) return code;
    return iml_set_pixels(set, IML_SPLIT_TRAIN, self->validation_indices, self->validation.count,
                          self->validation.pixels, error);
}

/* The first test_count images. */
static enum iml_code load_test_split(struct iml_trainer *self, const struct iml_set *set,
                                     struct iml_error *error)
{
    if (self->test.count == 0) return IML_OK;
    enum iml_code code = iml_set_labels(set, IML_SPLIT_TEST, self->split_labels, error);
    if (code != IML_OK) return code;
    for (size_t i = 0; i < self->test.count; i++) self->split_scratch[i] = (uint32_t)i;
    pick_labels(self->split_labels, self->split_scratch, &self->test);
    return iml_set_pixels(set, IML_SPLIT_TEST, self->split_scratch, self->test.count,
                          self->test.pixels, error);
}

/* A label beyond the classes that the net was planned for: the files have changed since. */
static enum iml_code check_labels(const struct iml_trainer *self, const struct iml_images *images,
                                  struct iml_error *error)
{
    for (size_t i = 0; i < images->count; i++) {
        if (images->labels[i] < iml_net_outputs(self->net)) continue;
        return iml_error_set(error, IML_ERROR_DATA,
                             "label %u is not below %zu: the files have changed",
                             (unsigned)images->labels[i], iml_net_outputs(self->net));
    }
    return IML_OK;
}

bool iml_run_is_synthetic(const struct iml_trainer *self)
{
    return self->facts.form == IML_SET_SYNTHETIC;
}

static void count_up(uint32_t *indices, uint32_t first, size_t count)
{
    for (size_t i = 0; i < count; i++) indices[i] = first + (uint32_t)i;
}

/* Which rows of the problem are whose: a quadratic says so itself, others are drawn as images. */
static enum iml_code split_rows(struct iml_trainer *self, struct iml_error *error)
{
    if (self->options.data.synthetic.kind == IML_SYNTHETIC_QUADRATIC) {
        count_up(self->train_indices, 0, self->train.count);
        count_up(self->validation_indices, (uint32_t)self->train.count, self->validation.count);
        return IML_OK;
    }
    const struct iml_split_lists lists = {.validation = self->validation_indices,
                                          .train = self->train_indices,
                                          .scratch = self->split_scratch};
    memset(self->split_labels, 0, self->facts.train_images); /* one class */
    return iml_split_draw(split_seed(&self->options), &self->counts, self->split_labels,
                          self->facts.train_images, &lists, error);
}

static enum iml_code load_synthetic(struct iml_trainer *self, struct iml_error *error)
{
    struct iml_synthetic *problem = &self->synthetic;
    const enum iml_code code = split_rows(self, error);
    if (code != IML_OK) return code;
    count_up(self->split_scratch, 0, self->test.count);
    const struct iml_team *team = self->team;
    const struct {
        enum iml_set_split split;
        const uint32_t *chosen;
        const struct iml_images *images;
    } parts[] = {{IML_SPLIT_TRAIN, self->train_indices, &self->train},
                 {IML_SPLIT_TRAIN, self->validation_indices, &self->validation},
                 {IML_SPLIT_TEST, self->split_scratch, &self->test}};
    bool is_whole = iml_synthetic_draw(problem, split_seed(&self->options), team);
    for (size_t i = 0; i < sizeof parts / sizeof *parts && is_whole; i++)
        is_whole =
            iml_synthetic_rows(problem, parts[i].split, parts[i].chosen, parts[i].images, team);
    if (is_whole) return IML_OK;
    return iml_error_set(error, IML_ERROR_CANCELLED, "the problem's draw was cancelled");
}

/* With few labels: the task's classes alone, and a pool. */
static enum iml_code load_few_labels(struct iml_trainer *self, const struct iml_set *set,
                                     const struct iml_set *extra, struct iml_error *error)
{
    const uint32_t seed = split_seed(&self->options);
    enum iml_code code = iml_run_load_labeled(self, seed, set, error);
    if (code == IML_OK) code = iml_run_load_extra(self, seed, extra, error);
    return code == IML_OK ? iml_run_load_known_test(self, set, error) : code;
}

static enum iml_code load_all_labels(struct iml_trainer *self, const struct iml_set *set,
                                     struct iml_error *error)
{
    const enum iml_code code = load_train_split(self, set, error);
    return code == IML_OK ? load_test_split(self, set, error) : code;
}

enum iml_code iml_run_load(struct iml_trainer *self, const struct iml_set *set,
                           const struct iml_set *extra, struct iml_error *error)
{
    if (iml_run_is_synthetic(self)) return load_synthetic(self, error);
    enum iml_code code = iml_run_has_recipe(self) ? load_few_labels(self, set, extra, error)
                                                  : load_all_labels(self, set, error);
    if (code == IML_OK) code = check_labels(self, &self->train, error);
    if (code == IML_OK) code = check_labels(self, &self->validation, error);
    if (code == IML_OK) code = check_labels(self, &self->test, error);
    if (code == IML_OK)
        iml_pixel_table_fill(&self->table, self->options.data.pixels, self->train.pixels,
                             self->train.count);
    return code;
}
