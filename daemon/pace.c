/* pace.c: seconds a step of the jobs that have run here; see pace.h. */
#include "daemon/pace.h"

#include <math.h>
#include <stdlib.h>

void imld_paces_init(struct imld_paces *paces)
{
    *paces = (struct imld_paces){0};
    (void)pthread_mutex_init(&paces->mutex, NULL);
}

void imld_paces_clear(struct imld_paces *paces)
{
    (void)pthread_mutex_destroy(&paces->mutex);
}

/* FNV-1a over the sections that a step's time depends on; seed, name and rules are not among
 * them. */
static uint64_t kind_of(const json_t *spec)
{
    static const char *const sections[] = {"algorithm", "data",        "model",      "inner",
                                           "meta",      "consistency", "confidence", "diagnostics",
                                           "verify",    "compare",     "evaluation", "resources"};
    uint64_t hash = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < sizeof sections / sizeof sections[0]; i++) {
        char *text = json_dumps(json_object_get(spec, sections[i]),
                                JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
        for (const char *c = text; c && *c; c++)
            hash = (hash ^ (unsigned char)*c) * UINT64_C(1099511628211);
        free(text);
    }
    return hash ? hash : 1;
}

void imld_paces_note(struct imld_paces *paces, const json_t *spec, double seconds_per_step)
{
    const uint64_t kind = kind_of(spec);
    (void)pthread_mutex_lock(&paces->mutex);
    size_t at = 0;
    while (at < IMLD_PACES && paces->items[at].kind != kind) at++;
    if (at == IMLD_PACES) {
        at = paces->next;
        paces->next = (paces->next + 1) % IMLD_PACES;
    }
    paces->items[at] = (struct imld_pace){.kind = kind, .seconds_per_step = seconds_per_step};
    (void)pthread_mutex_unlock(&paces->mutex);
}

double imld_paces_find(struct imld_paces *paces, const json_t *spec)
{
    const uint64_t kind = kind_of(spec);
    double seconds = nan("");
    (void)pthread_mutex_lock(&paces->mutex);
    for (size_t i = 0; i < IMLD_PACES; i++)
        if (paces->items[i].kind == kind) seconds = paces->items[i].seconds_per_step;
    (void)pthread_mutex_unlock(&paces->mutex);
    return seconds;
}
