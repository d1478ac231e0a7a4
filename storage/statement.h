/* statement.h: one SQLite connection with its prepared statements, and values to bind: the thin
 * layer below every table of storage/ (private to it). One thread at a time. */
#ifndef IMLD_STORAGE_STATEMENT_H
#define IMLD_STORAGE_STATEMENT_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "imld/error.h"

#define IMLD_STATEMENTS_MAX 96

struct imld_cached_statement {
    const char *sql; /* a literal: its address is the key */
    sqlite3_stmt *statement;
};

struct imld_connection {
    sqlite3 *handle;
    struct imld_cached_statement cached[IMLD_STATEMENTS_MAX];
    size_t count;
};

enum imld_bind_kind {
    IMLD_BIND_END, /* ends a list */
    IMLD_BIND_INTEGER,
    IMLD_BIND_REAL,
    IMLD_BIND_TEXT, /* NULL: SQL's NULL */
    IMLD_BIND_BLOB,
    IMLD_BIND_NULL
};

/* A value for ?1, ?2, … in their order; texts and blobs are borrowed until the statement ends. */
struct imld_bind {
    enum imld_bind_kind kind;
    int64_t integer; /* also the bytes of a blob */
    double real;
    const void *bytes;
};

static inline struct imld_bind imld_bind_integer(int64_t value)
{
    return (struct imld_bind){.kind = IMLD_BIND_INTEGER, .integer = value};
}

static inline struct imld_bind imld_bind_real(double value)
{
    return (struct imld_bind){.kind = IMLD_BIND_REAL, .real = value};
}

static inline struct imld_bind imld_bind_text(const char *text)
{
    return (struct imld_bind){.kind = text ? IMLD_BIND_TEXT : IMLD_BIND_NULL, .bytes = text};
}

static inline struct imld_bind imld_bind_blob(const void *bytes, size_t count)
{
    return (struct imld_bind){.kind = IMLD_BIND_BLOB, .bytes = bytes, .integer = (int64_t)count};
}

static inline struct imld_bind imld_bind_null(void)
{
    return (struct imld_bind){.kind = IMLD_BIND_NULL};
}

static inline struct imld_bind imld_bind_end(void)
{
    return (struct imld_bind){.kind = IMLD_BIND_END};
}

/* The error of the last call on the connection: full → NO_SPACE, corrupt → DATA, others → IO. */
enum iml_code imld_sql_error(const struct imld_connection *connection, const char *what,
                             struct iml_error *error);

/* The code that a NULL from imld_statement stands for. */
static inline enum iml_code imld_failed(const struct iml_error *error)
{
    return error && error->code != IML_OK ? error->code : IML_ERROR_IO;
}

/* A statement prepared, bound and ready to step (sql must be a literal; binds may be NULL); NULL:
 * error is filled. Ended by imld_statement_end: until then it holds a read transaction open. */
sqlite3_stmt *imld_statement(struct imld_connection *connection, const char *sql,
                             const struct imld_bind *binds, struct iml_error *error);
void imld_statement_end(sqlite3_stmt *statement); /* NULL is fine */

/* Steps: *has_row = false at the end. */
IML_MUST_USE enum iml_code imld_statement_step(const struct imld_connection *connection,
                                               sqlite3_stmt *statement, bool *has_row,
                                               struct iml_error *error);

/* Steps while *code is IML_OK: true with a row; false at the end, or where *code says why not. For
 * `while (imld_statement_next(…)) …`. */
bool imld_statement_next(const struct imld_connection *connection, sqlite3_stmt *statement,
                         enum iml_code *code, struct iml_error *error);

/* Runs a statement to its end; rows are passed over. */
IML_MUST_USE enum iml_code imld_sql_run(struct imld_connection *connection, const char *sql,
                                        const struct imld_bind *binds, struct iml_error *error);

/* First column of the first row; *value stays as it is where there is no row. */
IML_MUST_USE enum iml_code imld_sql_integer(struct imld_connection *connection, const char *sql,
                                            const struct imld_bind *binds, int64_t *value,
                                            struct iml_error *error);

/* A text column as it stands until the next step; NULL for NULL. */
const char *imld_column_text(sqlite3_stmt *statement, int column);

/* Finalizes all statements and closes; the connection is {0} afterwards. */
void imld_connection_close(struct imld_connection *connection);

#endif
