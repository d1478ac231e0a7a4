/* jobs.c: the resource /v1/jobs: list, read, change, delete (DESIGN §7). Creation: create.c. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/commit.h"
#include "api/job_json.h"
#include "api/json_text.h"
#include "api/lookup.h"
#include "api/resources.h"
#include "api/server.h"

enum { LIMIT_DEFAULT = 50, LIMIT_MAX = 500 };

/* ---- GET /v1/jobs ---- */

/* Copies of the rows: the walk must end before their points are read on the same connection. */
struct page {
    struct imld_job *jobs; /* owned: limit + 1 places */
    size_t count, capacity;
    bool has_failed;
};

static char *copy(const char *text, bool *has_failed)
{
    char *copied = text ? strdup(text) : NULL;
    if (text && !copied) *has_failed = true;
    return copied;
}

static bool keep_job(void *context, const struct imld_job *job)
{
    struct page *page = context;
    if (page->count == page->capacity) return false;
    struct imld_job *kept = &page->jobs[page->count++];
    *kept = *job;
    kept->spec = NULL; /* not in a list */
    kept->owner = copy(job->owner, &page->has_failed);
    kept->name = copy(job->name, &page->has_failed);
    kept->note = copy(job->note, &page->has_failed);
    kept->tags = copy(job->tags, &page->has_failed);
    kept->early_stopping = copy(job->early_stopping, &page->has_failed);
    kept->reason = copy(job->reason, &page->has_failed);
    kept->result = copy(job->result, &page->has_failed);
    kept->error = copy(job->error, &page->has_failed);
    kept->split = copy(job->split, &page->has_failed);
    kept->program = copy(job->program, &page->has_failed);
    kept->best_metric = copy(job->best_metric, &page->has_failed);
    return !page->has_failed;
}

static void free_page(struct page *page)
{
    for (size_t i = 0; i < page->count; i++) imld_job_clear(&page->jobs[i]);
    free(page->jobs);
}

static void read_states(const char *list, unsigned *states, struct imld_problems *problems)
{
    char names[128];
    char *rest = NULL;
    if (!list) return;
    if (strlen(list) >= sizeof names || !*list) {
        imld_problems_add(problems, "?state", "must be states, separated by commas");
        return;
    }
    (void)snprintf(names, sizeof names, "%s", list);
    for (const char *name = strtok_r(names, ",", &rest); name; name = strtok_r(NULL, ",", &rest)) {
        enum imld_state state;
        if (imld_state_parse(name, &state))
            *states |= 1U << state;
        else
            imld_problems_add(problems, "?state",
                              "there is no state \"%s\"; there are queued, running, paused, "
                              "completed, failed, cancelled",
                              name);
    }
}

static void read_filter(const struct imld_request *request, struct imld_job_filter *filter,
                        struct imld_problems *problems)
{
    int64_t limit = 0;
    read_states(imld_request_argument(request, "state"), &filter->states, problems);
    (void)imld_request_number(request, "limit", 1, LIMIT_MAX, LIMIT_DEFAULT, &limit, problems);
    filter->limit = (size_t)limit + 1; /* one more tells whether there are more */
    filter->owner = imld_request_argument(request, "owner");
    filter->tag = imld_request_argument(request, "tag");
    filter->name = imld_request_argument(request, "name");
    const char *cursor = imld_request_argument(request, "cursor");
    if (cursor && !imld_job_number(cursor, &filter->before))
        imld_problems_add(problems, "?cursor", "is not a cursor of this list");
}

static enum iml_code write_page(struct imld_text *text, struct imld_api *api,
                                struct imld_reader *reader, const struct page *page,
                                struct iml_error *error)
{
    const size_t shown = page->count == page->capacity ? page->count - 1 : page->count;
    imld_text_add(text, "{\"jobs\":[");
    for (size_t i = 0; i < shown; i++) {
        if (i) imld_text_add(text, ",");
        const enum iml_code code =
            imld_job_json(text, api, reader, &page->jobs[i], IMLD_JOB_ITEM, error);
        if (code != IML_OK) return code;
    }
    imld_text_printf(text, "],\"more\":%s,\"cursor\":", shown < page->count ? "true" : "false");
    char id[IMLD_JOB_ID_MAX];
    if (shown < page->count) imld_job_id(page->jobs[shown - 1].number, id);
    imld_json_string(text, shown < page->count ? id : NULL);
    imld_text_add(text, "}");
    return IML_OK;
}

struct imld_answer imld_jobs_page(struct imld_api *api, struct imld_request *request)
{
    struct imld_answer answer;
    struct imld_problems problems = {0};
    struct imld_job_filter filter = {0};
    struct page page = {0};
    struct imld_text text = {0};
    struct iml_error error = {0};
    struct imld_reader *reader = NULL;
    enum iml_code code = IML_OK;

    read_filter(request, &filter, &problems);
    if (problems.total > 0) {
        answer = imld_answer_problems(400, &problems);
        goto out;
    }
    page.capacity = filter.limit;
    page.jobs = calloc(page.capacity, sizeof *page.jobs);
    if (!page.jobs) {
        answer = imld_answer_problem(500, "out of memory");
        goto out;
    }
    reader = imld_reader_take(api->storage, &error);
    code = reader ? imld_jobs_list(reader, &filter, keep_job, &page, &error) : error.code;
    if (code == IML_OK && page.has_failed)
        code = iml_error_set(&error, IML_ERROR_MEMORY, "out of memory");
    if (code == IML_OK) code = write_page(&text, api, reader, &page, &error);
    answer = code == IML_OK ? imld_answer_json(200, &text) : imld_answer_error(&error);
out:
    imld_reader_give(reader);
    imld_text_clear(&text);
    free_page(&page);
    imld_problems_clear(&problems);
    return answer;
}

