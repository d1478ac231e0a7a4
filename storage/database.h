/* database.h: opening connections to imld.db, its migrations, and the writer's transaction (private
 * to storage/). */
#ifndef IMLD_STORAGE_DATABASE_H
#define IMLD_STORAGE_DATABASE_H

#include "storage/statement.h"
#include "storage/storage.h"

/* What a transaction causes once it is durable: changed jobs for the listeners, files to unlink. */
struct imld_effects {
    int64_t *jobs; /* owned; no number twice */
    size_t job_count, job_capacity;
    char **files; /* owned paths */
    size_t file_count, file_capacity;
};

/* The writer's connection. Only the writer thread (or imld_storage_open before it starts) touches
 * it. */
struct imld_database {
    struct imld_connection connection;
    const struct imld_storage *storage;
    struct imld_effects effects;
    int64_t now_ms;        /* one time for a whole transaction */
    uint64_t rows_written; /* in this transaction */
};

/* Opens the writing connection: pragmas, read-only file systems refused, foreign or newer files
 * refused untouched, migrations run. */
IML_MUST_USE enum iml_code imld_database_open(struct imld_connection *connection, const char *path,
                                              struct iml_error *error);

/* A read-only connection. */
IML_MUST_USE enum iml_code imld_database_open_reader(struct imld_connection *connection,
                                                     const char *path, struct iml_error *error);

/* PRAGMA quick_check: IML_ERROR_DATA with its first line. */
IML_MUST_USE enum iml_code imld_database_check(struct imld_connection *connection,
                                               struct iml_error *error);

/* For apply functions: the job has changed; the file goes once the commit is durable. */
IML_MUST_USE enum iml_code imld_effects_job(struct imld_effects *effects, int64_t job,
                                            struct iml_error *error);
IML_MUST_USE enum iml_code imld_effects_unlink(struct imld_effects *effects, const char *path,
                                               struct iml_error *error);
/* Forgets what came after the counts (a refused request); clear: all, and frees. */
void imld_effects_cut(struct imld_effects *effects, size_t job_count, size_t file_count);
void imld_effects_clear(struct imld_effects *effects);

#endif
