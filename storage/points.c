/* points.c: metric rows, keyed (series, step); a series is one metric of one job (DESIGN §6). */
#include "storage/points.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "storage/jobs.h"
#include "storage/rows.h"
#include "storage/state.h"

#define NAMES_MAX 32 /* of a batch that are looked up once */

struct names {
    const char *metric[NAMES_MAX];
    int64_t series[NAMES_MAX];
    size_t count;
};

const char *imld_value_kind_name(enum imld_value_kind kind)
{
    static const char *const names[] = {"", "nan", "inf", "-inf"};
    return names[kind];
}

/* SQLite would store NaN as NULL anyway (measured): the kind says what it was. */
enum imld_value_kind imld_value_kind_of(float value)
{
    if (isnan(value)) return IMLD_NAN;
    if (isinf(value)) return value > 0 ? IMLD_PLUS_INF : IMLD_MINUS_INF;
    return IMLD_FINITE;
}

static struct imld_point point_of(sqlite3_stmt *statement, int column)
{
    static const float values[] = {0, NAN, INFINITY, -INFINITY};
    const int kind = sqlite3_column_int(statement, column + 2);
    assert(kind >= IMLD_FINITE && kind <= IMLD_MINUS_INF);
    return (struct imld_point){.step = sqlite3_column_int64(statement, column),
                               .value = kind == IMLD_FINITE
                                            ? (float)sqlite3_column_double(statement, column + 1)
                                            : values[kind]};
}

static enum iml_code series_of(struct imld_database *database, int64_t job, const char *metric,
                               struct names *names, int64_t *series, struct iml_error *error)
{
    for (size_t i = 0; i < names->count; i++) {
        if (strcmp(names->metric[i], metric) != 0) continue;
        *series = names->series[i];
        return IML_OK;
    }
    const struct imld_bind binds[] = {imld_bind_integer(job), imld_bind_text(metric),
                                      imld_bind_end()};
    struct imld_connection *connection = &database->connection;
    *series = 0;
    enum iml_code code = imld_sql_run(
        connection, "INSERT OR IGNORE INTO series (job, metric) VALUES (?1, ?2)", binds, error);
    if (code == IML_OK)
        code = imld_sql_integer(connection, "SELECT id FROM series WHERE job = ?1 AND metric = ?2",
                                binds, series, error);
    if (code == IML_OK && names->count < NAMES_MAX) {
        names->metric[names->count] = metric;
        names->series[names->count++] = *series;
    }
    return code;
}

static enum iml_code write_point(struct imld_database *database, int64_t series,
                                 const struct imld_point_row *row, struct iml_error *error)
{
    const enum imld_value_kind kind = imld_value_kind_of(row->value);
    const struct imld_bind binds[] = {imld_bind_integer(series), imld_bind_integer(row->step),
                                      kind == IMLD_FINITE ? imld_bind_real((double)row->value)
                                                          : imld_bind_null(),
                                      imld_bind_integer(kind), imld_bind_end()};
    return imld_sql_run(&database->connection,
                        "INSERT INTO points (series, step, value, kind) VALUES (?1, ?2, ?3, ?4)"
                        " ON CONFLICT DO UPDATE SET value = excluded.value, kind = excluded.kind",
                        binds, error);
}

static enum iml_code write_progress(struct imld_database *database,
                                    const struct imld_rows_write *request, struct iml_error *error)
{
    const struct imld_bind binds[] = {
        imld_bind_integer(request->job),      imld_bind_integer(request->step),
        imld_bind_integer(request->steps_of), imld_bind_real(request->running_seconds),
        imld_bind_integer(database->now_ms),  imld_bind_end()};
    const enum iml_code code = imld_sql_run(
        &database->connection,
        "UPDATE jobs SET step = ?2, steps_of = ?3, running_seconds = ?4, changed_ms = ?5,"
        " revision = revision + 1 WHERE number = ?1 AND state = 'running'",
        binds, error);
    if (code != IML_OK) return code;
    if (sqlite3_changes(database->connection.handle) != 1)
        return imld_job_not_running(request->job, error);
    return imld_effects_job(&database->effects, request->job, error);
}

enum iml_code imld_rows_apply(struct imld_database *database, const struct imld_rows_write *request,
                              struct iml_error *error)
{
    struct names names = {.count = 0};
    enum iml_code code = write_progress(database, request, error);
    for (size_t i = 0; code == IML_OK && i < request->count; i++) {
        const struct imld_point_row *row = &request->rows[i];
        int64_t series = 0;
        code = series_of(database, request->job, row->metric, &names, &series, error);
        if (code == IML_OK) code = write_point(database, series, row, error);
    }
    if (code == IML_OK)
        code = imld_artifacts_apply(database, request->job, request->artifacts,
                                    request->artifact_count, error);
    if (code == IML_OK) database->rows_written += request->count;
    return code;
}

