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

static const struct {
    const char *name;
    uint64_t (*value)(const struct imld_facts *facts);
    const char *help;
} functions[] = {
    {"@curvature_batch", curvature_batch, "500, or data.train if that is less"},
    {"@inner_batch", inner_batch, "128, or data.train if that is less"},
    {"@test", test, "all images of the test split"},
    {"@train", train, "all images of the train split that validation leaves"},
    {"@validation", validation, "500, or half of the train split if that is less"},
    {"@validation_batch", validation_batch, "500, or data.validation if that is less"},
};

static const size_t function_count = sizeof functions / sizeof functions[0];

uint64_t imld_facts_value(const char *name, const struct imld_facts *facts)
{
    for (size_t i = 0; i < function_count; i++) {
        if (strcmp(functions[i].name, name) == 0) return functions[i].value(facts);
    }
    assert(!"a default names a function that is not in the table");
    return IMLD_UNKNOWN;
}

bool imld_facts_has(const char *name, const char **help)
{
    for (size_t i = 0; i < function_count; i++) {
        if (strcmp(functions[i].name, name) != 0) continue;
        if (help) *help = functions[i].help;
        return true;
    }
    return false;
}
