/* request.c: one HTTP request; see request.h. */
#include "api/request.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api/server.h"
#include "base/clock.h"

/* A validator that recurses needs a limit of its own; jansson's is 2,048. */
enum { JSON_DEPTH_MAX = 32 };

struct imld_request *imld_request_new(const struct imld_listening *listening,
                                      struct MHD_Connection *connection, const char *uri)
{
    struct imld_request *request = calloc(1, sizeof *request);
    if (!request) return NULL;
    struct imld_api *api = listening->api;
    request->api = api;
    request->listening = listening;
    request->connection = connection;
    request->begun_ms = imld_ticks_ms();
    request->uri = strdup(uri);
    request->uri_place = uri;
    request->waiter.request = request;
    request->waiter.fd = -1;
    const uint64_t number = api->first_request + atomic_fetch_add(&api->last_request, 1);
    (void)snprintf(request->id, sizeof request->id, "%016" PRIx64, number);
    return request;
}

void imld_request_free(struct imld_request *request)
{
    if (!request) return;
    imld_pending_end(request->api->pending, request);
    if (request->work) request->work_free(request->work);
    for (size_t i = 0; i < request->argument_count; i++) {
        free(request->arguments[i].name);
        free(request->arguments[i].value);
    }
    free(request->body);
    free(request->uri);
    free(request);
}

static const char *const header_names[IMLD_HEADERS] = {
    [IMLD_HEADER_ACCEPT] = "Accept",
    [IMLD_HEADER_CONTENT_LENGTH] = "Content-Length",
    [IMLD_HEADER_CONTENT_TYPE] = "Content-Type",
    [IMLD_HEADER_HOST] = "Host",
    [IMLD_HEADER_IDEMPOTENCY_KEY] = "Idempotency-Key",
    [IMLD_HEADER_IF_MATCH] = "If-Match",
    [IMLD_HEADER_IF_NONE_MATCH] = "If-None-Match",
    [IMLD_HEADER_IF_RANGE] = "If-Range",
    [IMLD_HEADER_ORIGIN] = "Origin",
    [IMLD_HEADER_RANGE] = "Range",
    [IMLD_HEADER_SEC_FETCH_SITE] = "Sec-Fetch-Site",
    [IMLD_HEADER_TRANSFER_ENCODING] = "Transfer-Encoding",
};

static enum MHD_Result keep_header(void *context, enum MHD_ValueKind kind, const char *name,
                                   const char *value)
{
    (void)kind;
    struct imld_request *request = context;
    for (size_t i = 0; i < IMLD_HEADERS; i++) {
        if (strcasecmp(name, header_names[i]) != 0) continue;
        if (request->header_counts[i]++ == 0) request->headers[i] = value ? value : "";
        break;
    }
    return MHD_YES;
}

void imld_request_read_headers(struct imld_request *request)
{
    (void)MHD_get_connection_values(request->connection, MHD_HEADER_KIND, keep_header, request);
}

void imld_request_append(struct imld_request *request, const char *bytes, size_t length,
                         size_t limit)
{
    if (request->ignores_body || request->body_is_too_long || request->has_no_memory) return;
    if (length > limit - request->body_length) {
        request->body_is_too_long = true;
        return;
    }
    const size_t needed = request->body_length + length;
    if (needed > request->body_capacity) {
        size_t capacity = request->body_capacity ? request->body_capacity : 4096;
        while (capacity < needed) capacity *= 2; /* limit is far below SIZE_MAX / 2 */
        char *body = realloc(request->body, capacity);
        if (!body) {
            request->has_no_memory = true;
            return;
        }
        request->body = body;
        request->body_capacity = capacity;
    }
    memcpy(request->body + request->body_length, bytes, length);
    request->body_length = needed;
}

const char *imld_request_argument(const struct imld_request *request, const char *name)
{
    for (size_t i = 0; i < request->argument_count; i++) {
        if (strcmp(request->arguments[i].name, name) == 0) return request->arguments[i].value;
    }
    return NULL;
}

bool imld_request_number(const struct imld_request *request, const char *name, int64_t minimum,
                         int64_t maximum, int64_t fallback, int64_t *number,
                         struct imld_problems *problems)
{
    *number = fallback;
    const char *text = imld_request_argument(request, name);
    if (!text) return true;
    char *end = NULL;
    errno = 0;
    const long long value = strtoll(text, &end, 10);
    const bool has_digit = *text >= '0' && *text <= '9'; /* no blanks, no sign: none is negative */
    if (!has_digit || *end || errno || value < minimum || value > maximum) {
        char pointer[40];
        (void)snprintf(pointer, sizeof pointer, "?%s", name);
        imld_problems_add(problems, pointer, "must be a whole number from %" PRId64 " to %" PRId64,
                          minimum, maximum);
        return false;
    }
    *number = value;
    return true;
}

/* Deepest nesting of brackets outside of strings. */
static size_t json_depth(const char *bytes, size_t length)
{
    size_t depth = 0, deepest = 0;
    bool in_string = false;
    for (size_t i = 0; i < length; i++) {
        const char c = bytes[i];
        if (in_string) {
            if (c == '\\') i++;
            if (c == '"') in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            if (++depth > deepest) deepest = depth;
        } else if ((c == '}' || c == ']') && depth > 0) {
            depth--;
        }
    }
    return deepest;
}

/* What users meet most, said better than the parser can. */
static const char *json_hint(const char *body, size_t length, const json_error_t *error)
{
    if (length == 0) return "the body is empty";
    if (length >= 3 && memcmp(body, "\xef\xbb\xbf", 3) == 0)
        return "the body begins with a byte order mark; send UTF-8 without one";
    switch ((int)json_error_code(error)) {
    case json_error_invalid_utf8:
        return "the body is not UTF-8";
    case json_error_premature_end_of_input:
        return "the JSON text ends too early";
    case json_error_end_of_input_expected:
        return "there is more after the JSON document";
    case json_error_duplicate_key:
        return "a key is there twice";
    case json_error_null_character:
    case json_error_null_byte_in_key:
        return "a text contains the character \\u0000";
    case json_error_numeric_overflow:
        return "a number is too large (integers end at 2^63, others at 1.8e308)";
    default:
        return "the body is not JSON";
    }
}

json_t *imld_request_json(const struct imld_request *request, struct imld_problems *problems)
{
    const char *body = request->body ? request->body : "";
    if (json_depth(body, request->body_length) > JSON_DEPTH_MAX) {
        imld_problems_add(problems, "", "the document is nested deeper than %d levels",
                          JSON_DEPTH_MAX);
        return NULL;
    }
    json_error_t error = {0};
    json_t *document = json_loadb(body, request->body_length, JSON_REJECT_DUPLICATES, &error);
    if (!document) {
        imld_problems_add(problems, "", "%s (line %d, column %d)",
                          json_hint(body, request->body_length, &error),
                          error.line < 1 ? 1 : error.line, error.column < 1 ? 1 : error.column);
        return NULL;
    }
    if (!json_is_object(document)) {
        imld_problems_add(problems, "", "the document must be a JSON object");
        json_decref(document);
        return NULL;
    }
    return document;
}
