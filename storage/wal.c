/* wal.c: when the write-ahead log goes back into the database: PASSIVE above 1,000 pages, TRUNCATE
 * above 16 MB and when nothing waits, never from SQLite's own hook. The busy timeout is 0 here: a
 * reader in the way must not block the writer (measured: it would, for as long as the timeout). */
#include <stdio.h>
#include <sys/stat.h>

#include "storage/state.h"

#define PAGE_BYTES ((uint64_t)4120) /* a page and its frame's header */
#define PASSIVE_BYTES (1000 * PAGE_BYTES)
#define TRUNCATE_BYTES ((uint64_t)16 << 20)

uint64_t imld_wal_bytes(const struct imld_storage *storage)
{
    char path[PATH_MAX + 8];
    struct stat status;
    (void)snprintf(path, sizeof path, "%s-wal", storage->path);
    return stat(path, &status) == 0 ? (uint64_t)status.st_size : 0;
}

static void checkpoint(struct imld_storage *storage, int mode)
{
    struct imld_writer *writer = &storage->writer;
    sqlite3 *handle = writer->database.connection.handle;
    const int result = sqlite3_wal_checkpoint_v2(handle, NULL, mode, NULL, NULL);
    if (result == SQLITE_OK && mode == SQLITE_CHECKPOINT_TRUNCATE) writer->is_wal_clean = true;
    if (result == SQLITE_OK || result == SQLITE_BUSY || result == SQLITE_LOCKED) return;
    imld_storage_log(storage, "warn", "can't put the database's log back: %s (SQLite code %d)",
                     sqlite3_errmsg(handle), result);
    if (result != SQLITE_IOERR_FSYNC) return;
    /* the kernel reports a lost page once: start from what is on the disk, which the log still
     * covers */
    imld_connection_close(&writer->database.connection);
    writer->has_database = false;
}

void imld_wal_after_commit(struct imld_storage *storage)
{
    storage->writer.is_wal_clean = false;
    const uint64_t bytes = imld_wal_bytes(storage);
    if (bytes > TRUNCATE_BYTES) {
        checkpoint(storage, SQLITE_CHECKPOINT_TRUNCATE);
    } else if (bytes > PASSIVE_BYTES) {
        checkpoint(storage, SQLITE_CHECKPOINT_PASSIVE);
    }
}

void imld_wal_at_idle(struct imld_storage *storage)
{
    if (storage->writer.has_database && !storage->writer.is_wal_clean)
        checkpoint(storage, SQLITE_CHECKPOINT_TRUNCATE);
}
