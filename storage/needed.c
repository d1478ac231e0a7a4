/* needed.c: which checkpoints other jobs start from; see needed.h. */
#include "storage/needed.h"

#include <stdio.h>

#include "base/text.h"
#include "storage/paths.h"
#include "storage/state.h"

enum { NAMED_MAX = 8 };

enum iml_code imld_needed_insert(struct imld_database *database,
                                 const struct imld_job_create *request, struct iml_error *error)
{
    char id[IMLD_JOB_ID_MAX];
    const struct imld_bind binds[] = {imld_bind_integer(request->number),
                                      imld_bind_integer(request->origin_job),
                                      imld_bind_text(request->origin_checkpoint),
                                      imld_bind_text(request->origin_sha256), imld_bind_end()};
    const enum iml_code code = imld_sql_run(
        &database->connection,
        "INSERT INTO origins (job, source, name, step, bytes, created_ms, sha256, file)"
        " SELECT ?1, job, name, step, bytes, created_ms, sha256, file"
        " FROM checkpoints WHERE job = ?2 AND name = ?3 AND sha256 = ?4",
        binds, error);
    if (code != IML_OK || sqlite3_changes(database->connection.handle) == 1) return code;
    imld_job_id(request->origin_job, id);
    return iml_error_set(error, IML_ERROR_NOT_FOUND,
                         "checkpoint %.31s of job %s is no more the one that it was a moment ago",
                         request->origin_checkpoint, id);
}

enum iml_code imld_needed_refuse(struct imld_database *database, int64_t number,
                                 struct iml_error *error)
{
    struct imld_text ids = {0};
    size_t count = 0;
    const struct imld_bind binds[] = {imld_bind_integer(number), imld_bind_end()};
    sqlite3_stmt *statement =
        imld_statement(&database->connection,
                       "SELECT jobs.number FROM origins JOIN jobs ON jobs.number = origins.job"
                       " WHERE origins.source = ?1 AND " IMLD_NOT_ENDED " ORDER BY jobs.number",
                       binds, error);
    if (!statement) return imld_failed(error);
    enum iml_code code = IML_OK;
    while (imld_statement_next(&database->connection, statement, &code, error)) {
        char id[IMLD_JOB_ID_MAX];
        if (count++ >= NAMED_MAX) continue;
        imld_job_id(sqlite3_column_int64(statement, 0), id);
        imld_text_printf(&ids, "%s%s", ids.length > 0 ? ", " : "", id);
    }
    imld_statement_end(statement);
    if (code == IML_OK && count > 0) {
        char id[IMLD_JOB_ID_MAX];
        imld_job_id(number, id);
        code =
            iml_error_set(error, IML_ERROR_CONFLICT,
                          "%zu jobs that have not ended start from a checkpoint of job %s: %s%s",
                          count, id, ids.bytes ? ids.bytes : "?", count > NAMED_MAX ? ", …" : "");
        iml_error_mend(error, "delete it when they have ended, or cancel them");
    }
    imld_text_clear(&ids);
    return code;
}

enum iml_code imld_needed_file(struct imld_connection *connection, int64_t source, const char *file,
                               bool *is_needed, struct iml_error *error)
{
    int64_t count = 0;
    const struct imld_bind binds[] = {imld_bind_integer(source), imld_bind_text(file),
                                      imld_bind_end()};
    const enum iml_code code =
        imld_sql_integer(connection,
                         "SELECT count(*) FROM origins JOIN jobs ON jobs.number = origins.job"
                         " WHERE origins.source = ?1 AND origins.file = ?2 AND " IMLD_NOT_ENDED,
                         binds, &count, error);
    *is_needed = count > 0;
    return code;
}

enum iml_code imld_needed_release(struct imld_database *database, int64_t number,
                                  struct iml_error *error)
{
    char path[PATH_MAX];
    const struct imld_bind binds[] = {imld_bind_integer(number), imld_bind_end()};
    sqlite3_stmt *statement = imld_statement(
        &database->connection,
        "SELECT source, file FROM origins AS o WHERE job = ?1"
        " AND NOT EXISTS (SELECT 1 FROM checkpoints WHERE job = o.source AND file = o.file)"
        " AND NOT EXISTS (SELECT 1 FROM origins AS other JOIN jobs ON jobs.number = other.job"
        "  WHERE other.source = o.source AND other.file = o.file AND " IMLD_NOT_ENDED ")",
        binds, error);
    if (!statement) return imld_failed(error);
    bool has_row = false;
    enum iml_code code = imld_statement_step(&database->connection, statement, &has_row, error);
    if (code == IML_OK && has_row &&
        imld_path_checkpoint(path, database->storage->folder, sqlite3_column_int64(statement, 0),
                             imld_column_text(statement, 1)))
        code = imld_effects_unlink(&database->effects, path, error);
    imld_statement_end(statement);
    return code;
}
