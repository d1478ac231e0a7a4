/* sets.c: the data sets of the tests of spec/; see sets.h. */
#include "tests/unit/spec/sets.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "tests/unit/check.h"

static bool set_view(void *context, const char *name, struct imld_set_view *view, char why[512])
{
    static const struct {
        const char *name;
        struct imld_set_view view;
    } sets[] = {
        {"fashion-mnist", {60000, 10000, 10, 1, 28, 28, {0}}},
        {"tiny", {40, 8, 2, 1, 4, 4, {0}}},
        {"trainless", {0, 10, 2, 1, 4, 4, {0}}},
        {"testless", {100, 0, 2, 1, 4, 4, {0}}},
        {"uneven", {112, 8, 4, 1, 12, 12, {60, 12, 0, 40}}}, /* class 2 is not there */
    };
    (void)context;
    for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++) {
        if (strcmp(sets[i].name, name) != 0) continue;
        *view = sets[i].view;
        return true;
    }
    (void)snprintf(why, 512, "no data root has it");
    return false;
}

const char origin_sha256[65] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

#define DATA                                                                                       \
    "\"data\":{\"set\":\"tiny\",\"train\":20,\"validation\":10,\"test\":8,\"pixels\":\"unit\"}"
#define MODEL                                                                                      \
    "\"model\":{\"kind\":\"mlp\",\"hidden\":[5],\"activation\":\"tanh\",\"dropout\":0,"            \
    "\"initialization\":\"pytorch\"}"

#define FEW                                                                                        \
    "\"set\":\"tiny\",\"labels\":6,\"validation\":10,\"pixels\":\"symmetric\",\"flip\":false,"     \
    "\"train_on_validation\":false,\"unlabeled_includes_labeled\":true"
#define FEW_MODEL                                                                                  \
    "\"model\":{\"kind\":\"cnn_small\",\"batch_norm\":{\"epsilon\":0.001},\"convolution\":"        \
    "\"auto\"}"

static bool origin_view(void *context, const char *job, const char *checkpoint,
                        struct imld_origin_view *view, struct imld_problems *problems)
{
    static const struct {
        const char *job, *spec;
    } jobs[] = {
        {"j0000001", "{\"algorithm\":\"iml\"," DATA "," MODEL ",\"seed\":7}"},
        {"j0000002", "{\"algorithm\":\"supervised\"," DATA "," MODEL
                     ",\"from\":{\"job\":\"j0000001\",\"split_seed\":7},\"seed\":9}"},
        {"j0000003", "{\"algorithm\":\"another\"," DATA "," MODEL ",\"seed\":7}"},
        {"j0000004", "{\"algorithm\":\"iml\",\"data\":{\"set\":\"gone\"}," MODEL ",\"seed\":7}"},
        {"j0000005", "{\"algorithm\":\"iml\"," DATA ",\"model\":{\"kind\":\"wide\"},\"seed\":7}"},
        {"j0000006", "{\"algorithm\":\"fixmatch\",\"data\":{" FEW "}," FEW_MODEL ",\"seed\":7}"},
        {"j0000007", "{\"algorithm\":\"supervised\",\"data\":{" FEW
                     ",\"views\":\"none\"}," FEW_MODEL ",\"seed\":7}"},
        {"j0000008",
         "{\"algorithm\":\"confidence\",\"data\":{" FEW "}," FEW_MODEL
         ",\"confidence\":{\"form\":\"separate\",\"input\":\"probabilities\",\"hidden\":"
         "[7],\"activation\":\"tanh\",\"output\":\"sigmoid\",\"normalize\":\"batch_mean\","
         "\"decay\":0.5,\"last_layer\":\"zero\",\"weights\":\"learned\"},\"seed\":7}"},
        {"j0000009", "{\"algorithm\":\"confidence\",\"data\":{" FEW "}," FEW_MODEL
                     ",\"confidence\":{\"form\":\"weights_per_example\"},\"seed\":7}"},
    };
    static json_t
        *parsed[sizeof jobs / sizeof jobs[0]]; /* once: jansson can't parse without memory */
    (void)context;
    for (size_t i = 0; i < sizeof jobs / sizeof jobs[0]; i++) {
        if (!parsed[i]) parsed[i] = json_loads(jobs[i].spec, 0, NULL);
        if (strcmp(jobs[i].job, job) != 0) continue;
        if (strcmp(checkpoint, "best") != 0 && strcmp(checkpoint, "step-40") != 0) {
            imld_problems_add(problems, "/from/checkpoint", "it has best, step-40");
            return false;
        }
        *view = (struct imld_origin_view){.spec = json_incref(parsed[i]), .step = 40};
        (void)snprintf(view->sha256, sizeof view->sha256, "%s", origin_sha256);
        return true;
    }
    imld_problems_add(problems, "/from/job", "there is no such job");
    return false;
}

const struct imld_resolve_context test_context = {
    .set_view = set_view, .origin_view = origin_view, .threads_limit = 4};

json_t *resolve_text(const char *text, struct imld_problems *problems)
{
    json_error_t error;
    json_t *const document = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    if (!document) print_error("%s: %s\n", text, error.text);
    assert_non_null(document);
    json_t *const before = json_deep_copy(document);
    json_t *const spec = imld_spec_resolve(document, &test_context, problems);
    assert_true(json_equal(document, before)); /* the input is not changed */
    assert_true((spec != NULL) == (problems->total == 0));
    json_decref(before);
    json_decref(document);
    return spec;
}

char *pointers_of(const struct imld_problems *problems)
{
    struct imld_text text = {0};
    for (size_t i = 0; i < problems->count; i++) {
        const char *const pointer = problems->items[i].pointer;
        imld_text_printf(&text, "%s%s", i > 0 ? " " : "", pointer[0] ? pointer : "(root)");
    }
    return imld_text_take(&text);
}
