/* events.c: the log of what happened, one row each (DESIGN §5). */
#include "storage/events.h"

#include <string.h>

#include "storage/state.h"

/* clang-format off */
const struct imld_event_kind imld_event_kinds[] = {
    /* kind             help */
    {"created",         "The job was accepted. Data: name, priority, threads, memory_bytes."},
    {"claimed",         "The queue gave it to a run. Data: from, to, attempt, priority, threads, from_checkpoint."},
    {"opened",          "The run has opened net and data. Data: split, cpu_kernel, resumed_step."},
    {"imported",        "It starts from another job's checkpoint. Data: job, checkpoint, step, sha256, knowledge (whether its λ was taken too)."},
    {"kernel_changed",  "It goes on under another CPU kernel than its checkpoint's: other bits. Data: from, to."},
    {"artifact_dropped","An artifact was too long to be stored. Data: name, step, bytes, limit."},
    {"artifacts_thinned","There were more artifacts of a name than are kept: from here on an even sample of them and the newest. Data: name, step, limit."},
    {"checkpoint",      "Checkpoints were committed. Data: names, step."},
    {"intent",          "A user's verb was stored for the running job to obey. Data: verb."},
    {"intent_withdrawn","A stored pause was taken back by resume before the run obeyed it."},
    {"paused",          "Running or queued, now paused."},
    {"resumed",         "Paused, now queued."},
    {"stopped",         "A user ended it gracefully. Data: from, to, reason."},
    {"cancelled",       "A user ended it at once."},
    {"retried",         "Failed or cancelled, now queued again, from its last checkpoint."},
    {"requeued",        "The daemon shut down in good order: running, now queued, the attempt is the same."},
    {"lost",            "The process died under it: running, now queued, with the next attempt."},
    {"completed",       "It reached its end, or a stop rule fired. Data: reason."},
    {"failed",          "It met an error that it can't mend. Data: reason, error."},
    {"patched",         "Fields were changed by PATCH. Data: those fields."},
    {"deleted",         "A job was deleted with its rows and files; an event of the server. Data: job."},
    {"checkpoint_corrupt", "A checkpoint could not be read; the run goes on from an older one. Data: name, what."},
    {"storage_fault",   "A write failed; the run waits. Data: what, where."},
    {"storage_works",   "Writing works again; the run goes on."},
    {"estimate_failed", "The first estimate of H⁻¹v that failed (MATH §5.6). Data: step, what, mend."},
    {"small_weights",   "A batch's mean weight was too small to divide by, so w = 1 was taken (FIXMATCH 6.1). Data: step, what, mend."},
    {"rule_fired",      "A stop rule fired. Data: rule, numbers."},
    {"warning",         "Something a reader of the results should know. Data: what; of a gate that skipped many updates in a row also step, mend."},
    {"started",         "The daemon started; an event of the server."},
    {"stopping",        "The daemon ends in good order; an event of the server."},
};
/* clang-format on */
const size_t imld_event_kind_count = sizeof imld_event_kinds / sizeof imld_event_kinds[0];

static bool is_kind(const char *kind)
{
    for (size_t i = 0; i < imld_event_kind_count; i++) {
        if (strcmp(imld_event_kinds[i].name, kind) == 0) return true;
    }
    return false;
}

enum iml_code imld_event_write(struct imld_database *database, int64_t job, const char *kind,
                               const char *actor, const char *data, struct iml_error *error)
{
    if (!is_kind(kind))
        return iml_error_set(error, IML_ERROR_ARGUMENT, "no event kind is called %.60s", kind);
    const struct imld_bind binds[] = {
        imld_bind_integer(job), imld_bind_integer(database->now_ms),
        imld_bind_text(kind),   imld_bind_text(actor ? actor : "imld"),
        imld_bind_text(data),   imld_bind_end()};
    enum iml_code code = imld_sql_run(&database->connection,
                                      "INSERT INTO events (job, time_ms, kind, actor, data)"
                                      " VALUES (?1, ?2, ?3, ?4, ?5)",
                                      binds, error);
    if (code == IML_OK) code = imld_effects_job(&database->effects, job, error);
    return code;
}

static enum iml_code apply_event(struct imld_write *self, struct imld_database *database,
                                 struct iml_error *error)
{
    const struct imld_job_event *request = (const struct imld_job_event *)self;
    if (request->number != 0) {
        int64_t exists = 0;
        const struct imld_bind binds[] = {imld_bind_integer(request->number), imld_bind_end()};
        const enum iml_code code =
            imld_sql_integer(&database->connection, "SELECT count(*) FROM jobs WHERE number = ?1",
                             binds, &exists, error);
        if (code != IML_OK) return code;
        if (!exists) return imld_job_absent(request->number, error);
    }
    return imld_event_write(database, request->number, request->kind, request->actor, request->data,
                            error);
}

void imld_job_event_prepare(struct imld_job_event *request)
{
    request->write.apply = apply_event;
}

enum iml_code imld_events_list(struct imld_reader *reader, int64_t job, int64_t after, size_t limit,
                               bool (*visit)(void *context, const struct imld_event *event),
                               void *context, struct iml_error *error)
{
    const struct imld_bind binds[] = {imld_bind_integer(after), imld_bind_integer((int64_t)limit),
                                      imld_bind_integer(job), imld_bind_end()};
    const char *sql = job ? "SELECT id, job, time_ms, kind, actor, data FROM events"
                            " WHERE job = ?3 AND id > ?1 ORDER BY id LIMIT ?2"
                          : "SELECT id, job, time_ms, kind, actor, data FROM events"
                            " WHERE id > ?1 AND ?3 = 0 ORDER BY id LIMIT ?2";
    struct imld_connection *connection = &reader->connection;
    sqlite3_stmt *statement = imld_statement(connection, sql, binds, error);
    if (!statement) return imld_failed(error);
    enum iml_code code = IML_OK;
    while (imld_statement_next(connection, statement, &code, error)) {
        const struct imld_event event = {
            .id = sqlite3_column_int64(statement, 0),
            .job = sqlite3_column_int64(statement, 1),
            .time_ms = sqlite3_column_int64(statement, 2),
            .kind = imld_column_text(statement, 3),
            .actor = imld_column_text(statement, 4),
            .data = imld_column_text(statement, 5),
        };
        if (!visit(context, &event)) break;
    }
    imld_statement_end(statement);
    return code;
}
