/* dispatch.h: the thread that claims queued jobs and hands what users asked to the runs. */
#ifndef IMLD_DAEMON_DISPATCH_H
#define IMLD_DAEMON_DISPATCH_H

#include "daemon/workers.h"

struct imld_dispatch_options {
    struct imld_storage *storage; /* borrowed, as all pointers here */
    struct imld_workers *workers;
    const struct imld_log *log;
};

struct imld_dispatch; /* safe to call from any thread */

/* Makes it, without its thread: workers and control need it before it runs. */
IML_MUST_USE enum iml_code imld_dispatch_open(const struct imld_queue_limits *limits,
                                              struct imld_dispatch **dispatch,
                                              struct iml_error *error);
IML_MUST_USE enum iml_code imld_dispatch_start(struct imld_dispatch *dispatch,
                                               const struct imld_dispatch_options *options,
                                               struct iml_error *error);

/* Look again: a job was created or changed, a run has ended, a run's row has changed. Doesn't
 * block. */
void imld_dispatch_wake(struct imld_dispatch *dispatch);

/* Why a queued job waits; false: it was not among the queued ones when the queue was last looked
 * at. */
bool imld_dispatch_explain(struct imld_dispatch *dispatch, int64_t job,
                           struct imld_waiting *waiting);

/* No claims any more; waits for the thread's end, at most so long. false: it still waits for
 * storage (a COMMIT in doubt lasts as long as the disk fails) and uses all that it was given; may
 * be called again. */
IML_MUST_USE bool imld_dispatch_stop(struct imld_dispatch *dispatch, double seconds);
void imld_dispatch_close(
    struct imld_dispatch *dispatch); /* NULL is fine; stopped or never started */

#endif
