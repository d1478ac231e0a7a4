/* levels.h: the field table seen from one object of a document: which rows lie below it, and which
 * of them count there. */
#ifndef IMLD_SPEC_LEVELS_H
#define IMLD_SPEC_LEVELS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "spec/fields.h"
#include "spec/pointer.h"

/* One object of the document. Rows of the table that lie below it are contiguous. */
struct imld_level {
    const json_t *object; /* NULL: left out */
    char path[128];       /* in the table: "", "/inner", "/early_stopping/-" */
    char pointer[IMLD_POINTER_BYTES];
    size_t first, end; /* rows */
    bool is_top;
};

/* Rows that share the next part of their path: a field in its versions, or a section. */
struct imld_group {
    char name[64];
    char path[128];
    size_t first, end;
};

/* object, path and pointer are those of the struct; object is borrowed. */
void imld_level_init(struct imld_level *level, const json_t *object, const char *path,
                     const char *pointer);

/* Whether the table has a field or section of that name there. */
bool imld_level_has(const struct imld_level *level, const char *name);

/* The group that starts at row `first`; the next one starts at its `end`. */
struct imld_group imld_group_at(const struct imld_level *level, size_t first);

/* The version of the field that counts here, by algorithms and siblings; NULL: none does.
 * *is_certain: false where a wrong sibling keeps it open. */
const struct imld_field *imld_group_pick(unsigned algorithms, const struct imld_level *level,
                                         const struct imld_group *group, bool *is_certain);

/* The row of that very path which the algorithms may use, the first of several; NULL: none. */
const struct imld_field *imld_row_of(unsigned algorithms, const char *path);

#endif
