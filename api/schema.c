/* schema.c: GET /v1/schema: the tables of job fields, metrics and states; made once, at start. */
#include <string.h>

#include "api/resources.h"
#include "api/server.h"

struct imld_answer imld_schema_read(struct imld_api *api, struct imld_request *request)
{
    const char *known = request->headers[IMLD_HEADER_IF_NONE_MATCH];
    const bool is_known = known && strstr(known, api->schema_etag);
    struct imld_answer answer = imld_answer_empty(is_known ? 304 : 200);
    if (!is_known) {
        answer.constant = api->schema;
        answer.length = strlen(api->schema);
        answer.content_type = "application/json";
    }
    imld_answer_header(&answer, "ETag", "%s", api->schema_etag);
    return answer;
}
