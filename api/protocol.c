/* protocol.c: faults of the protocol that libmicrohttpd lets pass; see protocol.h. */
#include "api/protocol.h"

#include <string.h>
#include <strings.h>

#include "api/request.h"

enum { AMPERSANDS_MAX = 64 };

bool imld_protocol_target_hangs(const char *uri)
{
    size_t count = 0;
    for (const char *c = uri; *c; c++) count += *c == '&';
    return count > AMPERSANDS_MAX;
}

/* ---- headers as a whole ---- */

static bool is_name_character(char c)
{
    static const char others[] = "!#$%&'*+-.^_`|~"; /* RFC 9110 5.6.2: token */
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c && strchr(others, c));
}

/* The walk over the headers, in the order in which they came. */
struct walk {
    struct imld_problems *problems;
    const char *value_end; /* of the header before; NULL: none */
};

/* The library ends each value with a NUL in its own buffer and gives the length up to the first one
 * (measured, 0.9.75: also by its _n functions), so a NUL that was sent shows only there: the next
 * name must begin one or two bytes (LF, CRLF) after the value's end. A folded line is moved
 * elsewhere. */
static bool was_cut(const char *value_end, const char *next_name)
{
    const uintptr_t end = (uintptr_t)value_end, next = (uintptr_t)next_name;
    return next > end && next - end > 2 && next - end < 32768;
}

static enum MHD_Result look_at_header(void *context, enum MHD_ValueKind kind, const char *name,
                                      size_t name_length, const char *value, size_t value_length)
{
    (void)kind;
    struct walk *walk = context;
    struct imld_problems *problems = walk->problems;
    for (size_t i = 0; i < name_length; i++) {
        if (is_name_character(name[i])) continue;
        imld_problems_add(problems, "", "a header's name has a blank or another foreign character");
        break;
    }
    for (size_t i = 0; value && i < value_length; i++) {
        const unsigned char c = (unsigned char)value[i];
        if ((c >= 0x20 || c == '\t') && c != 0x7f) continue;
        imld_problems_add(problems, "", "a header's value has a control character");
        break;
    }
    if (!value || (uintptr_t)value < (uintptr_t)name)
        imld_problems_add(problems, "", "a header is folded over two lines"); /* RFC 9112 5.2 */
    else if (walk->value_end && was_cut(walk->value_end, name))
        imld_problems_add(problems, "", "a header's value has a NUL");
    walk->value_end = value ? value + value_length : NULL;
    return problems->total < 4 ? MHD_YES : MHD_NO;
}

/* All headers. After the last one's end comes the empty line: a NUL, CR or LF. */
static void check_headers(const struct imld_request *request, struct imld_problems *problems)
{
    struct walk walk = {.problems = problems};
    (void)MHD_get_connection_values_n(request->connection, MHD_HEADER_KIND, look_at_header, &walk);
    if (problems->total > 0 || !walk.value_end) return;
    const char after = walk.value_end[1];
    if (after != '\0' && after != '\r' && after != '\n')
        imld_problems_add(problems, "", "a header's value has a NUL");
}

/* ---- one header each ---- */

/* Digits alone: all else the library refuses by itself. */
static bool is_length(const char *text)
{
    return *text && text[strspn(text, "0123456789")] == '\0';
}

static void check_host(const struct imld_request *request, bool is_1_0,
                       struct imld_problems *problems)
{
    const unsigned count = request->header_counts[IMLD_HEADER_HOST];
    const char *host = request->headers[IMLD_HEADER_HOST];
    if (count > 1)
        imld_problems_add(problems, "", "Host is there %u times", count);
    else if (count == 0 && !is_1_0)
        imld_problems_add(problems, "", "Host is missing");
    else if (host && *host == '\0' && !is_1_0)
        imld_problems_add(problems, "", "Host is empty");
    else if (host && strpbrk(host, " \t/@\\,"))
        imld_problems_add(problems, "", "Host is not a host");
}

