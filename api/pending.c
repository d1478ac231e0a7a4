/* pending.c: suspended requests; see pending.h. */
#include "api/pending.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "api/request.h"
#include "base/clock.h"

void imld_pending_signal(struct imld_pending *pending, struct imld_waiter *waiter)
{
    (void)pending; /* its mutex is held */
    waiter->is_signalled = true;
    if (!waiter->is_suspended) return;
    waiter->is_suspended = false;
    MHD_resume_connection(waiter->request->connection);
}

static void poke(struct imld_pending *pending)
{
    const uint64_t one = 1;
    if (write(pending->wake_fd, &one, sizeof one) < 0) return; /* full: it is awake already */
}

/* ---- the thread: deadlines, and clients that go away (the library notices neither) ---- */

/* Of one that is signalled the deadline still counts: the news may not be what it waits for, and
 * then it is suspended again, which wakes nobody here. Those past their deadline are signalled
 * (expire): their handlers see that it is over. */
static int next_timeout(const struct imld_pending *pending, int64_t now)
{
    int64_t timeout = -1;
    for (const struct imld_waiter *w = pending->first; w; w = w->next) {
        if (!w->deadline_ms || w->deadline_ms <= now) continue;
        const int64_t left = w->deadline_ms - now;
        if (timeout < 0 || left < timeout) timeout = left;
    }
    return (int)timeout;
}

static void expire(struct imld_pending *pending, int64_t now)
{
    for (struct imld_waiter *w = pending->first; w; w = w->next) {
        if (w->deadline_ms && now >= w->deadline_ms && !w->is_signalled)
            imld_pending_signal(pending, w);
    }
}

static void client_has_gone(struct imld_pending *pending, uint64_t serial)
{
    for (struct imld_waiter *w = pending->first; w; w = w->next) {
        if (w->serial != serial) continue;
        w->has_gone = true;
        imld_pending_signal(pending, w);
    }
}

static void *watch(void *context)
{
    struct imld_pending *pending = context;
    (void)pthread_mutex_lock(&pending->mutex);
    while (!pending->is_closed) {
        const int64_t now = imld_ticks_ms();
        expire(pending, now);
        const int timeout = next_timeout(pending, now);
        (void)pthread_mutex_unlock(&pending->mutex);
        struct epoll_event events[16];
        const int count = epoll_wait(pending->epoll_fd, events, 16, timeout);
        (void)pthread_mutex_lock(&pending->mutex);
        for (int i = 0; i < count; i++) {
            uint64_t drained = 0;
            if (events[i].data.u64)
                client_has_gone(pending, events[i].data.u64);
            else if (read(pending->wake_fd, &drained, sizeof drained) < 0 && errno != EAGAIN)
                pending->is_closed = true; /* can't happen with an eventfd: don't spin */
        }
    }
    (void)pthread_mutex_unlock(&pending->mutex);
    return NULL;
}

enum iml_code imld_pending_open(struct imld_pending **opened, struct iml_error *error)
{
    struct imld_pending *pending = calloc(1, sizeof *pending);
    if (!pending) return iml_error_set(error, IML_ERROR_MEMORY, "no memory for waiting requests");
    atomic_init(&pending->references, 1);
    (void)pthread_mutex_init(&pending->mutex, NULL);
    pending->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    pending->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct epoll_event wake = {.events = EPOLLIN, .data.u64 = 0};
    *opened = pending;
    if (pending->epoll_fd < 0 || pending->wake_fd < 0 ||
        epoll_ctl(pending->epoll_fd, EPOLL_CTL_ADD, pending->wake_fd, &wake) != 0 ||
        pthread_create(&pending->thread, NULL, watch, pending) != 0)
        return iml_error_set(error, IML_ERROR_IO, "no epoll set or thread for waiting requests");
    pending->has_thread = true;
    return IML_OK;
}

void imld_pending_hold(struct imld_pending *pending)
{
    (void)atomic_fetch_add(&pending->references, 1);
}

void imld_pending_release(struct imld_pending *pending)
{
    if (!pending || atomic_fetch_sub(&pending->references, 1) != 1) return;
    if (pending->epoll_fd >= 0) (void)close(pending->epoll_fd);
    if (pending->wake_fd >= 0) (void)close(pending->wake_fd);
    (void)pthread_mutex_destroy(&pending->mutex);
    free(pending);
}

