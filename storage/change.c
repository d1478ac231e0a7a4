/* change.c: what changes a job beside its state: PATCH, the facts of an opened run, DELETE. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "storage/events.h"
#include "storage/jobs.h"
#include "storage/needed.h"
#include "storage/paths.h"
#include "storage/state.h"
#include "storage/transitions.h"

/* The event's data: the fields that were changed. */
static enum iml_code write_patched(struct imld_database *database,
                                   const struct imld_job_patch *request, struct iml_error *error)
{
    struct imld_text data = {0};
    imld_text_printf(&data, "{\"revision\":%lld", (long long)request->revision);
    if (request->name) {
        imld_text_add(&data, ",\"name\":");
        imld_text_json_string(&data, request->name);
    }
    if (request->note) imld_text_add(&data, ",\"note\":true"); /* long: the job has it */
    if (request->tags) imld_text_printf(&data, ",\"tags\":%s", request->tags);
    if (request->early_stopping)
        imld_text_printf(&data, ",\"early_stopping\":%s", request->early_stopping);
    if (request->has_priority)
        imld_text_printf(&data, ",\"priority\":%lld", (long long)request->priority);
    imld_text_add(&data, "}");
    const enum iml_code code =
        data.has_failed ? iml_error_set(error, IML_ERROR_MEMORY, "no memory for an event")
                        : imld_event_write(database, request->number, "patched", request->actor,
                                           data.bytes, error);
    imld_text_clear(&data);
    return code;
}

static enum iml_code get_revision(struct imld_database *database, int64_t number, int64_t *revision,
                                  struct iml_error *error)
{
    const struct imld_bind binds[] = {imld_bind_integer(number), imld_bind_end()};
    *revision = 0;
    const enum iml_code code =
        imld_sql_integer(&database->connection, "SELECT revision FROM jobs WHERE number = ?1",
                         binds, revision, error);
    if (code == IML_OK && *revision == 0) return imld_job_absent(number, error);
    return code;
}

static enum iml_code apply_patch(struct imld_write *self, struct imld_database *database,
                                 struct iml_error *error)
{
    struct imld_job_patch *request = (struct imld_job_patch *)self;
    enum iml_code code = get_revision(database, request->number, &request->revision, error);
    if (code != IML_OK) return code;
    if (request->if_revision >= 0 && request->if_revision != request->revision)
        return iml_error_set(error, IML_ERROR_CONFLICT,
                             "the job has changed: its revision is %lld, not %lld",
                             (long long)request->revision, (long long)request->if_revision);
    const struct imld_bind binds[] = {imld_bind_integer(request->number),
                                      imld_bind_text(request->name),
                                      imld_bind_text(request->note),
                                      imld_bind_text(request->tags),
                                      imld_bind_text(request->early_stopping),
                                      request->has_priority ? imld_bind_integer(request->priority)
                                                            : imld_bind_null(),
                                      imld_bind_integer(database->now_ms),
                                      imld_bind_end()};
    code = imld_sql_run(&database->connection,
                        "UPDATE jobs SET name = coalesce(?2, name), note = coalesce(?3, note),"
                        " tags = coalesce(?4, tags),"
                        " early_stopping = coalesce(?5, early_stopping),"
                        " priority = coalesce(?6, priority), changed_ms = ?7,"
                        " revision = revision + 1 WHERE number = ?1",
                        binds, error);
    request->revision++;
    if (code == IML_OK) code = write_patched(database, request, error);
    return code;
}

void imld_job_patch_prepare(struct imld_job_patch *request)
{
    request->write.apply = apply_patch;
}

/* An event where the bits may differ from here on. */
static enum iml_code compare_kernels(struct imld_database *database,
                                     const struct imld_job_opened *request, struct iml_error *error)
{
    char before[128] = "";
    const struct imld_bind binds[] = {imld_bind_integer(request->number), imld_bind_end()};
    sqlite3_stmt *statement = imld_statement(
        &database->connection, "SELECT cpu_kernel FROM jobs WHERE number = ?1", binds, error);
    if (!statement) return imld_failed(error);
    bool has_row = false;
    enum iml_code code = imld_statement_step(&database->connection, statement, &has_row, error);
    const char *kernel = has_row ? imld_column_text(statement, 0) : NULL;
    (void)snprintf(before, sizeof before, "%s", kernel ? kernel : "");
    imld_statement_end(statement);
    if (code != IML_OK || request->resumed_step == 0 || before[0] == '\0' ||
        strcmp(before, request->cpu_kernel) == 0)
        return code;
    struct imld_text data = {0};
    imld_text_add(&data, "{\"from\":");
    imld_text_json_string(&data, before);
    imld_text_add(&data, ",\"to\":");
    imld_text_json_string(&data, request->cpu_kernel);
    imld_text_add(&data, "}");
    code = data.has_failed ? iml_error_set(error, IML_ERROR_MEMORY, "no memory for an event")
                           : imld_event_write(database, request->number, "kernel_changed", NULL,
                                              data.bytes, error);
    imld_text_clear(&data);
    return code;
}

