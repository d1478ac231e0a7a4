/* request.h: one HTTP request: what came in, who sent it, what it waits for. */
#ifndef IMLD_API_REQUEST_H
#define IMLD_API_REQUEST_H

#include <jansson.h>
#include <microhttpd.h>

#include "api/access.h"
#include "api/answer.h"
#include "api/pending.h"
#include "spec/endpoints.h"

struct imld_api;
struct imld_listening;
struct imld_connection;
struct imld_request;

/* Headers that we read; all others are ignored. */
enum imld_header_name {
    IMLD_HEADER_ACCEPT,
    IMLD_HEADER_CONTENT_LENGTH,
    IMLD_HEADER_CONTENT_TYPE,
    IMLD_HEADER_HOST,
    IMLD_HEADER_IDEMPOTENCY_KEY,
    IMLD_HEADER_IF_MATCH,
    IMLD_HEADER_IF_NONE_MATCH,
    IMLD_HEADER_IF_RANGE,
    IMLD_HEADER_ORIGIN,
    IMLD_HEADER_RANGE,
    IMLD_HEADER_SEC_FETCH_SITE,
    IMLD_HEADER_TRANSFER_ENCODING,
    IMLD_HEADERS
};

enum { IMLD_PARAMETERS_MAX = 2, IMLD_ARGUMENTS_MAX = 16, IMLD_SEGMENT_MAX = 128 };

struct imld_argument {
    char *name, *value; /* owned, decoded, UTF-8 */
};

/* Belongs to the thread of its connection; `waiter` alone is shared (pending.h). */
struct imld_request {
    struct imld_api *api;                   /* borrowed */
    const struct imld_listening *listening; /* borrowed */
    struct MHD_Connection *connection;      /* borrowed */
    struct imld_connection *record;         /* borrowed; NULL only where memory ran out */
    char id[24];
    int64_t begun_ms;
    char *uri;             /* owned: the raw target up to its first NUL; NULL: no memory */
    const char *uri_place; /* where it lies in the library's buffer: never read */
    const char *method;    /* borrowed, as all texts of the library, until the request completes */
    const char *headers[IMLD_HEADERS];
    unsigned header_counts[IMLD_HEADERS];
    struct imld_caller caller;
    const struct imld_endpoint *endpoint;
    char parameters[IMLD_PARAMETERS_MAX][IMLD_SEGMENT_MAX]; /* {id}, {name} */
    struct imld_argument arguments[IMLD_ARGUMENTS_MAX];
    size_t argument_count;
    char *body; /* owned; NULL: none */
    size_t body_length, body_capacity;
    bool is_admitted;      /* the checks before the body have passed */
    bool ignores_body;     /* it is read and dropped */
    bool body_is_too_long; /* more came than the limit: the rest is dropped */
    bool has_no_memory;
    /* The handler: answers, or says by imld_answer_pending that the request waits; then `next` is
     * called again when what it waits for has come. */
    struct imld_answer (*next)(struct imld_api *api, struct imld_request *request);
    void *work; /* what a handler keeps while it waits */
    void (*work_free)(void *work);
    struct imld_waiter waiter;
    unsigned status; /* of the answer; 0: none yet */
};

/* For MHD_OPTION_URI_LOG_CALLBACK: the first that is known of a request. NULL: no memory. */
struct imld_request *imld_request_new(const struct imld_listening *listening,
                                      struct MHD_Connection *connection, const char *uri);
void imld_request_free(struct imld_request *request);

/* Keeps the headers of the table above. */
void imld_request_read_headers(struct imld_request *request);

/* Takes a piece of the body; never more than limit bytes are kept. */
void imld_request_append(struct imld_request *request, const char *bytes, size_t length,
                         size_t limit);

/* The value of a query argument; NULL: not given. */
const char *imld_request_argument(const struct imld_request *request, const char *name);

/* A whole number as query argument, minimum ≤ it ≤ maximum; fallback where it is not given. false:
 * a problem was added (400). */
bool imld_request_number(const struct imld_request *request, const char *name, int64_t minimum,
                         int64_t maximum, int64_t fallback, int64_t *number,
                         struct imld_problems *problems);

/* The body as a JSON object: a new reference, or NULL with a problem (400). */
json_t *imld_request_json(const struct imld_request *request, struct imld_problems *problems);

#endif
