/* router.c: from method, path and query to an endpoint; see router.h. The raw target is routed, not
 * the library's decoded one: there %2F has become / and %00 has cut the text. */
#include "api/router.h"

#include <stdlib.h>
#include <string.h>

#include "api/json_text.h"
#include "api/resources.h"
#include "api/server.h"

/* clang-format off */
static const struct imld_route routes[] = {
    {"page",             imld_page_read},
    {"page_script",      imld_page_read},
    {"page_style",       imld_page_read},
    {"healthz",          imld_health_live},
    {"readyz",           imld_health_ready},
    {"schema_get",       imld_schema_read},
    {"server_get",       imld_server_read},
    {"datasets_list",    imld_datasets_read},
    {"jobs_create",      imld_jobs_create},
    {"jobs_list",        imld_jobs_page},
    {"jobs_get",         imld_jobs_read},
    {"jobs_patch",       imld_jobs_change},
    {"jobs_delete",      imld_jobs_remove},
    {"jobs_stop",        imld_verbs_post},
    {"jobs_cancel",      imld_verbs_post},
    {"jobs_pause",       imld_verbs_post},
    {"jobs_resume",      imld_verbs_post},
    {"jobs_retry",       imld_verbs_post},
    {"jobs_backtest",    imld_backtest_post},
    {"metrics_get",      imld_metrics_read},
    {"events_get",       imld_events_read},
    {"artifacts_list",   imld_artifacts_read_all},
    {"artifacts_get",    imld_artifacts_read},
    {"checkpoints_list", imld_checkpoints_read_all},
    {"checkpoints_get",  imld_checkpoints_download},
};
/* clang-format on */

static const char *const known_methods[] = {"GET",    "HEAD",    "POST",  "PUT",    "PATCH",
                                            "DELETE", "OPTIONS", "TRACE", "CONNECT"};

const struct imld_route *imld_route_find(const char *endpoint_name)
{
    for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++) {
        if (strcmp(routes[i].endpoint, endpoint_name) == 0) return &routes[i];
    }
    return NULL;
}

static bool is_known_method(const char *method)
{
    for (size_t i = 0; i < sizeof known_methods / sizeof known_methods[0]; i++) {
        if (strcmp(known_methods[i], method) == 0) return true;
    }
    return false;
}

/* ---- paths ---- */

static bool is_plain_segment(const char *segment, size_t length)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._~-";
    if (length == 0 || length >= IMLD_SEGMENT_MAX) return false;
    if (segment[0] == '.' && (length == 1 || (length == 2 && segment[1] == '.'))) return false;
    for (size_t i = 0; i < length; i++) {
        if (!segment[i] || !strchr(allowed, segment[i])) return false;
    }
    return true;
}

/* Compares segment by segment; {x} in the pattern takes one. parameters may be filled in part where
 * it does not match. */
static bool path_matches(const char *pattern, const char *path, size_t path_length,
                         char parameters[IMLD_PARAMETERS_MAX][IMLD_SEGMENT_MAX])
{
    const char *end = path + path_length;
    size_t taken = 0;
    while (*pattern == '/' && path < end && *path == '/') {
        pattern++;
        path++;
        const size_t wanted = strcspn(pattern, "/");
        size_t length = 0;
        while (path + length < end && path[length] != '/') length++;
        if (*pattern == '{') {
            if (!is_plain_segment(path, length) || taken == IMLD_PARAMETERS_MAX) return false;
            memcpy(parameters[taken], path, length);
            parameters[taken++][length] = '\0';
        } else if (wanted != length || memcmp(pattern, path, length) != 0) {
            return false;
        }
        pattern += wanted;
        path += length;
    }
    return *pattern == '\0' && path == end;
}

