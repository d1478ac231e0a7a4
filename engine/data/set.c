/* set.c: opens a set, reads its labels and images, and gathers its facts; see set.h. */
#include "engine/data/set.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* The form whose files the folder has; NULL: it is no set. */
static enum iml_code find_form(struct iml_set *set, struct iml_error *error)
{
    for (size_t i = 0; iml_forms[i]; i++) {
        for (int split = IML_SPLIT_TRAIN; split <= IML_SPLIT_TEST; split++) {
            const enum iml_code code = iml_forms[i]->has_split(
                &set->folder, (enum iml_set_split)split, &set->has[split], error);
            if (code != IML_OK) return code;
        }
        if (!set->has[IML_SPLIT_TRAIN] && !set->has[IML_SPLIT_TEST]) continue;
        set->form = iml_forms[i];
        return IML_OK;
    }
    return IML_OK;
}

static enum iml_code check_shapes_agree(const struct iml_set *set, struct iml_error *error)
{
    const struct iml_split_shape *train = &set->shape[IML_SPLIT_TRAIN],
                                 *test = &set->shape[IML_SPLIT_TEST];
    if (!set->has[IML_SPLIT_TRAIN] || !set->has[IML_SPLIT_TEST]) return IML_OK;
    if (train->height == test->height && train->width == test->width) return IML_OK;
    char shown[IML_PATH_SHOWN];
    iml_folder_show(&set->folder, NULL, shown);
    const enum iml_code code = iml_error_set(
        error, IML_ERROR_DATA,
        "training images are %zu × %zu pixels, test images %zu × %zu: one size was expected",
        train->height, train->width, test->height, test->width);
    iml_error_where(error, "%s", shown);
    return code;
}

static enum iml_code read_shapes(struct iml_set *set, struct iml_error *error)
{
    for (int split = IML_SPLIT_TRAIN; split <= IML_SPLIT_TEST; split++) {
        if (!set->has[split]) continue;
        const enum iml_code code =
            set->form->shape(&set->folder, (enum iml_set_split)split, &set->shape[split], error);
        if (code != IML_OK) return code;
    }
    return check_shapes_agree(set, error);
}

static enum iml_code not_found(const char *name, struct iml_error *error)
{
    const enum iml_code code = iml_error_set(
        error, IML_ERROR_NOT_FOUND, "there is no data set \"%.*s\"", IML_SET_NAME_MAX, name);
    iml_error_mend(error, "GET /v1/datasets lists the sets under the data roots");
    return code;
}

/* What a broken file's reader can do, where nothing better was said. */
static enum iml_code with_mend(enum iml_code code, struct iml_error *error)
{
    if (code == IML_ERROR_DATA) iml_error_mend(error, "put the right file in its place");
    return code;
}

enum iml_code iml_set_open(const struct iml_set_roots *roots, const char *name, struct iml_set *set,
                           struct iml_error *error)
{
    *set = (struct iml_set){.folder = {.root = -1}};
    if (!iml_set_name_is_valid(name)) return not_found(name, error);
    for (size_t i = 0; i < roots->count; i++) {
        struct iml_error here = {0};
        enum iml_code code = iml_folder_open(roots->paths[i], name, &set->folder, &here);
        if (code == IML_ERROR_NOT_FOUND) continue; /* a root that is missing has no sets */
        if (code == IML_OK) code = find_form(set, &here);
        if (code == IML_OK && !set->form) { /* a folder in none of the forms is no set */
            iml_folder_close(&set->folder);
            continue;
        }
        if (code == IML_OK) code = with_mend(read_shapes(set, &here), &here);
        if (code != IML_OK && error && error->code == IML_OK) *error = here;
        return code;
    }
    return not_found(name, error);
}

void iml_set_close(struct iml_set *set)
{
    iml_folder_close(&set->folder);
}

static void count_classes(const uint8_t *labels, size_t count, size_t seen[IML_CLASSES_MAX])
{
    memset(seen, 0, IML_CLASSES_MAX * sizeof seen[0]);
    for (size_t i = 0; i < count; i++) seen[labels[i]]++;
}

static enum iml_code label_error(const struct iml_set *set, enum iml_set_split split,
                                 const uint8_t *labels, size_t image, size_t classes,
                                 struct iml_error *error)
{
    const enum iml_code code = iml_error_set(
        error, IML_ERROR_DATA,
        "label %u of image %zu is out of range: the labels of the %s split run without a gap below "
        "%zu",
        (unsigned)labels[image], image, set->has[IML_SPLIT_TRAIN] ? "train" : "test", classes);
    set->form->where_label(&set->folder, split, image, error);
    return code;
}