/* ---- GET /v1/jobs/{id} ---- */

struct imld_answer imld_jobs_read(struct imld_api *api, struct imld_request *request)
{
    struct imld_answer answer;
    struct imld_reader *reader = NULL;
    struct imld_job job;
    if (!imld_lookup_job(request, &reader, &job, &answer)) return answer;
    answer = imld_job_answer(200, api, reader, &job);
    const char *known = request->headers[IMLD_HEADER_IF_NONE_MATCH];
    if (answer.status == 200 && known && answer.header_count > 0 &&
        strstr(known, answer.headers[0].value)) {
        struct imld_answer unchanged = imld_answer_empty(304);
        imld_answer_header(&unchanged, "ETag", "%s", answer.headers[0].value);
        imld_answer_clear(&answer);
        answer = unchanged;
    }
    imld_job_clear(&job);
    imld_reader_give(reader);
    return answer;
}

/* ---- PATCH /v1/jobs/{id} ---- */

/* A job that changed, or a 404, 412, 503. */
static struct imld_answer changed(struct imld_api *api, struct imld_request *request)
{
    const struct imld_commit *commit = request->work;
    struct imld_answer answer;
    if (!imld_commit_is_done(request->work, &answer)) return answer;
    const struct imld_job_patch *patch = &commit->as.patch;
    if (patch->write.code == IML_ERROR_CONFLICT && patch->if_revision >= 0)
        return imld_answer_problem(412, "the job has changed since the ETag of If-Match was read");
    if (patch->write.code != IML_OK) return imld_answer_error(&patch->write.error);
    api->control->wake(api->control->context);
    api->control->notify(api->control->context, patch->number);
    return imld_job_answer_number(200, api, patch->number);
}

/* The member's text for the write; NULL where the document does not have it. */
static const char *keep_text(struct imld_commit *commit, const json_t *object, const char *key)
{
    return imld_commit_copy(commit, json_string_value(json_object_get(object, key)));
}

static const char *keep_list(struct imld_commit *commit, const json_t *object, const char *key)
{
    return imld_commit_keep(commit, imld_json_dump(json_object_get(object, key)));
}

static struct imld_answer submit_patch(struct imld_request *request, const json_t *fields,
                                       const struct imld_job *job)
{
    struct imld_commit *commit = imld_commit_new(request);
    if (!commit) return imld_answer_problem(500, "out of memory");
    const char *match = request->headers[IMLD_HEADER_IF_MATCH];
    const json_t *priority = json_object_get(fields, "priority");
    struct imld_job_patch *patch = &commit->as.patch;
    patch->number = job->number;
    patch->actor = imld_commit_copy(commit, request->caller.user);
    patch->name = keep_text(commit, fields, "name");
    patch->note = keep_text(commit, fields, "note");
    patch->tags = keep_list(commit, fields, "tags");
    patch->early_stopping = keep_list(commit, fields, "early_stopping");
    patch->has_priority = priority != NULL;
    patch->priority = json_integer_value(priority);
    patch->if_revision = match && strcmp(match, "*") != 0 ? imld_job_etag_revision(match) : -1;
    imld_job_patch_prepare(patch);
    return imld_commit_submit(commit, changed);
}

struct imld_answer imld_jobs_change(struct imld_api *api, struct imld_request *request)
{
    struct imld_answer answer;
    struct imld_problems problems = {0};
    struct imld_subject subject;
    json_t *fields = NULL;
    struct imld_resolve_context context = *api->control->resolve;
    const char *match = request->headers[IMLD_HEADER_IF_MATCH];

    if (!imld_lookup_subject(request, &subject, &answer)) goto out;
    if (match && strcmp(match, "*") != 0 && imld_job_etag_revision(match) != subject.job.revision) {
        answer =
            imld_answer_problem(412, "the job has changed since the ETag of If-Match was read");
        goto out;
    }
    context.may_raise_priority = request->caller.is_admin;
    fields = imld_spec_resolve_patch(subject.document, subject.spec, &context, &problems);
    answer =
        fields ? submit_patch(request, fields, &subject.job) : imld_answer_problems(422, &problems);
out:
    json_decref(fields);
    imld_subject_clear(&subject);
    imld_problems_clear(&problems);
    return answer;
}

/* ---- DELETE /v1/jobs/{id} ---- */

static struct imld_answer removed(struct imld_api *api, struct imld_request *request)
{
    (void)api;
    const struct imld_commit *commit = request->work;
    struct imld_answer answer;
    if (!imld_commit_is_done(request->work, &answer)) return answer;
    return commit->as.write.code == IML_OK ? imld_answer_empty(204)
                                           : imld_answer_error(&commit->as.write.error);
}

struct imld_answer imld_jobs_remove(struct imld_api *api, struct imld_request *request)
{
    (void)api;
    struct imld_answer answer;
    struct imld_reader *reader = NULL;
    struct imld_job job;
    if (!imld_lookup_job(request, &reader, &job, &answer)) return answer;
    imld_reader_give(reader);
    struct imld_commit *commit = imld_commit_new(request);
    if (commit) {
        commit->as.remove.number = job.number;
        commit->as.remove.actor = imld_commit_copy(commit, request->caller.user);
        imld_job_delete_prepare(&commit->as.remove);
        answer = imld_commit_submit(commit, removed);
    } else {
        answer = imld_answer_problem(500, "out of memory");
    }
    imld_job_clear(&job);
    return answer;
}
