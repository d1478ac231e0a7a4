/* commit.c: a write on its way to the writer; see commit.h. */
#include "api/commit.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "api/server.h"
#include "base/clock.h"

static void drop(struct imld_commit *commit)
{
    if (atomic_fetch_sub(&commit->references, 1) != 1) return;
    for (size_t i = 0; i < commit->text_count; i++) free(commit->texts[i]);
    imld_pending_release(commit->pending);
    free(commit);
}

/* The request ends: the writer may still be at it. */
static void leave(void *work)
{
    struct imld_commit *commit = work;
    (void)pthread_mutex_lock(&commit->pending->mutex);
    commit->request = NULL;
    (void)pthread_mutex_unlock(&commit->pending->mutex);
    drop(commit);
}

/* Writer thread. */
static void answered(struct imld_write *write)
{
    struct imld_commit *commit = write->context;
    (void)pthread_mutex_lock(&commit->pending->mutex);
    commit->is_done = true;
    if (commit->request) imld_pending_signal(commit->pending, &commit->request->waiter);
    (void)pthread_mutex_unlock(&commit->pending->mutex);
    drop(commit);
}

struct imld_commit *imld_commit_new(struct imld_request *request)
{
    struct imld_commit *commit = calloc(1, sizeof *commit);
    if (!commit) return NULL;
    atomic_init(&commit->references, 1);
    commit->pending = request->api->pending;
    imld_pending_hold(commit->pending);
    commit->request = request;
    if (request->work) request->work_free(request->work);
    request->work = commit;
    request->work_free = leave;
    return commit;
}

const char *imld_commit_keep(struct imld_commit *commit, char *text)
{
    assert(commit->text_count < IMLD_COMMIT_TEXTS);
    if (text) commit->texts[commit->text_count++] = text;
    return text;
}

const char *imld_commit_copy(struct imld_commit *commit, const char *text)
{
    return text ? imld_commit_keep(commit, strdup(text)) : NULL;
}

struct imld_answer imld_commit_submit(struct imld_commit *commit,
                                      struct imld_answer (*next)(struct imld_api *api,
                                                                 struct imld_request *request))
{
    struct imld_request *request = commit->request;
    struct imld_api *api = request->api;
    const int64_t wait_ms = api->limits.commit_seconds * 1000LL;
    struct imld_write *write = &commit->as.write;
    write->done = answered;
    write->context = commit;
    request->next = next;
    commit->deadline_ms = imld_ticks_ms() + wait_ms;
    /* the request is here whole: how long storage takes is not the client's fault */
    imld_connections_extend(&api->connections, request->record,
                            wait_ms + api->limits.request_seconds * 1000LL);
    imld_pending_begin(commit->pending, request, 0, commit->deadline_ms, -1);
    (void)atomic_fetch_add(&commit->references, 1);
    if (imld_storage_submit(api->storage, write) == IML_OK) return imld_answer_pending();
    drop(commit);
    return imld_answer_problem(503, "the queue of writes is full, or the server ends; nothing was "
                                    "changed");
}

static struct imld_answer in_doubt(const char *what)
{
    struct iml_error error = {0};
    (void)iml_error_set(&error, IML_ERROR_IN_DOUBT, "%s", what);
    return imld_answer_error(&error);
}

bool imld_commit_is_done(struct imld_commit *commit, struct imld_answer *answer)
{
    (void)pthread_mutex_lock(&commit->pending->mutex);
    const bool is_done = commit->is_done, is_closed = commit->pending->is_closed;
    (void)pthread_mutex_unlock(&commit->pending->mutex);
    if (is_done) return true;
    if (is_closed)
        *answer = in_doubt("the server ends before storage has answered");
    else if (imld_ticks_ms() >= commit->deadline_ms)
        *answer = in_doubt("storage has not answered yet");
    else
        *answer = imld_answer_pending();
    return false;
}
