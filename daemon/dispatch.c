/* dispatch.c: claims queued jobs, hands orders to runs; see dispatch.h. */
#include "daemon/dispatch.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/io.h"

enum { RETRY_SECONDS = 2 };

struct imld_dispatch {
    struct imld_dispatch_options options;
    pthread_t thread;
    bool has_thread;
    pthread_mutex_t mutex; /* of the rest */
    pthread_cond_t woken, ended;
    bool is_woken, is_stopping, has_ended;
    struct imld_queue queue;
    struct imld_candidate *queued; /* owned: the queued jobs as last seen */
    size_t queued_count;
};

enum iml_code imld_dispatch_open(const struct imld_queue_limits *limits,
                                 struct imld_dispatch **dispatch, struct iml_error *error)
{
    struct imld_dispatch *self = calloc(1, sizeof *self);
    *dispatch = self;
    if (!self) return iml_error_set(error, IML_ERROR_MEMORY, "no memory for the queue");
    self->queue.limits = *limits;
    pthread_condattr_t attributes;
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_mutex_init(&self->mutex, NULL);
    (void)pthread_cond_init(&self->woken, &attributes);
    (void)pthread_cond_init(&self->ended, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    return IML_OK;
}

void imld_dispatch_close(struct imld_dispatch *dispatch)
{
    if (!dispatch) return;
    imld_queue_clear(&dispatch->queue);
    free(dispatch->queued);
    (void)pthread_cond_destroy(&dispatch->woken);
    (void)pthread_cond_destroy(&dispatch->ended);
    (void)pthread_mutex_destroy(&dispatch->mutex);
    free(dispatch);
}

void imld_dispatch_wake(struct imld_dispatch *dispatch)
{
    (void)pthread_mutex_lock(&dispatch->mutex);
    dispatch->is_woken = true;
    (void)pthread_cond_signal(&dispatch->woken);
    (void)pthread_mutex_unlock(&dispatch->mutex);
}

/* Remembers the queued jobs but the chosen one, for imld_dispatch_explain; the mutex is held. */
static void remember(struct imld_dispatch *self, const struct imld_candidate *queued, size_t count,
                     ptrdiff_t chosen)
{
    struct imld_candidate *copy = reallocarray(self->queued, count + 1, sizeof *copy);
    self->queued_count = 0;
    if (!copy) return; /* nobody is told why it waits */
    self->queued = copy;
    for (size_t i = 0; i < count; i++)
        if ((ptrdiff_t)i != chosen) copy[self->queued_count++] = queued[i];
}

struct claiming {
    struct imld_dispatch *dispatch;
    struct imld_candidate chosen;
};

/* Writer thread, inside the claim's transaction. */
static ptrdiff_t choose(void *context, const struct imld_candidate *queued, size_t count)
{
    struct claiming *claiming = context;
    struct imld_dispatch *self = claiming->dispatch;
    const struct imld_queue_load load = imld_workers_load(self->options.workers);
    (void)pthread_mutex_lock(&self->mutex);
    const ptrdiff_t index = self->is_stopping ? -1
                                              : imld_queue_choose(&self->queue, &load, queued,
                                                                  count, imld_ticks_seconds());
    if (index >= 0) claiming->chosen = queued[index];
    remember(self, queued, count, index);
    (void)pthread_mutex_unlock(&self->mutex);
    return index;
}

/* A claimed job that can't be started goes back to the queue. */
static void give_back(struct imld_dispatch *self, int64_t number, const struct iml_error *why)
{
    char id[IMLD_JOB_ID_MAX];
    imld_job_id(number, id);
    imld_log(self->options.log, IMLD_LOG_ERROR, "job %s can't be started: %s", id, why->what);
    struct imld_job_end end = {.number = number, .verb = IMLD_VERB_SHUTDOWN};
    imld_job_end_prepare(&end);
    if (imld_storage_run(self->options.storage, &end.write) != IML_OK)
        imld_log(self->options.log, IMLD_LOG_ERROR, "nor given back: %s", end.write.error.what);
}

enum claim { CLAIMED, NOTHING_TO_CLAIM, CLAIM_FAILED };

static enum claim claim_one(struct imld_dispatch *self)
{
    struct claiming claiming = {.dispatch = self};
    struct imld_job_claim claim = {.choose = choose, .choose_context = &claiming};
    imld_job_claim_prepare(&claim);
    if (imld_storage_run(self->options.storage, &claim.write) != IML_OK) {
        imld_log(self->options.log, IMLD_LOG_WARN, "no job can be claimed: %s",
                 claim.write.error.what);
        return CLAIM_FAILED;
    }
    if (claim.number == 0) return NOTHING_TO_CLAIM;
    struct iml_error error = {0};
    if (imld_workers_start(self->options.workers, &claiming.chosen, &error) == IML_OK)
        return CLAIMED;
    give_back(self, claim.number, &error);
    return CLAIM_FAILED;
}

/* Waits to be woken, or for a moment where something failed; false: stop. */
static bool wait_for_work(struct imld_dispatch *self, bool has_failed)
{
    const struct timespec end = imld_ticks_after_ms((int64_t)RETRY_SECONDS * 1000);
    (void)pthread_mutex_lock(&self->mutex);
    while (!self->is_woken && !self->is_stopping) {
        if (!has_failed) {
            (void)pthread_cond_wait(&self->woken, &self->mutex);
        } else if (pthread_cond_timedwait(&self->woken, &self->mutex, &end) != 0) {
            break;
        }
    }
    self->is_woken = false;
    const bool goes_on = !self->is_stopping;
    (void)pthread_mutex_unlock(&self->mutex);
    return goes_on;
}

static void *dispatch_thread(void *context)
{
    struct imld_dispatch *self = context;
    bool has_failed = false;
    do {
        imld_workers_reap(self->options.workers);
        has_failed = !imld_workers_deliver(self->options.workers);
        enum claim claim = CLAIMED;
        while (claim == CLAIMED) claim = claim_one(self);
        has_failed = has_failed || claim == CLAIM_FAILED;
        if (!imld_workers_deliver(self->options.workers)) /* also to those just started */
            has_failed = true;
    } while (wait_for_work(self, has_failed));
    (void)pthread_mutex_lock(&self->mutex);
    self->has_ended = true;
    (void)pthread_cond_signal(&self->ended);
    (void)pthread_mutex_unlock(&self->mutex);
    return NULL;
}

enum iml_code imld_dispatch_start(struct imld_dispatch *dispatch,
                                  const struct imld_dispatch_options *options,
                                  struct iml_error *error)
{
    dispatch->options = *options;
    const int number = pthread_create(&dispatch->thread, NULL, dispatch_thread, dispatch);
    if (number != 0)
        return iml_error_set(error, IML_ERROR_LIMIT, "can't start a thread: %s",
                             imld_errno_text(number));
    dispatch->has_thread = true;
    return IML_OK;
}

bool imld_dispatch_stop(struct imld_dispatch *dispatch, double seconds)
{
    if (!dispatch->has_thread) return true;
    const struct timespec end = imld_ticks_after_ms((int64_t)(seconds * 1000));
    (void)pthread_mutex_lock(&dispatch->mutex);
    dispatch->is_stopping = true;
    (void)pthread_cond_signal(&dispatch->woken);
    while (!dispatch->has_ended &&
           pthread_cond_timedwait(&dispatch->ended, &dispatch->mutex, &end) == 0) {
    }
    const bool has_ended = dispatch->has_ended;
    (void)pthread_mutex_unlock(&dispatch->mutex);
    if (!has_ended) return false;
    (void)pthread_join(dispatch->thread, NULL);
    dispatch->has_thread = false;
    return true;
}

bool imld_dispatch_explain(struct imld_dispatch *dispatch, int64_t job,
                           struct imld_waiting *waiting)
{
    const struct imld_queue_load load = imld_workers_load(dispatch->options.workers);
    bool is_found = false;
    (void)pthread_mutex_lock(&dispatch->mutex);
    for (size_t i = 0; i < dispatch->queued_count && !is_found; i++) {
        if (dispatch->queued[i].number != job) continue;
        is_found = true;
        *waiting = imld_queue_explain(&dispatch->queue, &load, &dispatch->queued[i]);
    }
    (void)pthread_mutex_unlock(&dispatch->mutex);
    return is_found;
}
