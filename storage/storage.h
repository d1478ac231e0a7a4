/* storage.h: the state folder: one SQLite database, one lock file, the checkpoint files (DESIGN
 * §6).
 *
 * One writer thread, owned by this module, holds the only writing connection and does every write,
 * every WAL checkpoint and the backup, from a bounded queue of requests; it commits what waits as
 * one transaction. Readers have read-only connections of their own. */
#ifndef IMLD_STORAGE_STORAGE_H
#define IMLD_STORAGE_STORAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "imld/error.h"

struct imld_storage;
struct imld_database; /* the writer's connection inside a transaction: private to storage/ */

struct imld_storage_options {
    const char *folder;  /* the state folder; made if it does not exist (mode 0700) */
    const char *program; /* "imld 0.1.0": stored with jobs and checkpoints */
    bool allow_network_filesystem;
    int64_t (*now_ms)(void); /* wall clock, ms since 1970; NULL: the system's */
    /* One line for the log, from any thread; level "error", "warn", "info", "debug". NULL: none. */
    void (*log)(void *context, const char *level, const char *line);
    void *context;
};

/* Takes the lock, migrates (a newer schema than this program's is refused untouched), checks,
 * removes orphan files, starts the writer. IML_ERROR_CONFLICT: another process holds the folder
 * (its pid is in `what`). */
IML_MUST_USE enum iml_code imld_storage_open(const struct imld_storage_options *options,
                                             struct imld_storage **storage,
                                             struct iml_error *error);

/* Commits what waits, stops the writer, checkpoints the WAL, closes. */
void imld_storage_close(struct imld_storage *storage);

const char *imld_storage_folder(const struct imld_storage *storage);

/* A write request. A concrete request (storage/jobs.h and others) embeds one as its first member
 * and sets `apply` by its _prepare function; the caller sets done and context, and keeps the memory
 * alive until done has been called (or imld_storage_run has returned). */
struct imld_write {
    enum iml_code (*apply)(struct imld_write *self, struct imld_database *database,
                           struct iml_error *error); /* writer thread, in the transaction */
    void (*done)(
        struct imld_write *self); /* writer thread, after the commit is durable, or after the
                                     request was refused: look at `code`. Must not block. */
    void *context;                /* the caller's */
    enum iml_code code;           /* IML_OK: it has happened and is durable. Any other: it has not
                                     happened; but IML_ERROR_IN_DOUBT: nobody knows. The writer looks, and
                                     waits for the disk to do so, before it answers: this comes only where the
                                     storage is closed while the disk still fails. */
    struct iml_error error;
    bool is_empty;           /* apply has written nothing: its answer needs no commit */
    struct imld_write *next; /* the queue's */
};

/* Hands a request over. IML_ERROR_LIMIT: the queue is full, or storage is closing (done is not
 * called). */
IML_MUST_USE enum iml_code imld_storage_submit(struct imld_storage *storage,
                                               struct imld_write *write);

/* Submits and waits (also for room in the queue); returns write->code. For threads that may block:
 * runs, main; never for an HTTP thread. done must be NULL. */
IML_MUST_USE enum iml_code imld_storage_run(struct imld_storage *storage, struct imld_write *write);

/* After each commit the writer calls every listener once per changed job (number), so that waiting
 * requests and streams can look again. Must not block. At most 8 listeners; registered before
 * threads start. */
void imld_storage_listen(struct imld_storage *storage, void (*changed)(void *context, int64_t job),
                         void *context);

/* Ends what imld_storage_listen began for this pair; on return no call of it is running and none
 * will come, so the context may be freed. Not from a listener. */
void imld_storage_unlisten(struct imld_storage *storage,
                           void (*changed)(void *context, int64_t job), void *context);

/* Health: false while the last commit failed for want of space or by an I/O error; why is
 * filled. */
bool imld_storage_is_healthy(struct imld_storage *storage, struct iml_error *why);

struct imld_storage_facts {
    uint64_t wal_bytes, database_bytes, free_bytes, checkpoint_bytes;
    uint64_t commits, rows, queue_length;
};
void imld_storage_describe(struct imld_storage *storage, struct imld_storage_facts *facts);

/* A read-only connection. take waits for a free one (at most 16 exist); readers keep no transaction
 * open between calls. One thread at a time. */
struct imld_reader;
struct imld_reader *imld_reader_take(struct imld_storage *storage, struct iml_error *error);
void imld_reader_give(struct imld_reader *reader); /* NULL is fine */

#endif
