/* events.c: GET /v1/jobs/{id}/events: the job's log, oldest first. */
#include <inttypes.h>

#include "api/json_text.h"
#include "api/listing.h"
#include "api/lookup.h"
#include "api/resources.h"
#include "api/server.h"

enum { LIMIT_DEFAULT = 50, LIMIT_MAX = 500 };

struct page {
    struct imld_listing listing;
    int64_t last;
};

static bool add_event(void *context, const struct imld_event *event)
{
    struct page *page = context;
    struct imld_text *text = &page->listing.text;
    if (!imld_listing_next(&page->listing)) return false;
    char id[IMLD_JOB_ID_MAX];
    imld_job_id(event->job, id);
    imld_text_printf(text, "{\"id\":%" PRId64, event->id);
    imld_json_key(text, "time");
    imld_json_time(text, event->time_ms);
    imld_json_key(text, "kind");
    imld_json_string(text, event->kind);
    imld_json_key(text, "job");
    imld_json_string(text, event->job ? id : NULL);
    imld_json_key(text, "actor");
    imld_json_string(text, event->actor && *event->actor ? event->actor : NULL);
    imld_json_key(text, "data");
    imld_json_raw(text, event->data);
    imld_text_add(text, "}");
    page->last = event->id;
    return true;
}

/* cursor is never null: the last event's id, from which a later call goes on; `more` tells whether
 * there are more now. */
struct imld_answer imld_events_read(struct imld_api *api, struct imld_request *request)
{
    (void)api;
    struct imld_answer answer;
    struct imld_problems problems = {0};
    struct iml_error error = {0};
    struct imld_job job = {0};
    struct imld_reader *reader = NULL;
    struct page page = {0};
    int64_t limit = 0, after = 0;
    enum iml_code code = IML_OK;

    (void)imld_request_number(request, "limit", 1, LIMIT_MAX, LIMIT_DEFAULT, &limit, &problems);
    (void)imld_request_number(request, "cursor", 0, INT64_MAX, 0, &after, &problems);
    if (problems.total > 0) {
        answer = imld_answer_problems(400, &problems);
        goto out;
    }
    if (!imld_lookup_job(request, &reader, &job, &answer)) goto out;
    page.last = after;
    imld_listing_begin(&page.listing, "events", (size_t)limit);
    code = imld_events_list(reader, job.number, after, (size_t)limit + 1, add_event, &page, &error);
    imld_listing_end(&page.listing);
    imld_text_printf(&page.listing.text, "\"%" PRId64 "\"}", page.last);
    answer = code == IML_OK ? imld_answer_json(200, &page.listing.text) : imld_answer_error(&error);
out:
    imld_text_clear(&page.listing.text);
    imld_reader_give(reader);
    imld_job_clear(&job);
    imld_problems_clear(&problems);
    return answer;
}
