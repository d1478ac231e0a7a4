/* queue.h: which queued job is claimed next (DESIGN §5): a policy, without threads or storage.
 *
 * In the order (priority descending, number) the first that fits is taken. One that doesn't fit may
 * be passed by later ones for passing_seconds since it was first passed; then it holds all others
 * back. A suspect fits only when nothing runs, and while a suspect that has not yet committed a
 * checkpoint runs, nothing fits. What asks for more than the daemon has can never start: it holds
 * nobody back. */
#ifndef IMLD_DAEMON_QUEUE_H
#define IMLD_DAEMON_QUEUE_H

#include "storage/jobs.h"

struct imld_queue_limits {
    int64_t threads, memory_bytes;
    double passing_seconds;
};

/* What the running jobs hold. */
struct imld_queue_load {
    int64_t threads, memory_bytes;
    size_t running;
    size_t unproven;  /* of these: no checkpoint committed since they were claimed */
    bool has_suspect; /* one of the unproven is a suspect */
};

struct imld_passed {
    int64_t number;
    double since;
};

/* {0} and limits is a new queue. One thread at a time. */
struct imld_queue {
    struct imld_queue_limits limits;
    struct imld_passed *passed; /* owned */
    size_t passed_count, passed_capacity;
};
void imld_queue_clear(struct imld_queue *queue);

/* The index of the one to start, -1: none. now: monotonic seconds. */
ptrdiff_t imld_queue_choose(struct imld_queue *queue, const struct imld_queue_load *load,
                            const struct imld_candidate *queued, size_t count, double now);

/* Why a queued job waits, by what choose would say now. */
struct imld_waiting {
    const char *rule;           /* "threads", "memory", "suspect", "behind" */
    int64_t asked, free, limit; /* threads or bytes; 0 for the other rules */
};
struct imld_waiting imld_queue_explain(const struct imld_queue *queue,
                                       const struct imld_queue_load *load,
                                       const struct imld_candidate *candidate);

#endif