static enum iml_code apply(struct imld_write *self, struct imld_database *database,
                           struct iml_error *error)
{
    return imld_rows_apply(database, (const struct imld_rows_write *)self, error);
}

void imld_rows_write_prepare(struct imld_rows_write *request)
{
    request->write.apply = apply;
}

enum iml_code imld_points_read(struct imld_reader *reader, const struct imld_point_range *range,
                               bool (*visit)(void *context, const struct imld_point *point),
                               void *context, struct iml_error *error)
{
    const struct imld_bind binds[] = {imld_bind_integer(range->job),
                                      imld_bind_text(range->metric),
                                      imld_bind_integer(range->from),
                                      imld_bind_integer(range->to),
                                      imld_bind_integer((int64_t)range->limit),
                                      imld_bind_end()};
    struct imld_connection *connection = &reader->connection;
    sqlite3_stmt *statement =
        imld_statement(connection,
                       "SELECT step, value, kind FROM points"
                       " WHERE series = (SELECT id FROM series WHERE job = ?1 AND metric = ?2)"
                       " AND step BETWEEN ?3 AND ?4 ORDER BY step LIMIT ?5",
                       binds, error);
    if (!statement) return imld_failed(error);
    enum iml_code code = IML_OK;
    while (imld_statement_next(connection, statement, &code, error)) {
        const struct imld_point point = point_of(statement, 0);
        if (!visit(context, &point)) break;
    }
    imld_statement_end(statement);
    return code;
}

enum iml_code imld_points_metrics(struct imld_reader *reader, int64_t job,
                                  bool (*visit)(void *context, const char *metric), void *context,
                                  struct iml_error *error)
{
    const struct imld_bind binds[] = {imld_bind_integer(job), imld_bind_end()};
    struct imld_connection *connection = &reader->connection;
    sqlite3_stmt *statement = imld_statement(
        connection, "SELECT metric FROM series WHERE job = ?1 ORDER BY id", binds, error);
    if (!statement) return imld_failed(error);
    enum iml_code code = IML_OK;
    while (imld_statement_next(connection, statement, &code, error)) {
        if (!visit(context, imld_column_text(statement, 0))) break;
    }
    imld_statement_end(statement);
    return code;
}

enum iml_code imld_points_latest(struct imld_reader *reader, int64_t job, int64_t step,
                                 bool (*visit)(void *context, const char *metric,
                                               const struct imld_point *point),
                                 void *context, struct iml_error *error)
{
    const struct imld_bind binds[] = {imld_bind_integer(job), imld_bind_integer(step),
                                      imld_bind_end()};
    struct imld_connection *connection = &reader->connection;
    sqlite3_stmt *statement = imld_statement(
        connection,
        "SELECT series.metric, points.step, points.value, points.kind FROM series"
        " JOIN points ON points.series = series.id AND points.step ="
        " (SELECT max(p.step) FROM points AS p WHERE p.series = series.id AND p.step <= ?2)"
        " WHERE series.job = ?1 ORDER BY series.id",
        binds, error);
    if (!statement) return imld_failed(error);
    enum iml_code code = IML_OK;
    while (imld_statement_next(connection, statement, &code, error)) {
        const struct imld_point point = point_of(statement, 1);
        if (!visit(context, imld_column_text(statement, 0), &point)) break;
    }
    imld_statement_end(statement);
    return code;
}

enum iml_code imld_points_best(struct imld_reader *reader, const struct imld_point_range *range,
                               bool is_higher_better, struct imld_point *best, bool *found,
                               struct iml_error *error)
{
    const struct imld_bind binds[] = {imld_bind_integer(range->job), imld_bind_text(range->metric),
                                      imld_bind_integer(range->from), imld_bind_integer(range->to),
                                      imld_bind_end()};
    static const char highest[] =
        "SELECT step, value, kind FROM points"
        " WHERE series = (SELECT id FROM series WHERE job = ?1 AND metric = ?2)"
        " AND step BETWEEN ?3 AND ?4 AND kind = 0 ORDER BY value DESC, step LIMIT 1";
    static const char lowest[] =
        "SELECT step, value, kind FROM points"
        " WHERE series = (SELECT id FROM series WHERE job = ?1 AND metric = ?2)"
        " AND step BETWEEN ?3 AND ?4 AND kind = 0 ORDER BY value, step LIMIT 1";
    *found = false;
    sqlite3_stmt *statement =
        imld_statement(&reader->connection, is_higher_better ? highest : lowest, binds, error);
    if (!statement) return imld_failed(error);
    const enum iml_code code = imld_statement_step(&reader->connection, statement, found, error);
    if (code == IML_OK && *found) *best = point_of(statement, 0);
    imld_statement_end(statement);
    return code;
}
