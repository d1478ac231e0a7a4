/* origin.c: what `from` brings into a job document; see origin.h. */
#include "spec/origin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spec/fallback.h"
#include "spec/fields.h"
#include "spec/levels.h"
#include "spec/pointer.h"
#include "spec/value.h"

static const char *const sections[] = {"data", "model"};

json_t *imld_origin_text(const json_t *from, const char *path, const char *name)
{
    struct imld_problems ignored = {0};
    const struct imld_field *row = imld_row_of(IMLD_ALL, path);
    const json_t *given = json_object_get(from, name);
    json_t *text = given ? imld_value_check(row, IMLD_ALL, given, "", &ignored) : NULL;
    if (!given && row->fallback) text = imld_fallback_value(row->fallback);
    imld_problems_clear(&ignored);
    return text;
}

/* The document's algorithm once it has the other job's data; 0: unknown. */
static unsigned algorithm_after(const json_t *document, const struct imld_origin_view *view)
{
    return imld_algorithm_on(document, json_object_get(view->spec, "data"));
}

/* The seed that a resolved job's split was drawn with. */
static json_t *split_seed_of(const json_t *spec)
{
    const json_t *own = imld_json_at(spec, "/from/split_seed");
    return json_deep_copy(own ? own : json_object_get(spec, "seed"));
}

/* Moves the fields of a section that the algorithm `without` does not read, but `with` does, to
 * `to` (NULL: drops them); how many. */
static size_t move_unread(json_t *section, const char *path, unsigned without, unsigned with,
                          json_t *to)
{
    const char *name = NULL;
    json_t *value = NULL;
    void *next = NULL;
    size_t moved = 0;
    json_object_foreach_safe(section, next, name, value)
    {
        char field[IMLD_POINTER_BYTES];
        imld_pointer_join(field, path, name);
        if (imld_row_of(without, field) || !imld_row_of(with, field)) continue;
        if (to) (void)json_object_set(to, name, value);
        (void)json_object_del(section, name);
        moved++;
    }
    return moved;
}

/* The other job's section. A resolved job may be sent again; a field that the other's algorithm
 * does not read (data.views: fixmatch) is the document's own; anything else that it says is
 * refused. What only the other's algorithm reads stays behind. false: no memory. */
static bool put_section(json_t *whole, const char *name, const struct imld_origin_view *view,
                        const char *job, struct imld_problems *problems)
{
    char pointer[IMLD_POINTER_BYTES];
    const unsigned ours = algorithm_after(whole, view), theirs = imld_algorithm_of(view->spec);
    json_t *given = json_deep_copy(json_object_get(whole, name));
    json_t *brought = json_deep_copy(json_object_get(view->spec, name)), *own = json_object();
    imld_pointer_join(pointer, "", name);
    /* NOLINTNEXTLINE(readability-suspicious-call-argument): fields that we do not read, of theirs
     */
    if (ours) (void)move_unread(brought, pointer, ours, theirs, NULL);
    const bool has_own = ours && move_unread(given, pointer, theirs, ours, own) > 0;
    const bool is_right = !given || !brought || json_equal(given, brought) ||
                          (has_own && json_object_size(given) == 0);
    if (!is_right)
        imld_problems_add(problems, pointer, "comes from job %s, as /from says; leave it out", job);
    const bool holds = brought && own && json_object_update(brought, own) == 0;
    json_decref(given);
    json_decref(own);
    if (!holds) {
        json_decref(brought);
        return false;
    }
    return json_object_set_new(whole, name, brought) == 0;
}

/* The kind and start of a resolved job's λ; NULL: it has none. */
static const json_t *knowledge_of(const json_t *spec)
{
    const json_t *own = imld_json_at(spec, "/meta/knowledge");
    return own ? own : json_object_get(spec, "knowledge");
}

/* A report looks at the λ that the checkpoint has; the document may say the same. false: no memory.
 */
static bool put_knowledge(json_t *whole, const struct imld_origin_view *view, const char *job,
                          struct imld_problems *problems)
{
    static const char *const names[] = {"kind", "initial"};
    const char *algorithm = json_string_value(json_object_get(whole, "algorithm"));
    const json_t *brought = knowledge_of(view->spec);
    if (!brought || !algorithm || !(imld_algorithm_find(algorithm) & IMLD_REPORTS)) return true;
    json_t *knowledge = json_object_get(whole, "knowledge");
    if (knowledge && !json_is_object(knowledge)) return true; /* which the table refuses */
    if (!knowledge && json_object_set_new(whole, "knowledge", json_object()) != 0) return false;
    knowledge = json_object_get(whole, "knowledge");
    bool holds = true;
    for (size_t i = 0; holds && i < sizeof names / sizeof names[0]; i++) {
        char pointer[IMLD_POINTER_BYTES];
        json_t *value = json_object_get(brought, names[i]);
        const json_t *given = json_object_get(knowledge, names[i]);
        imld_pointer_join(pointer, "/knowledge", names[i]);
        if (given && value && !json_equal(given, value))
            imld_problems_add(problems, pointer, "comes from job %s, as /from says; leave it out",
                              job);
        holds = !value || json_object_set(knowledge, names[i], value) == 0;
    }
    return holds;
}

