/* local_sink.c: a run's rows, checkpoints and events into storage; see local_sink.h. */
#include "daemon/local_sink.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "imld/trainer.h"

static struct imld_local_sink *local(struct imld_sink *sink)
{
    return (struct imld_local_sink *)(void *)sink;
}

/* ---- waiting for storage ---- */

/* Faults that pass: the disk is full, or it answers with an error. */
static bool is_fault(enum iml_code code)
{
    return code == IML_ERROR_NO_SPACE || code == IML_ERROR_IO;
}

struct attempt { /* something to write, tried until it holds */
    enum iml_code (*write)(struct imld_local_sink *self, void *what, struct iml_error *error);
    void *what;
};

static void tell_recovery(struct imld_local_sink *self, double seconds, const struct iml_error *why)
{
    struct imld_text text = {0};
    imld_text_printf(&text, "{\"seconds\": %.3f, \"what\": ", seconds);
    imld_text_json_string(&text, why->what);
    imld_text_add(&text, ", \"where\": ");
    imld_text_json_string(&text, why->where);
    imld_text_add(&text, "}");
    char *data = imld_text_take(&text);
    struct imld_job_event event = {.number = self->job, .kind = "storage_fault", .data = data};
    imld_job_event_prepare(&event);
    if (imld_storage_run(self->storage, &event.write) != IML_OK)
        imld_log(self->log, IMLD_LOG_WARN, "job %s: the storage fault left no event: %s", self->id,
                 event.write.error.what);
    free(data);
}

/* Tries, and while storage is out of order tries again; the run's state and rows stay as they
 * are. */
static enum iml_code persist(struct imld_local_sink *self, const struct attempt *attempt,
                             struct iml_error *error)
{
    struct iml_error why = {0};
    const double begin = imld_ticks_seconds();
    enum iml_code code = attempt->write(self, attempt->what, error);
    while (is_fault(code)) {
        if (why.code == IML_OK) {
            why = *error;
            imld_log(self->log, IMLD_LOG_ERROR, "job %s waits for storage: %s (%s)", self->id,
                     error->what, error->where);
        }
        imld_orders_tell_fault(self->orders, error->what);
        *error = (struct iml_error){0};
        if (imld_orders_wait(self->orders, self->retry_ms))
            return iml_error_set(error, IML_ERROR_CANCELLED,
                                 "the daemon ends while storage is out");
        code = attempt->write(self, attempt->what, error);
    }
    if (why.code == IML_OK) return code;
    const double seconds = imld_ticks_seconds() - begin;
    self->sink.waited_seconds += seconds;
    imld_orders_tell_fault(self->orders, NULL);
    if (code != IML_OK) return code;
    imld_log(self->log, IMLD_LOG_INFO, "job %s goes on: storage works again after %.1f s", self->id,
             seconds);
    tell_recovery(self, seconds, &why);
    return IML_OK;
}

/* Runs a request on the writer. */
static enum iml_code run_write(struct imld_local_sink *self, struct imld_write *write,
                               struct iml_error *error)
{
    const enum iml_code code = imld_storage_run(self->storage, write);
    if (code == IML_OK) return IML_OK;
    (void)iml_error_set(error, code, "%s", write->error.what);
    iml_error_where(error, "%s", write->error.where);
    iml_error_mend(error, "%s", write->error.mend);
    return code;
}

/* ---- rows ---- */

static void sink_row(struct imld_sink *sink, const char *metric, int64_t step, double value)
{
    struct imld_local_sink *self = local(sink);
    if (self->count == self->capacity) {
        const size_t capacity = self->capacity ? 2 * self->capacity : 256;
        struct imld_point_row *rows = reallocarray(self->rows, capacity, sizeof *rows);
        if (!rows) {
            self->has_lost_rows = true;
            return;
        }
        self->rows = rows;
        self->capacity = capacity;
    }
    self->rows[self->count++] =
        (struct imld_point_row){.metric = metric, .step = step, .value = (float)value};
}

static void lose_artifacts(struct imld_local_sink *self)
{
    for (size_t i = 0; i < self->artifact_count; i++) free(self->documents[i]);
    self->artifact_count = self->artifact_bytes = 0;
}

