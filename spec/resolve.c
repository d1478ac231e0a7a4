/* resolve.c: a job document against the field table, level by level (DESIGN §4); see resolve.h. */
#include "spec/resolve.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "spec/across.h"
#include "spec/facts.h"
#include "spec/fallback.h"
#include "spec/fields.h"
#include "spec/frozen.h"
#include "spec/job_facts.h"
#include "spec/levels.h"
#include "spec/origin.h"
#include "spec/pointer.h"
#include "spec/preset.h"
#include "spec/suggest.h"
#include "spec/value.h"

struct resolver {
    unsigned algorithms; /* the job's; all, where the document does not say it rightly */
    bool has_origin;     /* `from` is there: data and model are another job's */
    bool is_patch;       /* only patchable rows, and no defaults at the top */
    bool has_failed;     /* an allocation: noticed once, at the end */
    struct imld_facts facts;
    struct imld_problems *problems;
};

/* NULL: a fact that it needs is not known. */
static json_t *fallback_of(struct resolver *resolver, const struct imld_field *field)
{
    json_t *value = NULL;
    const char *const text = imld_facts_text(field->fallback, &resolver->facts);
    const double number = imld_facts_number(field->fallback, &resolver->facts);
    if (text) {
        value = imld_fallback_value(text);
    } else if (!isnan(number)) {
        value = json_real(number);
    } else if (field->fallback[0] == '@') {
        const uint64_t count = imld_facts_value(field->fallback, &resolver->facts);
        if (count == IMLD_UNKNOWN) return NULL;
        value = json_integer((json_int_t)count);
    } else
        value = imld_fallback_value(field->fallback);
    if (!value) resolver->has_failed = true;
    return value;
}

/* A value that is there, against its row. */
static json_t *check_given(struct resolver *resolver, const struct imld_field *field,
                           const json_t *value, const char *pointer)
{
    const size_t problems = resolver->problems->total;
    json_t *const result =
        imld_value_check(field, resolver->algorithms, value, pointer, resolver->problems);
    if (!result && resolver->problems->total == problems) resolver->has_failed = true;
    return result;
}

/* "cg|neumann in /meta/solver/kind", or several such: what the versions of the field need beside
 * them. Versions with one condition's key stand together in the table. */
static void refuse_condition(const struct resolver *resolver, const struct imld_level *level,
                             const struct imld_group *group, const char *pointer)
{
    struct imld_text words = {0};
    char path[IMLD_POINTER_BYTES] = "", key[64] = "";
    for (size_t i = group->first; i < group->end; i++) {
        const struct imld_field *const field = &imld_fields[i];
        if (strcmp(field->path, group->path) != 0 || !(field->algorithms & resolver->algorithms))
            continue;
        const size_t length = strcspn(field->when, "=");
        assert(length < sizeof key && field->when[length] == '=');
        const bool is_same = strncmp(key, field->when, length) == 0 && key[length] == '\0';
        if (words.length > 0 && is_same) imld_text_add(&words, "|");
        if (words.length > 0 && !is_same) imld_text_printf(&words, " in %s, or ", path);
        (void)snprintf(key, sizeof key, "%.*s", (int)length, field->when);
        imld_pointer_join(path, level->pointer, key);
        imld_text_add(&words, field->when + length + 1);
    }
    imld_problems_add(resolver->problems, pointer, "not used here; it needs %s in %s",
                      words.bytes ? words.bytes : "another value", path);
    imld_text_clear(&words);
}

/* A field that is there, but not used: says why. */
static void refuse_unused(const struct resolver *resolver, const struct imld_level *level,
                          const struct imld_group *group, const char *pointer)
{
    const struct imld_field *const field = imld_row_of(resolver->algorithms, group->path);
    char own[IMLD_ALGORITHMS_BYTES], others[IMLD_ALGORITHMS_BYTES];
    unsigned users = 0;
    for (size_t i = group->first; i < group->end; i++) users |= imld_fields[i].algorithms;
    if (!field)
        imld_problems_add(resolver->problems, pointer, "not used by algorithm %s; it is for %s",
                          imld_algorithms_text(resolver->algorithms, own),
                          imld_algorithms_text(users, others));
    else if (field->when[0] == '!')
        imld_problems_add(resolver->problems, pointer,
                          "not used where %s is given: one of the two, not both", field->when + 1);
    else
        refuse_condition(resolver, level, group, pointer);
}

static json_t *resolve_level(struct resolver *resolver, const struct imld_level *level);

/* The objects of a list, each against the rows below PATH/-/. A wrong one becomes null, so that the
 * others keep their index. */
static void resolve_items(struct resolver *resolver, const char *path, const char *pointer,
                          const json_t *list, json_t *out)
{
    char item_path[IMLD_POINTER_BYTES];
    imld_pointer_join(item_path, path, "-");
    for (size_t i = 0; i < json_array_size(list); i++) {
        struct imld_level level;
        char item_pointer[IMLD_POINTER_BYTES];
        const size_t problems = resolver->problems->total;
        imld_pointer_item(item_pointer, pointer, i);
        imld_level_init(&level, json_array_get(list, i), item_path, item_pointer);
        json_t *const item = resolve_level(resolver, &level);
        const bool is_right = item && resolver->problems->total == problems;
        if (json_array_append_new(out, is_right ? json_incref(item) : json_null()) != 0)
            resolver->has_failed = true;
        json_decref(item);
    }
}

