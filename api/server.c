/* server.c: the listeners: one libmicrohttpd daemon each, their limits, and the order in which they
 * end (a daemon that is stopped with a suspended connection aborts the process: measured). */
#include "api/server.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/json_text.h"
#include "api/serve.h"
#include "base/clock.h"
#include "base/io.h"
#include "spec/resolve.h"

enum { CONNECTION_MEMORY_BYTES = 32 * 1024 };

static void library_says(void *context, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));
static void library_says(void *context, const char *format, va_list arguments)
{
    const struct imld_listening *listening = context;
    char text[400];
    (void)vsnprintf(text, sizeof text, format, arguments);
    text[strcspn(text, "\r\n")] = '\0';
    imld_api_log_limited(listening->api, "info", "%s: %s", listening->address, text);
}

static size_t or_default(size_t value, size_t fallback)
{
    return value ? value : fallback;
}

static struct imld_api_limits with_defaults(const struct imld_api_limits *given)
{
    struct imld_api_limits limits = {
        .body_bytes = or_default(given->body_bytes, 1U << 20),
        .connections = (unsigned)or_default(given->connections, 512),
        .connections_per_user = (unsigned)or_default(given->connections_per_user, 128),
        .idle_seconds = (unsigned)or_default(given->idle_seconds, 30),
        .request_seconds = (unsigned)or_default(given->request_seconds, 30),
        .commit_seconds = (unsigned)or_default(given->commit_seconds, 60),
        .threads = (unsigned)or_default(given->threads, 2),
        .url_bytes = or_default(given->url_bytes, 2048),
    };
    /* the library divides the connections by its threads */
    limits.connections =
        (limits.connections + limits.threads - 1) / limits.threads * limits.threads;
    return limits;
}

static enum iml_code make_schema(struct imld_api *api, struct iml_error *error)
{
    json_t *schema = imld_schema();
    api->schema = imld_json_dump(schema);
    json_decref(schema);
    if (!api->schema) return iml_error_set(error, IML_ERROR_MEMORY, "no memory for the schema");
    unsigned char hash[crypto_hash_sha256_BYTES];
    (void)crypto_hash_sha256(hash, (const unsigned char *)api->schema, strlen(api->schema));
    char hex[33];
    (void)sodium_bin2hex(hex, sizeof hex, hash, 16);
    (void)snprintf(api->schema_etag, sizeof api->schema_etag, "\"%s\"", hex);
    return IML_OK;
}

/* The descriptor is a copy: on failure the caller keeps its own, whatever the library did. */
static enum iml_code start_listening(struct imld_api *api, struct imld_listening *listening,
                                     struct iml_error *error)
{
    const int fd = fcntl(listening->fd, F_DUPFD_CLOEXEC, 3);
    if (fd < 0)
        return iml_error_set(error, IML_ERROR_IO, "can't listen on %s: %s", listening->address,
                             imld_errno_text(errno));
    const struct MHD_OptionItem pool[] = {
        {MHD_OPTION_THREAD_POOL_SIZE, (intptr_t)api->limits.threads, NULL},
        {MHD_OPTION_END, 0, NULL},
    };
    const struct MHD_OptionItem no_pool[] = {{MHD_OPTION_END, 0, NULL}};
    /* the logger comes first: what the library says of options before it goes to stderr */
    listening->daemon = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL, NULL,
        imld_serve, listening, MHD_OPTION_EXTERNAL_LOGGER, library_says, listening,
        MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT, api->limits.connections,
        MHD_OPTION_CONNECTION_TIMEOUT, api->limits.idle_seconds, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)CONNECTION_MEMORY_BYTES, MHD_OPTION_URI_LOG_CALLBACK, imld_serve_target, listening,
        MHD_OPTION_NOTIFY_CONNECTION, imld_serve_connection, listening, MHD_OPTION_NOTIFY_COMPLETED,
        imld_serve_completed, listening, MHD_OPTION_ARRAY, api->limits.threads > 1 ? pool : no_pool,
        MHD_OPTION_END);
    if (!listening->daemon)
        return iml_error_set(error, IML_ERROR_IO, "can't serve on %s", listening->address);
    return IML_OK;
}

