/* statement.c: a connection's cached statements; see statement.h. */
#include "storage/statement.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

static enum iml_code code_of(const struct imld_connection *connection)
{
    const int system = sqlite3_system_errno(connection->handle);
    switch (sqlite3_errcode(connection->handle) & 0xff) {
    case SQLITE_FULL:
        return IML_ERROR_NO_SPACE;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return IML_ERROR_DATA;
    case SQLITE_NOMEM:
        return IML_ERROR_MEMORY;
    case SQLITE_IOERR: /* an fsync that fails for want of space is an I/O error to SQLite */
        return system == ENOSPC || system == EDQUOT ? IML_ERROR_NO_SPACE : IML_ERROR_IO;
    default:
        return IML_ERROR_IO;
    }
}

enum iml_code imld_sql_error(const struct imld_connection *connection, const char *what,
                             struct iml_error *error)
{
    return iml_error_set(error, code_of(connection), "can't %s: %s (SQLite code %d)", what,
                         sqlite3_errmsg(connection->handle),
                         sqlite3_extended_errcode(connection->handle));
}

static sqlite3_stmt *cached(struct imld_connection *connection, const char *sql,
                            struct iml_error *error)
{
    for (size_t i = 0; i < connection->count; i++) {
        if (connection->cached[i].sql == sql) return connection->cached[i].statement;
    }
    assert(connection->count < IMLD_STATEMENTS_MAX);
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v3(connection->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement,
                           NULL) != SQLITE_OK) {
        imld_sql_error(connection, "prepare a statement", error);
        return NULL;
    }
    connection->cached[connection->count++] = (struct imld_cached_statement){sql, statement};
    return statement;
}

static int bind_one(sqlite3_stmt *statement, int index, const struct imld_bind *bind)
{
    switch (bind->kind) {
    case IMLD_BIND_INTEGER:
        return sqlite3_bind_int64(statement, index, bind->integer);
    case IMLD_BIND_REAL:
        return sqlite3_bind_double(statement, index, bind->real);
    case IMLD_BIND_TEXT:
        return sqlite3_bind_text(statement, index, bind->bytes, -1, SQLITE_STATIC);
    case IMLD_BIND_BLOB:
        return sqlite3_bind_blob64(statement, index, bind->bytes, (sqlite3_uint64)bind->integer,
                                   SQLITE_STATIC);
    case IMLD_BIND_NULL:
    case IMLD_BIND_END:
        break;
    }
    return sqlite3_bind_null(statement, index);
}

sqlite3_stmt *imld_statement(struct imld_connection *connection, const char *sql,
                             const struct imld_bind *binds, struct iml_error *error)
{
    sqlite3_stmt *statement = cached(connection, sql, error);
    if (!statement) return NULL;
    assert(!sqlite3_stmt_busy(statement));
    for (int i = 0; binds && binds[i].kind != IMLD_BIND_END; i++) {
        if (bind_one(statement, i + 1, &binds[i]) != SQLITE_OK) {
            imld_sql_error(connection, "bind a value", error);
            imld_statement_end(statement);
            return NULL;
        }
    }
    return statement;
}

void imld_statement_end(sqlite3_stmt *statement)
{
    if (!statement) return;
    (void)sqlite3_reset(statement); /* repeats the error of the last step */
    (void)sqlite3_clear_bindings(statement);
}

enum iml_code imld_statement_step(const struct imld_connection *connection, sqlite3_stmt *statement,
                                  bool *has_row, struct iml_error *error)
{
    const int result = sqlite3_step(statement);
    *has_row = result == SQLITE_ROW;
    if (result == SQLITE_ROW || result == SQLITE_DONE) return IML_OK;
    return imld_sql_error(connection, "run a statement", error);
}

bool imld_statement_next(const struct imld_connection *connection, sqlite3_stmt *statement,
                         enum iml_code *code, struct iml_error *error)
{
    bool has_row = false;
    if (*code == IML_OK) *code = imld_statement_step(connection, statement, &has_row, error);
    return *code == IML_OK && has_row;
}

enum iml_code imld_sql_run(struct imld_connection *connection, const char *sql,
                           const struct imld_bind *binds, struct iml_error *error)
{
    sqlite3_stmt *statement = imld_statement(connection, sql, binds, error);
    if (!statement) return imld_failed(error);
    enum iml_code code = IML_OK;
    while (imld_statement_next(connection, statement, &code, error)) {
    }
    imld_statement_end(statement);
    return code;
}

enum iml_code imld_sql_integer(struct imld_connection *connection, const char *sql,
                               const struct imld_bind *binds, int64_t *value,
                               struct iml_error *error)
{
    sqlite3_stmt *statement = imld_statement(connection, sql, binds, error);
    if (!statement) return imld_failed(error);
    bool has_row = false;
    const enum iml_code code = imld_statement_step(connection, statement, &has_row, error);
    if (code == IML_OK && has_row) *value = sqlite3_column_int64(statement, 0);
    imld_statement_end(statement);
    return code;
}

const char *imld_column_text(sqlite3_stmt *statement, int column)
{
    return (const char *)sqlite3_column_text(statement, column);
}

void imld_connection_close(struct imld_connection *connection)
{
    for (size_t i = 0; i < connection->count; i++)
        (void)sqlite3_finalize(connection->cached[i].statement);
    const int result = sqlite3_close(connection->handle);
    assert(result == SQLITE_OK); /* busy only if we forgot a statement */
    (void)result;
    *connection = (struct imld_connection){0};
}
