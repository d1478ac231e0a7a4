/* result.c: the result of a job that ends without running; see result.h. */
#include "storage/result.h"

#include <inttypes.h>

/* The step of the best evaluation; -1: there is none. */
static enum iml_code best_step(struct imld_connection *connection, int64_t number, int64_t *step,
                               struct iml_error *error)
{
    const struct imld_bind binds[] = {imld_bind_integer(number), imld_bind_end()};
    return imld_sql_integer(
        connection,
        "SELECT coalesce((SELECT p.step FROM jobs j"
        " JOIN series s ON s.job = j.number AND s.metric = j.best_metric"
        " JOIN points p ON p.series = s.id AND p.step <= j.step AND p.kind = 0"
        " WHERE j.number = ?1"
        " ORDER BY CASE WHEN j.best_is_higher THEN -p.value ELSE p.value END, p.step LIMIT 1), -1)",
        binds, step, error);
}

static void add_metric(struct imld_text *result, const char *metric, sqlite3_stmt *statement)
{
    imld_text_json_string(result, metric);
    imld_text_add(result, ":");
    if (sqlite3_column_int(statement, 2) == 0) {
        imld_text_float(result, (float)sqlite3_column_double(statement, 1));
    } else {
        imld_text_add(result, "null");
    }
}

enum iml_code imld_result_recorded(struct imld_connection *connection, int64_t number,
                                   struct imld_text *result, struct iml_error *error)
{
    int64_t step = -1;
    enum iml_code code = best_step(connection, number, &step, error);
    if (code != IML_OK || step < 0) return code;
    const struct imld_bind binds[] = {imld_bind_integer(number), imld_bind_integer(step),
                                      imld_bind_end()};
    sqlite3_stmt *statement =
        imld_statement(connection,
                       "SELECT s.metric, p.value, p.kind FROM series s"
                       " JOIN points p ON p.series = s.id AND p.step = ?2 WHERE s.job = ?1"
                       " AND (s.metric GLOB 'validation/*' OR s.metric GLOB 'test/*')"
                       " ORDER BY s.id",
                       binds, error);
    if (!statement) return imld_failed(error);
    imld_text_printf(result, "{\"step\":%" PRId64 ",\"metrics\":{", step);
    bool has_row = false;
    bool is_first = true;
    while ((code = imld_statement_step(connection, statement, &has_row, error)) == IML_OK &&
           has_row) {
        if (!is_first) imld_text_add(result, ",");
        is_first = false;
        add_metric(result, imld_column_text(statement, 0), statement);
    }
    imld_statement_end(statement);
    imld_text_add(result, "}}");
    if (code == IML_OK && result->has_failed)
        code = iml_error_set(error, IML_ERROR_MEMORY, "no memory for a result");
    return code;
}
