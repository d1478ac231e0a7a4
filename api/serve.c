/* serve.c: a request's way through the checks to its handler; see serve.h. */
#include "api/serve.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/protocol.h"
#include "api/router.h"
#include "api/server.h"
#include "base/clock.h"

/* ---- connections ---- */

void imld_serve_connection(void *context, struct MHD_Connection *connection, void **record,
                           enum MHD_ConnectionNotificationCode what)
{
    const struct imld_listening *listening = context;
    struct imld_connections *connections = &listening->api->connections;
    if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
        imld_connections_remove(connections, *record);
        *record = NULL;
        return;
    }
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    if (!info) return;
    struct ucred peer = {.uid = geteuid()};
    socklen_t length = sizeof peer;
    if (listening->kind == IMLD_LISTEN_UNIX &&
        getsockopt(info->connect_fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0) {
        (void)shutdown(info->connect_fd, SHUT_RDWR); /* nobody: not to be taken for a user */
        return;
    }
    *record = imld_connections_add(connections, info->connect_fd, peer.uid);
}

void *imld_serve_target(void *context, const char *uri, struct MHD_Connection *connection)
{
    const struct imld_listening *listening = context;
    struct imld_connections *connections = &listening->api->connections;
    struct imld_request *request = imld_request_new(listening, connection, uri);
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    if (!request) return NULL;
    request->record = info ? info->socket_context : NULL;
    imld_connections_begin_request(connections, request->record);
    if (imld_protocol_target_hangs(uri)) imld_connections_cut(connections, request->record);
    return request;
}

void imld_serve_completed(void *context, struct MHD_Connection *connection, void **state,
                          enum MHD_RequestTerminationCode how)
{
    (void)connection;
    const struct imld_listening *listening = context;
    struct imld_request *request = *state;
    *state = NULL;
    if (!request) return;
    struct imld_api *api = listening->api;
    imld_api_log(api, "debug", "%s %s %s %s %s -> %u (%lld ms%s)", request->id,
                 request->caller.user[0] ? request->caller.user : "-", listening->address,
                 request->method ? request->method : "-", request->uri ? request->uri : "-",
                 request->status, (long long)(imld_ticks_ms() - request->begun_ms),
                 how == MHD_REQUEST_TERMINATED_COMPLETED_OK ? "" : ", cut");
    imld_connections_end_request(&api->connections, request->record);
    imld_request_free(request);
}

/* ---- a request ---- */

static enum MHD_Result send_answer(struct imld_request *request, struct imld_answer answer)
{
    struct imld_api *api = request->api;
    imld_pending_end(api->pending, request);
    if (answer.status >= 400)
        imld_api_log_limited(api, answer.status >= 500 && answer.status != 501 ? "error" : "warn",
                             "%s %s %s %s refused with %u: %s", request->id,
                             request->caller.user[0] ? request->caller.user : "-", request->method,
                             request->uri ? request->uri : "-", answer.status,
                             answer.refusal ? answer.refusal : "");
    if (imld_pending_is_closing(api->pending)) answer.closes = true;
    return imld_answer_send(&answer, request) ? MHD_YES : MHD_NO;
}

static bool has_body(const struct imld_request *request)
{
    const char *length = request->headers[IMLD_HEADER_CONTENT_LENGTH];
    return request->header_counts[IMLD_HEADER_TRANSFER_ENCODING] > 0 ||
           (length && length[strspn(length, "0")] != '\0');
}

/* Parameters such as charset are allowed: what counts is that the bytes are UTF-8. */
static bool is_json(const char *content_type)
{
    static const char json[] = "application/json";
    if (!content_type || strncasecmp(content_type, json, sizeof json - 1) != 0) return false;
    const char *rest = content_type + sizeof json - 1;
    rest += strspn(rest, " \t");
    return *rest == '\0' || *rest == ';';
}

static unsigned check_body(struct imld_request *request, struct imld_problems *problems)
{
    if (!has_body(request)) return 0;
    const char *length = request->headers[IMLD_HEADER_CONTENT_LENGTH];
    const size_t limit = request->api->limits.body_bytes;
    if (length && strtoull(length, NULL, 10) > limit) {
        imld_problems_add(problems, "", "the body is longer than %zu bytes", limit);
        return 413;
    }
    request->ignores_body = strcmp(request->endpoint->method, "GET") == 0;
    if (request->ignores_body || is_json(request->headers[IMLD_HEADER_CONTENT_TYPE])) return 0;
    imld_problems_add(problems, "", "a body needs Content-Type: application/json");
    return 415;
}