/* ---- queries ---- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/* One decoded byte from bytes[*i] on, which moves; -1: a bad escape. */
static int decoded_byte(const char *bytes, size_t length, size_t *i)
{
    const char c = bytes[(*i)++];
    if (c == '+') return ' ';
    if (c != '%') return (unsigned char)c;
    if (length - *i < 2) return -1;
    const int high = hex_digit(bytes[*i]), low = hex_digit(bytes[*i + 1]);
    *i += 2;
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/* A new text; NULL: no memory, or it does not decode to UTF-8 without control characters. */
static char *decode(const char *bytes, size_t length)
{
    char *text = malloc(length + 1);
    size_t n = 0;
    bool is_good = text != NULL;
    for (size_t i = 0; is_good && i < length;) {
        const int byte = decoded_byte(bytes, length, &i);
        is_good = byte >= 0x20 && byte != 0x7f;
        text[n++] = (char)byte;
    }
    if (is_good) text[n] = '\0';
    if (is_good && imld_json_is_utf8(text)) return text;
    free(text);
    return NULL;
}

static bool is_allowed(const char *allowed, const char *name)
{
    const size_t length = strlen(name);
    for (const char *word = allowed; length > 0 && *word;) {
        const size_t word_length = strcspn(word, " ");
        if (word_length == length && memcmp(word, name, length) == 0) return true;
        word += word_length;
        word += strspn(word, " ");
    }
    return false;
}

static void add_argument(struct imld_request *request, const char *text, size_t length,
                         struct imld_problems *problems)
{
    const char *equals = memchr(text, '=', length);
    const size_t name_length = equals ? (size_t)(equals - text) : length;
    char *name = decode(text, name_length);
    char *value = equals ? decode(equals + 1, length - name_length - 1) : strdup("");
    char pointer[80];
    (void)snprintf(pointer, sizeof pointer, "?%s", name ? name : "");
    if (!name || !value)
        imld_problems_add(problems, pointer, "a query argument is not percent-encoded UTF-8");
    else if (!is_allowed(request->endpoint->query, name))
        imld_problems_add(problems, pointer, "unknown query argument; known here: %s",
                          *request->endpoint->query ? request->endpoint->query : "none");
    else if (imld_request_argument(request, name))
        imld_problems_add(problems, pointer, "the query argument is there twice");
    else if (request->argument_count == IMLD_ARGUMENTS_MAX)
        imld_problems_add(problems, pointer, "too many query arguments");
    else {
        request->arguments[request->argument_count++] =
            (struct imld_argument){.name = name, .value = value};
        return;
    }
    free(name);
    free(value);
}

static void read_query(struct imld_request *request, const char *query,
                       struct imld_problems *problems)
{
    while (*query) {
        const size_t length = strcspn(query, "&");
        if (length > 0) add_argument(request, query, length, problems);
        query += length;
        query += strspn(query, "&");
    }
}

/* ---- both ---- */

static void allow_method(struct imld_text *allow, const char *method)
{
    if (allow->length) imld_text_add(allow, ", ");
    imld_text_add(allow, method);
    if (strcmp(method, "GET") == 0) imld_text_add(allow, ", HEAD");
}

unsigned imld_router_find(struct imld_request *request, struct imld_text *allow,
                          struct imld_problems *problems)
{
    if (!is_known_method(request->method)) {
        imld_problems_add(problems, "", "the method is not known here");
        return 501;
    }
    const char *wanted = strcmp(request->method, "HEAD") == 0 ? "GET" : request->method;
    const size_t path_length = strcspn(request->uri, "?");
    if (strcmp(request->uri, "*") == 0 || *request->uri != '/') { /* OPTIONS *, CONNECT host */
        imld_text_add(allow, "GET, HEAD, POST, PATCH, DELETE");
        imld_problems_add(problems, "", "the method is not served here");
        return 405;
    }
    for (size_t i = 0; i < imld_endpoint_count; i++) {
        const struct imld_endpoint *endpoint = &imld_endpoints[i];
        if (!path_matches(endpoint->path, request->uri, path_length, request->parameters)) continue;
        if (strcmp(endpoint->method, wanted) != 0) {
            allow_method(allow, endpoint->method);
            continue;
        }
        request->endpoint = endpoint;
        if (request->uri[path_length])
            read_query(request, request->uri + path_length + 1, problems);
        return problems->total > 0 ? 400 : 0;
    }
    if (allow->length) {
        imld_problems_add(problems, "", "this path does not have the method");
        return 405;
    }
    imld_problems_add(problems, "", "there is no such path");
    return 404;
}
