/* artifacts.c: JSON documents of a run, one row each; see artifacts.h. */
#include "storage/artifacts.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "storage/events.h"
#include "storage/rows.h"
#include "storage/state.h"

#define COLUMNS "name, step, bytes, created_ms"

/* ---- writing ---- */

/* Where a step stands in the order in which artifacts stay when there are too many: multiples of
 * the golden ratio, modulo 1, fall evenly, so the first n of any even spaced steps in this order
 * are spread over all of them. A function of the step alone. */
static int64_t place_of(int64_t step)
{
    return (int64_t)((uint64_t)step * UINT64_C(0x9E3779B97F4A7C15) >> 1);
}

static enum iml_code tell(struct imld_database *database, int64_t job, const char *kind,
                          const struct imld_artifact_row *row, int64_t limit,
                          struct iml_error *error)
{
    char data[192];
    (void)snprintf(data, sizeof data,
                   "{\"name\":\"%.31s\",\"step\":%lld,\"bytes\":%zu,\"limit\":%lld}", row->name,
                   (long long)row->step, row->bytes, (long long)limit);
    return imld_event_write(database, job, kind, NULL, data, error);
}

static enum iml_code insert_one(struct imld_database *database, int64_t job,
                                const struct imld_artifact_row *row, struct iml_error *error)
{
    const struct imld_bind binds[] = {imld_bind_integer(job),
                                      imld_bind_text(row->name),
                                      imld_bind_integer(row->step),
                                      imld_bind_integer(place_of(row->step)),
                                      imld_bind_integer((int64_t)row->bytes),
                                      imld_bind_integer(database->now_ms),
                                      imld_bind_text(row->document),
                                      imld_bind_end()};
    return imld_sql_run(&database->connection,
                        "INSERT INTO artifacts (job, name, step, place, bytes, created_ms,"
                        " document) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"
                        " ON CONFLICT DO UPDATE SET bytes = excluded.bytes,"
                        " created_ms = excluded.created_ms, document = excluded.document",
                        binds, error);
}

/* Whether the job's log tells of it already. */
static enum iml_code was_told(struct imld_database *database, int64_t job, const char *name,
                              bool *was, struct iml_error *error)
{
    const struct imld_bind binds[] = {imld_bind_integer(job), imld_bind_text(name),
                                      imld_bind_end()};
    int64_t count = 0;
    const enum iml_code code =
        imld_sql_integer(&database->connection,
                         "SELECT count(*) FROM events WHERE job = ?1 AND kind ="
                         " 'artifacts_thinned' AND json_extract(data, '$.name') = ?2",
                         binds, &count, error);
    *was = count > 0;
    return code;
}

/* What stays depends on the set of all steps alone, not on the order in which they came. */
static enum iml_code thin(struct imld_database *database, int64_t job,
                          const struct imld_artifact_row *row, struct iml_error *error)
{
    const struct imld_bind binds[] = {imld_bind_integer(job), imld_bind_text(row->name),
                                      imld_bind_integer(IMLD_ARTIFACTS_MAX), imld_bind_end()};
    enum iml_code code = imld_sql_run(
        &database->connection,
        "DELETE FROM artifacts WHERE id IN"
        " (SELECT id FROM artifacts WHERE job = ?1 AND name = ?2 ORDER BY place LIMIT -1 OFFSET ?3)"
        " AND step < (SELECT max(step) FROM artifacts WHERE job = ?1 AND name = ?2)",
        binds, error);
    if (code != IML_OK || sqlite3_changes(database->connection.handle) == 0) return code;
    bool was = false;
    code = was_told(database, job, row->name, &was, error);
    if (code == IML_OK && !was)
        code = tell(database, job, "artifacts_thinned", row, IMLD_ARTIFACTS_MAX, error);
    return code;
}

