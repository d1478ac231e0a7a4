/* storage.c: opening and closing a state folder; see storage.h. */
#include "storage/storage.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "base/io.h"
#include "storage/state.h"

const char *imld_storage_folder(const struct imld_storage *storage)
{
    return storage->folder;
}

static enum iml_code copy_options(struct imld_storage *storage,
                                  const struct imld_storage_options *options,
                                  struct iml_error *error)
{
    storage->options = *options;
    storage->lock = -1;
    storage->program = strdup(options->program ? options->program : "imld");
    if (!storage->program) return iml_error_set(error, IML_ERROR_MEMORY, "no memory for storage");
    const size_t length = strlen(options->folder);
    if (length == 0 || length + 128 > sizeof storage->folder)
        return iml_error_set(error, IML_ERROR_ARGUMENT, "the state folder's path has %zu bytes",
                             length);
    memcpy(storage->folder, options->folder, length + 1);
    (void)imld_storage_path(storage, "imld.db", storage->path);
    return IML_OK;
}

/* The folder, on a file system that can be trusted, and its lock. */
static enum iml_code take_folder(struct imld_storage *storage, struct iml_error *error)
{
    char path[PATH_MAX];
    const char *warning = NULL;
    enum iml_code code = imld_io_make_folders(storage->folder, 0700, error);
    if (code == IML_OK)
        code = imld_lock_check_filesystem(
            storage->folder, storage->options.allow_network_filesystem, &warning, error);
    if (code == IML_OK && warning) imld_storage_log(storage, "warn", "%s", warning);
    (void)imld_storage_path(storage, "imld.lock", path);
    if (code == IML_OK) code = imld_lock_take(path, &storage->lock, error);
    (void)imld_storage_path(storage, "checkpoints", path);
    if (code == IML_OK) code = imld_io_make_folders(path, 0700, error);
    return code;
}

static enum iml_code open_database(struct imld_storage *storage, struct iml_error *error)
{
    struct imld_writer *writer = &storage->writer;
    struct imld_connection *connection = &writer->database.connection;
    enum iml_code code = imld_database_open(connection, storage->path, error);
    if (code != IML_OK) return code;
    writer->has_database = true;
    writer->database.storage = storage;
    code = imld_database_check(connection, error);
    if (code == IML_OK)
        code = imld_sql_integer(connection, "SELECT token FROM meta", NULL, &writer->token, error);
    if (code == IML_OK) code = imld_io_sync_folder(storage->folder, error);
    return code;
}

enum iml_code imld_storage_open(const struct imld_storage_options *options,
                                struct imld_storage **storage, struct iml_error *error)
{
    *storage = NULL;
    struct iml_error local = {0};
    struct iml_error *const why = error ? error : &local;
    if (sodium_init() < 0)
        return iml_error_set(why, IML_ERROR_MEMORY, "libsodium can't be initialized");
    struct imld_storage *self = calloc(1, sizeof *self);
    if (!self) return iml_error_set(why, IML_ERROR_MEMORY, "no memory for storage");
    enum iml_code code = imld_readers_init(self, why);
    if (code != IML_OK) {
        free(self);
        return code;
    }
    (void)pthread_mutex_init(&self->listeners.mutex, NULL);
    code = copy_options(self, options, why);
    if (code == IML_OK) code = take_folder(self, why);
    if (code == IML_OK) code = open_database(self, why);
    if (code == IML_OK) imld_orphans_remove(self, &self->writer.database.connection);
    if (code == IML_OK) code = imld_writer_start(self, why);
    if (code == IML_OK) {
        *storage = self;
    } else {
        imld_storage_close(self);
    }
    return code;
}

void imld_storage_close(struct imld_storage *storage)
{
    if (!storage) return;
    struct imld_writer *writer = &storage->writer;
    imld_writer_stop(storage);
    imld_readers_close(
        storage); /* before the last checkpoint, which readers could be in the way of */
    if (writer->has_database) {
        imld_wal_at_idle(storage);
        imld_connection_close(&writer->database.connection);
    }
    imld_effects_clear(&writer->database.effects);
    if (storage->lock >= 0) (void)imld_io()->close(storage->lock);
    (void)pthread_mutex_destroy(&storage->listeners.mutex);
    free(storage->program);
    free(storage);
}

static uint64_t checkpoint_bytes(struct imld_storage *storage)
{
    struct iml_error ignored = {0};
    int64_t bytes = 0;
    struct imld_reader *reader = imld_reader_take(storage, &ignored);
    if (reader &&
        imld_sql_integer(&reader->connection, "SELECT coalesce(sum(bytes), 0) FROM checkpoints",
                         NULL, &bytes, &ignored) != IML_OK)
        bytes = 0;
    imld_reader_give(reader);
    return (uint64_t)bytes;
}

void imld_storage_describe(struct imld_storage *storage, struct imld_storage_facts *facts)
{
    struct stat status;
    struct statvfs space;
    *facts = (struct imld_storage_facts){.wal_bytes = imld_wal_bytes(storage),
                                         .checkpoint_bytes = checkpoint_bytes(storage)};
    if (stat(storage->path, &status) == 0) facts->database_bytes = (uint64_t)status.st_size;
    if (statvfs(storage->folder, &space) == 0)
        facts->free_bytes = (uint64_t)space.f_bavail * (uint64_t)space.f_frsize;
    pthread_mutex_lock(&storage->writer.mutex);
    facts->commits = storage->writer.commits_done;
    facts->rows = storage->writer.rows_done;
    facts->queue_length = storage->writer.length;
    pthread_mutex_unlock(&storage->writer.mutex);
}
