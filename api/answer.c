/* answer.c: what goes out; see answer.h. */
#include "api/answer.h"

#include <microhttpd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/server.h"

struct imld_answer imld_answer_pending(void)
{
    return (struct imld_answer){.is_pending = true, .fd = -1};
}

struct imld_answer imld_answer_empty(unsigned status)
{
    return (struct imld_answer){.status = status, .constant = "", .fd = -1};
}

struct imld_answer imld_answer_json(unsigned status, struct imld_text *text)
{
    struct imld_answer answer = {.status = status, .content_type = "application/json", .fd = -1};
    answer.length = text->length;
    answer.body = imld_text_take(text);
    if (answer.body) return answer;
    static const char failed[] = "{\"type\":\"urn:imld:problem:internal-error\",\"status\":500,"
                                 "\"title\":\"Internal error\",\"detail\":\"out of memory\"}";
    answer.status = 500;
    answer.content_type = "application/problem+json";
    answer.constant = failed;
    answer.length = sizeof failed - 1;
    return answer;
}

void imld_answer_header(struct imld_answer *answer, const char *name, const char *value, ...)
{
    if (answer->header_count == IMLD_ANSWER_HEADERS) return;
    char *text = NULL;
    va_list arguments;
    va_start(arguments, value);
    const int length = vasprintf(&text, value, arguments);
    va_end(arguments);
    if (length < 0) return;
    for (const char *c = text; *c; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7f) {
            free(text);
            return;
        }
    }
    answer->headers[answer->header_count].name = name;
    answer->headers[answer->header_count].value = text;
    answer->header_count++;
}

void imld_answer_clear(struct imld_answer *answer)
{
    for (size_t i = 0; i < answer->header_count; i++) free(answer->headers[i].value);
    free(answer->body);
    free(answer->refusal);
    if (answer->fd >= 0) (void)close(answer->fd);
    *answer = (struct imld_answer){.fd = -1};
}

static struct MHD_Response *make_response(struct imld_answer *answer)
{
    struct MHD_Response *response = NULL;
    if (answer->file_bytes > 0) {
        response = MHD_create_response_from_fd_at_offset64(answer->file_bytes, answer->fd,
                                                           answer->file_offset);
        if (response) answer->fd = -1; /* the library closes it */
    } else if (answer->body) {
        response =
            MHD_create_response_from_buffer(answer->length, answer->body, MHD_RESPMEM_MUST_FREE);
        if (response) answer->body = NULL;
    } else { /* the cast only drops const: PERSISTENT memory is read, never written */
        union {
            const char *constant;
            void *bytes;
        } body = {.constant = answer->constant ? answer->constant : ""};
        response =
            MHD_create_response_from_buffer(answer->length, body.bytes, MHD_RESPMEM_PERSISTENT);
    }
    return response;
}

/* Nothing of ours may be kept, sniffed, framed, or run from elsewhere (DESIGN §8). */
static const struct {
    const char *name, *value;
} always[] = {
    {"X-Content-Type-Options", "nosniff"},
    {"Cache-Control", "no-store"},
    {"Referrer-Policy", "no-referrer"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
    {"Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; "
                                "connect-src 'self'; img-src 'self'; base-uri 'none'; "
                                "form-action 'none'; frame-ancestors 'none'"},
};

bool imld_answer_send(struct imld_answer *answer, struct imld_request *request)
{
    /* A slow reader of a long answer gets the time that 16 KiB a second need; the rest is the
     * library's idle timeout. */
    const uint64_t bytes = answer->file_bytes > 0 ? answer->file_bytes : answer->length;
    if (bytes >= 65536)
        imld_connections_extend(&request->api->connections, request->record,
                                (int64_t)(bytes / 16384 + 1) * 1000);
    struct MHD_Response *response = make_response(answer);
    bool is_sent = response != NULL;
    for (size_t i = 0; response && i < sizeof always / sizeof always[0]; i++)
        is_sent &= MHD_add_response_header(response, always[i].name, always[i].value) == MHD_YES;
    if (response && answer->content_type)
        is_sent &=
            MHD_add_response_header(response, "Content-Type", answer->content_type) == MHD_YES;
    for (size_t i = 0; response && i < answer->header_count; i++)
        is_sent &= MHD_add_response_header(response, answer->headers[i].name,
                                           answer->headers[i].value) == MHD_YES;
    if (response) is_sent &= MHD_add_response_header(response, "X-Request-Id", request->id);
    if (response && answer->closes)
        is_sent &= MHD_add_response_header(response, "Connection", "close") == MHD_YES;
    if (is_sent)
        is_sent = MHD_queue_response(request->connection, answer->status, response) == MHD_YES;
    if (response) MHD_destroy_response(response);
    request->status = answer->status;
    imld_answer_clear(answer);
    return is_sent;
}
