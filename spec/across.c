/* across.c: rules that look at more than one field (DESIGN §4); see across.h. */
#include "spec/across.h"

#include <stdio.h>
#include <string.h>

#include "spec/fields.h"
#include "spec/pointer.h"
#include "spec/synthetic.h"

struct across {
    const json_t *spec;
    const struct imld_resolve_context *context;
    const struct imld_set_view *view;
    struct imld_problems *problems;
};

/* false: not there (or wrong, and so left out). */
static bool number_at(const json_t *spec, const char *pointer, double *value)
{
    const json_t *const found = imld_json_at(spec, pointer);
    if (!json_is_number(found)) return false;
    *value = json_number_value(found);
    return true;
}

static void check_images(const struct across *a)
{
    if (!a->view) return;
    const double train_images = (double)a->view->train_images;
    const double test_images = (double)a->view->test_images;
    double train = 0, validation = 0, test = 0;
    if (a->view->train_images < 2) {
        imld_problems_add(a->problems, "/data/set",
                          "the set has %.0f images to train on; at least 2 are needed",
                          train_images);
        return;
    }
    if (number_at(a->spec, "/data/validation", &validation) && validation >= train_images)
        imld_problems_add(a->problems, "/data/validation",
                          "found %.0f; the train split has %.0f images, and training needs at "
                          "least one of them",
                          validation, train_images);
    else if (number_at(a->spec, "/data/train", &train) && train + validation > train_images)
        imld_problems_add(a->problems, "/data/train",
                          "found %.0f; the train split has %.0f images, of which validation takes "
                          "%.0f",
                          train, train_images, validation);
    if (!number_at(a->spec, "/data/test", &test)) return;
    if (test > test_images)
        imld_problems_add(a->problems, "/data/test", "found %.0f; the test split has %.0f images",
                          test, test_images);
    if (test < 1 && test_images > 0)
        imld_problems_add(a->problems, "/data/test",
                          "found 0; needed is an integer from 1 to %.0f, the images of the test "
                          "split",
                          test_images);
}