static struct imld_api *new_api(const struct imld_api_options *options)
{
    struct imld_api *api = calloc(1, sizeof *api);
    if (!api) return NULL;
    api->storage = options->storage;
    api->control = options->control;
    api->allowed_hosts = options->allowed_hosts;
    api->allowed_host_count = options->allowed_host_count;
    api->limits = with_defaults(&options->limits);
    api->log = options->log;
    api->log_context = options->log_context;
    atomic_init(&api->last_request, 0);
    api->first_request = (uint64_t)imld_wall_ms() << 20;
    (void)pthread_mutex_init(&api->log_limit.mutex, NULL);
    imld_users_init(&api->users, options->admin_group ? options->admin_group : "imld-admin");
    return api;
}

/* ---- the end ---- */

/* No new connections. */
static void quiesce(struct imld_api *api)
{
    for (size_t i = 0; i < api->listening_count; i++) {
        if (api->listenings[i].daemon)
            api->listenings[i].quiesced_fd = MHD_quiesce_daemon(api->listenings[i].daemon);
    }
}

/* The library's threads may have a quiesced socket in their hands until they have ended: it is
 * closed after that, which refuses what is in its backlog. */
static void stop_listening(struct imld_listening *listening)
{
    if (!listening->daemon) return;
    MHD_stop_daemon(listening->daemon);
    if (listening->quiesced_fd != MHD_INVALID_SOCKET) (void)close(listening->quiesced_fd);
}

static void free_api(struct imld_api *api)
{
    if (api->is_listening_to_storage)
        imld_storage_unlisten(api->storage, imld_pending_changed, api->pending);
    imld_connections_close(&api->connections);
    imld_pending_release(api->pending);
    imld_users_clear(&api->users);
    (void)pthread_mutex_destroy(&api->log_limit.mutex);
    free(api->schema);
    free(api);
}

void imld_api_stop(struct imld_api *api, unsigned seconds)
{
    if (!api) return;
    const int64_t until = imld_ticks_ms() + seconds * 1000LL;
    quiesce(api);
    if (api->pending) imld_pending_close_waits(api->pending); /* they answer what they know */
    imld_connections_drain(&api->connections, until - 200);
    if (api->pending) imld_pending_close(api->pending); /* also those that wait for a commit */
    imld_connections_drain(&api->connections, until);
    imld_connections_cut_all(&api->connections);
    for (size_t i = 0; i < api->listening_count; i++) stop_listening(&api->listenings[i]);
    free_api(api);
}

enum iml_code imld_api_start(const struct imld_api_options *options, struct imld_api **started,
                             struct iml_error *error)
{
    *started = NULL;
    if (options->listener_count > sizeof options->listeners / sizeof options->listeners[0])
        return iml_error_set(error, IML_ERROR_LIMIT, "too many listeners");
    if (sodium_init() < 0) return iml_error_set(error, IML_ERROR_IO, "libsodium does not start");
    json_object_seed(0); /* before threads start */
    struct imld_api *api = new_api(options);
    if (!api) return iml_error_set(error, IML_ERROR_MEMORY, "no memory for the API");
    enum iml_code code = imld_connections_open(&api->connections, api->limits.connections_per_user,
                                               api->limits.request_seconds, error);
    if (code == IML_OK) code = make_schema(api, error);
    if (code == IML_OK) code = imld_pending_open(&api->pending, error);
    if (code == IML_OK) {
        imld_storage_listen(api->storage, imld_pending_changed, api->pending);
        api->is_listening_to_storage = true;
    }
    for (size_t i = 0; code == IML_OK && i < options->listener_count; i++) {
        struct imld_listening *listening = &api->listenings[api->listening_count++];
        *listening = (struct imld_listening){.api = api,
                                             .kind = options->listeners[i].kind,
                                             .fd = options->listeners[i].fd,
                                             .quiesced_fd = MHD_INVALID_SOCKET};
        (void)snprintf(listening->address, sizeof listening->address, "%s",
                       options->listeners[i].address);
        code = start_listening(api, listening, error);
    }
    if (code != IML_OK) {
        imld_api_stop(api, 0);
        return code;
    }
    for (size_t i = 0; i < options->listener_count; i++) (void)close(options->listeners[i].fd);
    *started = api;
    return IML_OK;
}

bool imld_api_is_alive(struct imld_api *api)
{
    return imld_connections_are_alive(&api->connections);
}
