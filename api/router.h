/* router.h: binds handlers to the table of endpoints by name, and finds the one for a request. */
#ifndef IMLD_API_ROUTER_H
#define IMLD_API_ROUTER_H

#include "api/request.h"

/* Finds endpoint, path parameters and query arguments. A new answer's status, or 0 where the
 * request may go on: 404, 405 (allow is filled), 501, 400 for a query. */
unsigned imld_router_find(struct imld_request *request, struct imld_text *allow,
                          struct imld_problems *problems);

struct imld_route {
    const char *endpoint; /* the name in the table of endpoints */
    struct imld_answer (*handler)(struct imld_api *api, struct imld_request *request);
};

/* NULL: nobody serves that endpoint (a test walks the table: there is none). */
const struct imld_route *imld_route_find(const char *endpoint_name);

#endif
