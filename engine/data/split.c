/* split.c: validation and training images by seed; see split.h. */
#include "engine/data/split.h"

#include <stdlib.h>

#include "imld/random.h"

/* As many of each class as the smallest one has left. */
static size_t most_of(const size_t images[IML_CLASSES_MAX], const size_t *taken)
{
    size_t smallest = SIZE_MAX, classes = 0;
    for (size_t c = 0; c < IML_CLASSES_MAX; c++) {
        if (images[c] == 0) continue;
        const size_t left = images[c] - (taken ? taken[c] : 0);
        smallest = left < smallest ? left : smallest;
        classes++;
    }
    return classes > 0 ? smallest * classes : 0;
}

/* NOLINTNEXTLINE(readability-function-size): two words of the error's text and pointer are two of
 * them */
enum iml_code iml_split_spread(const size_t images[IML_CLASSES_MAX], const size_t *taken,
                               size_t total, const char *what, const char *pointer,
                               size_t shares[IML_CLASSES_MAX], struct iml_error *error)
{
    size_t classes = 0, rank = 0;
    for (size_t c = 0; c < IML_CLASSES_MAX; c++) classes += images[c] > 0;
    for (size_t c = 0; c < IML_CLASSES_MAX; c++) {
        shares[c] = 0;
        if (images[c] == 0) continue;
        shares[c] = total / classes + (rank < total % classes ? 1 : 0);
        rank++;
        const size_t present = images[c] - (taken ? taken[c] : 0);
        if (shares[c] <= present) continue;
        const enum iml_code code = iml_error_set(
            error, IML_ERROR_LIMIT,
            "%zu %s images ask for %zu of class %zu, of which %zu of %zu images are there", total,
            what, shares[c], c, present, images[c]);
        iml_error_where(error, "%s", pointer);
        iml_error_mend(error, "ask for at most %zu images: they are spread evenly over the classes",
                       most_of(images, taken));
        return code;
    }
    return IML_OK;
}

enum iml_code iml_split_share(const struct iml_set_facts *facts, size_t validation, size_t train,
                              struct iml_split_counts *counts, struct iml_error *error)
{
    *counts = (struct iml_split_counts){.validation_total = validation, .train_total = train};
    enum iml_code code = iml_split_spread(facts->train_class_images, NULL, validation, "validation",
                                          "/data/validation", counts->validation, error);
    if (code != IML_OK) return code;
    if (train > 0) {
        return iml_split_spread(facts->train_class_images, counts->validation, train, "training",
                                "/data/train", counts->train, error);
    }
    for (size_t c = 0; c < IML_CLASSES_MAX; c++) {
        counts->train[c] = facts->train_class_images[c] - counts->validation[c];
        counts->train_total += counts->train[c];
    }
    if (counts->train_total > 0) return IML_OK;
    code = iml_error_set(error, IML_ERROR_LIMIT,
                         "no training image remains beside %zu validation images of %zu",
                         validation, facts->train_images);
    iml_error_where(error, "/data/train");
    return code;
}

static int compare_indices(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

/* Indices of one class in file order; how many. */
static size_t gather_class(const uint8_t *labels, size_t count, size_t class_number,
                           uint32_t *members)
{
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        if (labels[i] == class_number) members[n++] = (uint32_t)i;
    }
    return n;
}

enum iml_code iml_split_order_class(uint32_t seed, uint32_t class_number, const uint8_t *labels,
                                    size_t count, size_t wanted, uint32_t *scratch,
                                    struct iml_error *error)
{
    uint32_t *const members = scratch + count;
    const size_t n = gather_class(labels, count, class_number, members);
    if (n < wanted) {
        return iml_error_set(error, IML_ERROR_DATA,
                             "class %u has %zu images where %zu were expected: the files have "
                             "changed since they were inspected",
                             (unsigned)class_number, n, wanted);
    }
    iml_permutation(seed, IML_PURPOSE_SPLIT, class_number, (uint32_t)n, scratch);
    for (size_t i = 0; i < n; i++) scratch[i] = members[scratch[i]];
    return IML_OK;
}

void iml_split_sort(uint32_t *indices, size_t count)
{
    if (count > 0) qsort(indices, count, sizeof indices[0], compare_indices);
}

enum iml_code iml_split_draw(uint32_t seed, const struct iml_split_counts *counts,
                             const uint8_t *labels, size_t count,
                             const struct iml_split_lists *lists, struct iml_error *error)
{
    const uint32_t *const ordered = lists->scratch;
    size_t validation_count = 0, train_count = 0;
    for (uint32_t c = 0; c < IML_CLASSES_MAX; c++) {
        const size_t wanted = counts->validation[c] + counts->train[c];
        if (wanted == 0) continue;
        const enum iml_code code =
            iml_split_order_class(seed, c, labels, count, wanted, lists->scratch, error);
        if (code != IML_OK) return code;
        for (size_t i = 0; i < counts->validation[c]; i++)
            lists->validation[validation_count++] = ordered[i];
        for (size_t i = counts->validation[c]; i < wanted; i++)
            lists->train[train_count++] = ordered[i];
    }
    iml_split_sort(lists->validation, validation_count);
    iml_split_sort(lists->train, train_count);
    return IML_OK;
}
