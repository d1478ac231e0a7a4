/* endpoints.h: the table of HTTP endpoints (DESIGN §7): what the router binds handlers to by
 * name. */
#ifndef IMLD_SPEC_ENDPOINTS_H
#define IMLD_SPEC_ENDPOINTS_H

#include <stdbool.h>
#include <stddef.h>

enum imld_right {
    IMLD_RIGHT_NONE, /* also without identity: healthz, readyz, the page */
    IMLD_RIGHT_READ, /* any authenticated caller */
    IMLD_RIGHT_SUBMIT,
    IMLD_RIGHT_OWNER, /* the job's owner, or an admin */
    IMLD_RIGHT_ADMIN
};

struct imld_endpoint {
    const char *name;   /* "jobs_create": the handler is looked up by it */
    const char *method; /* "POST"; HEAD is served where GET is */
    const char *path;   /* "/v1/jobs/{id}/stop": {x} is one segment */
    enum imld_right right;
    const char *query;   /* allowed query arguments, space-separated; an unknown one is a 400 */
    const char *request; /* "application/json", or NULL: no body */
    const char
        *answers; /* "201 400 413 415 422 503": all that it can answer beside the general ones */
    const char *help; /* one sentence */
};

extern const struct imld_endpoint imld_endpoints[];
extern const size_t imld_endpoint_count;

const char *imld_right_name(enum imld_right right);

#endif
