/* history_load.c: a job's stored rows as a history; see history.h. */
#include <stdlib.h>
#include <string.h>

#include "daemon/history.h"
#include "storage/points.h"

struct loading {
    struct imld_history *history;
    const char *metric;
    struct iml_error *error;
    char **names; /* owned */
    size_t name_count;
};

static bool load_point(void *context, const struct imld_point *point)
{
    struct loading *loading = context;
    return imld_history_put(loading->history, loading->metric, point->step, point->value,
                            loading->error) == IML_OK;
}

static bool load_name(void *context, const char *metric)
{
    struct loading *loading = context;
    char *name = strdup(metric);
    char **names = reallocarray(loading->names, loading->name_count + 1, sizeof *names);
    if (names) loading->names = names;
    if (!name || !names) {
        free(name);
        (void)iml_error_set(loading->error, IML_ERROR_MEMORY, "no memory for the metrics' names");
        return false;
    }
    loading->names[loading->name_count++] = name;
    return true;
}

enum iml_code imld_history_load(struct imld_history *history, struct imld_reader *reader,
                                int64_t job, int64_t step, struct iml_error *error)
{
    struct loading loading = {.history = history, .error = error};
    enum iml_code code = imld_points_metrics(reader, job, load_name, &loading, error);
    for (size_t i = 0; i < loading.name_count && code == IML_OK; i++) {
        loading.metric = loading.names[i];
        const struct imld_point_range range = {
            .job = job, .metric = loading.metric, .to = step, .limit = SIZE_MAX / 2};
        code = imld_points_read(reader, &range, load_point, &loading, error);
        if (code == IML_OK) code = error->code; /* a visit that ended early has set it */
    }
    for (size_t i = 0; i < loading.name_count; i++) free(loading.names[i]);
    free(loading.names);
    return code;
}
