/* checkpoints.c: writing checkpoints: files first, durable, then one transaction with their rows,
 * the metric rows and the pruning of older ones (DESIGN §6).
 *
 * A file is called NAME.HASH.safetensors with the first digits of its SHA-256, so that a new `best`
 * never touches the file of the old one before its row is committed. */
#include "storage/checkpoints.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/text.h"
#include "storage/events.h"
#include "storage/jobs.h"
#include "storage/needed.h"
#include "storage/paths.h"
#include "storage/rows.h"
#include "storage/safetensors.h"
#include "storage/state.h"
#include "storage/transitions.h"

#define FILES_MAX 8
#define FILE_NAME_MAX 96

/* A file on its way. */
struct written {
    const struct imld_checkpoint_file *file;
    char name[FILE_NAME_MAX];
    char sha256[65];
    int64_t bytes;
    bool is_new; /* no file of that content was there before */
};

struct checkpoint_commit {
    struct imld_write write;
    int64_t job;
    const struct written *written;
    size_t count, keep;
    const struct imld_rows_write *rows;
};

static enum iml_code job_path(const struct imld_storage *storage, int64_t job, const char *name,
                              char path[PATH_MAX], struct iml_error *error)
{
    if (imld_path_checkpoint(path, storage->folder, job, name)) return IML_OK;
    return iml_error_set(error, IML_ERROR_ARGUMENT, "the path of a checkpoint is too long");
}

/* ---- the transaction ---- */

/* The file that the row names now, if it is another one and no job starts from it, goes after the
 * commit. */
static enum iml_code replace_file(struct imld_database *database, int64_t job, const char *name,
                                  const char *new_file, struct iml_error *error)
{
    char path[PATH_MAX];
    const struct imld_bind binds[] = {imld_bind_integer(job), imld_bind_text(name),
                                      imld_bind_end()};
    sqlite3_stmt *statement =
        imld_statement(&database->connection,
                       "SELECT file FROM checkpoints WHERE job = ?1 AND name = ?2", binds, error);
    if (!statement) return imld_failed(error);
    bool has_row = false;
    enum iml_code code = imld_statement_step(&database->connection, statement, &has_row, error);
    const char *file = has_row ? imld_column_text(statement, 0) : NULL;
    bool is_needed = false;
    if (code == IML_OK && file && strcmp(file, new_file) != 0)
        code = imld_needed_file(&database->connection, job, file, &is_needed, error);
    if (code == IML_OK && file && strcmp(file, new_file) != 0 && !is_needed) {
        code = job_path(database->storage, job, file, path, error);
        if (code == IML_OK) code = imld_effects_unlink(&database->effects, path, error);
    }
    imld_statement_end(statement);
    return code;
}

static enum iml_code insert_one(struct imld_database *database, int64_t job,
                                const struct written *written, struct iml_error *error)
{
    const struct imld_bind binds[] = {imld_bind_integer(job),
                                      imld_bind_text(written->file->name),
                                      imld_bind_integer(written->file->step),
                                      imld_bind_integer(written->bytes),
                                      imld_bind_integer(database->now_ms),
                                      imld_bind_text(written->sha256),
                                      imld_bind_text(written->name),
                                      imld_bind_end()};
    const enum iml_code code =
        replace_file(database, job, written->file->name, written->name, error);
    if (code != IML_OK) return code;
    return imld_sql_run(&database->connection,
                        "INSERT OR REPLACE INTO checkpoints"
                        " (job, name, step, bytes, created_ms, sha256, file)"
                        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                        binds, error);
}

/* Where the run is; a best alone, which is older, does not say. */
static int64_t step_of_run(const struct checkpoint_commit *request)
{
    for (size_t i = 0; i < request->count; i++)
        if (strcmp(request->written[i].file->name, "best") != 0)
            return request->written[i].file->step;
    return INT64_MAX;
}

/* But for those that other jobs start from: step-… checkpoints beyond the newest `keep` up to this
 * step, and all later ones: a run is there only where those could not be read, and they would take
 * the places of the ones that can. */
static enum iml_code prune(struct imld_database *database, int64_t job, int64_t step, size_t keep,
                           struct iml_error *error)
{
    const struct imld_bind binds[] = {imld_bind_integer(job), imld_bind_integer((int64_t)keep),
                                      imld_bind_integer(step), imld_bind_end()};
    sqlite3_stmt *statement =
        imld_statement(&database->connection,
                       "DELETE FROM checkpoints WHERE job = ?1 AND name LIKE 'step-%'"
                       " AND (step > ?3 OR name IN"
                       "  (SELECT name FROM checkpoints WHERE job = ?1 AND name LIKE 'step-%'"
                       "   AND step <= ?3 ORDER BY step DESC LIMIT -1 OFFSET ?2))"
                       " AND NOT EXISTS (SELECT 1 FROM origins JOIN jobs ON number = origins.job"
                       "  WHERE source = ?1 AND origins.file = checkpoints.file"
                       "  AND " IMLD_NOT_ENDED ") RETURNING file",
                       binds, error);
    if (!statement) return imld_failed(error);
    enum iml_code code = IML_OK;
    while (imld_statement_next(&database->connection, statement, &code, error)) {
        char path[PATH_MAX];
        code = job_path(database->storage, job, imld_column_text(statement, 0), path, error);
        if (code == IML_OK) code = imld_effects_unlink(&database->effects, path, error);
    }
    imld_statement_end(statement);
    return code;
}

