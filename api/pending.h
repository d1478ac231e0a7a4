/* pending.h: requests that wait for a commit or for a job's state, suspended, holding no thread.
 *
 * A waiter is listed before the fact is looked at, and a signal that comes before the suspension is
 * kept: so no wake-up is lost. One mutex guards the list and all waiters; MHD_suspend_connection
 * and MHD_resume_connection are called under it (measured: that is the pattern that holds). */
#ifndef IMLD_API_PENDING_H
#define IMLD_API_PENDING_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "imld/error.h"

struct imld_request;

/* Embedded in a request; all fields are guarded by the mutex of its imld_pending. */
struct imld_waiter {
    struct imld_waiter *next, *previous;
    struct imld_request *request;
    uint64_t serial;     /* names it in the epoll set: a pointer could be a later request's */
    int64_t job;         /* woken by changes of this job; 0: by its commit alone */
    int64_t deadline_ms; /* by imld_ticks_ms; 0: none */
    int fd;              /* watched for a client that goes away; -1: not */
    bool is_listed, is_signalled, is_suspended, has_gone;
};

struct imld_pending {
    atomic_uint references; /* the API, and each commit under way: the writer may outlive the API */
    pthread_mutex_t mutex;
    pthread_t thread;
    bool has_thread;
    int epoll_fd, wake_fd;
    struct imld_waiter *first;
    uint64_t last_serial;
    bool is_closing; /* job waits end at once */
    bool is_closed;  /* nothing is suspended any more; the thread ends */
};

IML_MUST_USE enum iml_code imld_pending_open(struct imld_pending **pending,
                                             struct iml_error *error);
void imld_pending_hold(struct imld_pending *pending);
void imld_pending_release(struct imld_pending *pending); /* the last one frees; NULL is fine */

/* Lists the request's waiter. job: see above; deadline_ms 0: none; fd: watched unless -1. */
void imld_pending_begin(struct imld_pending *pending, struct imld_request *request, int64_t job,
                        int64_t deadline_ms, int fd);

/* Suspends the connection until the next signal; false: one has come since the last call (or all is
 * closed): go on at once. In the connection's thread only. */
bool imld_pending_suspend(struct imld_pending *pending, struct imld_request *request);

/* Unlists; fine if it isn't listed. */
void imld_pending_end(struct imld_pending *pending, struct imld_request *request);

/* Wakes one request. The mutex must be held (pending->mutex). */
void imld_pending_signal(struct imld_pending *pending, struct imld_waiter *waiter);

/* For imld_storage_listen: wakes those that wait for this job. */
void imld_pending_changed(void *context, int64_t job);

bool imld_pending_is_closing(struct imld_pending *pending);

/* The client has closed its side: nobody waits any more. */
bool imld_pending_client_has_gone(struct imld_pending *pending, const struct imld_request *request);

/* close_waits: all waits for a job's state end. close: nothing stays suspended; its thread has
 * ended. */
void imld_pending_close_waits(struct imld_pending *pending);
void imld_pending_close(struct imld_pending *pending);

#endif
