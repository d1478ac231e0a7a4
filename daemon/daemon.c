/* daemon.c: the order of start and of end; see daemon.h.
 *
 * Start: signals, storage (its lock first), recovery of lost runs, sockets, API, queue, READY.
 * End: STOPPING, no claims, runs checkpoint (5 s, then their step is abandoned), API, storage. */
#include "daemon/daemon.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "daemon/control.h"
#include "daemon/heartbeat.h"
#include "daemon/listeners.h"
#include "daemon/notify.h"
#include "daemon/signals.h"
#include "imld/trainer.h"

/* server.md's budget of 10 s: a step may take 5 s, its run 8 s in all, the API a second. The queue
 * ends at once, but where its claim is in doubt: then storage is out for the runs too, and they
 * can't write what they would need their time for. */
enum { QUEUE_SECONDS = 2, STEP_SECONDS = 5, RUNS_SECONDS = 8, API_SECONDS = 1, STATUS_MS = 5000 };

struct daemon {
    const struct imld_configuration *configuration;
    const char *program;
    struct imld_log log;
    struct imld_notify notify;
    int signals;
    struct imld_storage *storage;
    struct imld_paces paces;
    struct imld_dispatch *dispatch;
    struct imld_workers *workers;
    struct imld_daemon_control control;
    struct imld_listeners listeners;
    struct imld_api *api;
    struct imld_heartbeat heartbeat;
};

static void on_change(void *context)
{
    const struct daemon *self = context;
    imld_dispatch_wake(self->dispatch);
}

/* ---- start ---- */

static enum iml_code open_storage(struct daemon *self, struct iml_error *error)
{
    const struct imld_storage_options options = {
        .folder = self->configuration->state,
        .program = self->program,
        .allow_network_filesystem = self->configuration->allow_network_filesystem,
        .log = imld_log_line,
        .context = &self->log,
    };
    enum iml_code code = imld_storage_open(&options, &self->storage, error);
    if (code != IML_OK) return code;
    struct imld_jobs_recover recover = {0};
    imld_jobs_recover_prepare(&recover);
    code = imld_storage_run(self->storage, &recover.write);
    if (code != IML_OK) return iml_error_set(error, code, "%s", recover.write.error.what);
    if (recover.requeued + recover.failed > 0)
        imld_log(&self->log, IMLD_LOG_WARN,
                 "the last process was lost: %jd runs are queued again, %jd have failed",
                 (intmax_t)recover.requeued, (intmax_t)recover.failed);
    return IML_OK;
}

static enum iml_code open_pool(struct daemon *self, const struct iml_set_roots *roots,
                               struct iml_error *error)
{
    const struct imld_queue_limits limits = {
        .threads = self->configuration->threads,
        .memory_bytes = self->configuration->memory_bytes,
        .passing_seconds = (double)self->configuration->passing_seconds,
    };
    enum iml_code code = imld_dispatch_open(&limits, &self->dispatch, error);
    if (code != IML_OK) return code;
    const struct imld_workers_options options = {
        .storage = self->storage,
        .log = &self->log,
        .program = self->program,
        .roots = *roots,
        .paces = &self->paces,
        .changed = on_change,
        .context = self,
    };
    return imld_workers_open(&options, &self->workers, error);
}

static enum iml_code open_listeners(struct daemon *self, unsigned passed, struct iml_error *error)
{
    const struct imld_configuration *c = self->configuration;
    enum iml_code code = imld_listeners_take(&self->listeners, 3, passed, c->is_dev, error);
    for (size_t i = 0; i < c->listen.count && code == IML_OK; i++)
        code = imld_listeners_add(&self->listeners, c->listen.items[i], c->is_dev, error);
    if (code == IML_OK && self->listeners.count == 0)
        code = iml_error_set(error, IML_ERROR_ARGUMENT, "there is nothing to listen on");
    return code;
}

static enum iml_code start_api(struct daemon *self, struct iml_error *error)
{
    const struct imld_configuration *c = self->configuration;
    struct imld_api_options options = {
        .listener_count = self->listeners.count,
        .storage = self->storage,
        .control = &self->control.control,
        .allowed_hosts = (const char *const *)c->allowed_hosts.items,
        .allowed_host_count = c->allowed_hosts.count,
        .admin_group = c->admin_group,
        .limits = {.connections = (unsigned)c->connections,
                   .connections_per_user = (unsigned)c->connections_per_user,
                   .idle_seconds = (unsigned)c->idle_seconds,
                   .request_seconds = (unsigned)c->request_seconds,
                   .threads = (unsigned)c->http_threads},
        .log = imld_log_line,
        .log_context = &self->log,
    };
    memcpy(options.listeners, self->listeners.items, sizeof self->listeners.items);
    return imld_api_start(&options, &self->api, error);
}

static void open_control(struct daemon *self, const struct iml_set_roots *roots)
{
    self->control = (struct imld_daemon_control){.configuration = self->configuration,
                                                 .storage = self->storage,
                                                 .workers = self->workers,
                                                 .dispatch = self->dispatch,
                                                 .paces = &self->paces,
                                                 .program = self->program,
                                                 .roots = *roots,
                                                 .started_ms = imld_wall_ms()};
    imld_daemon_control_open(&self->control);
}

static enum iml_code start(struct daemon *self, const struct iml_set_roots *roots, unsigned passed,
                           struct iml_error *error)
{
    if (sodium_init() < 0) return iml_error_set(error, IML_ERROR_IO, "libsodium can't start");
    json_object_seed(0); /* once, before threads */
    enum iml_code code = imld_signals_open(&self->signals, error);
    if (code == IML_OK) code = open_storage(self, error);
    if (code == IML_OK) code = open_pool(self, roots, error);
    if (code == IML_OK) code = open_listeners(self, passed, error);
    if (code != IML_OK) return code;
    open_control(self, roots);
    imld_heartbeat_open(&self->heartbeat, self->storage);
    /* before the API, which asks the queue why a job waits */
    const struct imld_dispatch_options options = {
        .storage = self->storage, .workers = self->workers, .log = &self->log};
    code = imld_dispatch_start(self->dispatch, &options, error);
    return code == IML_OK ? start_api(self, error) : code;
}

