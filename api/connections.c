/* connections.c: one record a connection, and the thread that ends slow requests; see
 * connections.h. */
#include "api/connections.h"

#include <stdlib.h>
#include <sys/socket.h>

#include "base/clock.h"

enum {
    LOOK_MS = 250,
    REFUSED_MS = 5000,      /* a connection above the cap gets this long for its one request */
    EXCESS_CONNECTIONS = 8, /* as many above the cap are told so; more are shut down at once */
    STUCK_MS = 15000
};

static void look(struct imld_connections *connections, int64_t now)
{
    connections->looked_ms = now;
    for (struct imld_connection *c = connections->first; c; c = c->next) {
        if (now < c->deadline_ms || c->busy_since_ms) continue;
        (void)shutdown(c->fd, SHUT_RDWR); /* never close: the library does when it sees the end */
        c->deadline_ms = now + 60000;
        connections->cut++;
    }
}

/* Waits for a change or until `ms` from now; the mutex is held. */
static void wait_ms(struct imld_connections *connections, int64_t ms)
{
    const struct timespec until = imld_ticks_after_ms(ms);
    (void)pthread_cond_timedwait(&connections->changed, &connections->mutex, &until);
}

static void *watch(void *context)
{
    struct imld_connections *connections = context;
    (void)pthread_mutex_lock(&connections->mutex);
    while (!connections->is_closing) {
        look(connections, imld_ticks_ms());
        wait_ms(connections, LOOK_MS);
    }
    (void)pthread_mutex_unlock(&connections->mutex);
    return NULL;
}

enum iml_code imld_connections_open(struct imld_connections *connections, unsigned per_user,
                                    unsigned request_seconds, struct iml_error *error)
{
    *connections = (struct imld_connections){
        .per_user = per_user, .request_seconds = request_seconds, .looked_ms = imld_ticks_ms()};
    (void)pthread_mutex_init(&connections->mutex, NULL);
    pthread_condattr_t attributes;
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&connections->changed, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    if (pthread_create(&connections->thread, NULL, watch, connections) != 0)
        return iml_error_set(error, IML_ERROR_MEMORY, "no thread for the connections' deadlines");
    connections->has_thread = true;
    return IML_OK;
}

void imld_connections_close(struct imld_connections *connections)
{
    (void)pthread_mutex_lock(&connections->mutex);
    connections->is_closing = true;
    (void)pthread_cond_broadcast(&connections->changed);
    (void)pthread_mutex_unlock(&connections->mutex);
    if (connections->has_thread) (void)pthread_join(connections->thread, NULL);
    (void)pthread_cond_destroy(&connections->changed);
    (void)pthread_mutex_destroy(&connections->mutex);
}

struct imld_connection *imld_connections_add(struct imld_connections *connections, int fd,
                                             uid_t uid)
{
    struct imld_connection *record = calloc(1, sizeof *record);
    (void)pthread_mutex_lock(&connections->mutex);
    unsigned same = 0;
    for (const struct imld_connection *c = connections->first; c; c = c->next)
        same += c->uid == uid;
    if (record && same >= connections->per_user + EXCESS_CONNECTIONS) {
        free(record);
        record = NULL;
    }
    if (record) {
        const bool is_excess = same >= connections->per_user;
        *record = (struct imld_connection){.fd = fd, .uid = uid, .is_excess = is_excess};
        record->deadline_ms = imld_ticks_ms() + (is_excess ? (int64_t)REFUSED_MS
                                                           : connections->request_seconds * 1000LL);
        record->next = connections->first;
        if (record->next) record->next->previous = record;
        connections->first = record;
        connections->count++;
        connections->refused += is_excess;
    } else {
        connections->refused++;
        (void)shutdown(fd, SHUT_RDWR);
    }
    (void)pthread_mutex_unlock(&connections->mutex);
    return record;
}

void imld_connections_remove(struct imld_connections *connections, struct imld_connection *record)
{
    if (!record) return;
    (void)pthread_mutex_lock(&connections->mutex);
    if (record->previous) record->previous->next = record->next;
    if (!record->previous) connections->first = record->next;
    if (record->next) record->next->previous = record->previous;
    connections->count--;
    (void)pthread_cond_broadcast(&connections->changed);
    (void)pthread_mutex_unlock(&connections->mutex);
    free(record);
}

void imld_connections_extend(struct imld_connections *connections, struct imld_connection *record,
                             int64_t more_ms)
{
    if (!record) return;
    (void)pthread_mutex_lock(&connections->mutex);
    const int64_t until = imld_ticks_ms() + more_ms;
    if (until > record->deadline_ms) record->deadline_ms = until;
    (void)pthread_mutex_unlock(&connections->mutex);
}

static void restart(struct imld_connections *connections, struct imld_connection *record,
                    bool has_request)
{
    (void)pthread_mutex_lock(&connections->mutex);
    if (!record->is_excess)
        record->deadline_ms = imld_ticks_ms() + connections->request_seconds * 1000LL;
    record->has_request = has_request;
    (void)pthread_cond_broadcast(&connections->changed);
    (void)pthread_mutex_unlock(&connections->mutex);
}

void imld_connections_begin_request(struct imld_connections *connections,
                                    struct imld_connection *record)
{
    if (record) restart(connections, record, true);
}

void imld_connections_end_request(struct imld_connections *connections,
                                  struct imld_connection *record)
{
    if (record) restart(connections, record, false);
}

void imld_connections_busy(struct imld_connections *connections, struct imld_connection *record,
                           bool is_busy)
{
    if (!record) return;
    (void)pthread_mutex_lock(&connections->mutex);
    record->busy_since_ms = is_busy ? imld_ticks_ms() : 0;
    (void)pthread_mutex_unlock(&connections->mutex);
}

void imld_connections_cut(struct imld_connections *connections, struct imld_connection *record)
{
    if (!record) return;
    (void)pthread_mutex_lock(&connections->mutex);
    (void)shutdown(record->fd, SHUT_RDWR);
    connections->cut++;
    (void)pthread_mutex_unlock(&connections->mutex);
}

static bool has_requests(const struct imld_connections *connections)
{
    for (const struct imld_connection *c = connections->first; c; c = c->next) {
        if (c->has_request) return true;
    }
    return false;
}

void imld_connections_drain(struct imld_connections *connections, int64_t until_ms)
{
    (void)pthread_mutex_lock(&connections->mutex);
    for (int64_t now = imld_ticks_ms(); has_requests(connections) && now < until_ms;
         now = imld_ticks_ms())
        wait_ms(connections, until_ms - now);
    (void)pthread_mutex_unlock(&connections->mutex);
}

void imld_connections_cut_all(struct imld_connections *connections)
{
    (void)pthread_mutex_lock(&connections->mutex);
    for (struct imld_connection *c = connections->first; c; c = c->next)
        (void)shutdown(c->fd, SHUT_RDWR);
    (void)pthread_mutex_unlock(&connections->mutex);
}

bool imld_connections_are_alive(struct imld_connections *connections)
{
    const int64_t now = imld_ticks_ms();
    (void)pthread_mutex_lock(&connections->mutex);
    bool are_alive = now - connections->looked_ms < STUCK_MS;
    for (const struct imld_connection *c = connections->first; c; c = c->next) {
        if (c->busy_since_ms && now - c->busy_since_ms > STUCK_MS) are_alive = false;
    }
    (void)pthread_mutex_unlock(&connections->mutex);
    return are_alive;
}