static struct imld_answer refuse(unsigned status, const struct imld_problems *problems)
{
    return imld_answer_problems(status, problems);
}

/* The checks that come before the body. true: go on; else *answer. */
static bool admit(struct imld_request *request, const char *version, struct imld_answer *answer)
{
    struct imld_api *api = request->api;
    struct imld_problems problems = {0};
    struct imld_text allow = {0};
    unsigned status = 0;
    bool closes = true;
    imld_request_read_headers(request);
    if (!request->uri) {
        imld_problems_add(&problems, "", "out of memory");
        status = 500;
    } else if (request->record->is_excess) {
        imld_problems_add(&problems, "", "too many connections of this user (%u)",
                          api->limits.connections_per_user);
        status = 429;
    } else {
        status = imld_protocol_check(request, version, api->limits.url_bytes, &problems);
    }
    if (!status) {
        closes = false;
        status = imld_access_check(request, &problems);
    }
    if (!status) status = imld_router_find(request, &allow, &problems);
    if (!status && request->endpoint->right == IMLD_RIGHT_ADMIN && !request->caller.is_admin) {
        imld_problems_add(&problems, "", "only an admin may do this");
        status = 403;
    }
    if (!status) status = check_body(request, &problems);
    if (status) {
        *answer = refuse(status, &problems);
        answer->closes = closes;
        if (allow.length) imld_answer_header(answer, "Allow", "%s", allow.bytes);
    }
    imld_text_clear(&allow);
    imld_problems_clear(&problems);
    return status == 0;
}

/* An endpoint that takes no document takes an empty object too, and says which fields it does not
 * know. */
static bool body_is_fit(struct imld_request *request, struct imld_answer *answer)
{
    if (request->has_no_memory || request->body_is_too_long) {
        *answer = request->has_no_memory
                      ? imld_answer_problem(500, "out of memory")
                      : imld_answer_problem(413, "the body is longer than %zu bytes",
                                            request->api->limits.body_bytes);
        answer->closes = true;
        return false;
    }
    if (request->endpoint->request || request->body_length == 0) return true;
    struct imld_problems problems = {0};
    json_t *document = imld_request_json(request, &problems);
    const unsigned status = document ? 422 : 400;
    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach(document, key, value)
        imld_problems_add(&problems, "", "unknown field \"%s\": this takes none", key);
    const bool is_fit = problems.total == 0;
    if (!is_fit) *answer = imld_answer_problems(status, &problems);
    json_decref(document);
    imld_problems_clear(&problems);
    return is_fit;
}

/* Runs the handler, again and again while what it waits for has come already. */
static enum MHD_Result run(struct imld_request *request)
{
    struct imld_api *api = request->api;
    for (;;) {
        imld_connections_busy(&api->connections, request->record, true);
        struct imld_answer answer = request->next(api, request);
        if (!answer.is_pending) /* what the handler took is not the client's fault */
            imld_connections_extend(&api->connections, request->record,
                                    api->limits.request_seconds * 1000LL);
        imld_connections_busy(&api->connections, request->record, false);
        if (!answer.is_pending) return send_answer(request, answer);
        if (imld_pending_suspend(api->pending, request)) return MHD_YES;
    }
}

/* NOLINTNEXTLINE(readability-function-size): eight parameters are libmicrohttpd's signature */
enum MHD_Result imld_serve(void *context, struct MHD_Connection *connection, const char *url,
                           const char *method, const char *version, const char *upload,
                           size_t *upload_length, void **state)
{
    (void)context;
    (void)connection;
    (void)url; /* decoded: not to be used (router.c) */
    struct imld_request *request = *state;
    struct imld_answer answer = {.fd = -1};
    if (!request || !request->record)
        return MHD_NO; /* no memory, or shut down as far above the cap */
    request->method = method;
    if (!request->is_admitted) {
        if (!admit(request, version, &answer)) return send_answer(request, answer);
        request->is_admitted = true;
        const struct imld_route *route = imld_route_find(request->endpoint->name);
        if (!route) return send_answer(request, imld_answer_problem(501, "not served here"));
        request->next = route->handler;
        return MHD_YES;
    }
    if (*upload_length > 0) {
        imld_request_append(request, upload, *upload_length, request->api->limits.body_bytes);
        *upload_length = 0;
        return MHD_YES;
    }
    if (!request->work && !body_is_fit(request, &answer)) return send_answer(request, answer);
    return run(request);
}
