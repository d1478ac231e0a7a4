/* effects.c: what a transaction causes once it is durable; see database.h. */
#include <stdlib.h>
#include <string.h>

#include "storage/database.h"

static bool grow(void **items, size_t *capacity, size_t item_bytes)
{
    const size_t more = *capacity ? *capacity * 2 : 16;
    void *moved = realloc(*items, more * item_bytes);
    if (!moved) return false;
    *items = moved;
    *capacity = more;
    return true;
}

enum iml_code imld_effects_job(struct imld_effects *effects, int64_t job, struct iml_error *error)
{
    for (size_t i = 0; i < effects->job_count; i++) {
        if (effects->jobs[i] == job) return IML_OK;
    }
    void *items = effects->jobs;
    if (effects->job_count == effects->job_capacity &&
        !grow(&items, &effects->job_capacity, sizeof *effects->jobs))
        return iml_error_set(error, IML_ERROR_MEMORY, "no memory for the list of changed jobs");
    effects->jobs = items;
    effects->jobs[effects->job_count++] = job;
    return IML_OK;
}

enum iml_code imld_effects_unlink(struct imld_effects *effects, const char *path,
                                  struct iml_error *error)
{
    void *items = effects->files;
    char *copy = strdup(path);
    if (!copy || (effects->file_count == effects->file_capacity &&
                  !grow(&items, &effects->file_capacity, sizeof *effects->files))) {
        free(copy);
        return iml_error_set(error, IML_ERROR_MEMORY, "no memory for the list of old files");
    }
    effects->files = items;
    effects->files[effects->file_count++] = copy;
    return IML_OK;
}

void imld_effects_cut(struct imld_effects *effects, size_t job_count, size_t file_count)
{
    for (size_t i = file_count; i < effects->file_count; i++) free(effects->files[i]);
    effects->file_count = file_count;
    effects->job_count = job_count;
}

void imld_effects_clear(struct imld_effects *effects)
{
    imld_effects_cut(effects, 0, 0);
    free(effects->files);
    free(effects->jobs);
    *effects = (struct imld_effects){0};
}
