/* suggest.c: "did you mean": a name of the same object first, then one of any; see suggest.h. */
#include "spec/suggest.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "spec/fields.h"
#include "spec/nearest.h"

struct nearest {
    unsigned distance;
    bool is_sibling;
    char path[128];
    const char *last; /* last part of path */
};

/* One path, of a field or of a section above it. */
static void consider(struct nearest *nearest, const char *name, const char *beside,
                     const char *full, size_t length)
{
    char candidate[128];
    if (length >= sizeof candidate) return;
    memcpy(candidate, full, length);
    candidate[length] = '\0';
    const char *const slash = strrchr(candidate, '/');
    const size_t before = (size_t)(slash - candidate);
    const bool is_sibling = strlen(beside) == before && strncmp(beside, candidate, before) == 0;
    const unsigned distance = imld_distance(name, slash + 1);
    /* away from here only the same name is worth telling, or nearly so */
    const unsigned cost = distance + !is_sibling;
    if (!imld_is_near(distance, name) || cost >= nearest->distance) return;
    nearest->distance = cost;
    nearest->is_sibling = is_sibling;
    memcpy(nearest->path, candidate, length + 1);
    nearest->last = nearest->path + before + 1;
}

void imld_suggest_field(const char *name, const char *path, const char *pointer,
                        unsigned algorithms, char hint[IMLD_POINTER_BYTES + 32])
{
    struct nearest nearest = {.distance = IMLD_FAR};
    for (size_t i = 0; i < imld_field_count; i++) {
        if (!(imld_fields[i].algorithms & algorithms)) continue;
        const char *const full = imld_fields[i].path;
        for (const char *c = full + 1; *c; c++) {
            if (*c == '/') consider(&nearest, name, path, full, (size_t)(c - full));
        }
        consider(&nearest, name, path, full, strlen(full));
    }
    hint[0] = '\0';
    if (nearest.distance == IMLD_FAR) return;
    char meant[IMLD_POINTER_BYTES] = "";
    if (nearest.is_sibling) imld_pointer_join(meant, pointer, nearest.last);
    (void)snprintf(hint, IMLD_POINTER_BYTES + 32, "; did you mean %s?",
                   nearest.is_sibling ? meant : nearest.path);
}
