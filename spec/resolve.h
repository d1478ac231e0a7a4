/* resolve.h: a job document → the resolved spec with every default written out, or the list of all
 * that is wrong with it. Knows no data set: facts come in by a callback. */
#ifndef IMLD_SPEC_RESOLVE_H
#define IMLD_SPEC_RESOLVE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "spec/problems.h"

/* What spec has to know of a data set. */
enum { IMLD_CLASSES_MAX = 256 };
struct imld_set_view {
    uint64_t train_images, test_images, classes;
    uint64_t channels, height, width;
    uint64_t class_images[IMLD_CLASSES_MAX]; /* of the train split; all 0: not known */
};

/* What spec has to know of a checkpoint that a job starts from. */
struct imld_origin_view {
    json_t *spec; /* a new reference: the resolved spec of the job that it belongs to */
    int64_t step;
    char sha256[65];
};

/* What a document is checked against. */
struct imld_resolve_context {
    /* Fills view; false: there is no such set, or it is broken (`why`: a text of at most 500
     * bytes). NULL: sets aren't looked at (for the schema's own tests). */
    bool (*set_view)(void *context, const char *name, struct imld_set_view *view, char why[512]);
    /* Writes the defaults that the set and the other fields give a job on few labels, into its
     * resolved spec; false: no memory. NULL: they stay unwritten. */
    bool (*complete)(void *context, json_t *spec);
    void *context;
    /* Fills view with that checkpoint; false: a problem at /from/job or /from/checkpoint says why
     * not. NULL: no job can start from another. */
    bool (*origin_view)(void *context, const char *job, const char *checkpoint,
                        struct imld_origin_view *view, struct imld_problems *problems);
    void *origin_context;
    uint64_t threads_limit; /* --threads */
    bool may_raise_priority;
};

/* A new reference, or NULL with problems. Fields that aren't known are problems that name the
 * nearest known one; fields outside their `when` are problems; sections of other algorithms are
 * problems. The input is not changed. With
 * `from` the data and model of the other job are written out in the answer (origin.h). */
json_t *imld_spec_resolve(const json_t *document, const struct imld_resolve_context *context,
                          struct imld_problems *problems);

/* The same for the fields that PATCH may change (name, note, tags, priority, early_stopping): only
 * those present in the answer. spec is the job's resolved spec (a rule's default depends on its
 * algorithm). */
json_t *imld_spec_resolve_patch(const json_t *document, const json_t *spec,
                                const struct imld_resolve_context *context,
                                struct imld_problems *problems);

/* GET /v1/schema: {fields, metrics, states}. A new reference. */
json_t *imld_schema(void);

/* The reference pages in Markdown, made from the tables: "fields", "metrics", "states",
 * "endpoints", "errors". NULL: no such page, or no memory. The caller frees it. */
char *imld_reference_page(const char *name);

/* Value at a JSON pointer; NULL if there is none. Borrowed. */
const json_t *imld_json_at(const json_t *document, const char *pointer);

#endif