/* Two arrays: one is what storage takes, the other owns its texts. */
static bool grow_artifacts(struct imld_local_sink *self)
{
    if (self->artifact_count < self->artifact_capacity) return true;
    const size_t capacity = self->artifact_capacity ? 2 * self->artifact_capacity : 16;
    struct imld_artifact_row *rows = reallocarray(self->artifacts, capacity, sizeof *rows);
    if (rows) self->artifacts = rows;
    char **documents = reallocarray(self->documents, capacity, sizeof *documents);
    if (documents) self->documents = documents;
    if (rows && documents) self->artifact_capacity = capacity;
    return rows && documents;
}

static void sink_artifact(struct imld_sink *sink, const char *name, int64_t step, char *document)
{
    struct imld_local_sink *self = local(sink);
    if (!document || !grow_artifacts(self)) {
        self->has_lost_rows = true;
        free(document);
        return;
    }
    const size_t bytes = strlen(document);
    self->documents[self->artifact_count] = document;
    self->artifacts[self->artifact_count++] = (struct imld_artifact_row){
        .name = name, .step = step, .document = document, .bytes = bytes};
    self->artifact_bytes += bytes;
}

static struct imld_rows_write rows_of(const struct imld_local_sink *self)
{
    struct imld_rows_write rows = {.job = self->job,
                                   .rows = self->rows,
                                   .count = self->count,
                                   .artifacts = self->artifacts,
                                   .artifact_count = self->artifact_count,
                                   .step = self->step,
                                   .steps_of = self->steps_of,
                                   .running_seconds = self->running_seconds};
    imld_rows_write_prepare(&rows);
    return rows;
}

static void rows_are_committed(struct imld_local_sink *self)
{
    self->count = 0;
    lose_artifacts(self);
    self->flushed = imld_ticks_seconds();
}

static enum iml_code write_rows(struct imld_local_sink *self, void *what, struct iml_error *error)
{
    (void)what;
    struct imld_rows_write rows = rows_of(self);
    const enum iml_code code = run_write(self, &rows.write, error);
    if (code == IML_OK) rows_are_committed(self);
    return code;
}

static enum iml_code check_rows(const struct imld_local_sink *self, struct iml_error *error)
{
    if (!self->has_lost_rows) return IML_OK;
    return iml_error_set(error, IML_ERROR_MEMORY, "no memory for a metric row or an artifact");
}

/* Rows become due when the next step may end after their second: a step takes about as long as the
 * last one did. */
static enum iml_code sink_progress(struct imld_sink *sink, int64_t step, int64_t steps_of,
                                   double running_seconds, struct iml_error *error)
{
    struct imld_local_sink *self = local(sink);
    const double now = imld_ticks_seconds();
    const double expected = now - self->stepped;
    self->stepped = now;
    self->step = step;
    self->steps_of = steps_of;
    self->running_seconds = running_seconds;
    const bool is_full =
        self->count >= IMLD_ROWS_DUE || self->artifact_bytes >= IMLD_ARTIFACT_BYTES_DUE;
    if (!is_full && now - self->flushed + expected < 1) return IML_OK;
    const enum iml_code code = check_rows(self, error);
    if (code != IML_OK) return code;
    return persist(self, &(struct attempt){.write = write_rows}, error);
}

/* ---- checkpoints ---- */

struct checkpoint_call {
    const struct imld_sink_checkpoint *checkpoints;
    size_t count;
};

enum { FILES_MAX = 2, METADATA = 4 };

static enum iml_code write_checkpoint(struct imld_local_sink *self, void *what,
                                      struct iml_error *error)
{
    const struct checkpoint_call *call = what;
    char steps[FILES_MAX][24];
    struct imld_metadata metadata[FILES_MAX][METADATA];
    struct imld_checkpoint_file files[FILES_MAX] = {0};
    for (size_t i = 0; i < call->count; i++) {
        const struct imld_sink_checkpoint *c = &call->checkpoints[i];
        (void)snprintf(steps[i], sizeof steps[i], "%jd", (intmax_t)c->step);
        metadata[i][0] = (struct imld_metadata){"job", self->id};
        metadata[i][1] = (struct imld_metadata){"step", steps[i]};
        metadata[i][2] = (struct imld_metadata){"program", self->program};
        metadata[i][3] = (struct imld_metadata){"cpu_kernel", iml_cpu_kernel()};
        (void)snprintf(files[i].name, sizeof files[i].name, "%s%s", c->name ? c->name : "step-",
                       c->name ? "" : steps[i]);
        files[i].step = c->step;
        files[i].tensors = c->state->tensors;
        files[i].tensor_count = c->state->tensor_count;
        files[i].metadata = metadata[i];
        files[i].metadata_count = METADATA;
    }
    const struct imld_rows_write rows = rows_of(self);
    const enum iml_code code = imld_checkpoint_write(self->storage, self->job, files, call->count,
                                                     self->keep, &rows, error);
    if (code == IML_OK) rows_are_committed(self);
    return code;
}