/* Two lengths, or a length beside chunks: what a proxy and we take as the body would differ. */
static unsigned check_framing(const struct imld_request *request, bool is_1_0,
                              struct imld_problems *problems)
{
    const unsigned lengths = request->header_counts[IMLD_HEADER_CONTENT_LENGTH];
    const unsigned codings = request->header_counts[IMLD_HEADER_TRANSFER_ENCODING];
    if (lengths > 1) imld_problems_add(problems, "", "Content-Length is there %u times", lengths);
    if (lengths > 0 && codings > 0)
        imld_problems_add(problems, "", "both Content-Length and Transfer-Encoding are there");
    if (lengths == 1 && !is_length(request->headers[IMLD_HEADER_CONTENT_LENGTH]))
        imld_problems_add(problems, "", "Content-Length is not a number");
    if (codings > 0 && is_1_0)
        imld_problems_add(problems, "", "Transfer-Encoding does not belong in HTTP/1.0");
    if (problems->total > 0) return 400;
    if (codings == 0) return 0;
    if (codings == 1 && strcasecmp(request->headers[IMLD_HEADER_TRANSFER_ENCODING], "chunked") == 0)
        return 0;
    imld_problems_add(problems, "", "the only Transfer-Encoding that is read is chunked");
    return 501;
}

/* Headers of which two would leave open which one counts. */
static void check_singles(const struct imld_request *request, struct imld_problems *problems)
{
    static const struct {
        enum imld_header_name header;
        const char *name;
    } singles[] = {
        {IMLD_HEADER_CONTENT_TYPE, "Content-Type"},
        {IMLD_HEADER_ORIGIN, "Origin"},
        {IMLD_HEADER_IDEMPOTENCY_KEY, "Idempotency-Key"},
        {IMLD_HEADER_RANGE, "Range"},
        {IMLD_HEADER_IF_MATCH, "If-Match"},
        {IMLD_HEADER_IF_RANGE, "If-Range"},
        {IMLD_HEADER_SEC_FETCH_SITE, "Sec-Fetch-Site"},
    };
    for (size_t i = 0; i < sizeof singles / sizeof singles[0]; i++) {
        const unsigned count = request->header_counts[singles[i].header];
        if (count > 1)
            imld_problems_add(problems, "", "%s is there %u times", singles[i].name, count);
    }
}

/* ---- the target ---- */

/* The library cuts a target at a NUL. The version follows the target in the library's buffer, one
 * byte after its end (measured, 0.9.75): where the distance is not the text's length, something was
 * cut. */
static bool target_was_cut(const struct imld_request *request, const char *version)
{
    const uintptr_t begin = (uintptr_t)request->uri_place, end = (uintptr_t)version;
    if (end <= begin || end - begin > 1U << 20) return false;
    return end - begin - 1 != strlen(request->uri);
}

static unsigned check_target(const struct imld_request *request, const char *version,
                             size_t url_bytes, struct imld_problems *problems)
{
    const char *uri = request->uri;
    if (strlen(uri) > url_bytes) {
        imld_problems_add(problems, "", "the target is longer than %zu bytes", url_bytes);
        return 414;
    }
    for (const char *c = uri; *c; c++) {
        if ((unsigned char)*c > 0x20 && (unsigned char)*c < 0x7f && *c != '#') continue;
        imld_problems_add(problems, "", "the target has a blank, a # or another foreign character");
        return 400;
    }
    if (target_was_cut(request, version))
        imld_problems_add(problems, "", "the target has a NUL or ends with a blank");
    const bool is_server_wide = strcmp(request->method, "CONNECT") == 0 ||
                                (strcmp(request->method, "OPTIONS") == 0 && strcmp(uri, "*") == 0);
    if (*uri != '/' && !is_server_wide)
        imld_problems_add(problems, "", "the target must begin with /");
    return problems->total > 0 ? 400 : 0;
}

unsigned imld_protocol_check(const struct imld_request *request, const char *version,
                             size_t url_bytes, struct imld_problems *problems)
{
    const bool is_1_0 = strcmp(version, "HTTP/1.0") == 0;
    check_headers(request, problems);
    check_host(request, is_1_0, problems);
    check_singles(request, problems);
    const unsigned status = check_framing(request, is_1_0, problems);
    if (status) return status;
    return check_target(request, version, url_bytes, problems);
}
