/* facts.c: defaults that depend on the data set; see facts.h. */
#include "spec/facts.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t test(const struct imld_facts *facts)
{
    return facts->test_images;
}

static uint64_t train(const struct imld_facts *facts)
{
    if (facts->train_images == IMLD_UNKNOWN || facts->validation >= facts->train_images)
        return IMLD_UNKNOWN;
    return facts->train_images - facts->validation;
}

/* Half of the split stays for training. */
static uint64_t validation(const struct imld_facts *facts)
{
    if (facts->train_images < 2) return IMLD_UNKNOWN;
    return least(500, facts->train_images / 2);
}

static uint64_t inner_batch(const struct imld_facts *facts)
{
    return least(128, facts->train);
}

static uint64_t curvature_batch(const struct imld_facts *facts)
{
    return least(500, facts->train);
}

static uint64_t validation_batch(const struct imld_facts *facts)
{
    return least(500, facts->validation);
}

struct function {
    const char *name;
    uint64_t (*value)(const struct imld_facts *facts);
    const char *help;
};

static const struct function functions[] = {
    {"@curvature_batch", curvature_batch, "500, or data.train if that is less"},
    {"@inner_batch", inner_batch, "128, or data.train if that is less"},
    {"@test", test, "all images of the test split"},
    {"@train", train, "all images of the train split that validation leaves"},
    {"@validation", validation, "500, or half of the train split if that is less"},
    {"@validation_batch", validation_batch, "500, or data.validation if that is less"},
};

static const struct function *find(const char *name)
{
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        if (strcmp(functions[i].name, name) == 0) return &functions[i];
    }
    return NULL;
}

uint64_t imld_facts_value(const char *name, const struct imld_facts *facts)
{
    const struct function *const function = find(name);
    assert(function); /* a row of fields.c names it */
    return function->value(facts);
}

bool imld_facts_has(const char *name, const char **help)
{
    const struct function *const function = find(name);
    if (function && help) *help = function->help;
    return function != NULL;
}
