/* local_sink.h: the sink of a run in the daemon itself: straight into storage. */
#ifndef IMLD_DAEMON_LOCAL_SINK_H
#define IMLD_DAEMON_LOCAL_SINK_H

#include "daemon/log.h"
#include "daemon/orders.h"
#include "daemon/sink.h"
#include "storage/artifacts.h"
#include "storage/jobs.h"

/* Rows are committed at this number of them, at so many bytes of artifacts, or when they are a
 * second old. */
enum { IMLD_ROWS_DUE = 1000, IMLD_ARTIFACT_BYTES_DUE = 1024 * 1024, IMLD_RETRY_MS = 2000 };

struct imld_local_sink {
    struct imld_sink sink;        /* first: given to the run */
    struct imld_storage *storage; /* borrowed, as all pointers here but rows */
    const struct imld_log *log;
    struct imld_orders *orders;
    const char *program;
    int64_t job;
    char id[IMLD_JOB_ID_MAX]; /* of job */
    size_t keep;
    int retry_ms; /* between two tries while storage is out of order; IMLD_RETRY_MS */
    void (*checkpointed)(void *context); /* after each committed checkpoint */
    void *context;
    /* not yet committed */
    struct imld_point_row *rows; /* owned */
    size_t count, capacity;
    struct imld_artifact_row *artifacts; /* owned */
    char **documents;                    /* owned: their texts */
    size_t artifact_count, artifact_capacity, artifact_bytes;
    bool has_lost_rows; /* no memory for a row or an artifact: told at the next write */
    int64_t step, steps_of;
    double running_seconds;
    double flushed, stepped; /* monotonic seconds of the last commit and the last progress */
};

void imld_local_sink_open(struct imld_local_sink *self);
void imld_local_sink_close(struct imld_local_sink *self);

/* local_sink_read.c: the reading functions of the sink. */
enum iml_code imld_local_sink_list(struct imld_sink *sink, struct imld_checkpoint *checkpoints,
                                   size_t capacity, size_t *count, struct iml_error *error);
enum iml_code imld_local_sink_read(struct imld_sink *sink, const char *name,
                                   struct imld_checkpoint_content *content,
                                   struct iml_error *error);
enum iml_code imld_local_sink_origin(struct imld_sink *sink, struct imld_origin *origin,
                                     struct imld_checkpoint_content *content,
                                     struct iml_error *error);
enum iml_code imld_local_sink_history(struct imld_sink *sink, int64_t step,
                                      struct imld_history *history, struct iml_error *error);

#endif
