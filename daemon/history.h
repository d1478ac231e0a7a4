/* history.h: a run's rows in memory, as they are stored (float values): what stop rules look at. */
#ifndef IMLD_DAEMON_HISTORY_H
#define IMLD_DAEMON_HISTORY_H

#include <stddef.h>
#include <stdint.h>

#include "imld/error.h"

struct imld_series {
    char *metric;   /* owned */
    int64_t *steps; /* owned, strictly ascending */
    float *values;  /* owned */
    size_t count, capacity;
};

/* {0} is empty. One thread at a time. */
struct imld_history {
    struct imld_series *series; /* owned */
    size_t count;
};

/* Adds a row; one of the metric's last step is replaced, an earlier step is a programming error. */
IML_MUST_USE enum iml_code imld_history_put(struct imld_history *history, const char *metric,
                                            int64_t step, float value, struct iml_error *error);

struct imld_reader;
/* Fills an empty history with the job's stored rows of all metrics up to `step`. */
IML_MUST_USE enum iml_code imld_history_load(struct imld_history *history,
                                             struct imld_reader *reader, int64_t job, int64_t step,
                                             struct iml_error *error);
void imld_history_clear(struct imld_history *history);

/* NULL: the metric has no rows. */
const struct imld_series *imld_history_find(const struct imld_history *history, const char *metric);

/* How many rows of the series have a step ≤ `step`; 0 for NULL. */
size_t imld_series_until(const struct imld_series *series, int64_t step);

#endif
