/* workers.h: the runs that this daemon has now: a thread each, at nice 10 so that writer and server
 * go first. */
#ifndef IMLD_DAEMON_WORKERS_H
#define IMLD_DAEMON_WORKERS_H

#include "daemon/log.h"
#include "daemon/orders.h"
#include "daemon/pace.h"
#include "daemon/queue.h"
#include "imld/dataset.h"

enum { IMLD_NICE = 10 };

/* What every run needs; all borrowed for the workers' life. */
struct imld_workers_options {
    struct imld_storage *storage;
    const struct imld_log *log;
    const char *program;
    struct iml_set_roots roots;
    struct imld_paces *paces;
    int storage_retry_ms;
    /* A run has ended, or a suspect has committed its first checkpoint: the queue looks again. Any
     * thread. */
    void (*changed)(void *context);
    void *context;
};

struct imld_worker;
struct imld_workers; /* safe to call from any thread */

IML_MUST_USE enum iml_code imld_workers_open(const struct imld_workers_options *options,
                                             struct imld_workers **workers,
                                             struct iml_error *error);

/* Starts the run of a job that was just claimed. */
IML_MUST_USE enum iml_code imld_workers_start(struct imld_workers *workers,
                                              const struct imld_candidate *candidate,
                                              struct iml_error *error);

/* What the running jobs hold. */
struct imld_queue_load imld_workers_load(struct imld_workers *workers);

/* Joins the runs that have ended. */
void imld_workers_reap(struct imld_workers *workers);

/* Marks that the job's row has changed; imld_workers_deliver reads the marked rows (it may block)
 * and puts intents and rules into the runs' orders. false: a row can't be read now; it stays
 * marked. */
void imld_workers_notify(struct imld_workers *workers, int64_t job);
IML_MUST_USE bool imld_workers_deliver(struct imld_workers *workers);

/* Where a run stands; false: it doesn't run here. */
struct imld_standing {
    int64_t step, steps_of;
    double eta_seconds;
    bool has_fault;
    char fault_text[512];
};
bool imld_workers_look(struct imld_workers *workers, int64_t job, struct imld_standing *standing);

/* Whether a run waits for storage, and what it met: text of at most `bytes`. */
bool imld_workers_wait_for_storage(struct imld_workers *workers, char *text, size_t bytes);

/* Asks all runs to checkpoint and end; after step_seconds the steps at hand are abandoned, after
 * total_seconds (both from now) it returns. The number of runs that have not ended. */
size_t imld_workers_shutdown(struct imld_workers *workers, double step_seconds,
                             double total_seconds);

/* After a shutdown that left none. NULL is fine. */
void imld_workers_close(struct imld_workers *workers);

#endif
