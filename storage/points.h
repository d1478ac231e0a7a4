/* points.h: metric rows: keyed (job, metric, step), written in batches, read as columns. */
#ifndef IMLD_STORAGE_POINTS_H
#define IMLD_STORAGE_POINTS_H

#include "storage/storage.h"

enum imld_value_kind { IMLD_FINITE = 0, IMLD_NAN = 1, IMLD_PLUS_INF = 2, IMLD_MINUS_INF = 3 };
const char *imld_value_kind_name(enum imld_value_kind kind); /* "", "nan", "inf", "-inf" */
enum imld_value_kind imld_value_kind_of(float value);

/* A value is a float; its kind says what a NULL stands for. */
struct imld_point_row {
    const char *metric; /* borrowed until done */
    int64_t step;
    float value;
};

/* Rows and artifacts of one run, and where it stands (IML_ERROR_CONFLICT: it is not running). A row
 * whose key is there already replaces it. */
struct imld_artifact_row;
struct imld_rows_write {
    struct imld_write write;
    int64_t job;
    const struct imld_point_row *rows; /* borrowed until done */
    size_t count;
    const struct imld_artifact_row *artifacts; /* borrowed until done; storage/artifacts.h */
    size_t artifact_count;
    int64_t step, steps_of; /* progress */
    double running_seconds;
};
void imld_rows_write_prepare(struct imld_rows_write *request);

struct imld_point {
    int64_t step;
    float value; /* NaN or ±inf as its kind says */
};

/* Some points of one curve: those with from ≤ step ≤ to, at most `limit`. */
struct imld_point_range {
    int64_t job;
    const char *metric; /* borrowed */
    int64_t from, to;
    size_t limit;
};

/* The points of the range, ascending. IML_OK with no visit: there are none. */
IML_MUST_USE enum iml_code
imld_points_read(struct imld_reader *reader, const struct imld_point_range *range,
                 bool (*visit)(void *context, const struct imld_point *point), void *context,
                 struct iml_error *error);

/* Names of the metrics that have rows, in order of first appearance. */
IML_MUST_USE enum iml_code imld_points_metrics(struct imld_reader *reader, int64_t job,
                                               bool (*visit)(void *context, const char *metric),
                                               void *context, struct iml_error *error);

/* Newest point of each metric with step ≤ `step` (rows beyond belong to a time before a crash). */
IML_MUST_USE enum iml_code imld_points_latest(struct imld_reader *reader, int64_t job, int64_t step,
                                              bool (*visit)(void *context, const char *metric,
                                                            const struct imld_point *point),
                                              void *context, struct iml_error *error);

/* The best finite value (first of equals) of the range, whose limit is not asked; found = false:
 * there is none. */
IML_MUST_USE enum iml_code imld_points_best(struct imld_reader *reader,
                                            const struct imld_point_range *range,
                                            bool is_higher_better, struct imld_point *best,
                                            bool *found, struct iml_error *error);

#endif