bool imld_origin_fact(json_t *from, const char *pointer, json_t *fact,
                      struct imld_problems *problems)
{
    char found[IMLD_EXCERPT_BYTES], right[IMLD_EXCERPT_BYTES];
    const char *name = strrchr(pointer, '/') + 1;
    const json_t *given = json_object_get(from, name);
    if (given && fact && !json_equal(given, fact)) {
        imld_excerpt(found, given);
        imld_excerpt(right, fact);
        imld_problems_add(problems, pointer,
                          "found %s; that of this checkpoint is %s now; leave it out to take the "
                          "checkpoint as it is",
                          found, right);
    }
    return fact && json_object_set_new(from, name, fact) == 0;
}

/* NULL: no memory, which is a problem. */
static json_t *merge(const json_t *document, const struct imld_origin_view *view, const char *job,
                     json_t *checkpoint, struct imld_problems *problems)
{
    json_t *whole = json_deep_copy(document);
    json_t *from = json_object_get(whole, "from");
    bool holds = whole != NULL;
    for (size_t i = 0; holds && i < sizeof sections / sizeof sections[0]; i++)
        holds = put_section(whole, sections[i], view, job, problems);
    holds = holds && put_knowledge(whole, view, job, problems);
    holds = holds && json_object_set(from, "checkpoint", checkpoint) == 0 &&
            imld_origin_fact(from, "/from/sha256", json_string(view->sha256), problems) &&
            imld_origin_fact(from, "/from/split_seed", split_seed_of(view->spec), problems) &&
            imld_origin_fact(from, "/from/step", json_integer(view->step), problems);
    if (holds) return whole;
    imld_problems_add(problems, "", "no memory to resolve it");
    json_decref(whole);
    return NULL;
}

/* Algorithms whose nets and data are described by the same sections. */
static bool fits(const json_t *document, const struct imld_origin_view *view, const char *job,
                 struct imld_problems *problems)
{
    const char *theirs = json_string_value(json_object_get(view->spec, "algorithm"));
    const unsigned ours = algorithm_after(document, view);
    const bool has_labels = imld_json_at(view->spec, "/data/labels") != NULL;
    char text[IMLD_ALGORITHMS_BYTES];
    if (!theirs || !imld_algorithm_find(theirs)) {
        imld_problems_add(problems, "/from/job",
                          "job %s has the algorithm %s, which this imld can't start from", job,
                          theirs ? theirs : "?");
        return false;
    }
    if (!ours || has_labels == ((ours & IMLD_FEW_LABELS) != 0)) return true;
    const bool is_report = (ours & IMLD_REPORTS) != 0;
    imld_problems_add(problems, "/from/job",
                      "job %s has %s, and its split with it: %s can't start from there%s", job,
                      has_labels ? "few labels (data.labels)" : "no data.labels",
                      imld_algorithms_text(ours, text),
                      is_report ? "; a job of algorithm confidence looks at its own estimates "
                                  "(/diagnostics)"
                                : "");
    return false;
}

json_t *imld_origin_bring(const json_t *document, const struct imld_resolve_context *context,
                          struct imld_problems *problems)
{
    const json_t *from = json_object_get(document, "from");
    if (!json_is_object(from) || !context->origin_view) return NULL;
    struct imld_origin_view view = {0};
    json_t *whole = NULL;
    json_t *job = imld_origin_text(from, "/from/job", "job");
    json_t *checkpoint = imld_origin_text(from, "/from/checkpoint", "checkpoint");
    const char *id = json_string_value(job);
    if (id && checkpoint &&
        context->origin_view(context->origin_context, id, json_string_value(checkpoint), &view,
                             problems) &&
        fits(document, &view, id, problems))
        whole = merge(document, &view, id, checkpoint, problems);
    json_decref(view.spec);
    json_decref(checkpoint);
    json_decref(job);
    return whole;
}

static bool is_below(const char *pointer, const char *section)
{
    const size_t length = strlen(section);
    return pointer[0] == '/' && strncmp(pointer + 1, section, length) == 0 &&
           (pointer[1 + length] == '\0' || pointer[1 + length] == '/');
}

static void point_at_job(struct imld_problem *problem)
{
    char *detail = NULL;
    char *pointer = strdup("/from/job");
    if (asprintf(&detail, "its %s: %s", problem->pointer, problem->detail ? problem->detail : "") <
        0)
        detail = NULL;
    if (pointer && detail) {
        free(problem->pointer);
        free(problem->detail);
        *problem = (struct imld_problem){.pointer = pointer, .detail = detail};
    } else { /* no memory: it stays as it was */
        free(pointer);
        free(detail);
    }
}

void imld_origin_point(const json_t *document, struct imld_problems *problems, size_t first)
{
    for (size_t i = first; i < problems->count; i++) {
        struct imld_problem *problem = &problems->items[i];
        if (!problem->pointer || imld_json_at(document, problem->pointer)) continue;
        for (size_t j = 0; j < sizeof sections / sizeof sections[0]; j++)
            if (is_below(problem->pointer, sections[j])) {
                point_at_job(problem);
                break;
            }
    }
}
