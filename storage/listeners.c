/* listeners.c: who is told of changed jobs after each commit; see storage.h. The mutex is held over
 * the calls, so that none runs any more when imld_storage_unlisten returns. */
#include <assert.h>
#include <pthread.h>

#include "storage/state.h"

void imld_listeners_tell(struct imld_listeners *listeners, int64_t job)
{
    (void)pthread_mutex_lock(&listeners->mutex);
    for (size_t i = 0; i < listeners->count; i++)
        listeners->items[i].changed(listeners->items[i].context, job);
    (void)pthread_mutex_unlock(&listeners->mutex);
}

void imld_storage_listen(struct imld_storage *storage, void (*changed)(void *context, int64_t job),
                         void *context)
{
    struct imld_listeners *listeners = &storage->listeners;
    (void)pthread_mutex_lock(&listeners->mutex);
    assert(listeners->count < IMLD_LISTENERS_MAX);
    listeners->items[listeners->count++] = (struct imld_listener){changed, context};
    (void)pthread_mutex_unlock(&listeners->mutex);
}

void imld_storage_unlisten(struct imld_storage *storage,
                           void (*changed)(void *context, int64_t job), void *context)
{
    struct imld_listeners *listeners = &storage->listeners;
    (void)pthread_mutex_lock(&listeners->mutex);
    for (size_t i = 0; i < listeners->count; i++) {
        if (listeners->items[i].changed != changed || listeners->items[i].context != context)
            continue;
        listeners->items[i] = listeners->items[--listeners->count];
        break;
    }
    (void)pthread_mutex_unlock(&listeners->mutex);
}