static enum iml_code write_event(struct imld_database *database,
                                 const struct checkpoint_commit *request, struct iml_error *error)
{
    struct imld_text data = {0};
    imld_text_add(&data, "{\"names\":[");
    for (size_t i = 0; i < request->count; i++) {
        if (i > 0) imld_text_add(&data, ",");
        imld_text_json_string(&data, request->written[i].file->name);
    }
    imld_text_printf(&data, "],\"step\":%lld}", (long long)request->written[0].file->step);
    const enum iml_code code =
        data.has_failed
            ? iml_error_set(error, IML_ERROR_MEMORY, "no memory for an event")
            : imld_event_write(database, request->job, "checkpoint", NULL, data.bytes, error);
    imld_text_clear(&data);
    return code;
}

static enum iml_code clear_suspicion(struct imld_database *database, int64_t job,
                                     struct iml_error *error)
{
    const struct imld_bind binds[] = {imld_bind_integer(job), imld_bind_end()};
    return imld_sql_run(&database->connection,
                        "UPDATE jobs SET is_suspect = 0, losses = 0, revision = revision + 1"
                        " WHERE number = ?1",
                        binds, error);
}

static enum iml_code apply(struct imld_write *self, struct imld_database *database,
                           struct iml_error *error)
{
    const struct checkpoint_commit *request = (const struct checkpoint_commit *)self;
    struct imld_standing standing;
    enum iml_code code = imld_standing_get(&database->connection, request->job, &standing, error);
    if (code == IML_OK && standing.state != IMLD_RUNNING)
        code = imld_job_not_running(request->job, error);
    if (code == IML_OK && request->rows) code = imld_rows_apply(database, request->rows, error);
    for (size_t i = 0; code == IML_OK && i < request->count; i++)
        code = insert_one(database, request->job, &request->written[i], error);
    if (code == IML_OK)
        code = prune(database, request->job, step_of_run(request), request->keep, error);
    if (code == IML_OK) code = clear_suspicion(database, request->job, error);
    if (code == IML_OK) code = write_event(database, request, error);
    return code;
}

/* ---- the files ---- */

/* The two paths are here and not in each function: inlined, they would make one large frame. */
struct attempt {
    const struct imld_storage *storage;
    int64_t job;
    struct written written[FILES_MAX];
    size_t count;
    char temporary[PATH_MAX], path[PATH_MAX];
};

static enum iml_code write_file(struct attempt *attempt, struct written *written,
                                struct iml_error *error)
{
    char name[FILE_NAME_MAX];
    (void)snprintf(name, sizeof name, "%s.tmp", written->file->name);
    enum iml_code code = job_path(attempt->storage, attempt->job, name, attempt->temporary, error);
    if (code == IML_OK)
        code = imld_safetensors_write(attempt->temporary, written->file, &written->bytes,
                                      written->sha256, error);
    if (code != IML_OK) return code;
    (void)snprintf(name, sizeof name, "%s.%.16s.safetensors", written->file->name, written->sha256);
    code = job_path(attempt->storage, attempt->job, name, attempt->path, error);
    written->is_new = access(attempt->path, F_OK) != 0;
    if (code == IML_OK && imld_io()->rename(attempt->temporary, attempt->path) != 0)
        code = imld_io_error(error, "rename", attempt->temporary);
    if (code == IML_OK) {
        memcpy(written->name, name, sizeof name);
    } else {
        (void)imld_io()->unlink(attempt->temporary);
    }
    return code;
}

/* Takes back what is not committed; what can't be removed now is an orphan, found at the next
 * start. */
static void remove_new(struct attempt *attempt)
{
    for (size_t i = 0; i < attempt->count; i++) {
        const struct written *written = &attempt->written[i];
        struct iml_error ignored = {0};
        if (!written->is_new || written->name[0] == '\0') continue;
        if (job_path(attempt->storage, attempt->job, written->name, attempt->path, &ignored) ==
            IML_OK)
            (void)imld_io()->unlink(attempt->path);
    }
}

static enum iml_code write_files(struct attempt *attempt, struct iml_error *error)
{
    enum iml_code code = job_path(attempt->storage, attempt->job, NULL, attempt->path, error);
    if (code == IML_OK) code = imld_io_make_folders(attempt->path, 0700, error);
    for (size_t i = 0; code == IML_OK && i < attempt->count; i++)
        code = write_file(attempt, &attempt->written[i], error);
    if (code == IML_OK) code = job_path(attempt->storage, attempt->job, NULL, attempt->path, error);
    if (code == IML_OK) code = imld_io_sync_folder(attempt->path, error);
    return code;
}

enum iml_code imld_checkpoint_write(struct imld_storage *storage, int64_t job,
                                    const struct imld_checkpoint_file *files, size_t file_count,
                                    size_t keep, const struct imld_rows_write *rows,
                                    struct iml_error *error)
{
    struct iml_error local = {0};
    struct iml_error *const why = error ? error : &local;
    struct attempt attempt = {.storage = storage, .job = job, .count = file_count};
    assert(file_count > 0 && file_count <= FILES_MAX && (!rows || rows->job == job));
    for (size_t i = 0; i < file_count; i++) attempt.written[i].file = &files[i];
    enum iml_code code = write_files(&attempt, why);
    if (code == IML_OK) {
        struct checkpoint_commit request = {.write = {.apply = apply},
                                            .job = job,
                                            .written = attempt.written,
                                            .count = file_count,
                                            .keep = keep,
                                            .rows = rows};
        code = imld_storage_run(storage, &request.write);
        if (code != IML_OK) *why = request.write.error;
    }
    if (code != IML_OK && code != IML_ERROR_IN_DOUBT) remove_new(&attempt);
    return code;
}
