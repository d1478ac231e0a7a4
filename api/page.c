/* page.c: GET /, /page.js, /page.css: the page, out of the binary. */
#include "api/page.h"

#include <string.h>

#include "api/resources.h"
#include "api/server.h"

struct imld_answer imld_page_read(struct imld_api *api, struct imld_request *request)
{
    (void)api;
    const char *known = request->headers[IMLD_HEADER_IF_NONE_MATCH];
    for (size_t i = 0; i < imld_page_file_count; i++) {
        const struct imld_page_file *file = &imld_page_files[i];
        if (strcmp(file->endpoint, request->endpoint->name) != 0) continue;
        const bool is_known = known && strstr(known, file->etag);
        struct imld_answer answer = imld_answer_empty(is_known ? 304 : 200);
        if (!is_known) {
            answer.constant = (const char *)file->bytes;
            answer.length = file->length;
            answer.content_type = file->content_type;
        }
        imld_answer_header(&answer, "ETag", "%s", file->etag);
        return answer;
    }
    return imld_answer_problem(404, "there is no such file");
}
