/* server.h: the API's parts, as its own files see them. */
#ifndef IMLD_API_SERVER_H
#define IMLD_API_SERVER_H

#include "api/api.h"
#include "api/connections.h"
#include "api/request.h"

struct imld_listening {
    struct imld_api *api;
    enum imld_listener_kind kind;
    char address[128];
    int fd;                    /* the caller's; the library has a copy */
    struct MHD_Daemon *daemon; /* NULL: not started */
    MHD_socket quiesced_fd;    /* owned; MHD_INVALID_SOCKET: it still takes connections */
};

/* Lines of one kind that a client can cause: at most `burst` a window, the rest is counted. */
struct imld_log_limit {
    pthread_mutex_t mutex;
    int64_t window_ms;
    unsigned said, dropped;
};

struct imld_api {
    struct imld_storage *storage;       /* borrowed */
    const struct imld_control *control; /* borrowed */
    const char *const *allowed_hosts;
    size_t allowed_host_count;
    struct imld_api_limits limits; /* defaults filled in */
    void (*log)(void *context, const char *level, const char *line);
    void *log_context;
    struct imld_log_limit log_limit;
    struct imld_listening listenings[8];
    size_t listening_count;
    struct imld_connections connections;
    struct imld_users users;
    struct imld_pending *pending;
    atomic_uint_fast64_t last_request;
    uint64_t first_request; /* differs at each start, so that request ids don't repeat */
    char *schema;           /* owned: the text of GET /v1/schema */
    char schema_etag[40];
    bool is_listening_to_storage;
};

/* One line to the daemon's log. */
void imld_api_log(struct imld_api *api, const char *level, const char *line, ...)
    __attribute__((format(printf, 3, 4)));

/* The same, for what a client can cause at will: at most 20 lines each 10 s. */
void imld_api_log_limited(struct imld_api *api, const char *level, const char *line, ...)
    __attribute__((format(printf, 3, 4)));

#endif
