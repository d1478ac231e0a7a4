/* history.c: a run's rows in memory; see history.h. */
#include "daemon/history.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static struct imld_series *find(const struct imld_history *history, const char *metric)
{
    for (size_t i = 0; i < history->count; i++)
        if (strcmp(history->series[i].metric, metric) == 0) return &history->series[i];
    return NULL;
}

static struct imld_series *add_series(struct imld_history *history, const char *metric)
{
    char *copy = strdup(metric);
    struct imld_series *all =
        reallocarray(history->series, history->count + 1, sizeof *history->series);
    if (all) history->series = all;
    if (!copy || !all) {
        free(copy);
        return NULL;
    }
    history->series[history->count] = (struct imld_series){.metric = copy};
    return &history->series[history->count++];
}

static bool make_room(struct imld_series *series)
{
    if (series->count < series->capacity) return true;
    const size_t capacity = series->capacity ? 2 * series->capacity : 64;
    int64_t *steps = reallocarray(series->steps, capacity, sizeof *steps);
    if (!steps) return false;
    series->steps = steps;
    float *values = reallocarray(series->values, capacity, sizeof *values);
    if (!values) return false;
    series->values = values;
    series->capacity = capacity;
    return true;
}

enum iml_code imld_history_put(struct imld_history *history, const char *metric, int64_t step,
                               float value, struct iml_error *error)
{
    struct imld_series *series = find(history, metric);
    if (!series) series = add_series(history, metric);
    if (!series || !make_room(series))
        return iml_error_set(error, IML_ERROR_MEMORY, "no memory for the rows of %s", metric);
    const size_t n = series->count;
    assert(n == 0 || series->steps[n - 1] <= step);
    const size_t at = n > 0 && series->steps[n - 1] == step ? n - 1 : n;
    series->steps[at] = step;
    series->values[at] = value;
    series->count = at + 1;
    return IML_OK;
}

void imld_history_clear(struct imld_history *history)
{
    for (size_t i = 0; i < history->count; i++) {
        free(history->series[i].metric);
        free(history->series[i].steps);
        free(history->series[i].values);
    }
    free(history->series);
    *history = (struct imld_history){0};
}

const struct imld_series *imld_history_find(const struct imld_history *history, const char *metric)
{
    return find(history, metric);
}

size_t imld_series_until(const struct imld_series *series, int64_t step)
{
    size_t low = 0;
    size_t high = series ? series->count : 0;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (series->steps[middle] <= step) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}
