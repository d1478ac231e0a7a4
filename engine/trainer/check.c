/* check.c: a job's counts against what the data set's headers say, before anything is allocated
 * (FIXMATCH 4.4, DESIGN §4). */
#include "engine/trainer/run.h"

static enum iml_code refuse(const char *pointer, size_t asked, size_t present, const char *what,
                            struct iml_error *error)
{
    const enum iml_code code =
        iml_error_set(error, IML_ERROR_LIMIT, "%zu asked, %zu %s", asked, present, what);
    iml_error_where(error, "%s", pointer);
    return code;
}

/* FIXMATCH 4.8: the validation images are training images, too, and none is left to measure. */
static void join_validation(struct iml_split_counts *counts)
{
    for (size_t c = 0; c < IML_CLASSES_MAX; c++) {
        counts->train[c] += counts->validation[c];
        counts->validation[c] = 0;
    }
    counts->train_total += counts->validation_total;
    counts->validation_total = 0;
}

/* Few labels: what the pool makes of them, and whether there can be views of the images. */
static enum iml_code check_few_labels(struct iml_trainer *self, struct iml_error *error)
{
    const struct iml_set_facts *facts = &self->facts;
    struct iml_pool_options *pool = &self->options.data.pool;
    pool->validation = self->options.data.validation;
    const enum iml_code code = iml_pool_share(facts, pool, &self->pool_counts, error);
    if (code != IML_OK) return code;
    self->counts = self->pool_counts.split;
    if (self->options.data.trains_on_validation) join_validation(&self->counts);
    const size_t known = iml_known_test_images(&self->pool_counts.known, facts);
    const size_t asked = self->options.data.test;
    if (asked > known)
        return refuse("/data/test", asked, known,
                      "images of the task's classes are in the test "
                      "split",
                      error);
    self->test_count = asked > 0 ? asked : known;
    return IML_OK;
}

static enum iml_code check_views(const struct iml_trainer *self, struct iml_error *error)
{
    const struct iml_set_facts *facts = &self->facts;
    const struct iml_view_shape shape = {
        .channels = facts->channels, .height = facts->height, .width = facts->width};
    if (!iml_run_has_views(self)) return IML_OK;
    const enum iml_code code = iml_view_check(&shape, error);
    if (code != IML_OK) iml_error_where(error, "/data/set");
    return code;
}

static enum iml_code check_splits(struct iml_trainer *self, struct iml_error *error)
{
    const struct iml_data_options *data = &self->options.data;
    const struct iml_set_facts *facts = &self->facts;
    if (facts->train_images == 0) {
        const enum iml_code code =
            iml_error_set(error, IML_ERROR_LIMIT, "\"%s\" has no train split", facts->name);
        iml_error_where(error, "/data/set");
        return code;
    }
    if (iml_run_has_recipe(self)) return check_few_labels(self, error);
    if (data->validation > facts->train_images)
        return refuse("/data/validation", data->validation, facts->train_images,
                      "images are in the train split", error);
    const size_t remaining = facts->train_images - data->validation;
    if (data->train > remaining)
        return refuse("/data/train", data->train, remaining,
                      "images of the train split remain beside the validation images", error);
    if (data->test > facts->test_images)
        return refuse("/data/test", data->test, facts->test_images, "images are in the test split",
                      error);
    self->test_count = data->test > 0 ? data->test : facts->test_images;
    return iml_split_share(facts, data->validation, data->train, &self->counts, error);
}

/* What a synthetic problem leaves no choice in. */
static enum iml_code check_synthetic(const struct iml_trainer *self, struct iml_error *error)
{
    const struct iml_synthetic_options *problem = &self->options.data.synthetic;
    const struct iml_split_counts *counts = &self->counts;
    if (self->options.model.hidden_count > 0)
        return refuse("/model/hidden", self->options.model.hidden_count, 0,
                      "hidden layers are in a synthetic problem: z = x·θ", error);
    if (problem->kind != IML_SYNTHETIC_QUADRATIC) return IML_OK;
    if (counts->train_total != problem->dimension)
        return refuse("/data/train", counts->train_total, problem->dimension,
                      "training rows are in the problem, one a dimension", error);
    if (counts->validation_total != problem->dimension)
        return refuse("/data/validation", counts->validation_total, problem->dimension,
                      "validation rows are in the problem, one a dimension", error);
    return IML_OK;
}

enum iml_code iml_run_check(struct iml_trainer *self, struct iml_error *error)
{
    enum iml_code code = check_splits(self, error);
    if (code != IML_OK) return code;
    if (self->methods->is_report) return self->methods->check(self, error);
    if (self->options.inner.batch < 1) {
        code = iml_error_set(error, IML_ERROR_ARGUMENT, "a batch needs an image");
        iml_error_where(error, "/inner/batch");
        return code;
    }
    /* with a pool a step has three rows at least: an image, and two views of another */
    if ((self->options.model.has_batch_norm || iml_model_is_of_images(self->options.model.kind)) &&
        !self->methods->has_pool && self->options.inner.batch < 2) {
        code = iml_error_set(error, IML_ERROR_ARGUMENT,
                             "batch norm takes its means over a batch: at least 2 images");
        iml_error_where(error, "/inner/batch");
        return code;
    }
    if (iml_run_is_synthetic(self)) code = check_synthetic(self, error);
    if (code == IML_OK) code = check_views(self, error);
    return code == IML_OK ? self->methods->check(self, error) : code;
}
