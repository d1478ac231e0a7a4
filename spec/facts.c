/* facts.c: defaults that depend on the data set or the net; see facts.h. */
#include "spec/facts.h"

#include <assert.h>
#include <math.h>
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

/* The most images that are spread evenly if a class gives so many; at least one of each. */
static uint64_t spread(const struct imld_facts *facts, uint64_t of_a_class)
{
    return facts->classes * (of_a_class > 0 ? of_a_class : 1);
}

/* Half of the split stays for training, and of each class. */
static uint64_t validation(const struct imld_facts *facts)
{
    if (facts->validation_rows > 0) return facts->validation_rows;
    if (facts->train_images < 2) return IMLD_UNKNOWN;
    const uint64_t most = least(500, facts->train_images / 2);
    if (facts->class_images == IMLD_UNKNOWN) return most;
    return least(most, spread(facts, facts->class_images / 2));
}

static uint64_t inner_batch(const struct imld_facts *facts)
{
    return least(128, facts->train);
}

/* A linearization keeps all activations: of images they are large (FIXMATCH 6.1). */
static uint64_t curvature_batch(const struct imld_facts *facts)
{
    return least(facts->is_of_images ? 128 : 500, facts->train);
}

/* On all 480 rows of a default step, a deep net's would take gigabytes (FIXMATCH 6.1). */
static uint64_t curvature_rows(const struct imld_facts *facts)
{
    return facts->is_deep ? least(128, facts->step_rows) : facts->step_rows;
}

static uint64_t validation_batch(const struct imld_facts *facts)
{
    return least(500, facts->measured);
}

/* The second engine convolves without oneDNN: of WRN-28-2 a minute of 4 images. */
static uint64_t verified_batch(const struct imld_facts *facts)
{
    return least(facts->is_of_images ? 4 : 500, facts->train);
}

static uint64_t verified_validation(const struct imld_facts *facts)
{
    return least(facts->is_of_images ? 4 : 500, facts->measured);
}

static double batch_norm_epsilon(const struct imld_facts *facts)
{
    return facts->is_of_images ? 1e-3 : 1e-5;
}

/* 250 of ten classes: the middle one of the published numbers (FIXMATCH 1.13). The first classes
 * give one validation image more than the others. */
static uint64_t labels(const struct imld_facts *facts)
{
    const uint64_t classes = facts->classes, most = 25;
    if (classes == IMLD_UNKNOWN) return IMLD_UNKNOWN;
    if (facts->class_images == IMLD_UNKNOWN || facts->validation == IMLD_UNKNOWN)
        return spread(facts, most);
    const uint64_t taken = facts->validation / classes + (facts->validation % classes > 0);
    const uint64_t left = facts->class_images > taken ? facts->class_images - taken : 0;
    return spread(facts, least(most, left));
}

static const char *flip(const struct imld_facts *facts)
{
    return facts->is_symmetric ? "true" : "false";
}

/* A synthetic problem is linear in its parameters, and has no classes to be right about. */
static const char *best(const struct imld_facts *facts)
{
    if (facts->is_unmeasured) return "\"train/loss\"";
    return facts->is_synthetic ? "\"validation/loss\"" : "\"validation/accuracy\"";
}

static const char *hidden(const struct imld_facts *facts)
{
    return facts->is_synthetic ? "[]" : "[128, 128]";
}

static double coefficient(const struct imld_facts *facts)
{
    return facts->coefficient;
}

/* One of value, text and number. */
struct function {
    const char *name;
    uint64_t (*value)(const struct imld_facts *facts);
    const char *(*text)(const struct imld_facts *facts);
    double (*number)(const struct imld_facts *facts);
    const char *help;
};

static const struct function functions[] = {
    {"@batch_norm_epsilon", NULL, NULL, batch_norm_epsilon, "1e-5; 1e-3 of a net of images"},
    {"@best", NULL, best, NULL,
     "validation/accuracy; validation/loss where data.set is synthetic; train/loss with "
     "data.train_on_validation"},
    {"@coefficient", NULL, NULL, coefficient, "meta.knowledge.initial; 0 where there is no λ"},
    {"@curvature_batch", curvature_batch, NULL, NULL,
     "500, of a net of images 128, or data.train if that is less"},
    {"@curvature_rows", curvature_rows, NULL, NULL,
     "those of a training step, inner.batch × (1 + 2 consistency.ratio); of a wrn or resnet18 128 "
     "at most"},
    {"@flip", NULL, flip, NULL, "true for cifar10 and fashion-mnist, else false"},
    {"@hidden", NULL, hidden, NULL, "[128, 128]; [] where data.set is synthetic"},
    {"@inner_batch", inner_batch, NULL, NULL, "128, or data.train if that is less"},
    {"@labels", labels, NULL, NULL,
     "25 of each class of the task, or what validation leaves of its smallest one if that is less"},
    {"@test", test, NULL, NULL, "all images of the test split"},
    {"@train", train, NULL, NULL, "all images of the train split that validation leaves"},
    {"@validation", validation, NULL, NULL,
     "500, or half of the train split if that is less, or of each class half of the smallest one's "
     "images"},
    {"@validation_batch", validation_batch, NULL, NULL,
     "500, or data.validation if that is less; data.labels where confidence.validation_from is "
     "labeled"},
    {"@verified_batch", verified_batch, NULL, NULL,
     "500, of a net of images 4, or data.train if that is less"},
    {"@verified_validation", verified_validation, NULL, NULL,
     "500, of a net of images 4, or data.validation if that is less"},
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
    assert(function && function->value); /* a row of fields.c names it */
    return function->value(facts);
}

const char *imld_facts_text(const char *name, const struct imld_facts *facts)
{
    const struct function *const function = find(name);
    return function && function->text ? function->text(facts) : NULL;
}

double imld_facts_number(const char *name, const struct imld_facts *facts)
{
    const struct function *const function = find(name);
    return function && function->number ? function->number(facts) : nan("");
}

bool imld_facts_has(const char *name, const char **help)
{
    const struct function *const function = find(name);
    if (function && help) *help = function->help;
    return function != NULL;
}
