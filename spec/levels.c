/* levels.c: the field table seen from one object of a document: groups and conditions; see
 * levels.h. */
#include "spec/levels.h"

#include <assert.h>
#include <string.h>

#include "spec/nearest.h"

enum condition { HOLDS, FAILS, OPEN /* depends on a sibling that is itself wrong */ };

void imld_level_init(struct imld_level *level, const json_t *object, const char *path,
                     const char *pointer)
{
    *level = (struct imld_level){.object = object, .is_top = path[0] == '\0'};
    assert(strlen(path) < sizeof level->path);
    memcpy(level->path, path, strlen(path));
    memcpy(level->pointer, pointer, strlen(pointer));
    const size_t length = strlen(path);
    while (level->first < imld_field_count &&
           !(strncmp(imld_fields[level->first].path, path, length) == 0 &&
             imld_fields[level->first].path[length] == '/'))
        level->first++;
    level->end = level->first;
    while (level->end < imld_field_count &&
           strncmp(imld_fields[level->end].path, path, length) == 0 &&
           imld_fields[level->end].path[length] == '/')
        level->end++;
}

struct imld_group imld_group_at(const struct imld_level *level, size_t first)
{
    struct imld_group group = {.first = first, .end = first};
    const size_t skip = strlen(level->path) + 1;
    const char *const name = imld_fields[first].path + skip;
    const size_t length = strcspn(name, "/");
    assert(length < sizeof group.name && skip + length < sizeof group.path);
    memcpy(group.name, name, length);
    memcpy(group.path, imld_fields[first].path, skip + length);
    while (group.end < level->end &&
           strncmp(imld_fields[group.end].path, group.path, skip + length) == 0 &&
           strchr("/", imld_fields[group.end].path[skip + length]))
        group.end++;
    return group;
}

const struct imld_field *imld_row_of(unsigned algorithms, const char *path)
{
    for (size_t i = 0; i < imld_field_count; i++) {
        if (strcmp(imld_fields[i].path, path) == 0 && (imld_fields[i].algorithms & algorithms))
            return &imld_fields[i];
    }
    return NULL;
}

static enum condition condition_of(unsigned algorithms, const struct imld_level *level,
                                   const struct imld_field *field);

/* "kind=a|b" where `kind` is left out: its default decides, where it is in use itself. */
static enum condition condition_of_default(const struct imld_field *sibling, const char *words)
{
    if (!sibling->fallback || sibling->fallback[0] != '"') return OPEN;
    const size_t length = strlen(sibling->fallback) - 2; /* without the quotes */
    return imld_choices_have_part(words, sibling->fallback + 1, length) ? HOLDS : FAILS;
}

static enum condition condition_of(unsigned algorithms, const struct imld_level *level,
                                   const struct imld_field *field)
{
    if (!field->when) return HOLDS;
    if (field->when[0] == '!')
        return json_object_get(level->object, field->when + 1) ? FAILS : HOLDS;
    const char *const words = strchr(field->when, '=') + 1;
    char key[64] = "", path[IMLD_POINTER_BYTES];
    memcpy(key, field->when, (size_t)(words - 1 - field->when));
    imld_pointer_join(path, level->path, key);
    const struct imld_field *const sibling = imld_row_of(algorithms, path);
    if (!sibling) return OPEN;
    const json_t *const value = json_object_get(level->object, key);
    if (!value) {
        const enum condition used = condition_of(algorithms, level, sibling);
        return used == HOLDS ? condition_of_default(sibling, words) : used;
    }
    const char *const word = json_string_value(value);
    const bool is_name = sibling->type == IMLD_SET_NAME; /* any other name is right, too */
    if (!word || (!is_name && !imld_choices_have(sibling->choices, word))) return OPEN;
    return imld_choices_have(words, word) ? HOLDS : FAILS;
}

const struct imld_field *imld_group_pick(unsigned algorithms, const struct imld_level *level,
                                         const struct imld_group *group, bool *is_certain)
{
    const struct imld_field *open = NULL;
    *is_certain = true;
    for (size_t i = group->first; i < group->end; i++) {
        const struct imld_field *const field = &imld_fields[i];
        if (strcmp(field->path, group->path) != 0) continue;
        if (!(field->algorithms & algorithms)) continue;
        const enum condition condition = condition_of(algorithms, level, field);
        if (condition == HOLDS) return field;
        if (condition == OPEN && !open) open = field;
    }
    *is_certain = open == NULL;
    return open;
}

bool imld_level_has(const struct imld_level *level, const char *name)
{
    for (size_t i = level->first; i < level->end;) {
        const struct imld_group group = imld_group_at(level, i);
        if (strcmp(group.name, name) == 0) return true;
        i = group.end;
    }
    return false;
}
