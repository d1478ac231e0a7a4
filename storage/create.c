/* create.c: a new job, with its idempotency key in the same transaction (DESIGN §7). */
#include <assert.h>
#include <string.h>

#include "base/text.h"
#include "storage/events.h"
#include "storage/needed.h"
#include "storage/spec_hash.h"
#include "storage/state.h"

#define KEY_DAYS 30

/* A key that is known: *number is its job, 0: unknown. Older ones are pruned first. */
static enum iml_code find_key(struct imld_database *database, const struct imld_job_create *request,
                              int64_t *number, struct iml_error *error)
{
    const int64_t oldest = database->now_ms - (int64_t)KEY_DAYS * 24 * 3600 * 1000;
    const struct imld_bind prune[] = {imld_bind_integer(oldest), imld_bind_end()};
    const struct imld_bind binds[] = {imld_bind_text(request->owner),
                                      imld_bind_text(request->idempotency_key), imld_bind_end()};
    *number = 0;
    const enum iml_code code = imld_sql_run(
        &database->connection, "DELETE FROM idempotency WHERE created_ms < ?1", prune, error);
    if (code != IML_OK) return code;
    sqlite3_stmt *statement = imld_statement(
        &database->connection,
        "SELECT job, body_hash FROM idempotency WHERE owner = ?1 AND key = ?2", binds, error);
    if (!statement) return imld_failed(error);
    bool has_row = false;
    enum iml_code result = imld_statement_step(&database->connection, statement, &has_row, error);
    if (result == IML_OK && has_row) {
        *number = sqlite3_column_int64(statement, 0);
        const void *hash = sqlite3_column_blob(statement, 1);
        if (sqlite3_column_bytes(statement, 1) != (int)sizeof request->body_hash ||
            memcmp(hash, request->body_hash, sizeof request->body_hash) != 0)
            result = iml_error_set(error, IML_ERROR_CONFLICT,
                                   "the idempotency key was used with another body");
    }
    imld_statement_end(statement);
    return result;
}

static enum iml_code insert_key(struct imld_database *database,
                                const struct imld_job_create *request, struct iml_error *error)
{
    const struct imld_bind binds[] = {imld_bind_text(request->owner),
                                      imld_bind_text(request->idempotency_key),
                                      imld_bind_blob(request->body_hash, sizeof request->body_hash),
                                      imld_bind_integer(request->number),
                                      imld_bind_integer(database->now_ms),
                                      imld_bind_end()};
    return imld_sql_run(&database->connection,
                        "INSERT INTO idempotency (owner, key, body_hash, job, created_ms)"
                        " VALUES (?1, ?2, ?3, ?4, ?5)",
                        binds, error);
}

static enum iml_code insert_job(struct imld_database *database, struct imld_job_create *request,
                                struct iml_error *error)
{
    unsigned char hash[IMLD_SPEC_HASH_BYTES];
    enum iml_code code = imld_spec_hash(request->spec, hash, error);
    if (code != IML_OK) return code;
    const struct imld_bind binds[] = {
        imld_bind_text(request->owner),
        imld_bind_text(request->name ? request->name : ""),
        imld_bind_text(request->note ? request->note : ""),
        imld_bind_text(request->tags ? request->tags : "[]"),
        imld_bind_text(request->spec),
        imld_bind_blob(hash, sizeof hash),
        imld_bind_text(request->early_stopping ? request->early_stopping : "[]"),
        imld_bind_text(request->best_metric),
        imld_bind_integer(request->best_is_higher),
        imld_bind_text(database->storage->program),
        imld_bind_integer(request->priority),
        imld_bind_integer(request->threads),
        imld_bind_integer(request->memory_bytes),
        imld_bind_integer(database->now_ms),
        imld_bind_end()};
    code = imld_sql_run(&database->connection,
                        "INSERT INTO jobs (state, owner, name, note, tags, spec, spec_hash,"
                        " early_stopping, best_metric, best_is_higher, program, priority, threads,"
                        " memory_bytes, created_ms, changed_ms) VALUES"
                        " ('queued', ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14,"
                        " ?14)",
                        binds, error);
    request->number = sqlite3_last_insert_rowid(database->connection.handle);
    return code;
}

static enum iml_code write_created(struct imld_database *database,
                                   const struct imld_job_create *request, struct iml_error *error)
{
    struct imld_text data = {0};
    imld_text_add(&data, "{\"name\":");
    imld_text_json_string(&data, request->name ? request->name : "");
    imld_text_printf(&data, ",\"priority\":%lld,\"threads\":%lld,\"memory_bytes\":%lld}",
                     (long long)request->priority, (long long)request->threads,
                     (long long)request->memory_bytes);
    const enum iml_code code =
        data.has_failed ? iml_error_set(error, IML_ERROR_MEMORY, "no memory for an event")
                        : imld_event_write(database, request->number, "created", request->owner,
                                           data.bytes, error);
    imld_text_clear(&data);
    return code;
}

static enum iml_code apply(struct imld_write *self, struct imld_database *database,
                           struct iml_error *error)
{
    struct imld_job_create *request = (struct imld_job_create *)self;
    assert(request->owner && request->spec);
    int64_t earlier = 0;
    enum iml_code code = IML_OK;
    request->number = 0;
    request->is_replayed = false;
    if (request->idempotency_key) code = find_key(database, request, &earlier, error);
    if (code != IML_OK) return code;
    if (earlier != 0) {
        request->number = earlier;
        request->is_replayed = true;
        return IML_OK;
    }
    code = insert_job(database, request, error);
    if (code == IML_OK && request->origin_job != 0)
        code = imld_needed_insert(database, request, error);
    if (code == IML_OK && request->idempotency_key) code = insert_key(database, request, error);
    if (code == IML_OK) code = write_created(database, request, error);
    return code;
}

void imld_job_create_prepare(struct imld_job_create *request)
{
    request->write.apply = apply;
}
