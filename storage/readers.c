/* readers.c: the pool of read-only connections. */
#include <assert.h>
#include <stdlib.h>

#include "storage/state.h"

enum iml_code imld_readers_init(struct imld_storage *storage, struct iml_error *error)
{
    struct imld_readers *readers = &storage->readers;
    if (pthread_mutex_init(&readers->mutex, NULL) != 0)
        return iml_error_set(error, IML_ERROR_MEMORY, "can't make a mutex");
    if (pthread_cond_init(&readers->given, NULL) == 0) return IML_OK;
    (void)pthread_mutex_destroy(&readers->mutex);
    return iml_error_set(error, IML_ERROR_MEMORY, "can't make a condition variable");
}

void imld_readers_close(struct imld_storage *storage)
{
    struct imld_readers *readers = &storage->readers;
    pthread_mutex_lock(&readers->mutex);
    while (readers->busy > 0) pthread_cond_wait(&readers->given, &readers->mutex);
    while (readers->free) {
        struct imld_reader *reader = readers->free;
        readers->free = reader->next;
        imld_connection_close(&reader->connection);
        free(reader);
    }
    pthread_mutex_unlock(&readers->mutex);
    (void)pthread_cond_destroy(&readers->given);
    (void)pthread_mutex_destroy(&readers->mutex);
}

/* Outside the mutex: opening reads the disk. */
static struct imld_reader *open_one(struct imld_storage *storage, struct iml_error *error)
{
    struct imld_reader *reader = calloc(1, sizeof *reader);
    if (!reader) {
        iml_error_set(error, IML_ERROR_MEMORY, "no memory for a reader");
        return NULL;
    }
    reader->storage = storage;
    reader->pool = &storage->readers;
    if (imld_database_open_reader(&reader->connection, storage->path, error) == IML_OK)
        return reader;
    free(reader);
    return NULL;
}

struct imld_reader *imld_reader_take(struct imld_storage *storage, struct iml_error *error)
{
    struct imld_readers *readers = &storage->readers;
    pthread_mutex_lock(&readers->mutex);
    while (!readers->free && readers->busy >= IMLD_READERS_MAX)
        pthread_cond_wait(&readers->given, &readers->mutex);
    struct imld_reader *reader = readers->free;
    if (reader) readers->free = reader->next;
    readers->busy++;
    pthread_mutex_unlock(&readers->mutex);
    if (reader) return reader;

    reader = open_one(storage, error);
    if (!reader) {
        pthread_mutex_lock(&readers->mutex);
        readers->busy--;
        pthread_cond_signal(&readers->given);
        pthread_mutex_unlock(&readers->mutex);
    }
    return reader;
}

void imld_reader_give(struct imld_reader *reader)
{
    if (!reader) return;
    assert(sqlite3_get_autocommit(reader->connection.handle));
    struct imld_readers *readers = reader->pool;
    pthread_mutex_lock(&readers->mutex);
    reader->next = readers->free;
    readers->free = reader;
    readers->busy--;
    pthread_cond_signal(&readers->given);
    pthread_mutex_unlock(&readers->mutex);
}
