/* api.h: the HTTP side: listeners, router, resources (DESIGN §7, §8). */
#ifndef IMLD_API_API_H
#define IMLD_API_API_H

#include "api/control.h"
#include "storage/storage.h"

struct imld_api;

enum imld_listener_kind {
    IMLD_LISTEN_UNIX, /* the caller is the peer's uid */
    IMLD_LISTEN_DEV   /* loopback TCP with --dev: every caller is the daemon's own user, as admin */
};

struct imld_listener {
    enum imld_listener_kind kind;
    int fd;            /* bound and listening, non-blocking; owned by the API once started */
    char address[128]; /* "unix:/run/imld.sock", "127.0.0.1:7733": for messages */
};

/* Bounds; 0: the default in brackets. */
struct imld_api_limits {
    size_t body_bytes;             /* 1 MiB */
    unsigned connections;          /* 512, per listener */
    unsigned connections_per_user; /* 128 */
    unsigned idle_seconds;         /* 30 */
    unsigned request_seconds;      /* 30: total time of a request; not of a wait for us, nor of a
                                      download that moves on */
    unsigned commit_seconds;       /* 60: that a request waits for storage, before it is told so */
    unsigned threads;              /* 2 */
    size_t url_bytes;              /* 2048 */
};

struct imld_api_options {
    struct imld_listener listeners[8];
    size_t listener_count;
    struct imld_storage *storage;       /* borrowed */
    const struct imld_control *control; /* borrowed */
    const char *const *allowed_hosts;   /* beyond localhost, 127.0.0.1, [::1]; borrowed */
    size_t allowed_host_count;
    const char *admin_group; /* "imld-admin" */
    struct imld_api_limits limits;
    void (*log)(void *context, const char *level, const char *line); /* any thread */
    void *log_context;
};

/* Starts serving. */
IML_MUST_USE enum iml_code imld_api_start(const struct imld_api_options *options,
                                          struct imld_api **api, struct iml_error *error);

/* Stops taking new connections, lets waiting requests answer (503 where nothing better is known),
 * ends within `seconds`, frees. */
void imld_api_stop(struct imld_api *api, unsigned seconds);

/* A sign of life for the watchdog: true when the HTTP threads answered within the last few
 * seconds. */
bool imld_api_is_alive(struct imld_api *api);

#endif
