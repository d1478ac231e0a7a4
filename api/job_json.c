/* job_json.c: the job object; see job_json.h. */
#include "api/job_json.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/json_text.h"
#include "api/server.h"
#include "storage/points.h"

static void add_id(struct imld_text *text, int64_t number)
{
    char id[IMLD_JOB_ID_MAX];
    imld_job_id(number, id);
    imld_json_string(text, id);
}

/* A run that waits for storage is still running: the reason is the daemon's. */
static void add_reason(struct imld_text *text, const struct imld_job *job,
                       const struct imld_live *live)
{
    imld_json_key(text, "reason");
    if (!live->fault) {
        imld_json_raw(text, job->reason);
        return;
    }
    imld_text_add(text, "{");
    imld_json_key(text, "kind");
    imld_json_string(text, live->fault);
    imld_json_key(text, "rule");
    imld_text_add(text, "null");
    imld_json_key(text, "numbers");
    imld_text_add(text, "{}");
    imld_json_key(text, "text");
    imld_json_string(text, live->fault_text);
    imld_text_add(text, "}");
}

static void add_intents(struct imld_text *text, unsigned intents)
{
    imld_json_key(text, "intents");
    imld_text_add(text, "[");
    bool is_first = true;
    for (unsigned verb = 0; verb < IMLD_VERBS; verb++) {
        if (!(intents & (1U << verb))) continue;
        if (!is_first) imld_text_add(text, ",");
        imld_json_string(text, imld_verb_name((enum imld_verb)verb));
        is_first = false;
    }
    imld_text_add(text, "]");
}

static void add_whose(struct imld_text *text, const struct imld_job *job,
                      const struct imld_live *live)
{
    imld_json_key(text, "id");
    add_id(text, job->number);
    imld_json_key(text, "name");
    imld_json_string(text, job->name);
    imld_json_key(text, "note");
    imld_json_string(text, job->note);
    imld_json_key(text, "state");
    imld_json_string(text, imld_state_name(job->state));
    add_reason(text, job, live);
    add_intents(text, job->intents);
    imld_json_key(text, "owner");
    imld_json_string(text, job->owner);
    imld_json_key(text, "attempt");
    imld_json_integer(text, job->attempt);
    imld_json_key(text, "priority");
    imld_json_integer(text, job->priority);
    imld_json_key(text, "tags");
    imld_json_raw(text, job->tags);
    imld_json_key(text, "created");
    imld_json_time(text, job->created_ms);
    imld_json_key(text, "started");
    imld_json_time(text, job->started_ms);
    imld_json_key(text, "ended");
    imld_json_time(text, job->ended_ms);
}

/* ---- why a queued job waits ---- */

static void add_member(struct imld_text *text, const char *key, const json_t *object)
{
    imld_json_key(text, key);
    imld_json_value(text, json_object_get(object, key));
}

static enum iml_code add_ahead(struct imld_text *text, struct imld_reader *reader, int64_t number,
                               struct iml_error *error)
{
    int64_t count = 0, first[8];
    size_t first_count = 0;
    const enum iml_code code = imld_jobs_ahead(reader, number, &count, first, &first_count, error);
    if (code != IML_OK) return code;
    imld_json_key(text, "ahead");
    imld_text_printf(text, "{\"count\":%" PRId64 ",\"ids\":[", count);
    for (size_t i = 0; i < first_count; i++) {
        if (i) imld_text_add(text, ",");
        add_id(text, first[i]);
    }
    imld_text_add(text, "]}");
    return IML_OK;
}

/* The estimates are null: unknown until the queue measures (an end is never made up). `never`: what
 * was accepted fits this daemon, so it can start. */
static enum iml_code add_waiting(struct imld_text *text, const struct imld_api *api,
                                 struct imld_reader *reader, const struct imld_job *job,
                                 struct iml_error *error)
{
    imld_json_key(text, "waiting");
    if (job->state != IMLD_QUEUED) {
        imld_text_add(text, "null");
        return IML_OK;
    }
    const struct imld_control *control = api->control;
    json_t *why = control->waiting ? control->waiting(control->context, job->number) : NULL;
    imld_text_add(text, "{");
    add_member(text, "rule", why);
    add_member(text, "asked", why);
    add_member(text, "free", why);
    add_member(text, "limit", why);
    json_decref(why);
    const enum iml_code code = add_ahead(text, reader, job->number, error);
    imld_json_key(text, "expected_start");
    imld_text_add(text, "{\"earliest\":null,\"likely\":null,\"assumption\":null}");
    imld_json_key(text, "expected_end");
    imld_text_add(text, "null");
    imld_json_key(text, "never");
    imld_text_add(text, "false}");
    return code;
}

/* ---- how far it is ---- */

static void add_progress(struct imld_text *text, const struct imld_job *job,
                         const struct imld_live *live)
{
    const int64_t step = live->is_running ? live->step : job->step;
    const int64_t of = live->is_running && live->steps_of ? live->steps_of : job->steps_of;
    imld_json_key(text, "progress");
    imld_text_printf(text, "{\"step\":%" PRId64, step);
    imld_json_key(text, "of");
    if (of > 0)
        imld_json_integer(text, of);
    else
        imld_text_add(text, "null");
    imld_json_key(text, "eta_seconds");
    if (live->is_running && live->eta_seconds >= 0)
        imld_json_double(text, round(live->eta_seconds * 10) / 10);
    else
        imld_text_add(text, "null");
    imld_text_add(text, "}");
}