static void tell_start(const struct daemon *self)
{
    const struct imld_configuration *c = self->configuration;
    imld_log(&self->log, IMLD_LOG_INFO, "%s, pid %d, state in %s, %jd threads, %jd MiB, %s",
             self->program, (int)getpid(), c->state, (intmax_t)c->threads,
             (intmax_t)(c->memory_bytes >> 20), iml_cpu_kernel());
    for (size_t i = 0; i < self->listeners.count; i++)
        imld_log(&self->log, IMLD_LOG_INFO, "listens on %s", self->listeners.items[i].address);
    if (c->is_dev)
        imld_log(&self->log, IMLD_LOG_WARN,
                 "--dev: every user of this machine may control all jobs over TCP, as admin");
}

/* ---- serving ---- */

/* Tells the manager how things are, and that writer and HTTP threads are alive. */
static void tell_status(struct daemon *self)
{
    const struct imld_queue_load load = imld_workers_load(self->workers);
    struct iml_error fault = {0};
    if (imld_storage_is_healthy(self->storage, &fault)) {
        imld_notify_send(&self->notify, "STATUS=%zu running, %jd of %jd threads", load.running,
                         (intmax_t)load.threads, (intmax_t)self->configuration->threads);
    } else {
        imld_notify_send(&self->notify, "STATUS=waits for storage: %s", fault.what);
    }
}

static void serve(struct daemon *self)
{
    struct pollfd poll_fd = {.fd = self->signals, .events = POLLIN};
    const int64_t ping_ms = self->notify.watchdog_ms;
    const int timeout = self->notify.fd < 0                  ? -1
                        : ping_ms > 0 && ping_ms < STATUS_MS ? (int)ping_ms
                                                             : STATUS_MS;
    imld_signals_unblock();
    while (poll(&poll_fd, 1, timeout) <= 0) {
        tell_status(self);
        if (ping_ms == 0) continue;
        if (imld_api_is_alive(self->api) && imld_heartbeat_is_alive(&self->heartbeat)) {
            imld_notify_send(&self->notify, "WATCHDOG=1");
        } else {
            imld_log(&self->log, IMLD_LOG_ERROR, "no sign of life of writer or API");
        }
    }
}

/* ---- end ---- */

/* false: queue or a run did not end; then its thread still uses what a clean end would free. */
static bool stop(struct daemon *self)
{
    size_t left = 0;
    bool has_queue_ended = true;
    if (self->api) {
        imld_notify_send(&self->notify, "STOPPING=1\nSTATUS=ending");
        imld_log(&self->log, IMLD_LOG_INFO, "ends: runs write their checkpoints");
        atomic_store(&self->control.is_stopping, true);
    }
    if (self->dispatch) has_queue_ended = imld_dispatch_stop(self->dispatch, QUEUE_SECONDS);
    const int spent = has_queue_ended ? 0 : QUEUE_SECONDS;
    if (self->workers)
        left = imld_workers_shutdown(self->workers, STEP_SECONDS - spent, RUNS_SECONDS - spent);
    if (self->api) imld_api_stop(self->api, API_SECONDS);
    imld_listeners_close(&self->listeners, self->api != NULL);
    if (left > 0)
        imld_log(&self->log, IMLD_LOG_ERROR,
                 "%zu runs did not end in time; the next start finds them", left);
    if (!has_queue_ended) imld_log(&self->log, IMLD_LOG_ERROR, "the queue still waits for storage");
    if (left > 0 || !has_queue_ended) return false;
    imld_workers_close(self->workers);
    imld_dispatch_close(self->dispatch);
    if (self->storage) imld_storage_close(self->storage);
    imld_paces_clear(&self->paces);
    imld_notify_close(&self->notify);
    return true;
}

static void tell_error(const struct imld_log *log, const struct iml_error *error)
{
    imld_log(log, IMLD_LOG_ERROR, "%s%s%s%s%s%s", error->what, error->where[0] ? " (" : "",
             error->where, error->where[0] ? ")" : "", error->mend[0] ? "; " : "", error->mend);
}

int imld_daemon_run(const struct imld_configuration *configuration, const char *program,
                    unsigned passed_sockets)
{
    struct daemon self = {.configuration = configuration, .program = program};
    struct iml_error error = {0};
    /* NOLINTBEGIN(concurrency-mt-unsafe): before any thread exists */
    imld_log_open(&self.log, configuration->log_level, getenv("JOURNAL_STREAM"));
    imld_notify_open(&self.notify, getenv("NOTIFY_SOCKET"), getenv("WATCHDOG_USEC"),
                     getenv("WATCHDOG_PID"));
    /* NOLINTEND(concurrency-mt-unsafe) */
    imld_paces_init(&self.paces);
    const struct iml_set_roots roots = {.paths =
                                            (const char *const *)configuration->data_roots.items,
                                        .count = configuration->data_roots.count};
    const bool has_started = start(&self, &roots, passed_sockets, &error) == IML_OK;
    if (has_started) {
        tell_start(&self);
        imld_notify_send(&self.notify, "READY=1\nSTATUS=serving");
        serve(&self);
    } else {
        tell_error(&self.log, &error);
    }
    if (!stop(&self)) _exit(0);
    if (has_started) imld_log(&self.log, IMLD_LOG_INFO, "has ended");
    return has_started ? 0 : 1;
}
