/* pool_case.c: see pool_case.h. */
#include "tests/unit/engine/pool_case.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/check.h"

static void name_set(struct iml_set_facts *facts, const char *name)
{
    facts->channels = 3;
    facts->height = facts->width = 32;
    (void)snprintf(facts->name, sizeof facts->name, "%s", name);
}

void pool_case_set_up(struct pool_case *c, enum iml_mismatch mismatch, size_t labels)
{
    memset(c, 0, sizeof *c);
    name_set(&c->facts, "cifar10");
    name_set(&c->extra, "svhn");
    c->extra.test_images = POOL_EXTRA;
    c->facts.train_images = POOL_IMAGES;
    c->facts.classes = POOL_CLASSES;
    for (size_t i = 0; i < POOL_IMAGES; i++) {
        c->labels[i] = (uint8_t)((i * i + 3 * i / 7) % POOL_CLASSES);
        c->facts.train_class_images[c->labels[i]]++;
    }
    c->options =
        (struct iml_pool_options){.validation = 13, .labels = labels, .mismatch = mismatch};
}

void pool_case_draw(struct pool_case *c)
{
    struct iml_error error = {0};
    const struct iml_pool_lists lists = {c->validation, c->labeled, c->pool, c->scratch};
    if (iml_pool_share(&c->facts, &c->options, &c->counts, &error))
        fail_msg("%s: %s", error.where, error.what);
    if (iml_pool_draw(POOL_SEED, &c->counts, c->labels, POOL_IMAGES, &lists, &error))
        fail_msg("%s", error.what);
    iml_pool_draw_extra(POOL_SEED, &c->counts, POOL_EXTRA, c->extra_images, c->scratch);
}

void pool_case_refused(struct pool_case *c, const char *pointer, const char *what)
{
    struct iml_error error = {0};
    assert_int_not_equal(iml_pool_share(&c->facts, &c->options, &c->counts, &error), IML_OK);
    assert_string_equal(error.where, pointer);
    if (!strstr(error.what, what)) fail_msg("\"%s\" is not in \"%s\"", what, error.what);
    assert_true(error.mend[0] != '\0' || strcmp(pointer, "/data/mismatch/known") == 0);
}

size_t pool_case_count(const struct pool_case *c, const uint32_t *list, size_t count,
                       unsigned class_number)
{
    size_t n = 0;
    for (size_t i = 0; i < count; i++) n += c->labels[list[i]] == class_number ? 1 : 0;
    return n;
}

bool pool_case_has(const uint32_t *list, size_t count, uint32_t image)
{
    for (size_t i = 0; i < count; i++) {
        if (list[i] == image) return true;
    }
    return false;
}
