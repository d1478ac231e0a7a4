/* create.c: POST /v1/jobs: a new job, or what it would need (dry_run), DESIGN §7. */
#include <math.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "api/commit.h"
#include "api/job_json.h"
#include "api/json_text.h"
#include "api/origin.h"
#include "api/resources.h"
#include "api/server.h"
#include "spec/metrics.h"

/* ---- dry run ---- */

static void add_known_seconds(struct imld_text *text, const char *key, double seconds)
{
    imld_json_key(text, key);
    imld_json_double(text, seconds); /* NaN: null */
}

static struct imld_answer answer_dry_run(struct imld_api *api, const json_t *spec,
                                         const char *spec_text, const json_t *memory)
{
    struct iml_error error = {0};
    struct imld_text text = {0};
    int64_t identical = 0;
    uint64_t steps = 0;
    const struct imld_control *control = api->control;
    double step_seconds = nan(""), total_seconds = nan("");
    if (control->seconds_per_step)
        step_seconds = control->seconds_per_step(control->context, spec, &steps);
    if (steps > 0) total_seconds = step_seconds * (double)steps;
    struct imld_reader *reader = imld_reader_take(api->storage, &error);
    const bool is_read =
        reader && imld_job_identical(reader, spec_text, &identical, &error) == IML_OK;
    imld_reader_give(reader);
    if (!is_read) return imld_answer_error(&error);
    imld_text_add(&text, "{\"spec\":");
    imld_json_raw(&text, spec_text);
    imld_json_key(&text, "memory");
    imld_json_value(&text, memory);
    add_known_seconds(&text, "seconds_per_step", step_seconds);
    add_known_seconds(&text, "seconds_total", total_seconds);
    char id[IMLD_JOB_ID_MAX];
    imld_job_id(identical, id);
    imld_json_key(&text, "identical_job");
    imld_json_string(&text, identical ? id : NULL);
    imld_text_add(&text, "}");
    return imld_answer_json(200, &text);
}

/* ---- the write ---- */

/* It was there when the document was read. */
static struct imld_answer origin_is_gone(const struct imld_job_create *create)
{
    struct imld_problems problems = {0};
    imld_problems_add(&problems, "/from/checkpoint", "%s", create->write.error.what);
    const struct imld_answer answer = imld_answer_problems(422, &problems);
    imld_problems_clear(&problems);
    return answer;
}

static struct imld_answer created(struct imld_api *api, struct imld_request *request)
{
    const struct imld_commit *commit = request->work;
    struct imld_answer answer;
    if (!imld_commit_is_done(request->work, &answer)) return answer;
    const struct imld_job_create *create = &commit->as.create;
    if (create->write.code == IML_ERROR_NOT_FOUND) return origin_is_gone(create);
    if (create->write.code == IML_ERROR_CONFLICT)
        return imld_answer_problem(422, "this Idempotency-Key was used before with another body");
    if (create->write.code != IML_OK) return imld_answer_error(&create->write.error);
    if (!create->is_replayed) api->control->wake(api->control->context);
    char id[IMLD_JOB_ID_MAX];
    imld_job_id(create->number, id);
    answer = imld_job_answer_number(201, api, create->number);
    if (answer.status == 404) /* replayed, and deleted since: what was acknowledged stays so */
        answer =
            imld_answer_problem(410, "the job %s of this Idempotency-Key has been deleted", id);
    imld_answer_header(&answer, "Location", "/v1/jobs/%s", id);
    if (create->is_replayed) imld_answer_header(&answer, "Idempotency-Replayed", "true");
    return answer;
}

static const char *text_of(const json_t *spec, const char *key)
{
    return json_string_value(json_object_get(spec, key));
}

static const char *keep_list(struct imld_commit *commit, const json_t *spec, const char *key)
{
    return imld_commit_keep(commit, imld_json_dump(json_object_get(spec, key)));
}

/* The checkpoint that a resolved job begins with, or takes its confidence network from. */
static void keep_origin(struct imld_commit *commit, const json_t *spec)
{
    struct imld_job_create *create = &commit->as.create;
    const json_t *own = json_object_get(spec, "from");
    const json_t *from = own ? own : imld_json_at(spec, "/confidence/from");
    const char *job = text_of(from, "job");
    if (!job || !imld_job_number(job, &create->origin_job)) return;
    create->origin_checkpoint = imld_commit_copy(commit, text_of(from, "checkpoint"));
    create->origin_sha256 = imld_commit_copy(commit, text_of(from, "sha256"));
}