/* What is in a section or a list of objects. */
static json_t *resolve_inside(struct resolver *resolver, const struct imld_field *field,
                              const json_t *value, const char *pointer, json_t *empty)
{
    if (field->type == IMLD_OBJECTS && empty)
        resolve_items(resolver, field->path, pointer, value, empty);
    if (field->type != IMLD_SECTION || !empty) return empty;
    struct imld_level level;
    json_decref(empty);
    imld_level_init(&level, value, field->path, pointer);
    return resolve_level(resolver, &level);
}

static json_t *resolve_field(struct resolver *resolver, const struct imld_level *level,
                             const struct imld_group *group, const json_t *value,
                             const char *pointer)
{
    bool is_certain = false;
    const struct imld_field *const field =
        imld_group_pick(resolver->algorithms, level, group, &is_certain);
    if (value && !field) {
        refuse_unused(resolver, level, group, pointer);
        return NULL;
    }
    if (value)
        return resolve_inside(resolver, field, value, pointer,
                              check_given(resolver, field, value, pointer));
    if (!field || !is_certain || (resolver->is_patch && level->is_top)) return NULL;
    if (!field->fallback && strcmp(field->path, "/data/set") == 0 &&
        (resolver->has_origin || (resolver->algorithms & ~(unsigned)IMLD_REPORTS) == 0))
        return NULL; /* that job's, which /from failed to bring; of a report /from itself is missing
                      */
    if (!field->fallback && (resolver->algorithms & ~field->algorithms))
        return NULL; /* which algorithm it is, is not known: the others don't need it */
    if (!field->fallback) {
        imld_problems_add(resolver->problems, pointer, "missing; this field is required");
        return NULL;
    }
    if (!field->fallback[0]) return NULL;
    if (field->type == IMLD_SECTION) /* always there: what is in it has defaults of its own */
        return resolve_inside(resolver, field, NULL, pointer, json_object());
    return fallback_of(resolver, field);
}

/* A section without a row of its own: always there. */
static json_t *resolve_section(struct resolver *resolver, const struct imld_level *level,
                               const struct imld_group *group, const json_t *value,
                               const char *pointer)
{
    unsigned users = 0;
    for (size_t i = group->first; i < group->end; i++) users |= imld_fields[i].algorithms;
    if (!(users & resolver->algorithms)) {
        if (value) refuse_unused(resolver, level, group, pointer);
        return NULL;
    }
    if (value && !json_is_object(value)) {
        char found[IMLD_EXCERPT_BYTES];
        imld_excerpt(found, value);
        imld_problems_add(resolver->problems, pointer, "found %s; needed is an object", found);
        return NULL;
    }
    struct imld_level inner;
    imld_level_init(&inner, value, group->path, pointer);
    return resolve_level(resolver, &inner);
}

static json_t *resolve_group(struct resolver *resolver, const struct imld_level *level,
                             const struct imld_group *group)
{
    char pointer[IMLD_POINTER_BYTES];
    const json_t *const value = json_object_get(level->object, group->name);
    const struct imld_field *const first = &imld_fields[group->first];
    imld_pointer_join(pointer, level->pointer, group->name);
    if (resolver->is_patch && level->is_top && !first->is_patchable) {
        if (value)
            imld_problems_add(resolver->problems, pointer,
                              "can't be changed once the job is submitted; name, note, tags, "
                              "priority and early_stopping can");
        return NULL;
    }
    if (strcmp(first->path, group->path) == 0)
        return resolve_field(resolver, level, group, value, pointer);
    return resolve_section(resolver, level, group, value, pointer);
}

static void refuse_unknown(struct resolver *resolver, const struct imld_level *level)
{
    const char *name = NULL;
    json_t *value = NULL;
    json_object_foreach(imld_json_readable(level->object), name, value)
    {
        char pointer[IMLD_POINTER_BYTES], hint[IMLD_POINTER_BYTES + 32] = "";
        if (imld_level_has(level, name)) continue;
        if (resolver->problems->count == IMLD_PROBLEMS_MAX) { /* counted only: costs nothing */
            resolver->problems->total++;
            continue;
        }
        imld_pointer_join(pointer, level->pointer, name);
        imld_suggest_field(name, level->path, level->pointer, resolver->algorithms, hint);
        imld_problems_add(resolver->problems, pointer, "unknown field%s", hint);
    }
}