static enum iml_code sink_checkpoint(struct imld_sink *sink,
                                     const struct imld_sink_checkpoint *checkpoints, size_t count,
                                     struct iml_error *error)
{
    struct imld_local_sink *self = local(sink);
    struct checkpoint_call call = {.checkpoints = checkpoints, .count = count};
    enum iml_code code = check_rows(self, error);
    if (code != IML_OK) return code;
    code = persist(self, &(struct attempt){.write = write_checkpoint, .what = &call}, error);
    if (code == IML_OK && self->checkpointed) self->checkpointed(self->context);
    return code;
}

/* ---- events, beginning, end ---- */

static enum iml_code write_event(struct imld_local_sink *self, void *what, struct iml_error *error)
{
    struct imld_job_event event = *(const struct imld_job_event *)what;
    imld_job_event_prepare(&event);
    return run_write(self, &event.write, error);
}

static enum iml_code sink_event(struct imld_sink *sink, const char *kind, const char *data,
                                struct iml_error *error)
{
    struct imld_local_sink *self = local(sink);
    struct imld_job_event event = {.number = self->job, .kind = kind, .data = data};
    return persist(self, &(struct attempt){.write = write_event, .what = &event}, error);
}

static enum iml_code write_opened(struct imld_local_sink *self, void *what, struct iml_error *error)
{
    struct imld_job_opened opened = *(const struct imld_job_opened *)what;
    imld_job_opened_prepare(&opened);
    return run_write(self, &opened.write, error);
}

static enum iml_code sink_opened(struct imld_sink *sink, const char *split, int64_t resumed_step,
                                 struct iml_error *error)
{
    struct imld_local_sink *self = local(sink);
    self->step = resumed_step;
    struct imld_job_opened opened = {.number = self->job,
                                     .split = split,
                                     .cpu_kernel = iml_cpu_kernel(),
                                     .resumed_step = resumed_step};
    return persist(self, &(struct attempt){.write = write_opened, .what = &opened}, error);
}

static enum iml_code write_end(struct imld_local_sink *self, void *what, struct iml_error *error)
{
    const struct imld_run_end *end = what;
    const struct imld_rows_write rows = rows_of(self);
    struct imld_job_end request = {.number = self->job,
                                   .verb = end->verb,
                                   .reason = end->reason,
                                   .result = end->result,
                                   .error = end->error,
                                   .rows = &rows};
    imld_job_end_prepare(&request);
    const enum iml_code code = run_write(self, &request.write, error);
    if (code == IML_OK) rows_are_committed(self);
    return code;
}

static enum iml_code sink_end(struct imld_sink *sink, const struct imld_run_end *end,
                              struct iml_error *error)
{
    struct imld_run_end copy = *end;
    return persist(local(sink), &(struct attempt){.write = write_end, .what = &copy}, error);
}

/* ---- beginning and end of the sink itself ---- */

void imld_local_sink_open(struct imld_local_sink *self)
{
    self->sink = (struct imld_sink){.row = sink_row,
                                    .artifact = sink_artifact,
                                    .progress = sink_progress,
                                    .checkpoint = sink_checkpoint,
                                    .event = sink_event,
                                    .opened = sink_opened,
                                    .end = sink_end,
                                    .list = imld_local_sink_list,
                                    .read = imld_local_sink_read,
                                    .origin = imld_local_sink_origin,
                                    .history = imld_local_sink_history};
    imld_job_id(self->job, self->id);
    self->retry_ms = IMLD_RETRY_MS;
    self->flushed = self->stepped = imld_ticks_seconds();
}

void imld_local_sink_close(struct imld_local_sink *self)
{
    lose_artifacts(self);
    free(self->artifacts);
    free(self->documents);
    self->artifacts = NULL;
    self->documents = NULL;
    self->artifact_capacity = 0;
    free(self->rows);
    self->rows = NULL;
    self->count = self->capacity = 0;
}
