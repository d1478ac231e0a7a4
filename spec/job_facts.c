/* job_facts.c: the facts that a job's named defaults are made of; see job_facts.h. */
#include "spec/job_facts.h"

#include <string.h>

#include "spec/fields.h"
#include "spec/levels.h"
#include "spec/pointer.h"
#include "spec/synthetic.h"
#include "spec/value.h"

enum { DEFAULT_BATCH = 32, DEFAULT_RATIO = 7 }; /* of jobs with few labels */

/* A count as given, else IMLD_UNKNOWN. */
static uint64_t count_at(const json_t *document, const char *pointer)
{
    const json_t *const value = imld_json_at(document, pointer);
    if (!json_is_number(value)) return IMLD_UNKNOWN;
    const double number = json_number_value(value);
    return number >= 1 && number <= 1e9 ? (uint64_t)number : IMLD_UNKNOWN;
}

/* Classes of the set with a training image; where that is not known, all. */
static uint64_t count_present(const struct imld_set_view *view)
{
    uint64_t present = 0;
    for (size_t c = 0; c < IMLD_CLASSES_MAX; c++) present += view->class_images[c] > 0;
    return present > 0 ? present : view->classes;
}

/* Classes that the task is about (FIXMATCH 4.5). */
static uint64_t count_classes(const json_t *document, const struct imld_set_view *view)
{
    enum { KNOWN_BY_DEFAULT = 6 };
    const uint64_t present = count_present(view);
    const size_t known = json_array_size(imld_json_at(document, "/data/mismatch/known"));
    if (known > 0) return known;
    return imld_json_at(document, "/data/mismatch") && present > KNOWN_BY_DEFAULT ? KNOWN_BY_DEFAULT
                                                                                  : present;
}

/* Training images of the smallest of them; where they are not listed, of all classes. */
static uint64_t count_smallest(const json_t *document, const struct imld_set_view *view)
{
    const json_t *const known = imld_json_at(document, "/data/mismatch/known");
    const json_t *item = NULL;
    size_t i = 0;
    uint64_t smallest = IMLD_UNKNOWN;
    bool is_known[IMLD_CLASSES_MAX] = {false};
    json_array_foreach(known, i, item)
    {
        const json_int_t c = json_integer_value(item);
        if (c >= 0 && c < IMLD_CLASSES_MAX) is_known[c] = true;
    }
    for (size_t c = 0; c < IMLD_CLASSES_MAX; c++) {
        const uint64_t images = view->class_images[c];
        if (json_array_size(known) > 0 && !is_known[c]) continue;
        if (images > 0 && images < smallest) smallest = images;
    }
    return smallest;
}

/* FIXMATCH 3.1 */
static bool is_symmetric(const char *set)
{
    return set && (strcmp(set, "cifar10") == 0 || strcmp(set, "fashion-mnist") == 0);
}

/* The set's facts and the job's counts, which the named defaults are made of. */
static bool look_at_set(const json_t *document, unsigned algorithms,
                        const struct imld_resolve_context *context, struct imld_set_view *view,
                        struct imld_facts *facts, struct imld_problems *problems)
{
    const struct imld_facts unknown = {.train_images = IMLD_UNKNOWN,
                                       .test_images = IMLD_UNKNOWN,
                                       .train = IMLD_UNKNOWN,
                                       .validation = IMLD_UNKNOWN,
                                       .classes = IMLD_UNKNOWN,
                                       .class_images = IMLD_UNKNOWN};
    const json_t *const name = imld_json_at(document, "/data/set");
    struct imld_problems ignored = {0};
    bool is_known = false;
    *facts = unknown;
    json_t *const right =
        name ? imld_value_check(imld_row_of(IMLD_ALL, "/data/set"), IMLD_ALL, name, "", &ignored)
             : NULL;
    facts->is_synthetic = right && imld_is_synthetic(document);
    if (facts->is_synthetic) {
        /* else its fields say what is wrong */
        is_known = imld_synthetic_view(document, view, &facts->validation_rows);
        facts->coefficient = algorithms & IMLD_IML ? imld_first_coefficient(document) : 0;
    } else if (right && context->set_view) {
        char why[512] = "";
        is_known = context->set_view(context->context, json_string_value(right), view, why);
        if (!is_known)
            imld_problems_add(problems, "/data/set", "found \"%s\"; %s", json_string_value(right),
                              why[0] ? why : "there is no such set");
    }
    if (is_known) {
        facts->train_images = view->train_images;
        facts->test_images = view->test_images;
        facts->classes = count_classes(document, view);
        facts->class_images = count_smallest(document, view);
    }
    facts->is_symmetric = is_symmetric(json_string_value(name));
    facts->is_unmeasured = json_is_true(imld_json_at(document, "/data/train_on_validation"));
    facts->validation = count_at(document, "/data/validation");
    if (facts->validation == IMLD_UNKNOWN)
        facts->validation = imld_facts_value("@validation", facts);
    facts->train = count_at(document, "/data/train");
    if (facts->train == IMLD_UNKNOWN) facts->train = imld_facts_value("@train", facts);
    const char *const model = json_string_value(imld_json_at(document, "/model/kind"));
    const bool is_mlp = model ? strcmp(model, "mlp") == 0
                              : !(algorithms & IMLD_FEW_LABELS) || algorithms == IMLD_ALL;
    facts->is_of_images = !is_mlp;
    json_decref(right);
    imld_problems_clear(&ignored);
    return is_known;
}

/* What the defaults of an update of λ are made of; each as given, else as its row says. */
static void look_at_update(const json_t *document, unsigned algorithms, struct imld_facts *facts)
{
    const char *const model = json_string_value(imld_json_at(document, "/model/kind"));
    const char *const from =
        json_string_value(imld_json_at(document, "/confidence/validation_from"));
    const uint64_t batch = count_at(document, "/inner/batch");
    const uint64_t ratio = count_at(document, "/consistency/ratio");
    const uint64_t labels = count_at(document, "/data/labels");
    facts->is_deep = model && (strcmp(model, "wrn") == 0 || strcmp(model, "resnet18") == 0);
    facts->step_rows = (batch == IMLD_UNKNOWN ? DEFAULT_BATCH : batch) *
                       (1 + 2 * (ratio == IMLD_UNKNOWN ? DEFAULT_RATIO : ratio));
    facts->measured = facts->validation;
    if (algorithms == IMLD_CONFIDENCE && from && strcmp(from, "labeled") == 0)
        facts->measured = labels == IMLD_UNKNOWN ? imld_facts_value("@labels", facts) : labels;
}

bool imld_job_facts(const json_t *document, unsigned algorithms,
                    const struct imld_resolve_context *context, struct imld_set_view *view,
                    struct imld_facts *facts, struct imld_problems *problems)
{
    const bool is_known = look_at_set(document, algorithms, context, view, facts, problems);
    look_at_update(document, algorithms, facts);
    return is_known;
}
