/* workers.c: a thread a run; see workers.h. */
#include "daemon/workers.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "daemon/local_sink.h"
#include "daemon/plan.h"
#include "daemon/run.h"
#include "spec/resolve.h"

enum { SUSPECT_CHECKPOINT_SECONDS = 5 };

struct imld_worker {
    struct imld_workers *workers; /* borrowed */
    struct imld_worker *next;     /* workers->mutex */
    struct imld_candidate job;
    bool has_checkpoint; /* committed in this attempt; workers->mutex */
    bool needs_look;     /* its row has changed; workers->mutex */
    bool has_ended;      /* the thread can be joined; workers->mutex */
    pthread_t thread;
    struct imld_orders orders;
};

struct imld_workers {
    struct imld_workers_options options;
    pthread_mutex_t mutex;
    pthread_cond_t ended;
    struct imld_worker *first; /* owned list */
    size_t count;
};

enum iml_code imld_workers_open(const struct imld_workers_options *options,
                                struct imld_workers **workers, struct iml_error *error)
{
    struct imld_workers *self = calloc(1, sizeof *self);
    *workers = self;
    if (!self) return iml_error_set(error, IML_ERROR_MEMORY, "no memory for the workers");
    self->options = *options;
    pthread_condattr_t attributes;
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_mutex_init(&self->mutex, NULL);
    (void)pthread_cond_init(&self->ended, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    return IML_OK;
}

void imld_workers_close(struct imld_workers *workers)
{
    if (!workers) return;
    imld_workers_reap(workers);
    (void)pthread_cond_destroy(&workers->ended);
    (void)pthread_mutex_destroy(&workers->mutex);
    free(workers);
}

/* ---- a run's thread ---- */

static void on_checkpoint(void *context)
{
    struct imld_worker *worker = context;
    struct imld_workers *workers = worker->workers;
    (void)pthread_mutex_lock(&workers->mutex);
    const bool is_first = !worker->has_checkpoint;
    worker->has_checkpoint = true;
    (void)pthread_mutex_unlock(&workers->mutex);
    if (is_first)
        workers->options.changed(workers->options.context); /* a suspect may wait for it */
}

static double number_at(const json_t *spec, const char *pointer, double fallback)
{
    const json_t *value = imld_json_at(spec, pointer);
    return json_is_number(value) ? json_number_value(value) : fallback;
}

static bool run_job(struct imld_worker *worker, const struct imld_job *job, const json_t *spec,
                    const struct iml_trainer_options *trainer, struct imld_sink *sink,
                    struct iml_error *error)
{
    struct imld_workers *workers = worker->workers;
    const double every = number_at(spec, "/checkpoint/every_seconds", 60);
    json_t *rules = json_loads(job->early_stopping ? job->early_stopping : "[]", 0, NULL);
    struct imld_run_options options = {
        .trainer = trainer,
        .best_metric = job->best_metric,
        .is_higher_better = job->best_is_higher,
        .checkpoint_seconds = every,
        .first_checkpoint_seconds =
            worker->job.is_suspect ? fmin(every, SUSPECT_CHECKPOINT_SECONDS) : every,
        .seconds_before = job->running_seconds,
        .has_origin =
            json_object_get(spec, "from") || imld_json_at(spec, "/confidence/from") != NULL,
        .early_stopping = rules,
        .orders = &worker->orders,
        .sink = sink,
    };
    struct imld_run_pace pace = {0};
    const bool has_ended = imld_run(&options, &pace, error);
    if (pace.steps > 0)
        imld_paces_note(workers->options.paces, spec, pace.seconds / (double)pace.steps);
    json_decref(rules);
    return has_ended;
}

/* A job whose spec can't be used ends as failed: it would be met again at each claim. */
static bool refuse_job(struct imld_sink *sink, const struct iml_error *why, struct iml_error *error)
{
    json_t *text =
        json_pack("{s:s, s:s, s:s}", "what", why->what, "where", why->where, "mend", why->mend);
    char *json = text ? json_dumps(text, JSON_COMPACT) : NULL;
    json_decref(text);
    const struct imld_run_end end = {.verb = IMLD_VERB_FAIL, .error = json};
    const bool has_ended = sink->end(sink, &end, error) == IML_OK;
    free(json);
    return has_ended;
}

static bool prepare_and_run(struct imld_worker *worker, const struct imld_job *job,
                            struct iml_error *error)
{
    const struct imld_workers_options *shared = &worker->workers->options;
    imld_orders_tell(&worker->orders, job->step, job->steps_of, nan(""));
    json_t *spec = json_loads(job->spec, 0, NULL);
    struct imld_local_sink sink = {
        .storage = shared->storage,
        .log = shared->log,
        .orders = &worker->orders,
        .program = shared->program,
        .job = job->number,
        .keep = (size_t)number_at(spec, "/checkpoint/keep", 3),
        .checkpointed = on_checkpoint,
        .context = worker,
        .running_seconds = job->running_seconds,
        .step = job->step,
        .steps_of = job->steps_of,
    };
    imld_local_sink_open(&sink);
    if (shared->storage_retry_ms > 0) sink.retry_ms = shared->storage_retry_ms;
    struct iml_trainer_options trainer;
    struct iml_error why = {0};
    bool has_ended = false;
    if (imld_plan_options(spec, &trainer, &why) == IML_OK) {
        trainer.roots = shared->roots;
        trainer.nice = IMLD_NICE;
        has_ended = run_job(worker, job, spec, &trainer, &sink.sink, error);
    } else {
        has_ended = refuse_job(&sink.sink, &why, error);
    }
    imld_local_sink_close(&sink);
    json_decref(spec);
    return has_ended;
}

/* The job's row, waiting while storage is out. */
static enum iml_code read_job(struct imld_worker *worker, struct imld_job *job,
                              struct iml_error *error)
{
    const struct imld_workers_options *shared = &worker->workers->options;
    enum iml_code code = IML_OK;
    do {
        *error = (struct iml_error){0};
        struct imld_reader *reader = imld_reader_take(shared->storage, error);
        code = reader ? imld_job_get(reader, worker->job.number, job, error) : error->code;
        imld_reader_give(reader);
    } while (code == IML_ERROR_IO && !imld_orders_wait(&worker->orders, IMLD_RETRY_MS));
    return code;
}

static void *run_thread(void *context)
{
    struct imld_worker *worker = context;
    struct imld_workers *workers = worker->workers;
    const struct imld_log *log = workers->options.log;
    /* of this thread alone (Linux); the team's helpers do so themselves */
    if (setpriority(PRIO_PROCESS, (id_t)gettid(), IMLD_NICE) != 0)
        imld_log(log, IMLD_LOG_DEBUG, "the run's thread stays at its priority");
    char id[IMLD_JOB_ID_MAX];
    imld_job_id(worker->job.number, id);
    imld_log(log, IMLD_LOG_INFO, "job %s runs", id);
    struct iml_error error = {0};
    struct imld_job job = {0};
    bool has_ended = false;
    if (read_job(worker, &job, &error) == IML_OK) has_ended = prepare_and_run(worker, &job, &error);
    imld_job_clear(&job);
    if (has_ended) {
        imld_log(log, IMLD_LOG_INFO, "job %s has left the pool", id);
    } else {
        imld_log(log, IMLD_LOG_ERROR, "job %s ends untold, and is found at the next start: %s", id,
                 error.what);
    }
    (void)pthread_mutex_lock(&workers->mutex);
    worker->has_ended = true;
    (void)pthread_cond_broadcast(&workers->ended);
    (void)pthread_mutex_unlock(&workers->mutex);
    workers->options.changed(workers->options.context);
    return NULL;
}

enum iml_code imld_workers_start(struct imld_workers *workers,
                                 const struct imld_candidate *candidate, struct iml_error *error)
{
    struct imld_worker *worker = calloc(1, sizeof *worker);
    if (!worker) return iml_error_set(error, IML_ERROR_MEMORY, "no memory for a worker");
    worker->workers = workers;
    worker->job = *candidate;
    worker->needs_look = true; /* what was asked between the claim and now */
    imld_orders_init(&worker->orders);
    (void)pthread_mutex_lock(&workers->mutex);
    const int number = pthread_create(&worker->thread, NULL, run_thread, worker);
    if (number == 0) {
        worker->next = workers->first;
        workers->first = worker;
        workers->count++;
    }
    (void)pthread_mutex_unlock(&workers->mutex);
    if (number == 0) return IML_OK;
    imld_orders_clear(&worker->orders);
    free(worker);
    return iml_error_set(error, IML_ERROR_LIMIT, "can't start a thread: %s",
                         imld_errno_text(number));
}

/* ---- the others' side ---- */

struct imld_queue_load imld_workers_load(struct imld_workers *workers)
{
    struct imld_queue_load load = {0};
    (void)pthread_mutex_lock(&workers->mutex);
    for (const struct imld_worker *w = workers->first; w; w = w->next) {
        if (w->has_ended) continue;
        load.running++;
        load.threads += w->job.threads;
        load.memory_bytes += w->job.memory_bytes;
        if (w->has_checkpoint) continue;
        load.unproven++;
        load.has_suspect = load.has_suspect || w->job.is_suspect;
    }
    (void)pthread_mutex_unlock(&workers->mutex);
    return load;
}

/* Takes an ended worker out of the list; NULL: there is none. */
static struct imld_worker *take_ended(struct imld_workers *workers)
{
    struct imld_worker *found = NULL;
    (void)pthread_mutex_lock(&workers->mutex);
    struct imld_worker **at = &workers->first;
    while (*at && !(*at)->has_ended) at = &(*at)->next;
    found = *at;
    if (found) {
        *at = found->next;
        workers->count--;
    }
    (void)pthread_mutex_unlock(&workers->mutex);
    return found;
}

void imld_workers_reap(struct imld_workers *workers)
{
    struct imld_worker *worker = NULL;
    while ((worker = take_ended(workers))) {
        (void)pthread_join(worker->thread, NULL);
        imld_orders_clear(&worker->orders);
        free(worker);
    }
}

void imld_workers_notify(struct imld_workers *workers, int64_t job)
{
    (void)pthread_mutex_lock(&workers->mutex);
    for (struct imld_worker *w = workers->first; w; w = w->next)
        if (w->job.number == job) w->needs_look = true;
    (void)pthread_mutex_unlock(&workers->mutex);
}

/* The number of one marked run, its mark taken; 0: none is marked. */
static int64_t take_marked(struct imld_workers *workers)
{
    int64_t number = 0;
    (void)pthread_mutex_lock(&workers->mutex);
    for (struct imld_worker *w = workers->first; w && number == 0; w = w->next) {
        if (!w->needs_look || w->has_ended) continue;
        w->needs_look = false;
        number = w->job.number;
    }
    (void)pthread_mutex_unlock(&workers->mutex);
    return number;
}

static void deliver_one(struct imld_workers *workers, const struct imld_job *job)
{
    (void)pthread_mutex_lock(&workers->mutex);
    for (struct imld_worker *w = workers->first; w; w = w->next)
        if (w->job.number == job->number)
            imld_orders_set(&w->orders, job->intents, job->early_stopping);
    (void)pthread_mutex_unlock(&workers->mutex);
}

bool imld_workers_deliver(struct imld_workers *workers)
{
    int64_t number = 0;
    while ((number = take_marked(workers)) > 0) {
        struct iml_error error = {0};
        struct imld_job job = {0};
        struct imld_reader *reader = imld_reader_take(workers->options.storage, &error);
        if (reader && imld_job_get(reader, number, &job, &error) == IML_OK)
            deliver_one(workers, &job);
        imld_reader_give(reader);
        imld_job_clear(&job);
        if (error.code == IML_OK) continue;
        char id[IMLD_JOB_ID_MAX];
        imld_job_id(number, id);
        imld_log(workers->options.log, IMLD_LOG_WARN, "job %s: its intents can't be read: %s", id,
                 error.what);
        imld_workers_notify(workers, number); /* it keeps its mark */
        return false;
    }
    return true;
}

bool imld_workers_look(struct imld_workers *workers, int64_t job, struct imld_standing *standing)
{
    bool is_found = false;
    (void)pthread_mutex_lock(&workers->mutex);
    for (struct imld_worker *w = workers->first; w && !is_found; w = w->next) {
        if (w->job.number != job || w->has_ended) continue;
        struct imld_orders *orders = &w->orders;
        (void)pthread_mutex_lock(&orders->mutex);
        is_found = orders->step >= 0;
        standing->step = orders->step;
        standing->steps_of = orders->steps_of;
        standing->eta_seconds = orders->eta_seconds;
        standing->has_fault = orders->has_fault;
        memcpy(standing->fault_text, orders->fault_text, sizeof standing->fault_text);
        (void)pthread_mutex_unlock(&orders->mutex);
    }
    (void)pthread_mutex_unlock(&workers->mutex);
    return is_found;
}

bool imld_workers_wait_for_storage(struct imld_workers *workers, char *text, size_t bytes)
{
    bool is_found = false;
    (void)pthread_mutex_lock(&workers->mutex);
    for (struct imld_worker *w = workers->first; w && !is_found; w = w->next) {
        struct imld_orders *orders = &w->orders;
        (void)pthread_mutex_lock(&orders->mutex);
        is_found = orders->has_fault && !w->has_ended;
        if (is_found) (void)snprintf(text, bytes, "%s", orders->fault_text);
        (void)pthread_mutex_unlock(&orders->mutex);
    }
    (void)pthread_mutex_unlock(&workers->mutex);
    return is_found;
}

/* ---- shutdown ---- */

static size_t running(const struct imld_workers *workers)
{
    size_t count = 0;
    for (const struct imld_worker *w = workers->first; w; w = w->next) count += !w->has_ended;
    return count;
}

/* Waits until no run is left or the time is reached; the mutex is held. */
static void wait_until(struct imld_workers *workers, const struct timespec *end)
{
    while (running(workers) > 0 &&
           pthread_cond_timedwait(&workers->ended, &workers->mutex, end) == 0) {
    }
}

size_t imld_workers_shutdown(struct imld_workers *workers, double step_seconds,
                             double total_seconds)
{
    const struct timespec steps_end = imld_ticks_after_ms((int64_t)(step_seconds * 1000));
    const struct timespec end = imld_ticks_after_ms((int64_t)(total_seconds * 1000));
    (void)pthread_mutex_lock(&workers->mutex);
    for (struct imld_worker *w = workers->first; w; w = w->next) imld_orders_shutdown(&w->orders);
    wait_until(workers, &steps_end);
    for (struct imld_worker *w = workers->first; w; w = w->next)
        if (!w->has_ended) imld_orders_abandon(&w->orders);
    wait_until(workers, &end);
    const size_t left = running(workers);
    (void)pthread_mutex_unlock(&workers->mutex);
    imld_workers_reap(workers);
    return left;
}