static json_t *resolve_level(struct resolver *resolver, const struct imld_level *level)
{
    if (level->object && !json_is_object(level->object)) {
        char found[IMLD_EXCERPT_BYTES];
        imld_excerpt(found, level->object);
        imld_problems_add(resolver->problems, level->pointer, "found %s; needed is an object",
                          found);
        return NULL;
    }
    json_t *const out = json_object();
    for (size_t i = level->first; i < level->end;) {
        const struct imld_group group = imld_group_at(level, i);
        json_t *const value = resolve_group(resolver, level, &group);
        if (value && json_object_set_new(out, group.name, value) != 0) resolver->has_failed = true;
        i = group.end;
    }
    if (!out) resolver->has_failed = true;
    if (level->object) refuse_unknown(resolver, level);
    return out;
}

/* Deeper than `left` levels of lists and objects? Ends at the first that is. */
static bool is_deeper(const json_t *value, unsigned left)
{
    if (!json_is_object(value) && !json_is_array(value)) return false;
    if (left == 0) return true;
    for (size_t i = 0; i < json_array_size(value); i++) {
        if (is_deeper(json_array_get(value, i), left - 1)) return true;
    }
    const char *name = NULL;
    json_t *item = NULL;
    json_object_foreach(imld_json_readable(value), name, item)
    {
        if (is_deeper(item, left - 1)) return true;
    }
    return false;
}

static bool is_shallow_object(const json_t *document, struct imld_problems *problems)
{
    char found[IMLD_EXCERPT_BYTES];
    if (!json_is_object(document)) {
        if (document) imld_excerpt(found, document);
        imld_problems_add(problems, "", "found %s; needed is an object",
                          document ? found : "nothing");
        return false;
    }
    if (!is_deeper(document, IMLD_NESTING_MAX)) return true;
    imld_problems_add(problems, "", "nested more than %d levels deep", IMLD_NESTING_MAX);
    return false;
}

static json_t *unless_problems(json_t *spec, const struct resolver *resolver)
{
    if (resolver->has_failed) imld_problems_add(resolver->problems, "", "no memory to resolve it");
    if (resolver->problems->total == 0) return spec;
    json_decref(spec);
    return NULL;
}

static json_t *resolve_document(const json_t *document, const struct imld_resolve_context *context,
                                bool has_origin, struct imld_problems *problems)
{
    struct resolver resolver = {
        .algorithms = IMLD_ALL, .has_origin = has_origin, .problems = problems};
    const unsigned algorithm = imld_algorithm_of(document);
    if (algorithm) resolver.algorithms = algorithm;
    struct imld_set_view view = {0};
    const bool is_known =
        imld_job_facts(document, resolver.algorithms, context, &view, &resolver.facts, problems);
    struct imld_level top;
    imld_level_init(&top, document, "", "");
    json_t *const spec = resolve_level(&resolver, &top);
    imld_across_check(spec, context, is_known ? &view : NULL, problems);
    /* a right name that was not looked at, for want of memory: defaults are missing */
    if (context->set_view && !is_known && problems->total == 0) resolver.has_failed = true;
    if (context->complete && problems->total == 0 && (algorithm & IMLD_FEW_LABELS) &&
        !resolver.has_failed && !context->complete(context->context, spec))
        resolver.has_failed = true;
    return unless_problems(spec, &resolver);
}

json_t *imld_spec_resolve(const json_t *document, const struct imld_resolve_context *context,
                          struct imld_problems *problems)
{
    if (!is_shallow_object(document, problems)) return NULL;
    const bool has_origin = json_object_get(document, "from") != NULL;
    json_t *const brought = imld_origin_bring(document, context, problems);
    const json_t *whole = brought ? brought : document;
    json_t *const frozen = imld_frozen_bring(whole, context, problems);
    if (frozen) whole = frozen;
    json_t *const preset = imld_preset_apply(whole, problems);
    if (preset) whole = preset;
    const size_t own = problems->count;
    json_t *const spec = resolve_document(whole, context, has_origin, problems);
    if (brought) imld_origin_point(document, problems, own);
    json_decref(brought);
    json_decref(frozen);
    json_decref(preset);
    return spec;
}

/* The rules across fields, of changes to a job: what its rules may ask depends on its data. */
static void check_changes(const json_t *changes, const json_t *spec,
                          const struct imld_resolve_context *context,
                          struct imld_problems *problems)
{
    static const char *const kept[] = {"algorithm", "data", "from"};
    json_t *const whole = json_deep_copy(changes);
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
        json_t *const value = json_object_get(spec, kept[i]);
        if (value) (void)json_object_set(whole, kept[i], value);
    }
    imld_across_check(whole, context, NULL, problems);
    json_decref(whole);
}

json_t *imld_spec_resolve_patch(const json_t *document, const json_t *spec,
                                const struct imld_resolve_context *context,
                                struct imld_problems *problems)
{
    if (!is_shallow_object(document, problems)) return NULL;
    const unsigned found = imld_algorithm_of(spec);
    struct resolver resolver = {
        .algorithms = found ? found : IMLD_ALL, .is_patch = true, .problems = problems};
    struct imld_level top;
    imld_level_init(&top, document, "", "");
    json_t *const changes = resolve_level(&resolver, &top);
    check_changes(changes, spec, context, problems);
    return unless_problems(changes, &resolver);
}
