/* verbs.c: POST /v1/jobs/{id}/stop, cancel, pause, resume, retry (DESIGN §5): the intent is durable
 * before the answer; ?wait=SECONDS answers when it holds. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "api/commit.h"
#include "api/job_json.h"
#include "api/lookup.h"
#include "api/resources.h"
#include "api/server.h"
#include "base/clock.h"

enum { WAIT_MAX_SECONDS = 60 };

/* What a request that waits for a job's state keeps: its own memory, since the commit has ended. */
struct wait {
    int64_t number, deadline_ms;
    enum imld_state target;
};

static enum imld_verb verb_of(const struct imld_request *request)
{
    enum imld_verb verb = IMLD_VERB_STOP;
    const bool is_known = imld_verb_parse(strchr(request->endpoint->name, '_') + 1, &verb);
    assert(is_known); /* "jobs_stop": a row of our own table */
    (void)is_known;
    return verb;
}

/* 200 where the state holds; 202 where the time is over, the job went elsewhere, or nobody listens
 * any more; else waits on. */
static struct imld_answer look(struct imld_api *api, struct imld_request *request)
{
    const struct wait *wait = request->work;
    struct iml_error error = {0};
    struct imld_job job = {0};
    struct imld_answer answer;
    struct imld_reader *reader = imld_reader_take(api->storage, &error);
    if (!reader || imld_job_get(reader, wait->number, &job, &error) != IML_OK) {
        answer = imld_answer_error(&error);
        goto out;
    }
    const bool holds = job.state == wait->target;
    const bool is_over = imld_state_has_ended(job.state) || imld_ticks_ms() >= wait->deadline_ms ||
                         imld_pending_is_closing(api->pending) ||
                         imld_pending_client_has_gone(api->pending, request);
    answer = holds || is_over ? imld_job_answer(holds ? 200 : 202, api, reader, &job)
                              : imld_answer_pending();
out:
    imld_job_clear(&job);
    imld_reader_give(reader);
    return answer;
}

static struct imld_answer begin_wait(struct imld_api *api, struct imld_request *request,
                                     const struct imld_job_verb *verb, int64_t seconds)
{
    struct wait *wait = calloc(1, sizeof *wait);
    if (!wait) return imld_answer_problem(500, "out of memory");
    wait->number = verb->number;
    wait->deadline_ms = imld_ticks_ms() + seconds * 1000;
    wait->target = verb->state;
    if (verb->is_intent) (void)imld_transition_find(verb->verb, IMLD_RUNNING, true, &wait->target);
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    request->work_free(request->work);
    request->work = wait;
    request->work_free = free;
    request->next = look;
    imld_connections_extend(&api->connections, request->record,
                            (seconds + api->limits.request_seconds) * 1000);
    imld_pending_begin(api->pending, request, wait->number, wait->deadline_ms,
                       info ? info->connect_fd : -1);
    return look(api, request);
}

static struct imld_answer obeyed(struct imld_api *api, struct imld_request *request)
{
    const struct imld_commit *commit = request->work;
    struct imld_answer answer;
    struct imld_problems problems = {0};
    int64_t seconds = 0;
    if (!imld_commit_is_done(request->work, &answer)) return answer;
    const struct imld_job_verb *verb = &commit->as.verb;
    if (verb->write.code != IML_OK) return imld_answer_error(&verb->write.error);
    api->control->wake(api->control->context);
    api->control->notify(api->control->context, verb->number);
    (void)imld_request_number(request, "wait", 0, WAIT_MAX_SECONDS, 0, &seconds, &problems);
    imld_problems_clear(&problems); /* none: it was checked before */
    /* What was no intent held in its own commit: a retried job may have been claimed since, and
     * would never be seen queued. */
    const bool has_held = verb->holds || (seconds > 0 && !verb->is_intent);
    if (has_held) return imld_job_answer_number(200, api, verb->number);
    if (seconds == 0) return imld_job_answer_number(202, api, verb->number);
    return begin_wait(api, request, verb, seconds);
}

struct imld_answer imld_verbs_post(struct imld_api *api, struct imld_request *request)
{
    (void)api;
    struct imld_answer answer;
    struct imld_problems problems = {0};
    struct imld_reader *reader = NULL;
    struct imld_job job = {0};
    struct imld_commit *commit = NULL;
    int64_t seconds = 0;

    if (!imld_request_number(request, "wait", 0, WAIT_MAX_SECONDS, 0, &seconds, &problems)) {
        answer = imld_answer_problems(400, &problems);
        goto out;
    }
    if (!imld_lookup_job(request, &reader, &job, &answer)) goto out;
    imld_reader_give(reader);
    commit = imld_commit_new(request);
    if (!commit) {
        answer = imld_answer_problem(500, "out of memory");
        goto out;
    }
    commit->as.verb.number = job.number;
    commit->as.verb.verb = verb_of(request);
    commit->as.verb.actor = imld_commit_copy(commit, request->caller.user);
    imld_job_verb_prepare(&commit->as.verb);
    answer = imld_commit_submit(commit, obeyed);
out:
    imld_job_clear(&job);
    imld_problems_clear(&problems);
    return answer;
}
