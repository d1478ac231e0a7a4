/* control.h: what the API asks of the daemon that it can't read from storage: an interface that
 * daemon/ fills. api knows no training (DESIGN §1). */
#ifndef IMLD_API_CONTROL_H
#define IMLD_API_CONTROL_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "imld/error.h"
#include "spec/problems.h"
#include "spec/resolve.h"

/* A running job as its run sees it now (newer than what is committed, for progress only). */
struct imld_live {
    bool is_running;
    int64_t step, steps_of; /* steps_of 0: not known */
    double eta_seconds;     /* NaN: not known */
    const char
        *fault; /* "storage": it waits for storage to work again; NULL: none (a string literal) */
    char fault_text[512];
};

/* All functions may be called from any HTTP thread at the same time, and don't block. */
struct imld_control {
    void *context;

    /* Facts for imld_spec_resolve. */
    const struct imld_resolve_context
        *resolve; /* may_raise_priority is set by the API per caller */

    /* Checks a resolved spec against the data set's facts and this daemon's memory, and plans it:
     * memory is a new JSON object {total_bytes, parts}. false: problems tell why (422). */
    bool (*plan)(void *context, const json_t *spec, json_t **memory,
                 struct imld_problems *problems);

    /* Step time of a like job that has run in this daemon, seconds; NaN: not known. steps: in all,
     * 0: not known. */
    double (*seconds_per_step)(void *context, const json_t *spec, uint64_t *steps);

    /* Where the rules (a resolved early_stopping list) would have ended the job's recorded curve: a
     * new object {rule, numbers, step, evaluations, last_step}. */
    enum iml_code (*backtest)(void *context, int64_t job, const json_t *early_stopping,
                              json_t **answer, struct iml_error *error);

    /* The queue looks again: a job was created or changed. */
    void (*wake)(void *context);

    /* A verb's intent or a patch was committed for a running job: its run looks at once. */
    void (*notify)(void *context, int64_t job);

    void (*live)(void *context, int64_t job, struct imld_live *live);

    /* Why a queued job waits: a new object {rule, asked, free, limit} (ahead and the estimates are
     * added by the API); rules: "threads", "memory", "behind", "suspect", "storage", "draining". */
    json_t *(*waiting)(void *context, int64_t job);

    /* New objects: the list of GET /v1/datasets ({datasets: […]}), the daemon's part of /v1/server
     * (program, started, threads {limit, used}, memory {limit, used}, cpu_kernel, settings). */
    json_t *(*datasets)(void *context);
    json_t *(*server)(void *context);

    /* false: not ready (why is a text of the log's style): /readyz answers 503. */
    bool (*is_ready)(void *context, char why[256]);
};

#endif