/* One past the last class of the run without a gap that starts at class 0 or 1. */
static size_t dense_classes(const size_t seen[IML_CLASSES_MAX])
{
    size_t classes = seen[0] == 0 ? 1 : 0; /* EMNIST letters starts at 1 */
    while (classes < IML_CLASSES_MAX && seen[classes] > 0) classes++;
    return classes;
}

/* An idx file says nothing of its classes: a label beyond a class without any image is a broken
 * byte, not a class (measured on none of the sets we know: each has all its classes). */
static enum iml_code check_labels(const struct iml_set *set, enum iml_set_split split,
                                  const uint8_t *labels, size_t count, size_t classes,
                                  struct iml_error *error)
{
    for (size_t i = 0; i < count && set->form->where_label; i++) {
        if (labels[i] >= classes) return label_error(set, split, labels, i, classes, error);
    }
    return IML_OK;
}

enum iml_code iml_set_labels(const struct iml_set *set, enum iml_set_split split, uint8_t *labels,
                             struct iml_error *error)
{
    assert(set->has[split]);
    const size_t count = set->shape[split].images;
    enum iml_code code =
        with_mend(set->form->labels(&set->folder, split, count, labels, error), error);
    if (code != IML_OK || (split == IML_SPLIT_TEST && set->has[IML_SPLIT_TRAIN])) return code;
    size_t seen[IML_CLASSES_MAX];
    count_classes(labels, count, seen);
    return with_mend(check_labels(set, split, labels, count, dense_classes(seen), error), error);
}

enum iml_code iml_set_pixels(const struct iml_set *set, enum iml_set_split split,
                             const uint32_t *chosen, size_t count, uint8_t *pixels,
                             struct iml_error *error)
{
    assert(set->has[split]);
    if (count == 0) return IML_OK;
    return with_mend(
        set->form->pixels(&set->folder, split, &set->shape[split], chosen, count, pixels, error),
        error);
}

static size_t largest_class(const size_t seen[IML_CLASSES_MAX])
{
    size_t classes = IML_CLASSES_MAX;
    while (classes > 0 && seen[classes - 1] == 0) classes--;
    return classes;
}

/* Labels of one split into facts; the train split comes first. */
static enum iml_code read_split_facts(const struct iml_set *set, enum iml_set_split split,
                                      struct iml_set_facts *facts, struct iml_error *error)
{
    const struct iml_split_shape *shape = &set->shape[split];
    uint8_t *labels = malloc(shape->images); /* no more than the file's size allows: see form.h */
    if (!labels)
        return iml_error_set(error, IML_ERROR_MEMORY, "can't allocate %zu labels", shape->images);
    size_t seen[IML_CLASSES_MAX];
    enum iml_code code = iml_set_labels(set, split, labels, error);
    if (code == IML_OK && split == IML_SPLIT_TEST && set->has[IML_SPLIT_TRAIN])
        code = check_labels(set, split, labels, shape->images, facts->classes, error);
    if (code == IML_OK) {
        count_classes(labels, shape->images, seen);
        const size_t classes = largest_class(seen);
        if (classes > facts->classes) facts->classes = classes;
        memcpy(split == IML_SPLIT_TRAIN ? facts->train_class_images : facts->test_class_images,
               seen, sizeof seen);
    }
    free(labels);
    return code;
}

enum iml_code iml_set_facts_read(const struct iml_set *set, struct iml_set_facts *facts,
                                 struct iml_error *error)
{
    const struct iml_split_shape *train = &set->shape[IML_SPLIT_TRAIN],
                                 *test = &set->shape[IML_SPLIT_TEST],
                                 *any = set->has[IML_SPLIT_TRAIN] ? train : test;
    *facts = (struct iml_set_facts){.form = set->form->form,
                                    .channels = any->channels,
                                    .height = any->height,
                                    .width = any->width,
                                    .train_images = train->images,
                                    .test_images = test->images};
    memcpy(facts->name, set->folder.name, sizeof facts->name);
    enum iml_code code = IML_OK;
    if (set->has[IML_SPLIT_TRAIN]) code = read_split_facts(set, IML_SPLIT_TRAIN, facts, error);
    if (code == IML_OK && set->has[IML_SPLIT_TEST])
        code = read_split_facts(set, IML_SPLIT_TEST, facts, error);
    return code;
}