void imld_pending_begin(struct imld_pending *pending, struct imld_request *request, int64_t job,
                        int64_t deadline_ms, int fd)
{
    struct imld_waiter *waiter = &request->waiter;
    imld_pending_end(pending, request);
    (void)pthread_mutex_lock(&pending->mutex);
    *waiter = (struct imld_waiter){.request = request,
                                   .serial = ++pending->last_serial,
                                   .job = job,
                                   .deadline_ms = deadline_ms,
                                   .fd = fd,
                                   .is_listed = true};
    waiter->next = pending->first;
    if (waiter->next) waiter->next->previous = waiter;
    pending->first = waiter;
    struct epoll_event gone = {.events = EPOLLRDHUP | EPOLLONESHOT, .data.u64 = waiter->serial};
    if (fd >= 0 && epoll_ctl(pending->epoll_fd, EPOLL_CTL_ADD, fd, &gone) != 0)
        waiter->fd = -1; /* the deadline still ends it */
    (void)pthread_mutex_unlock(&pending->mutex);
    if (deadline_ms) poke(pending);
}

bool imld_pending_suspend(struct imld_pending *pending, struct imld_request *request)
{
    struct imld_waiter *waiter = &request->waiter;
    (void)pthread_mutex_lock(&pending->mutex);
    const bool ends = pending->is_closed || (pending->is_closing && waiter->job);
    const bool suspends = waiter->is_listed && !waiter->is_signalled && !ends;
    waiter->is_signalled = false;
    if (suspends) {
        waiter->is_suspended = true;
        MHD_suspend_connection(request->connection);
    }
    (void)pthread_mutex_unlock(&pending->mutex);
    return suspends;
}

void imld_pending_end(struct imld_pending *pending, struct imld_request *request)
{
    struct imld_waiter *waiter = &request->waiter;
    (void)pthread_mutex_lock(&pending->mutex);
    if (waiter->is_listed) {
        if (waiter->previous) waiter->previous->next = waiter->next;
        if (!waiter->previous) pending->first = waiter->next;
        if (waiter->next) waiter->next->previous = waiter->previous;
        if (waiter->fd >= 0) (void)epoll_ctl(pending->epoll_fd, EPOLL_CTL_DEL, waiter->fd, NULL);
        waiter->is_listed = false;
    }
    (void)pthread_mutex_unlock(&pending->mutex);
}

void imld_pending_changed(void *context, int64_t job)
{
    struct imld_pending *pending = context;
    (void)pthread_mutex_lock(&pending->mutex);
    for (struct imld_waiter *w = pending->first; w; w = w->next) {
        if (w->job && w->job == job) imld_pending_signal(pending, w);
    }
    (void)pthread_mutex_unlock(&pending->mutex);
}

bool imld_pending_is_closing(struct imld_pending *pending)
{
    (void)pthread_mutex_lock(&pending->mutex);
    const bool is_closing = pending->is_closing;
    (void)pthread_mutex_unlock(&pending->mutex);
    return is_closing;
}

bool imld_pending_client_has_gone(struct imld_pending *pending, const struct imld_request *request)
{
    (void)pthread_mutex_lock(&pending->mutex);
    const bool has_gone = request->waiter.has_gone;
    (void)pthread_mutex_unlock(&pending->mutex);
    return has_gone;
}

void imld_pending_close_waits(struct imld_pending *pending)
{
    (void)pthread_mutex_lock(&pending->mutex);
    pending->is_closing = true;
    for (struct imld_waiter *w = pending->first; w; w = w->next) {
        if (w->job) imld_pending_signal(pending, w);
    }
    (void)pthread_mutex_unlock(&pending->mutex);
}

void imld_pending_close(struct imld_pending *pending)
{
    (void)pthread_mutex_lock(&pending->mutex);
    pending->is_closing = true;
    pending->is_closed = true;
    for (struct imld_waiter *w = pending->first; w; w = w->next) imld_pending_signal(pending, w);
    (void)pthread_mutex_unlock(&pending->mutex);
    poke(pending);
    if (pending->has_thread) (void)pthread_join(pending->thread, NULL);
    pending->has_thread = false;
}
