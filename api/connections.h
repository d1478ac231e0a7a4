/* connections.h: one record a connection: whose it is, since when its request runs. A thread closes
 * those whose request takes longer than it may: the library's own timeout is for idle time only,
 * one byte each half second would hold a connection for ever (measured). */
#ifndef IMLD_API_CONNECTIONS_H
#define IMLD_API_CONNECTIONS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "imld/error.h"

/* Guarded by the mutex of imld_connections, but for the fields that never change. */
struct imld_connection {
    struct imld_connection *next, *previous;
    int fd;                /* borrowed: the library closes it, after the record is gone */
    uid_t uid;             /* of the peer; the daemon's own on TCP. Never changes */
    bool is_excess;        /* above the user's cap: its first request is refused. Never changes */
    int64_t deadline_ms;   /* by imld_ticks_ms */
    int64_t busy_since_ms; /* a handler is at work; 0: none */
    bool has_request;      /* under way: its first line has come, its answer has not gone */
};

struct imld_connections {
    pthread_mutex_t mutex;
    pthread_cond_t changed; /* by the monotonic clock: closing, or fewer connections */
    pthread_t thread;
    bool has_thread, is_closing;
    struct imld_connection *first;
    size_t count;
    unsigned per_user, request_seconds;
    int64_t looked_ms;     /* when the thread last looked */
    uint64_t refused, cut; /* over the cap; past the deadline */
};

IML_MUST_USE enum iml_code imld_connections_open(struct imld_connections *connections,
                                                 unsigned per_user, unsigned request_seconds,
                                                 struct iml_error *error);
/* Ends the thread; every record must be gone. */
void imld_connections_close(struct imld_connections *connections);

/* A new connection. NULL: no memory, or far above the cap: it was shut down. */
struct imld_connection *imld_connections_add(struct imld_connections *connections, int fd,
                                             uid_t uid);
void imld_connections_remove(struct imld_connections *connections, struct imld_connection *record);

/* A request begins, and ends: its total time counts from its first line, and that line's from the
 * end of the request before. record may be NULL in all of these. */
void imld_connections_begin_request(struct imld_connections *connections,
                                    struct imld_connection *record);
void imld_connections_end_request(struct imld_connections *connections,
                                  struct imld_connection *record);

/* More time from now on: a wait, or an answer of many bytes. */
void imld_connections_extend(struct imld_connections *connections, struct imld_connection *record,
                             int64_t more_ms);

/* A handler begins and ends. */
void imld_connections_busy(struct imld_connections *connections, struct imld_connection *record,
                           bool is_busy);

/* Shuts one down, so that the library sees its end. */
void imld_connections_cut(struct imld_connections *connections, struct imld_connection *record);

/* Waits until no request is under way, at most until then (imld_ticks_ms). */
void imld_connections_drain(struct imld_connections *connections, int64_t until_ms);

/* Shuts all down. */
void imld_connections_cut_all(struct imld_connections *connections);

/* false: a handler has been at work for long, or the thread does not look any more. */
bool imld_connections_are_alive(struct imld_connections *connections);

#endif
