/* commit.c: the writer's transaction: many requests, each in a savepoint, one COMMIT; and what to
 * do when that COMMIT fails (DESIGN §6).
 *
 * A COMMIT that fails at its fsync is in doubt: its frames may be complete in the log and come back
 * after a crash (measured). So the connection is closed and opened again, meta.token says whether
 * the transaction is there, and a fresh transaction is committed before anybody is answered: where
 * the doubtful frames are not valid it overwrites them, where they are the log is put back into the
 * database, for a failed fsync may have dropped their pages. Until that works the requests wait. */
#include <assert.h>
#include <errno.h>
#include <time.h>

#include "base/io.h"
#include "storage/state.h"

/* Not the request's fault: the whole transaction ends. */
static bool is_fault(enum iml_code code)
{
    return code == IML_ERROR_IO || code == IML_ERROR_NO_SPACE || code == IML_ERROR_DATA;
}

static enum iml_code execute(struct imld_database *database, const char *sql,
                             struct iml_error *error)
{
    return imld_sql_run(&database->connection, sql, NULL, error);
}

static enum iml_code reopen(struct imld_storage *storage, struct iml_error *error)
{
    struct imld_writer *writer = &storage->writer;
    if (writer->has_database) imld_connection_close(&writer->database.connection);
    writer->has_database = false;
    const enum iml_code code =
        imld_database_open(&writer->database.connection, storage->path, error);
    writer->has_database = code == IML_OK;
    return code;
}

static void roll_back(struct imld_database *database)
{
    struct iml_error ignored = {0};
    if (sqlite3_get_autocommit(database->connection.handle)) return; /* SQLite did it already */
    if (execute(database, "ROLLBACK", &ignored) != IML_OK)
        assert(sqlite3_get_autocommit(database->connection.handle));
}

static void set_health(struct imld_storage *storage, const struct iml_error *why)
{
    struct imld_writer *writer = &storage->writer;
    pthread_mutex_lock(&writer->mutex);
    const bool was_healthy = writer->why.code == IML_OK;
    writer->why = why ? *why : (struct iml_error){0};
    pthread_mutex_unlock(&writer->mutex);
    if (why && was_healthy)
        imld_storage_log(storage, "error", "storage does not work: %s", why->what);
    if (!why && !was_healthy) imld_storage_log(storage, "info", "storage works again");
}

/* Begins; a lost connection is opened anew first. */
static enum iml_code begin(struct imld_storage *storage, struct iml_error *error)
{
    struct imld_database *database = &storage->writer.database;
    if (!storage->writer.has_database) {
        const enum iml_code code = reopen(storage, error);
        if (code != IML_OK) return code;
    }
    database->now_ms = imld_storage_now_ms(storage);
    database->rows_written = 0;
    imld_effects_cut(&database->effects, 0, 0);
    return execute(database, "BEGIN IMMEDIATE", error);
}

/* Marks the transaction with a token of its own and commits. in_doubt: the COMMIT itself failed,
 * and not at a write: then its last frame, which makes it valid, is not in the log. */
static enum iml_code finish(struct imld_storage *storage, int64_t doubt, bool *in_doubt,
                            struct iml_error *error)
{
    struct imld_writer *writer = &storage->writer;
    const struct imld_bind binds[] = {imld_bind_integer(++writer->token), imld_bind_integer(doubt),
                                      imld_bind_end()};
    *in_doubt = false;
    enum iml_code code = imld_sql_run(&writer->database.connection,
                                      "UPDATE meta SET token = ?1, doubt = ?2", binds, error);
    if (code != IML_OK) return code;
    code = execute(&writer->database, "COMMIT", error);
    if (code == IML_OK) return code;
    const int result = sqlite3_extended_errcode(writer->database.connection.handle);
    *in_doubt = result != SQLITE_FULL && result != SQLITE_IOERR_WRITE;
    return code;
}

/* Is the transaction `token` there? A settling transaction that came after it says what it
 * found. */
