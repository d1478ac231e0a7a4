/* artifacts.c: GET /v1/jobs/{id}/artifacts[/{name}]: what a run measured that is more than a number
 * a step, as JSON documents (DESIGN §7). */
#include "storage/artifacts.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/json_text.h"
#include "api/listing.h"
#include "api/lookup.h"
#include "api/resources.h"
#include "api/server.h"

enum { LIMIT_DEFAULT = 100, LIMIT_MAX = 1000 };

/* ---- list ---- */

/* A cursor is NAME.STEP of the last one shown; "0", which no artifact is called, is the start. */
struct page {
    struct imld_listing listing;
    struct imld_artifact_facts last;
};

static bool add_artifact(void *context, const struct imld_artifact_facts *facts)
{
    struct page *page = context;
    struct imld_text *text = &page->listing.text;
    if (!imld_listing_next(&page->listing)) return false;
    imld_text_add(text, "{\"name\":");
    imld_json_string(text, facts->name);
    imld_json_key(text, "step");
    imld_json_integer(text, facts->step);
    imld_json_key(text, "bytes");
    imld_json_integer(text, facts->bytes);
    imld_json_key(text, "created");
    imld_json_time(text, facts->created_ms);
    imld_text_add(text, "}");
    page->last = *facts;
    return true;
}

static bool read_step(const char *digits, int64_t *step)
{
    char *end = NULL;
    if (*digits < '0' || *digits > '9' || strlen(digits) > 18) return false;
    *step = strtoll(digits, &end, 10);
    return *end == '\0';
}

static void read_cursor(const struct imld_request *request, struct page *page,
                        struct imld_problems *problems)
{
    const char *cursor = imld_request_argument(request, "cursor");
    if (!cursor || strcmp(cursor, "0") == 0) return;
    const size_t length = strcspn(cursor, ".");
    if (length == 0 || length >= sizeof page->last.name || cursor[length] != '.' ||
        !read_step(cursor + length + 1, &page->last.step)) {
        imld_problems_add(problems, "?cursor", "is not a cursor of this list");
        return;
    }
    memcpy(page->last.name, cursor, length);
}

static struct imld_answer answer_page(struct page *page)
{
    struct imld_text *text = &page->listing.text;
    imld_listing_end(&page->listing);
    if (page->last.name[0])
        imld_text_printf(text, "\"%s.%" PRId64 "\"}", page->last.name, page->last.step);
    else
        imld_text_add(text, "\"0\"}");
    return imld_answer_json(200, text);
}

struct imld_answer imld_artifacts_read_all(struct imld_api *api, struct imld_request *request)
{
    (void)api;
    struct imld_answer answer;
    struct imld_problems problems = {0};
    struct iml_error error = {0};
    struct imld_job job = {0};
    struct imld_reader *reader = NULL;
    struct page page = {0};
    int64_t limit = 0;
    enum iml_code code = IML_OK;

    (void)imld_request_number(request, "limit", 1, LIMIT_MAX, LIMIT_DEFAULT, &limit, &problems);
    read_cursor(request, &page, &problems);
    if (problems.total > 0) {
        answer = imld_answer_problems(400, &problems);
        goto out;
    }
    if (!imld_lookup_job(request, &reader, &job, &answer)) goto out;
    imld_listing_begin(&page.listing, "artifacts", (size_t)limit);
    const struct imld_artifact_facts after = page.last; /* the visits move page.last */
    const struct imld_artifact_range range = {.job = job.number,
                                              .after_name = after.name,
                                              .after_step = after.step,
                                              .limit = (size_t)limit + 1};
    code = imld_artifacts_list(reader, &range, add_artifact, &page, &error);
    answer = code == IML_OK ? answer_page(&page) : imld_answer_error(&error);
out:
    imld_text_clear(&page.listing.text);
    imld_reader_give(reader);
    imld_job_clear(&job);
    imld_problems_clear(&problems);
    return answer;
}

/* ---- one ---- */

/* Takes the document. */
static struct imld_answer answer_document(const struct imld_request *request, char *document)
{
    unsigned char digest[16];
    char hex[2 * sizeof digest + 1], etag[sizeof hex + 2];
    const size_t length = strlen(document);
    (void)crypto_generichash(digest, sizeof digest, (const unsigned char *)document, length, NULL,
                             0);
    (void)sodium_bin2hex(hex, sizeof hex, digest, sizeof digest);
    (void)snprintf(etag, sizeof etag, "\"%s\"", hex);
    const char *known = request->headers[IMLD_HEADER_IF_NONE_MATCH];
    const bool is_known = known && (strcmp(known, "*") == 0 || strstr(known, etag));
    struct imld_answer answer = imld_answer_empty(is_known ? 304 : 200);
    if (is_known) {
        free(document);
    } else {
        answer.body = document;
        answer.length = length;
        answer.content_type = "application/json";
    }
    imld_answer_header(&answer, "ETag", "%s", etag);
    return answer;
}

/* Says what there is: the names, or the steps of the name. */
static struct imld_answer answer_absent(struct imld_reader *reader, int64_t job,
                                        const struct imld_request *request, int64_t step)
{
    struct iml_error ignored = {0};
    struct imld_artifact_facts newest;
    char *document = NULL;
    const char *id = request->parameters[0];
    const char *name = request->parameters[1];
    const bool has_name =
        imld_artifact_read(reader, job, name, -1, &newest, &document, &ignored) == IML_OK;
    free(document);
    if (step >= 0 && has_name)
        return imld_answer_problem(404,
                                   "job %s has no artifact %s of step %" PRId64
                                   "; its newest is of step %" PRId64
                                   ", and GET /v1/jobs/%s/artifacts lists all",
                                   id, name, step, newest.step, id);
    return imld_answer_problem(404,
                               "job %s has no artifact %s; GET /v1/jobs/%s/artifacts lists those "
                               "it has: of its `diagnostics`, a confidence job's pictures of its "
                               "weights, or the report of verify and compare",
                               id, name, id);
}

struct imld_answer imld_artifacts_read(struct imld_api *api, struct imld_request *request)
{
    (void)api;
    struct imld_answer answer;
    struct imld_problems problems = {0};
    struct iml_error error = {0};
    struct imld_job job = {0};
    struct imld_reader *reader = NULL;
    struct imld_artifact_facts facts;
    char *document = NULL;
    int64_t step = -1;
    enum iml_code code = IML_OK;

    (void)imld_request_number(request, "step", 0, INT64_MAX, -1, &step, &problems);
    if (problems.total > 0) {
        answer = imld_answer_problems(400, &problems);
        goto out;
    }
    if (!imld_lookup_job(request, &reader, &job, &answer)) goto out;
    code = imld_artifact_read(reader, job.number, request->parameters[1], step, &facts, &document,
                              &error);
    if (code == IML_OK)
        answer = answer_document(request, document);
    else if (code == IML_ERROR_NOT_FOUND)
        answer = answer_absent(reader, job.number, request, step);
    else
        answer = imld_answer_error(&error);
out:
    imld_reader_give(reader);
    imld_job_clear(&job);
    imld_problems_clear(&problems);
    return answer;
}