enum iml_code imld_artifacts_apply(struct imld_database *database, int64_t job,
                                   const struct imld_artifact_row *rows, size_t count,
                                   struct iml_error *error)
{
    enum iml_code code = IML_OK;
    for (size_t i = 0; code == IML_OK && i < count; i++) {
        assert(strlen(rows[i].name) < IMLD_ARTIFACT_NAME_MAX);
        if (rows[i].bytes > IMLD_ARTIFACT_BYTES_MAX) {
            code =
                tell(database, job, "artifact_dropped", &rows[i], IMLD_ARTIFACT_BYTES_MAX, error);
            continue;
        }
        code = insert_one(database, job, &rows[i], error);
        if (code == IML_OK) code = thin(database, job, &rows[i], error);
    }
    return code;
}

/* ---- reading ---- */

static struct imld_artifact_facts facts_of(sqlite3_stmt *statement)
{
    struct imld_artifact_facts facts = {.step = sqlite3_column_int64(statement, 1),
                                        .bytes = sqlite3_column_int64(statement, 2),
                                        .created_ms = sqlite3_column_int64(statement, 3)};
    (void)snprintf(facts.name, sizeof facts.name, "%s", imld_column_text(statement, 0));
    return facts;
}

enum iml_code
imld_artifacts_list(struct imld_reader *reader, const struct imld_artifact_range *range,
                    bool (*visit)(void *context, const struct imld_artifact_facts *facts),
                    void *context, struct iml_error *error)
{
    const struct imld_bind binds[] = {imld_bind_integer(range->job),
                                      imld_bind_text(range->after_name),
                                      imld_bind_integer(range->after_step),
                                      imld_bind_integer((int64_t)range->limit), imld_bind_end()};
    struct imld_connection *connection = &reader->connection;
    sqlite3_stmt *statement = imld_statement(
        connection,
        "SELECT " COLUMNS " FROM artifacts WHERE job = ?1 AND (name, step) > (?2, ?3)"
        " ORDER BY name, step LIMIT ?4",
        binds, error);
    if (!statement) return imld_failed(error);
    enum iml_code code = IML_OK;
    while (imld_statement_next(connection, statement, &code, error)) {
        const struct imld_artifact_facts facts = facts_of(statement);
        if (!visit(context, &facts)) break;
    }
    imld_statement_end(statement);
    return code;
}

static enum iml_code take_document(sqlite3_stmt *statement, char **document,
                                   struct iml_error *error)
{
    struct imld_text text = {0};
    imld_text_add(&text, imld_column_text(statement, 4));
    *document = imld_text_take(&text);
    return *document ? IML_OK : iml_error_set(error, IML_ERROR_MEMORY, "no memory for an artifact");
}

enum iml_code imld_artifact_read(struct imld_reader *reader, int64_t job, const char *name,
                                 int64_t step, struct imld_artifact_facts *facts, char **document,
                                 struct iml_error *error)
{
    static const char newest[] =
        "SELECT " COLUMNS ", document FROM artifacts WHERE job = ?1 AND name = ?2"
        " AND step <= (SELECT step FROM jobs WHERE number = ?1) ORDER BY step DESC LIMIT 1";
    static const char exact[] =
        "SELECT " COLUMNS ", document FROM artifacts WHERE job = ?1 AND name = ?2 AND step = ?3";
    const struct imld_bind binds[] = {imld_bind_integer(job), imld_bind_text(name),
                                      step < 0 ? imld_bind_end() : imld_bind_integer(step),
                                      imld_bind_end()};
    struct imld_connection *connection = &reader->connection;
    *document = NULL;
    sqlite3_stmt *statement = imld_statement(connection, step < 0 ? newest : exact, binds, error);
    if (!statement) return imld_failed(error);
    bool has_row = false;
    enum iml_code code = imld_statement_step(connection, statement, &has_row, error);
    if (code == IML_OK && !has_row)
        code = iml_error_set(error, IML_ERROR_NOT_FOUND, "there is no artifact %.31s", name);
    if (code == IML_OK) {
        *facts = facts_of(statement);
        code = take_document(statement, document, error);
    }
    imld_statement_end(statement);
    return code;
}