static enum iml_code look(struct imld_connection *connection, int64_t token, bool *has_happened,
                          struct iml_error *error)
{
    int64_t last = 0;
    int64_t doubt = 0;
    enum iml_code code = imld_sql_integer(connection, "SELECT token FROM meta", NULL, &last, error);
    if (code == IML_OK)
        code = imld_sql_integer(connection, "SELECT doubt FROM meta", NULL, &doubt, error);
    *has_happened = last == token || (last > token && doubt != 0);
    return code;
}

/* One attempt to settle a doubt; false: the disk still fails. */
static bool settle_once(struct imld_storage *storage, int64_t token, bool *has_happened,
                        struct iml_error *error)
{
    struct imld_writer *writer = &storage->writer;
    struct imld_database *database = &writer->database;
    bool in_doubt = false;
    if (reopen(storage, error) != IML_OK) return false;
    if (look(&database->connection, token, has_happened, error) != IML_OK) return false;
    if (execute(database, "BEGIN IMMEDIATE", error) != IML_OK) return false;
    if (finish(storage, *has_happened, &in_doubt, error) != IML_OK) {
        roll_back(database);
        return false;
    }
    if (!*has_happened) return true;
    const int result = sqlite3_wal_checkpoint_v2(database->connection.handle, NULL,
                                                 SQLITE_CHECKPOINT_FULL, NULL, NULL);
    if (result == SQLITE_OK) return true;
    imld_sql_error(&database->connection, "put the database's log back", error);
    return false;
}

static bool is_closing(struct imld_writer *writer)
{
    pthread_mutex_lock(&writer->mutex);
    const bool closing = writer->is_closing;
    pthread_mutex_unlock(&writer->mutex);
    return closing;
}

/* Settles a doubt; waits for the disk as long as the storage stays open. */
static enum iml_code settle(struct imld_storage *storage, bool *has_happened)
{
    const int64_t token = storage->writer.token;
    for (long pause_ms = 1;; pause_ms = pause_ms < 512 ? pause_ms * 2 : 1000) {
        struct iml_error error = {0};
        if (settle_once(storage, token, has_happened, &error)) return IML_OK;
        set_health(storage, &error);
        if (is_closing(&storage->writer)) return IML_ERROR_IN_DOUBT;
        const struct timespec pause = {.tv_sec = pause_ms / 1000,
                                       .tv_nsec = pause_ms % 1000 * 1000000};
        (void)nanosleep(&pause, NULL);
    }
}

/* Each request in a savepoint: one that is refused leaves the others alone. */
static enum iml_code apply_one(struct imld_database *database, struct imld_write *write)
{
    const size_t jobs = database->effects.job_count;
    const size_t files = database->effects.file_count;
    const uint64_t rows = database->rows_written;
    write->error = (struct iml_error){0};
    write->is_empty = false;
    write->code = execute(database, "SAVEPOINT request", &write->error);
    if (write->code != IML_OK) return write->code;
    write->code = write->apply(write, database, &write->error);
    assert(write->code != IML_ERROR_IN_DOUBT);
    if (is_fault(write->code)) return write->code;
    struct iml_error error = {0};
    enum iml_code code = IML_OK;
    if (write->code != IML_OK) {
        imld_effects_cut(&database->effects, jobs, files);
        database->rows_written = rows;
        code = execute(database, "ROLLBACK TO request", &error);
    }
    if (code == IML_OK) code = execute(database, "RELEASE request", &error);
    if (code != IML_OK) {
        write->code = code;
        write->error = error;
    }
    return code;
}

/* Files (and a deleted job's folder) that the commit made useless; what can't be removed is an
 * orphan, found at the next start. */
static void unlink_files(struct imld_storage *storage)
{
    const struct imld_effects *effects = &storage->writer.database.effects;
    for (size_t i = 0; i < effects->file_count; i++) {
        const char *path = effects->files[i];
        struct iml_error error = {0};
        int result = imld_io()->unlink(path);
        if (result != 0 && errno == EISDIR) result = imld_io()->rmdir(path);
        if (result != 0 && imld_io_error(&error, "remove", path) != IML_ERROR_NOT_FOUND)
            imld_storage_log(storage, "warn", "%s (%s)", error.what, path);
    }
}

