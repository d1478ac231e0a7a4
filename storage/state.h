/* state.h: what an open state folder is made of, shared by the files of storage/ (private to
 * it). */
#ifndef IMLD_STORAGE_STATE_H
#define IMLD_STORAGE_STATE_H

#include <limits.h>
#include <pthread.h>

#include "storage/database.h"

#define IMLD_LISTENERS_MAX 8
#define IMLD_READERS_MAX 16
#define IMLD_QUEUE_MAX 1024
#define IMLD_BATCH_MAX 256

struct imld_listener {
    void (*changed)(void *context, int64_t job);
    void *context;
};

/* The mutex is held while they are told (listeners.c). */
struct imld_listeners {
    pthread_mutex_t mutex;
    struct imld_listener items[IMLD_LISTENERS_MAX];
    size_t count;
};
void imld_listeners_tell(struct imld_listeners *listeners, int64_t job);

struct imld_reader {
    struct imld_connection connection;
    const struct imld_storage *storage;
    struct imld_readers *pool;
    struct imld_reader *next; /* of the free ones */
};

struct imld_readers {
    pthread_mutex_t mutex;
    pthread_cond_t given;
    struct imld_reader *free; /* owned */
    size_t busy;
};

/* `mutex` guards what stands before `thread`; the rest is the writer thread's own. */
struct imld_writer {
    pthread_mutex_t mutex;
    pthread_cond_t submitted, taken;
    struct imld_write *first, *last;
    size_t length;
    bool is_closing, is_running;
    struct iml_error why; /* code IML_OK: healthy */
    uint64_t commits_done, rows_done;
    pthread_t thread;
    struct imld_database database;
    bool has_database; /* false: lost to a fault, to be reopened */
    bool is_wal_clean; /* truncated since the last commit */
    int64_t token;     /* of the last transaction tried: grows, also when it failed */
};

struct imld_storage {
    char folder[PATH_MAX], path[PATH_MAX]; /* path: of imld.db */
    char *program;                         /* owned */
    struct imld_storage_options options;   /* its strings are not used after open */
    int lock;
    struct imld_listeners listeners;
    struct imld_readers readers;
    struct imld_writer writer;
};

int64_t imld_storage_now_ms(const struct imld_storage *storage);
void imld_storage_log(const struct imld_storage *storage, const char *level, const char *format,
                      ...) __attribute__((format(printf, 3, 4)));

/* "FOLDER/NAME" into path; false: too long. */
bool imld_storage_path(const struct imld_storage *storage, const char *name, char path[PATH_MAX]);

/* lock.c: takes FOLDER/imld.lock and writes the pid into it. IML_ERROR_CONFLICT: held. */
IML_MUST_USE enum iml_code imld_lock_take(const char *path, int *fd, struct iml_error *error);
/* Refuses network file systems. */
IML_MUST_USE enum iml_code imld_lock_check_filesystem(const char *folder, bool allow_network,
                                                      const char **warning,
                                                      struct iml_error *error);

/* writer.c: the connection must be open; starts the thread. */
IML_MUST_USE enum iml_code imld_writer_start(struct imld_storage *storage, struct iml_error *error);
void imld_writer_stop(struct imld_storage *storage);

/* commit.c: one batch (linked by next) as one transaction; fills code and error of each and calls
 * done. Never gives up an answer before it is certain. */
void imld_commit_batch(struct imld_storage *storage, struct imld_write *batch);
/* commit.c: an empty transaction of the writer's own, to see whether writing works (again). */
void imld_commit_probe(struct imld_storage *storage);

/* wal.c: after a commit, and when nothing waits. */
void imld_wal_after_commit(struct imld_storage *storage);
void imld_wal_at_idle(struct imld_storage *storage);
uint64_t imld_wal_bytes(const struct imld_storage *storage);

/* readers.c */
IML_MUST_USE enum iml_code imld_readers_init(struct imld_storage *storage, struct iml_error *error);
void imld_readers_close(struct imld_storage *storage); /* waits until all are given back */

/* orphans.c: removes files below checkpoints/ that no row names; what can't be removed is
 * logged. */
void imld_orphans_remove(struct imld_storage *storage, struct imld_connection *connection);

#endif
