/* database.c: connections to imld.db, their pragmas, migrations (DESIGN §6). */
#include "storage/database.h"

#include <stdio.h>

#include "storage/schema.h"

static enum iml_code execute(struct imld_connection *connection, const char *sql,
                             struct iml_error *error)
{
    if (sqlite3_exec(connection->handle, sql, NULL, NULL, NULL) == SQLITE_OK) return IML_OK;
    return imld_sql_error(connection, "set up the database", error);
}

struct setting {
    int option, value;
};

static enum iml_code connect(struct imld_connection *connection, const char *path, int flags,
                             struct iml_error *error)
{
    static const struct setting settings[] = {
        {SQLITE_DBCONFIG_DEFENSIVE, 1},   {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
        {SQLITE_DBCONFIG_DQS_DML, 0},     {SQLITE_DBCONFIG_DQS_DDL, 0},
        {SQLITE_DBCONFIG_ENABLE_FKEY, 1}, {SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0},
    };
    *connection = (struct imld_connection){0};
    if (sqlite3_open_v2(path, &connection->handle,
                        flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL) != SQLITE_OK) {
        const enum iml_code code =
            connection->handle
                ? imld_sql_error(connection, "open the database", error)
                : iml_error_set(error, IML_ERROR_MEMORY, "no memory for a database connection");
        iml_error_where(error, "%s", path);
        return code;
    }
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
        if (sqlite3_db_config(connection->handle, settings[i].option, settings[i].value, NULL) !=
            SQLITE_OK)
            return imld_sql_error(connection, "configure the database connection", error);
    }
    return IML_OK;
}

static enum iml_code refuse_foreign(struct imld_connection *connection, int64_t version,
                                    struct iml_error *error)
{
    int64_t application = 0;
    int64_t tables = 0;
    enum iml_code code =
        imld_sql_integer(connection, "PRAGMA application_id", NULL, &application, error);
    if (code == IML_OK)
        code = imld_sql_integer(connection, "SELECT count(*) FROM sqlite_schema", NULL, &tables,
                                error);
    if (code != IML_OK) return code;
    if (tables > 0 && application != IMLD_APPLICATION_ID) {
        code = iml_error_set(error, IML_ERROR_DATA, "the database is another program's");
        iml_error_mend(error, "choose another state folder");
    } else if (version > (int64_t)imld_migration_count) {
        code = iml_error_set(
            error, IML_ERROR_DATA,
            "the database has schema version %lld, this program knows %zu at the most",
            (long long)version, imld_migration_count);
        iml_error_mend(error, "use the newer imld that wrote it; nothing was changed");
    }
    return code;
}

static enum iml_code migrate(struct imld_connection *connection, int64_t version,
                             struct iml_error *error)
{
    if (version == (int64_t)imld_migration_count) return IML_OK;
    char last[96];
    (void)snprintf(last, sizeof last, "PRAGMA application_id = %d; PRAGMA user_version = %zu",
                   IMLD_APPLICATION_ID, imld_migration_count);
    enum iml_code code = execute(connection, "BEGIN IMMEDIATE", error);
    for (size_t i = (size_t)version; code == IML_OK && i < imld_migration_count; i++)
        code = execute(connection, imld_migrations[i], error);
    if (code == IML_OK) code = execute(connection, last, error);
    if (code == IML_OK) code = execute(connection, "COMMIT", error);
    if (code != IML_OK && !sqlite3_get_autocommit(connection->handle))
        (void)sqlite3_exec(connection->handle, "ROLLBACK", NULL, NULL, NULL);
    return code;
}

static enum iml_code prepare_writer(struct imld_connection *connection, struct iml_error *error)
{
    if (sqlite3_db_readonly(connection->handle, "main") == 1) {
        iml_error_mend(error, "make the state folder writable");
        return iml_error_set(error, IML_ERROR_IO, "the database can't be written");
    }
    int64_t version = 0;
    enum iml_code code = imld_sql_integer(connection, "PRAGMA user_version", NULL, &version, error);
    if (code == IML_OK) code = refuse_foreign(connection, version, error);
    if (code == IML_OK)
        code = execute(connection,
                       "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                       "PRAGMA wal_autocheckpoint = 0; PRAGMA journal_size_limit = 16777216;"
                       "PRAGMA cache_size = -16384",
                       error);
    if (code == IML_OK) code = migrate(connection, version, error);
    return code;
}

enum iml_code imld_database_open(struct imld_connection *connection, const char *path,
                                 struct iml_error *error)
{
    enum iml_code code =
        connect(connection, path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, error);
    if (code == IML_OK) {
        code = prepare_writer(connection, error);
        if (code != IML_OK) iml_error_where(error, "%s", path);
    }
    if (code != IML_OK) imld_connection_close(connection);
    return code;
}

enum iml_code imld_database_open_reader(struct imld_connection *connection, const char *path,
                                        struct iml_error *error)
{
    enum iml_code code = connect(connection, path, SQLITE_OPEN_READONLY, error);
    if (code == IML_OK) code = execute(connection, "PRAGMA query_only = ON", error);
    if (code == IML_OK && sqlite3_busy_timeout(connection->handle, 1000) != SQLITE_OK)
        code = imld_sql_error(connection, "set the busy timeout", error);
    if (code != IML_OK) imld_connection_close(connection);
    return code;
}

enum iml_code imld_database_check(struct imld_connection *connection, struct iml_error *error)
{
    sqlite3_stmt *statement = imld_statement(connection, "PRAGMA quick_check(1)", NULL, error);
    if (!statement) return imld_failed(error);
    bool has_row = false;
    enum iml_code code = imld_statement_step(connection, statement, &has_row, error);
    if (code == IML_OK && has_row) {
        const char *line = imld_column_text(statement, 0);
        if (!line || sqlite3_stricmp(line, "ok") != 0)
            code = iml_error_set(error, IML_ERROR_DATA, "the database is damaged: %.300s",
                                 line ? line : "no answer");
    }
    imld_statement_end(statement);
    return code;
}