/* A batch is drawn without replacement: it can't be above what it is drawn from. */
static void check_batches(const struct across *a)
{
    static const struct {
        const char *batch, *images;
    } rows[] = {
        {"/inner/batch", "/data/train"},
        {"/meta/curvature/batch", "/data/train"},
        {"/meta/validation_batch", "/data/validation"},
        {"/compare/curvature/batch", "/data/train"},
        {"/compare/validation_batch", "/data/validation"},
        {"/verify/curvature/batch", "/data/train"},
        {"/verify/validation_batch", "/data/validation"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        double batch = 0, images = 0;
        if (!number_at(a->spec, rows[i].batch, &batch)) continue;
        if (!number_at(a->spec, rows[i].images, &images) || batch <= images) continue;
        imld_problems_add(a->problems, rows[i].batch, "found %.0f; at most %.0f, as %s says", batch,
                          images, rows[i].images);
    }
}

static void check_threads(const struct across *a)
{
    double threads = 0;
    if (a->context->threads_limit == 0 || !number_at(a->spec, "/resources/threads", &threads))
        return;
    if (threads > (double)a->context->threads_limit)
        imld_problems_add(a->problems, "/resources/threads",
                          "found %.0f; this daemon runs %llu threads (--threads)", threads,
                          (unsigned long long)a->context->threads_limit);
}

static void check_priority(const struct across *a)
{
    double priority = 0;
    if (a->context->may_raise_priority || !number_at(a->spec, "/priority", &priority)) return;
    if (priority > 0)
        imld_problems_add(a->problems, "/priority", "found %.0f; only an admin sets it above 0",
                          priority);
}

static void check_nesterov(const struct across *a)
{
    static const char *const sections[] = {"/inner/optimizer", "/meta/optimizer"};
    for (size_t i = 0; i < sizeof sections / sizeof sections[0]; i++) {
        char pointer[IMLD_POINTER_BYTES];
        double momentum = 0;
        imld_pointer_join(pointer, sections[i], "momentum");
        if (!number_at(a->spec, pointer, &momentum) || momentum > 0) continue;
        imld_pointer_join(pointer, sections[i], "nesterov");
        if (json_is_true(imld_json_at(a->spec, pointer)))
            imld_problems_add(a->problems, pointer,
                              "found true; momentum is 0, and Nesterov's "
                              "form needs one above 0");
    }
}

static void check_clamp(const struct across *a)
{
    double low = 0, high = 0, initial = 0;
    if (!number_at(a->spec, "/meta/knowledge/clamp/0", &low) ||
        !number_at(a->spec, "/meta/knowledge/clamp/1", &high))
        return;
    if (low >= high) {
        imld_problems_add(a->problems, "/meta/knowledge/clamp",
                          "found [%g, %g]; the first must be below the second", low, high);
        return;
    }
    if (number_at(a->spec, "/meta/knowledge/initial", &initial) &&
        (initial < low || initial > high))
        imld_problems_add(a->problems, "/meta/knowledge/initial",
                          "found %g; it lies outside the clamp [%g, %g]", initial, low, high);
}

/* What only one form of a solver has. */
static void check_one_solver(const struct across *a, const char *section)
{
    char pointer[IMLD_POINTER_BYTES];
    const json_t *const solver = imld_json_at(a->spec, section);
    const char *const precondition = json_string_value(json_object_get(solver, "precondition"));
    if (!precondition) return;
    const bool is_preconditioned = strcmp(precondition, "l2") == 0;
    const char *const kind = json_string_value(json_object_get(solver, "kind"));
    const json_t *const step_size = json_object_get(solver, "step_size");
    imld_pointer_join(pointer, section, "scale");
    if (is_preconditioned && json_is_false(json_object_get(solver, "scale")))
        imld_problems_add(a->problems, pointer,
                          "found false; with precondition l2 there is no factor to leave out");
    imld_pointer_join(pointer, section, "step_size");
    if (!is_preconditioned && kind && strcmp(kind, "cg") == 0 && json_is_number(step_size))
        imld_problems_add(a->problems, pointer,
                          "found %g; cg has a step size only with precondition l2",
                          json_number_value(step_size));
}

static void check_solver(const struct across *a)
{
    check_one_solver(a, "/meta/solver");
}

/* Names that differ in blanks alone would look the same in a report. */
static bool has_outer_blank(const char *name)
{
    static const char blanks[] = " \t\n\v\f\r";
    const size_t length = strlen(name);
    return length > 0 && (strchr(blanks, name[0]) || strchr(blanks, name[length - 1]));
}

static void check_compared(const struct across *a)
{
    const json_t *const solvers = imld_json_at(a->spec, "/compare/solvers");
    for (size_t i = 0; i < json_array_size(solvers); i++) {
        char pointer[IMLD_POINTER_BYTES], field[IMLD_POINTER_BYTES];
        const char *const name =
            json_string_value(json_object_get(json_array_get(solvers, i), "name"));
        imld_pointer_item(pointer, "/compare/solvers", i);
        check_one_solver(a, pointer);
        imld_pointer_join(field, pointer, "name");
        if (name && strcmp(name, "reference") == 0)
            imld_problems_add(a->problems, field, "found \"reference\", which is the reference's");
        if (name && has_outer_blank(name))
            imld_problems_add(a->problems, field, "found \"%.64s\"; it begins or ends with a blank",
                              name);
        for (size_t j = 0; name && j < i; j++) {
            const char *const other =
                json_string_value(json_object_get(json_array_get(solvers, j), "name"));
            if (other && strcmp(name, other) == 0)
                imld_problems_add(a->problems, field, "found \"%.64s\" a second time", name);
        }
    }
}

/* A report looks at a checkpoint. */
static void check_report(const struct across *a)
{
    const char *const algorithm = json_string_value(json_object_get(a->spec, "algorithm"));
    if (!algorithm || !(imld_algorithm_find(algorithm) & IMLD_REPORTS) ||
        json_object_get(a->spec, "from"))
        return;
    imld_problems_add(a->problems, "/from", "missing; %s looks at another job's checkpoint",
                      algorithm);
}

static void check_steps_of_until(const struct across *a, const char *section)
{
    char pointer[IMLD_POINTER_BYTES];
    double least = 0, most = 0;
    imld_pointer_join(pointer, section, "max_steps");
    if (!number_at(a->spec, pointer, &most)) return;
    imld_pointer_join(pointer, section, "min_steps");
    if (number_at(a->spec, pointer, &least) && least > most)
        imld_problems_add(a->problems, pointer, "found %.0f; it is above max_steps, %.0f", least,
                          most);
}

static void check_until(const struct across *a)
{
    check_steps_of_until(a, "/inner/warmup/until");
    check_steps_of_until(a, "/inner/until");
    const json_t *const until = imld_json_at(a->spec, "/inner/until");
    const bool has_norm = json_object_get(until, "gradient_norm") != NULL;
    if (until && !has_norm && !json_object_get(until, "remaining_ratio"))
        imld_problems_add(a->problems, "/inner/until",
                          "it needs gradient_norm, remaining_ratio, or both");
    else if (!has_norm && json_is_true(json_object_get(until, "relative")))
        imld_problems_add(a->problems, "/inner/until/relative",
                          "found true; there is no gradient_norm that it could speak of");
}

/* Metrics with a word in their names, which such a job never measures: in checkpoint.best and the
 * stop rules. why: the end of the sentence. */
static void refuse_metrics(const struct across *a, const char *word, const char *why)
{
    const size_t rules = json_array_size(json_object_get(a->spec, "early_stopping"));
    for (size_t i = 0; i <= rules; i++) {
        char item[IMLD_POINTER_BYTES], pointer[IMLD_POINTER_BYTES] = "/checkpoint/best";
        if (i > 0) {
            imld_pointer_item(item, "/early_stopping", i - 1);
            imld_pointer_join(pointer, item, "metric");
        }
        const char *const metric = json_string_value(imld_json_at(a->spec, pointer));
        if (metric && strstr(metric, word))
            imld_problems_add(a->problems, pointer, "found \"%s\"; %s", metric, why);
    }
}

static void check_unmeasured(const struct across *a)
{
    if (json_is_true(imld_json_at(a->spec, "/data/train_on_validation")))
        refuse_metrics(a, "validation/",
                       "with data.train_on_validation no image is left to measure it on: "
                       "train/loss is measured");
}

static void check_synthetic(const struct across *a)
{
    if (!imld_is_synthetic(a->spec)) return;
    if (imld_algorithm_of(a->spec) & IMLD_FEW_LABELS) {
        imld_problems_add(a->problems, "/data/set",
                          "found \"synthetic\"; there are views of images alone, and it has none");
        return;
    }
    const size_t layers = json_array_size(imld_json_at(a->spec, "/model/hidden"));
    if (layers > 0)
        imld_problems_add(a->problems, "/model/hidden",
                          "found %zu layers; a synthetic problem is linear in θ: []", layers);
    double dropout = 0;
    if (number_at(a->spec, "/model/dropout", &dropout) && dropout > 0)
        imld_problems_add(a->problems, "/model/dropout",
                          "found %g; a synthetic problem has no units to drop", dropout);
    if (imld_json_at(a->spec, "/model/batch_norm"))
        imld_problems_add(a->problems, "/model/batch_norm",
                          "a synthetic problem has no layer to normalize; leave it out");
    refuse_metrics(a, "accuracy",
                   "a synthetic problem has no classes, and so no accuracy: validation/loss is "
                   "measured");
}

/* FIXMATCH 2.1 */
static void check_depth(const struct across *a)
{
    static const char *const pointers[] = {"/confidence/model/depth", "/model/depth"};
    for (size_t i = 0; i < sizeof pointers / sizeof pointers[0]; i++) {
        double depth = 0;
        if (!number_at(a->spec, pointers[i], &depth) || ((int)depth - 4) % 6 == 0) continue;
        imld_problems_add(a->problems, pointers[i],
                          "found %.0f; the depth of a wrn is 6n + 4: 10, 16, 22, 28, … 58", depth);
    }
}

static void check_budgets(const struct across *a)
{
    const json_t *const rules = json_object_get(a->spec, "early_stopping");
    for (size_t i = 0; i < json_array_size(rules); i++) {
        const json_t *const item = json_array_get(rules, i);
        const char *const rule = json_string_value(json_object_get(item, "rule"));
        if (!rule || strcmp(rule, "budget") != 0) continue;
        if (json_object_get(item, "seconds") || json_object_get(item, "steps")) continue;
        char pointer[IMLD_POINTER_BYTES];
        imld_pointer_item(pointer, "/early_stopping", i);
        imld_problems_add(a->problems, pointer, "a budget needs seconds, steps, or both");
    }
}

static void (*const rules[])(const struct across *) = {
    check_images,   check_batches, check_threads,    check_priority, check_nesterov,
    check_clamp,    check_solver,  check_until,      check_budgets,  check_synthetic,
    check_compared, check_report,  check_unmeasured, check_depth,
};

void imld_across_check(const json_t *spec, const struct imld_resolve_context *context,
                       const struct imld_set_view *view, struct imld_problems *problems)
{
    const struct across across = {spec, context, view, problems};
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) rules[i](&across);
}