static void answer(struct imld_write *batch)
{
    for (struct imld_write *write = batch; write;) {
        struct imld_write *next = write->next; /* done may free the request */
        write->next = NULL;
        if (write->done) write->done(write);
        write = next;
    }
}

static void after_commit(struct imld_storage *storage, struct imld_write *batch)
{
    struct imld_writer *writer = &storage->writer;
    pthread_mutex_lock(&writer->mutex);
    writer->commits_done++;
    writer->rows_done += writer->database.rows_written;
    pthread_mutex_unlock(&writer->mutex);
    set_health(storage, NULL);
    unlink_files(storage);
    answer(batch);
    const struct imld_effects *effects = &writer->database.effects;
    for (size_t i = 0; i < effects->job_count; i++)
        imld_listeners_tell(&storage->listeners, effects->jobs[i]);
    if (writer->has_database) imld_wal_after_commit(storage);
}

static void fail_all(struct imld_storage *storage, struct imld_write *batch,
                     const struct iml_error *error)
{
    set_health(storage, error);
    for (struct imld_write *write = batch; write; write = write->next) {
        write->code = error->code;
        write->error = *error;
    }
    answer(batch);
}

/* A smaller transaction may fit where a large one did not, and one damaged page should hit one
 * request only. */
static void commit_singly(struct imld_storage *storage, struct imld_write *batch)
{
    while (batch) {
        struct imld_write *next = batch->next;
        batch->next = NULL;
        imld_commit_batch(storage, batch);
        batch = next;
    }
}

/* wanted: how many have something to commit. */
static enum iml_code apply_all(struct imld_storage *storage, struct imld_write *batch,
                               size_t *wanted, struct iml_error *error)
{
    struct imld_database *database = &storage->writer.database;
    enum iml_code code = begin(storage, error);
    for (struct imld_write *write = batch; code == IML_OK && write; write = write->next) {
        code = apply_one(database, write);
        if (code != IML_OK) *error = write->error;
        if (write->code == IML_OK && !write->is_empty) ++*wanted;
    }
    return code;
}

void imld_commit_batch(struct imld_storage *storage, struct imld_write *batch)
{
    struct imld_database *database = &storage->writer.database;
    struct iml_error error = {0};
    size_t wanted = 0;
    bool in_doubt = false;
    bool has_happened = false;
    enum iml_code code = apply_all(storage, batch, &wanted, &error);
    if (code == IML_OK && wanted == 0) {
        roll_back(database);
        answer(batch);
        return;
    }
    if (code == IML_OK) code = finish(storage, 0, &in_doubt, &error);
    if (code == IML_OK) {
        after_commit(storage, batch);
        return;
    }
    if (in_doubt) {
        code = settle(storage, &has_happened);
        if (code == IML_ERROR_IN_DOUBT) error.code = IML_ERROR_IN_DOUBT;
    } else if (storage->writer.has_database) {
        roll_back(database);
    }
    if (has_happened) {
        after_commit(storage, batch);
    } else if (batch->next && !is_closing(&storage->writer)) {
        commit_singly(storage, batch);
    } else {
        fail_all(storage, batch, &error);
    }
}

void imld_commit_probe(struct imld_storage *storage)
{
    struct iml_error error = {0};
    bool in_doubt = false;
    bool has_happened = false;
    enum iml_code code = begin(storage, &error);
    if (code == IML_OK) code = finish(storage, 0, &in_doubt, &error);
    if (in_doubt) {
        if (settle(storage, &has_happened) == IML_OK) set_health(storage, NULL);
        return;
    }
    if (code != IML_OK && storage->writer.has_database) roll_back(&storage->writer.database);
    set_health(storage, code == IML_OK ? NULL : &error);
}
