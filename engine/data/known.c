/* known.c: the classes of a task; see known.h. */
#include "engine/data/known.h"

#include <string.h>

enum { DEFAULT_COUNT = 6 };

void iml_known_all(const struct iml_set_facts *facts, struct iml_known *known)
{
    *known = (struct iml_known){.outputs = facts->classes};
    for (size_t c = 0; c < facts->classes; c++) {
        known->has[c] = true;
        known->label[c] = (uint8_t)c;
        if (facts->train_class_images[c] > 0) known->count++;
    }
}

static enum iml_code refuse(enum iml_code code, struct iml_error *error)
{
    iml_error_where(error, "/data/mismatch/known");
    return code;
}

static enum iml_code mark(const struct iml_set_facts *facts, const uint8_t *classes, size_t count,
                          struct iml_known *known, struct iml_error *error)
{
    if (count < 2) {
        return refuse(iml_error_set(error, IML_ERROR_LIMIT,
                                    "%zu known classes: a task has two or more", count),
                      error);
    }
    for (size_t i = 0; i < count; i++) {
        const uint8_t c = classes[i];
        if (facts->train_class_images[c] == 0) {
            return refuse(iml_error_set(error, IML_ERROR_LIMIT,
                                        "the set has no training image of class %d", c),
                          error);
        }
        if (known->has[c])
            return refuse(iml_error_set(error, IML_ERROR_LIMIT, "class %d is given twice", c),
                          error);
        known->has[c] = true;
    }
    return IML_OK;
}

/* The published protocols on CIFAR-10 ask which animal it is. */
static size_t choose_default(const struct iml_set_facts *facts, uint8_t classes[DEFAULT_COUNT])
{
    size_t count = 0;
    const size_t first = strcmp(facts->name, "cifar10") == 0 ? 2 : 0;
    for (size_t c = first; c < facts->classes && count < DEFAULT_COUNT; c++) {
        if (facts->train_class_images[c] > 0) classes[count++] = (uint8_t)c;
    }
    return count;
}

enum iml_code iml_known_some(const struct iml_set_facts *facts, const uint8_t *classes,
                             size_t count, struct iml_known *known, struct iml_error *error)
{
    uint8_t usual[DEFAULT_COUNT];
    *known = (struct iml_known){0};
    if (!classes) count = choose_default(facts, usual);
    const enum iml_code code = mark(facts, classes ? classes : usual, count, known, error);
    if (code != IML_OK) return code;
    for (size_t c = 0; c < IML_CLASSES_MAX; c++) {
        if (known->has[c]) known->label[c] = (uint8_t)known->count++;
    }
    known->outputs = known->count;
    return IML_OK;
}

size_t iml_known_test_images(const struct iml_known *known, const struct iml_set_facts *facts)
{
    size_t images = 0;
    for (size_t c = 0; c < IML_CLASSES_MAX; c++)
        images += known->has[c] ? facts->test_class_images[c] : 0;
    return images;
}

size_t iml_known_pick(const struct iml_known *known, const uint8_t *labels, size_t count,
                      size_t most, uint32_t *chosen)
{
    size_t n = 0;
    for (size_t i = 0; i < count && n < most; i++) {
        if (known->has[labels[i]]) chosen[n++] = (uint32_t)i;
    }
    return n;
}
