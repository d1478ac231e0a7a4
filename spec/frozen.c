/* frozen.c: what confidence.from brings into a job document; see frozen.h. */
#include "spec/frozen.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spec/fields.h"
#include "spec/origin.h"
#include "spec/pointer.h"

/* What the network is: which inputs, which layers, and what is made of its output. */
static const char *const shapes[] = {"form",   "input",      "model",    "hidden",
                                     "output", "activation", "normalize"};

static bool is_frozen(const json_t *document)
{
    const char *used = json_string_value(imld_json_at(document, "/confidence/weights"));
    return used && strcmp(used, "frozen") == 0 && imld_algorithm_of(document) == IMLD_CONFIDENCE;
}

/* What looks a checkpoint up speaks of /from. */
static void point_at_confidence(struct imld_problems *problems, size_t first)
{
    for (size_t i = first; i < problems->count; i++) {
        char *pointer = NULL;
        if (strncmp(problems->items[i].pointer, "/from", 5) != 0) continue;
        if (asprintf(&pointer, "/confidence%s", problems->items[i].pointer) < 0) continue;
        free(problems->items[i].pointer);
        problems->items[i].pointer = pointer;
    }
}

/* That job's section where it has a network of its own; NULL: a problem. */
static const json_t *network_of(const struct imld_origin_view *view, const char *job,
                                struct imld_problems *problems)
{
    const json_t *section = json_object_get(view->spec, "confidence");
    const char *form = json_string_value(json_object_get(section, "form"));
    if (imld_algorithm_of(view->spec) == IMLD_CONFIDENCE && form &&
        strcmp(form, "weights_per_example") != 0)
        return section;
    imld_problems_add(problems, "/confidence/from/job",
                      "job %s has no confidence network; needed is a confidence job of form "
                      "separate or shared",
                      job);
    return NULL;
}

/* Brings nothing more where the document contradicts: what goes with a form would be refused beside
 * another one, though nobody has written it. false: no memory. */
static bool put_shape(json_t *own, const json_t *theirs, const char *job,
                      struct imld_problems *problems)
{
    bool holds = true, contradicts = false;
    for (size_t i = 0; holds && i < sizeof shapes / sizeof shapes[0]; i++) {
        char pointer[IMLD_POINTER_BYTES];
        const json_t *given = json_object_get(own, shapes[i]);
        json_t *brought = json_object_get(theirs, shapes[i]);
        imld_pointer_join(pointer, "/confidence", shapes[i]);
        if (given && !(brought && json_equal(given, brought))) {
            imld_problems_add(problems, pointer,
                              "comes from job %s, as /confidence/from says; leave it out", job);
            contradicts = true;
        } else if (brought && !contradicts)
            holds = json_object_set_new(own, shapes[i], json_deep_copy(brought)) == 0;
    }
    return holds;
}

/* NULL: no memory, which is a problem. */
static json_t *merge(const json_t *document, const struct imld_origin_view *view,
                     const json_t *theirs, const char *job, json_t *checkpoint,
                     struct imld_problems *problems)
{
    json_t *whole = json_deep_copy(document);
    json_t *own = json_object_get(whole, "confidence"), *from = json_object_get(own, "from");
    if (own && from && put_shape(own, theirs, job, problems) &&
        json_object_set(from, "checkpoint", checkpoint) == 0 &&
        imld_origin_fact(from, "/confidence/from/sha256", json_string(view->sha256), problems) &&
        imld_origin_fact(from, "/confidence/from/step", json_integer(view->step), problems))
        return whole;
    imld_problems_add(problems, "", "no memory to resolve it");
    json_decref(whole);
    return NULL;
}

json_t *imld_frozen_bring(const json_t *document, const struct imld_resolve_context *context,
                          struct imld_problems *problems)
{
    const json_t *from = imld_json_at(document, "/confidence/from");
    if (!is_frozen(document) || !json_is_object(from) || !context->origin_view) return NULL;
    if (json_object_get(document, "from")) {
        imld_problems_add(problems, "/confidence/from",
                          "with frozen weights the base net starts afresh: leave /from out");
        return NULL;
    }
    struct imld_origin_view view = {0};
    json_t *whole = NULL;
    json_t *job = imld_origin_text(from, "/confidence/from/job", "job");
    json_t *checkpoint = imld_origin_text(from, "/confidence/from/checkpoint", "checkpoint");
    const char *id = json_string_value(job);
    const size_t first = problems->count;
    if (id && checkpoint &&
        context->origin_view(context->origin_context, id, json_string_value(checkpoint), &view,
                             problems)) {
        const json_t *theirs = network_of(&view, id, problems);
        if (theirs) whole = merge(document, &view, theirs, id, checkpoint, problems);
    } else {
        point_at_confidence(problems, first);
    }
    json_decref(view.spec);
    json_decref(checkpoint);
    json_decref(job);
    return whole;
}
