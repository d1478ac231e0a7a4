/* load_pool.c: the images of a job with few labels: labeled ones, validation and test images of the
 * task's classes, the pool and where its images are from (FIXMATCH §4); see run.h. */
#include <string.h>

#include "engine/trainer/run.h"

/* The task's labels. */
static void pick_labels(const struct iml_known *known, const uint8_t *labels,
                        const uint32_t *chosen, struct iml_images *images)
{
    for (size_t i = 0; i < images->count; i++) images->labels[i] = known->label[labels[chosen[i]]];
}

/* The own set's part of the pool, whose labels nothing that trains may see. */
static enum iml_code load_own_pool(struct iml_trainer *self, const struct iml_set *set,
                                   struct iml_error *error)
{
    const struct iml_pool_counts *counts = &self->pool_counts;
    if (!self->methods->has_pool) return IML_OK;
    memset(self->pool.labels, 0, self->pool.count);
    iml_pool_own_origins(&counts->known, self->split_labels, self->pool_indices, counts->own_total,
                         self->origins);
    return iml_set_pixels(set, IML_SPLIT_TRAIN, self->pool_indices, counts->own_total,
                          self->pool.pixels, error);
}

/* With train_on_validation the validation images come behind the labeled ones, then all of them in
 * file order (FIXMATCH 4.8). */
static enum iml_code draw(struct iml_trainer *self, uint32_t seed, struct iml_error *error)
{
    const bool is_joined = self->options.data.trains_on_validation;
    const struct iml_split_counts *split = &self->pool_counts.split;
    const struct iml_pool_lists lists = {.validation =
                                             is_joined ? self->train_indices + split->train_total
                                                       : self->validation_indices,
                                         .labeled = self->train_indices,
                                         .pool = self->pool_indices,
                                         .scratch = self->split_scratch};
    const enum iml_code code = iml_pool_draw(seed, &self->pool_counts, self->split_labels,
                                             self->facts.train_images, &lists, error);
    if (code == IML_OK && is_joined) iml_split_sort(self->train_indices, self->train.count);
    return code;
}

enum iml_code iml_run_load_labeled(struct iml_trainer *self, uint32_t seed,
                                   const struct iml_set *set, struct iml_error *error)
{
    const struct iml_known *known = &self->pool_counts.known;
    enum iml_code code = iml_set_labels(set, IML_SPLIT_TRAIN, self->split_labels, error);
    if (code == IML_OK) code = draw(self, seed, error);
    if (code != IML_OK) return code;
    pick_labels(known, self->split_labels, self->train_indices, &self->train);
    pick_labels(known, self->split_labels, self->validation_indices, &self->validation);
    code = iml_set_pixels(set, IML_SPLIT_TRAIN, self->train_indices, self->train.count,
                          self->train.pixels, error);
    if (code == IML_OK)
        code = iml_set_pixels(set, IML_SPLIT_TRAIN, self->validation_indices,
                              self->validation.count, self->validation.pixels, error);
    return code == IML_OK ? load_own_pool(self, set, error) : code;
}

/* The files may be others than those that the facts, and with them all memory, were read from. */
static enum iml_code check_extra(const struct iml_trainer *self, const struct iml_set *extra,
                                 enum iml_set_split split, size_t images, struct iml_error *error)
{
    const struct iml_split_shape *shape = &extra->shape[split];
    if (extra->has[split] && shape->images == images && shape->channels == self->pool.channels &&
        shape->height == self->pool.height && shape->width == self->pool.width)
        return IML_OK;
    return iml_error_set(error, IML_ERROR_DATA,
                         "the files of %s have changed since they were inspected",
                         self->options.data.pool.extra->name);
}

enum iml_code iml_run_load_extra(struct iml_trainer *self, uint32_t seed,
                                 const struct iml_set *extra, struct iml_error *error)
{
    const struct iml_pool_counts *counts = &self->pool_counts;
    const struct iml_set_facts *facts = self->options.data.pool.extra;
    if (counts->extra_total == 0) return IML_OK;
    const enum iml_set_split split = iml_pool_extra_split(facts);
    const size_t images = split == IML_SPLIT_TRAIN ? facts->train_images : facts->test_images;
    uint32_t *const chosen = self->pool_indices + counts->own_total;
    iml_pool_draw_extra(seed, counts, images, chosen, self->split_scratch);
    if (!self->methods->has_pool) return IML_OK;
    enum iml_code code = check_extra(self, extra, split, images, error);
    if (code == IML_OK) code = iml_set_labels(extra, split, self->split_labels, error);
    if (code != IML_OK) return code;
    iml_pool_extra_origins(self->split_labels, chosen, counts->extra_total,
                           self->origins + counts->own_total);
    const size_t bytes = self->pool.channels * self->pool.height * self->pool.width;
    return iml_set_pixels(extra, split, chosen, counts->extra_total,
                          self->pool.pixels + counts->own_total * bytes, error);
}

enum iml_code iml_run_load_known_test(struct iml_trainer *self, const struct iml_set *set,
                                      struct iml_error *error)
{
    const struct iml_known *known = &self->pool_counts.known;
    if (self->test.count == 0) return IML_OK;
    const enum iml_code code = iml_set_labels(set, IML_SPLIT_TEST, self->split_labels, error);
    if (code != IML_OK) return code;
    const size_t found = iml_known_pick(known, self->split_labels, self->facts.test_images,
                                        self->test.count, self->split_scratch);
    if (found < self->test.count)
        return iml_error_set(error, IML_ERROR_DATA,
                             "%zu test images where %zu were expected: the files have changed",
                             found, self->test.count);
    pick_labels(known, self->split_labels, self->split_scratch, &self->test);
    return iml_set_pixels(set, IML_SPLIT_TEST, self->split_scratch, self->test.count,
                          self->test.pixels, error);
}
