/* errors.c: the table of error answers (DESIGN §7); see errors.h. */
#include "spec/errors.h"

/* clang-format off */
const struct imld_error_kind imld_error_kinds[] = {
    {400, "bad-request", "Bad request",
     "The request itself can't be read: malformed JSON, a bad header or path, an unknown query argument. Mend it before sending it again."},
    {401, "unauthorized", "Unauthorized",
     "The caller is not known. Send a bearer token, or use the unix socket."},
    {403, "forbidden", "Forbidden",
     "The caller is known but has not this right, or the request comes from a foreign Origin. Ask the job's owner or an admin."},
    {404, "not-found", "Not found",
     "There is no such path, job, checkpoint or data set. Look at the list it should be in."},
    {405, "method-not-allowed", "Method not allowed",
     "The path exists, but not with this method. The Allow header names those that it has."},
    {406, "not-acceptable", "Not acceptable",
     "None of the forms that the Accept header asks for can be made. Accept application/json."},
    {408, "request-timeout", "Request timeout",
     "The request did not arrive in the time it has. Send it again."},
    {409, "conflict", "Conflict",
     "The job's state forbids it; the detail names the state. Read the job, then decide."},
    {410, "gone", "Gone",
     "What the cursor or the name pointed at has been deleted. Start again from the list."},
    {411, "length-required", "Length required",
     "The body's length is not given. Send Content-Length, or chunks."},
    {412, "precondition-failed", "Precondition failed",
     "The job has changed since the ETag of If-Match was read. Read it again, then repeat the change."},
    {413, "content-too-large", "Content too large",
     "The body is above the limit. Send a smaller one."},
    {414, "uri-too-long", "URI too long",
     "Path and query are above the limit. Ask for less at once."},
    {415, "unsupported-media-type", "Unsupported media type",
     "The body is of another type than the endpoint reads. Send Content-Type: application/json."},
    {416, "range-not-satisfiable", "Range not satisfiable",
     "The Range lies outside the file. Content-Range names the file's size."},
    {421, "misdirected-request", "Misdirected request",
     "The Host header names a host that this daemon does not serve. Use an allowed name or address."},
    {422, "invalid-spec", "Invalid job",
     "The document is JSON, but not a job: errors lists every wrong field with its JSON pointer. Also: an Idempotency-Key used before with another body."},
    {429, "too-many-requests", "Too many requests",
     "The caller has too much under way. Wait as Retry-After says."},
    {431, "header-too-large", "Request header too large",
     "The header fields are above the limit. Send fewer or shorter ones."},
    {500, "internal-error", "Internal error",
     "A fault of the daemon; its log has the text. Reading again what was written shows whether it has happened."},
    {501, "not-implemented", "Not implemented",
     "This version of imld can't do it."},
    {503, "unavailable", "Service unavailable",
     "The daemon is starting, ending, or waits for its storage. Send the same request again as Retry-After says."},
};
/* clang-format on */

const size_t imld_error_kind_count = sizeof imld_error_kinds / sizeof imld_error_kinds[0];

const struct imld_error_kind *imld_error_kind_find(unsigned status)
{
    for (size_t i = 0; i < imld_error_kind_count; i++) {
        if (imld_error_kinds[i].status == status) return &imld_error_kinds[i];
    }
    return NULL;
}