static struct imld_answer submit(struct imld_request *request, const json_t *spec, char **spec_text,
                                 const json_t *memory)
{
    struct imld_commit *commit = imld_commit_new(request);
    if (!commit) return imld_answer_problem(500, "out of memory");
    struct imld_job_create *create = &commit->as.create;
    const char *best = text_of(json_object_get(spec, "checkpoint"), "best");
    const struct imld_metric *metric = best ? imld_metric_find(best) : NULL;
    create->owner = imld_commit_copy(commit, request->caller.user);
    create->name = imld_commit_copy(commit, text_of(spec, "name"));
    create->note = imld_commit_copy(commit, text_of(spec, "note"));
    create->tags = keep_list(commit, spec, "tags");
    create->spec = imld_commit_keep(commit, *spec_text);
    *spec_text = NULL;
    create->early_stopping = keep_list(commit, spec, "early_stopping");
    create->best_metric = imld_commit_copy(commit, best ? best : "");
    create->best_is_higher = metric && metric->better == IMLD_BETTER_HIGHER;
    keep_origin(commit, spec);
    create->priority = json_integer_value(json_object_get(spec, "priority"));
    create->threads = json_integer_value(imld_json_at(spec, "/resources/threads"));
    create->memory_bytes = json_integer_value(json_object_get(memory, "total_bytes"));
    /* the library keeps headers only as long as the request: the write may outlive it */
    create->idempotency_key =
        imld_commit_copy(commit, request->headers[IMLD_HEADER_IDEMPOTENCY_KEY]);
    (void)crypto_hash_sha256(create->body_hash, (const unsigned char *)request->body,
                             request->body_length);
    imld_job_create_prepare(create);
    return imld_commit_submit(commit, created);
}

/* ---- POST ---- */

static bool key_is_fit(const char *key)
{
    const size_t length = key ? strlen(key) : 1;
    for (const char *c = key; c && *c; c++) {
        if (*c < 0x21 || *c > 0x7e) return false;
    }
    return length >= 1 && length <= 255;
}

static bool read_dry_run(const struct imld_request *request, bool *is_dry,
                         struct imld_problems *problems)
{
    const char *value = imld_request_argument(request, "dry_run");
    *is_dry = value && strcmp(value, "true") == 0;
    if (!value || *is_dry || strcmp(value, "false") == 0) return true;
    imld_problems_add(problems, "?dry_run", "must be true or false");
    return false;
}

struct imld_answer imld_jobs_create(struct imld_api *api, struct imld_request *request)
{
    struct imld_answer answer;
    struct imld_problems problems = {0};
    struct imld_resolve_context context = *api->control->resolve;
    json_t *document = NULL, *spec = NULL, *memory = NULL;
    char *spec_text = NULL;
    bool is_dry = false;

    if (!key_is_fit(request->headers[IMLD_HEADER_IDEMPOTENCY_KEY]))
        imld_problems_add(&problems, "", "Idempotency-Key must be 1 to 255 visible characters");
    (void)read_dry_run(request, &is_dry, &problems);
    document = imld_request_json(request, &problems);
    if (problems.total > 0) {
        answer = imld_answer_problems(400, &problems);
        goto out;
    }
    context.may_raise_priority = request->caller.is_admin;
    context.origin_view = imld_origin_find;
    context.origin_context = api->storage;
    spec = imld_spec_resolve(document, &context, &problems);
    if (!spec || !api->control->plan(api->control->context, spec, &memory, &problems)) {
        answer = imld_answer_problems(422, &problems);
        goto out;
    }
    spec_text = imld_json_dump(spec);
    if (!spec_text)
        answer = imld_answer_problem(500, "out of memory");
    else if (is_dry)
        answer = answer_dry_run(api, spec, spec_text, memory);
    else
        answer = submit(request, spec, &spec_text, memory);
out:
    free(spec_text);
    json_decref(memory);
    json_decref(spec);
    json_decref(document);
    imld_problems_clear(&problems);
    return answer;
}