static enum iml_code write_opened(struct imld_database *database,
                                  const struct imld_job_opened *request, struct iml_error *error)
{
    struct imld_text data = {0};
    imld_text_add(&data, "{\"split\":");
    imld_text_json_string(&data, request->split ? request->split : "");
    imld_text_add(&data, ",\"cpu_kernel\":");
    imld_text_json_string(&data, request->cpu_kernel);
    imld_text_printf(&data, ",\"resumed_step\":%lld}", (long long)request->resumed_step);
    const enum iml_code code =
        data.has_failed
            ? iml_error_set(error, IML_ERROR_MEMORY, "no memory for an event")
            : imld_event_write(database, request->number, "opened", NULL, data.bytes, error);
    imld_text_clear(&data);
    return code;
}

static enum iml_code apply_opened(struct imld_write *self, struct imld_database *database,
                                  struct iml_error *error)
{
    const struct imld_job_opened *request = (const struct imld_job_opened *)self;
    enum iml_code code = compare_kernels(database, request, error);
    if (code != IML_OK) return code;
    const struct imld_bind binds[] = {
        imld_bind_integer(request->number),  imld_bind_text(request->split),
        imld_bind_text(request->cpu_kernel), imld_bind_integer(request->resumed_step),
        imld_bind_integer(database->now_ms), imld_bind_end()};
    code = imld_sql_run(&database->connection,
                        "UPDATE jobs SET split = ?2, cpu_kernel = ?3, step = ?4, changed_ms = ?5,"
                        " revision = revision + 1 WHERE number = ?1 AND state = 'running'",
                        binds, error);
    if (code == IML_OK && sqlite3_changes(database->connection.handle) != 1)
        code = imld_job_not_running(request->number, error);
    if (code == IML_OK) code = write_opened(database, request, error);
    return code;
}

void imld_job_opened_prepare(struct imld_job_opened *request)
{
    request->write.apply = apply_opened;
}

static enum iml_code list_file(struct imld_database *database, int64_t number, const char *file,
                               struct iml_error *error)
{
    char path[PATH_MAX];
    if (!imld_path_checkpoint(path, database->storage->folder, number, file)) return IML_OK;
    return imld_effects_unlink(&database->effects, path, error);
}

/* The job's files and, after them, its folder. */
static enum iml_code list_files(struct imld_database *database, int64_t number,
                                struct iml_error *error)
{
    const struct imld_bind binds[] = {imld_bind_integer(number), imld_bind_end()};
    sqlite3_stmt *statement = imld_statement(
        &database->connection, "SELECT file FROM checkpoints WHERE job = ?1", binds, error);
    if (!statement) return imld_failed(error);
    enum iml_code code = IML_OK;
    while (imld_statement_next(&database->connection, statement, &code, error))
        code = list_file(database, number, imld_column_text(statement, 0), error);
    imld_statement_end(statement);
    if (code == IML_OK) code = list_file(database, number, NULL, error);
    return code;
}

static enum iml_code apply_delete(struct imld_write *self, struct imld_database *database,
                                  struct iml_error *error)
{
    const struct imld_job_delete *request = (const struct imld_job_delete *)self;
    struct imld_standing standing;
    char id[IMLD_JOB_ID_MAX];
    char data[64];
    imld_job_id(request->number, id);
    enum iml_code code =
        imld_standing_get(&database->connection, request->number, &standing, error);
    if (code != IML_OK) return code;
    if (!imld_state_has_ended(standing.state))
        return iml_error_set(error, IML_ERROR_CONFLICT, "job %s is %s, not ended", id,
                             imld_state_name(standing.state));
    const struct imld_bind binds[] = {imld_bind_integer(request->number), imld_bind_end()};
    code = imld_needed_refuse(database, request->number, error);
    if (code == IML_OK) code = list_files(database, request->number, error);
    if (code == IML_OK)
        code =
            imld_sql_run(&database->connection, "DELETE FROM events WHERE job = ?1", binds, error);
    if (code == IML_OK)
        code =
            imld_sql_run(&database->connection, "DELETE FROM jobs WHERE number = ?1", binds, error);
    (void)snprintf(data, sizeof data, "{\"job\":\"%s\"}", id);
    if (code == IML_OK)
        code = imld_event_write(database, 0, "deleted", request->actor, data, error);
    if (code == IML_OK) code = imld_effects_job(&database->effects, request->number, error);
    return code;
}

void imld_job_delete_prepare(struct imld_job_delete *request)
{
    request->write.apply = apply_delete;
}
