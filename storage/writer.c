/* writer.c: the writer thread and its bounded queue of requests. */
#include <assert.h>
#include <errno.h>

#include "base/clock.h"
#include "storage/state.h"

/* A request of imld_storage_run waits here. */
struct waiter {
    pthread_mutex_t mutex;
    pthread_cond_t answered;
    bool is_done;
};

static void append(struct imld_writer *writer, struct imld_write *write)
{
    write->next = NULL;
    if (writer->last) {
        writer->last->next = write;
    } else {
        writer->first = write;
    }
    writer->last = write;
    writer->length++;
    pthread_cond_signal(&writer->submitted);
}

/* Takes at most IMLD_BATCH_MAX requests, in their order. Under the mutex. */
static struct imld_write *take(struct imld_writer *writer)
{
    struct imld_write *batch = writer->first;
    struct imld_write *last = batch;
    size_t count = batch ? 1 : 0;
    while (last && last->next && count < IMLD_BATCH_MAX) {
        last = last->next;
        count++;
    }
    if (!last) return NULL;
    writer->first = last->next;
    if (!writer->first) writer->last = NULL;
    last->next = NULL;
    writer->length -= count;
    pthread_cond_broadcast(&writer->taken);
    return batch;
}

/* Waits for requests, for a second at most: then it is idle, and puts the log back or looks whether
 * a broken disk works again. NULL and is_closing: the end. */
static struct imld_write *next_batch(struct imld_writer *writer, bool *is_healthy, bool *is_closing)
{
    const struct timespec until = imld_ticks_after_ms(1000);
    pthread_mutex_lock(&writer->mutex);
    int result = 0;
    while (!writer->first && !writer->is_closing && result != ETIMEDOUT)
        result = pthread_cond_timedwait(&writer->submitted, &writer->mutex, &until);
    struct imld_write *batch = take(writer);
    *is_healthy = writer->why.code == IML_OK;
    *is_closing = writer->is_closing;
    pthread_mutex_unlock(&writer->mutex);
    return batch;
}

static void *write_requests(void *context)
{
    struct imld_storage *storage = context;
    struct imld_writer *writer = &storage->writer;
    bool is_closing = false;
    for (;;) {
        bool is_healthy = true;
        struct imld_write *batch = next_batch(writer, &is_healthy, &is_closing);
        if (batch) {
            imld_commit_batch(storage, batch);
        } else if (is_closing) {
            break;
        } else if (is_healthy) {
            imld_wal_at_idle(storage);
        } else {
            imld_commit_probe(storage);
        }
    }
    return NULL;
}

enum iml_code imld_writer_start(struct imld_storage *storage, struct iml_error *error)
{
    struct imld_writer *writer = &storage->writer;
    pthread_condattr_t monotonic;
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    const bool is_ready = pthread_mutex_init(&writer->mutex, NULL) == 0 &&
                          pthread_cond_init(&writer->submitted, &monotonic) == 0 &&
                          pthread_cond_init(&writer->taken, NULL) == 0;
    (void)pthread_condattr_destroy(&monotonic);
    if (!is_ready || pthread_create(&writer->thread, NULL, write_requests, storage) != 0)
        return iml_error_set(error, IML_ERROR_MEMORY, "can't start the writer's thread");
    writer->is_running = true;
    return IML_OK;
}

void imld_writer_stop(struct imld_storage *storage)
{
    struct imld_writer *writer = &storage->writer;
    if (!writer->is_running) return;
    pthread_mutex_lock(&writer->mutex);
    writer->is_closing = true;
    pthread_cond_broadcast(&writer->submitted);
    pthread_cond_broadcast(&writer->taken);
    pthread_mutex_unlock(&writer->mutex);
    (void)pthread_join(writer->thread, NULL);
    (void)pthread_cond_destroy(&writer->submitted);
    (void)pthread_cond_destroy(&writer->taken);
    (void)pthread_mutex_destroy(&writer->mutex);
    writer->is_running = false;
}

enum iml_code imld_storage_submit(struct imld_storage *storage, struct imld_write *write)
{
    struct imld_writer *writer = &storage->writer;
    assert(write->apply);
    pthread_mutex_lock(&writer->mutex);
    const bool has_room = !writer->is_closing && writer->length < IMLD_QUEUE_MAX;
    if (has_room) append(writer, write);
    pthread_mutex_unlock(&writer->mutex);
    return has_room ? IML_OK : IML_ERROR_LIMIT;
}

static void wake(struct imld_write *write)
{
    struct waiter *waiter = write->context;
    pthread_mutex_lock(&waiter->mutex);
    waiter->is_done = true;
    pthread_cond_signal(&waiter->answered);
    pthread_mutex_unlock(&waiter->mutex);
}

/* Appends once there is room; false: closing. */
static bool append_patiently(struct imld_writer *writer, struct imld_write *write)
{
    pthread_mutex_lock(&writer->mutex);
    while (!writer->is_closing && writer->length >= IMLD_QUEUE_MAX)
        pthread_cond_wait(&writer->taken, &writer->mutex);
    const bool is_open = !writer->is_closing;
    if (is_open) append(writer, write);
    pthread_mutex_unlock(&writer->mutex);
    return is_open;
}

enum iml_code imld_storage_run(struct imld_storage *storage, struct imld_write *write)
{
    assert(write->apply && !write->done);
    struct waiter waiter = {.mutex = PTHREAD_MUTEX_INITIALIZER,
                            .answered = PTHREAD_COND_INITIALIZER};
    void *const context = write->context;
    write->context = &waiter;
    write->done = wake;
    write->error = (struct iml_error){0};
    if (append_patiently(&storage->writer, write)) {
        pthread_mutex_lock(&waiter.mutex);
        while (!waiter.is_done) pthread_cond_wait(&waiter.answered, &waiter.mutex);
        pthread_mutex_unlock(&waiter.mutex);
    } else {
        write->code = iml_error_set(&write->error, IML_ERROR_LIMIT, "the storage is closing");
    }
    write->context = context;
    write->done = NULL;
    return write->code;
}

bool imld_storage_is_healthy(struct imld_storage *storage, struct iml_error *why)
{
    pthread_mutex_lock(&storage->writer.mutex);
    const struct iml_error now = storage->writer.why;
    pthread_mutex_unlock(&storage->writer.mutex);
    if (why && now.code != IML_OK) *why = now;
    return now.code == IML_OK;
}