static enum iml_code add_best(struct imld_text *text, struct imld_reader *reader,
                              const struct imld_job *job, struct iml_error *error)
{
    struct imld_point best = {0};
    bool found = false;
    imld_json_key(text, "best");
    if (job->best_metric && *job->best_metric) {
        const struct imld_point_range range = {
            .job = job->number, .metric = job->best_metric, .to = job->step};
        const enum iml_code code =
            imld_points_best(reader, &range, job->best_is_higher, &best, &found, error);
        if (code != IML_OK) return code;
    }
    if (!found) {
        imld_text_add(text, "null");
        return IML_OK;
    }
    imld_text_add(text, "{\"metric\":");
    imld_json_string(text, job->best_metric);
    imld_json_key(text, "value");
    imld_json_float(text, best.value);
    imld_json_key(text, "step");
    imld_json_integer(text, best.step);
    imld_text_add(text, "}");
    return IML_OK;
}

static bool add_latest_value(void *context, const char *metric, const struct imld_point *point)
{
    struct imld_text *text = context;
    if (text->length > 0 && text->bytes[text->length - 1] != '{') imld_text_add(text, ",");
    imld_json_string(text, metric);
    imld_text_add(text, ":");
    imld_json_float(text, point->value);
    return true;
}

static enum iml_code add_latest(struct imld_text *text, struct imld_reader *reader,
                                const struct imld_job *job, struct iml_error *error)
{
    imld_json_key(text, "latest");
    imld_text_add(text, "{");
    const enum iml_code code =
        imld_points_latest(reader, job->number, job->step, add_latest_value, text, error);
    imld_text_add(text, "}");
    return code;
}

static void add_rest(struct imld_text *text, const struct imld_job *job, enum imld_job_form form)
{
    imld_json_key(text, "result");
    imld_json_raw(text, job->result);
    imld_json_key(text, "error");
    imld_json_raw(text, job->error);
    imld_json_key(text, "split");
    imld_json_string(text, job->split);
    imld_json_key(text, "program");
    imld_json_string(text, job->program);
    imld_json_key(text, "early_stopping");
    imld_json_raw(text, job->early_stopping);
    if (form == IMLD_JOB_ITEM) return;
    imld_json_key(text, "spec");
    imld_json_raw(text, job->spec);
}

enum iml_code imld_job_json(struct imld_text *text, struct imld_api *api,
                            struct imld_reader *reader, const struct imld_job *job,
                            enum imld_job_form form, struct iml_error *error)
{
    struct imld_live live = {.eta_seconds = nan("")};
    if (job->state == IMLD_RUNNING && api->control->live)
        api->control->live(api->control->context, job->number, &live);
    imld_text_add(text, "{");
    add_whose(text, job, &live);
    enum iml_code code = add_waiting(text, api, reader, job, error);
    add_progress(text, job, &live);
    if (code == IML_OK) code = add_best(text, reader, job, error);
    if (code == IML_OK) code = add_latest(text, reader, job, error);
    add_rest(text, job, form);
    imld_text_add(text, "}");
    return code;
}

/* ---- answers ---- */

/* FNV-1a, 64 bits: tells two texts of one job apart, nothing more. */
static uint64_t hash_text(const char *bytes, size_t length)
{
    uint64_t hash = 0xcbf29ce484222325;
    for (size_t i = 0; i < length; i++) hash = (hash ^ (unsigned char)bytes[i]) * 0x100000001b3;
    return hash;
}

int64_t imld_job_etag_revision(const char *etag)
{
    char *end = NULL;
    errno = 0;
    if (strncmp(etag, "\"r", 2) != 0 || etag[2] < '0' || etag[2] > '9') return -1;
    const long long revision = strtoll(etag + 2, &end, 10);
    const size_t hash_length = *end == '-' ? strspn(end + 1, "0123456789abcdef") : 0;
    const char *close = end + (hash_length ? hash_length + 1 : 0);
    return errno || strcmp(close, "\"") != 0 ? -1 : revision;
}

struct imld_answer imld_job_answer(unsigned status, struct imld_api *api,
                                   struct imld_reader *reader, const struct imld_job *job)
{
    struct imld_text text = {0};
    struct iml_error error = {0};
    if (imld_job_json(&text, api, reader, job, IMLD_JOB_WHOLE, &error) != IML_OK) {
        imld_text_clear(&text);
        return imld_answer_error(&error);
    }
    const uint64_t hash = text.has_failed ? 0 : hash_text(text.bytes, text.length);
    struct imld_answer answer = imld_answer_json(status, &text);
    imld_answer_header(&answer, "ETag", "\"r%" PRId64 "-%016" PRIx64 "\"", job->revision, hash);
    return answer;
}

struct imld_answer imld_job_answer_number(unsigned status, struct imld_api *api, int64_t number)
{
    struct iml_error error = {0};
    struct imld_job job = {0};
    struct imld_answer answer;
    struct imld_reader *reader = imld_reader_take(api->storage, &error);
    if (reader && imld_job_get(reader, number, &job, &error) == IML_OK)
        answer = imld_job_answer(status, api, reader, &job);
    else
        answer = imld_answer_error(&error);
    imld_job_clear(&job);
    imld_reader_give(reader);
    return answer;
}
