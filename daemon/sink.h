/* sink.h: where a run's rows, checkpoints and events go, and where its earlier ones come from
 * (DESIGN §5): all that the run loop knows of storage. */
#ifndef IMLD_DAEMON_SINK_H
#define IMLD_DAEMON_SINK_H

#include "daemon/history.h"
#include "daemon/snapshot.h"
#include "spec/states.h"
#include "storage/origins.h"

/* How a run ends: what the job becomes. JSON texts or NULL. */
struct imld_run_end {
    enum imld_verb verb; /* FINISH, FAIL, PAUSE, STOP, CANCEL, SHUTDOWN */
    const char *reason, *result, *error;
};

struct imld_sink_checkpoint {
    const char *name; /* "best", "last"; NULL: "step-…" */
    int64_t step;
    const struct imld_snapshot *state; /* borrowed until the call returns */
};

/* All functions are called from the run's thread. A writing one waits while storage is out of
 * order, and goes on when a write succeeds; IML_ERROR_CANCELLED: a shutdown was asked for
 * meanwhile. */
struct imld_sink {
    double waited_seconds; /* spent waiting for storage: no running time */

    /* Keeps a row until it is committed. metric: a string literal. */
    void (*row)(struct imld_sink *self, const char *metric, int64_t step, double value);
    /* Keeps an artifact until it is committed, with the rows. Takes the document (malloc'ed); NULL:
     * no memory for it, which the next write tells. name: a string literal. */
    void (*artifact)(struct imld_sink *self, const char *name, int64_t step, char *document);
    /* Where the run stands, after each step and evaluation; commits what is due. */
    enum iml_code (*progress)(struct imld_sink *self, int64_t step, int64_t steps_of,
                              double running_seconds, struct iml_error *error);
    /* Files and all rows so far, in one transaction. */
    enum iml_code (*checkpoint)(struct imld_sink *self,
                                const struct imld_sink_checkpoint *checkpoints, size_t count,
                                struct iml_error *error);
    /* data: JSON object or NULL. */
    enum iml_code (*event)(struct imld_sink *self, const char *kind, const char *data,
                           struct iml_error *error);
    /* Facts of a run that is open: hash of its split, and the step that it goes on from. */
    enum iml_code (*opened)(struct imld_sink *self, const char *split, int64_t resumed_step,
                            struct iml_error *error);
    /* The last call of a run: rows that are left, and what became of it. */
    enum iml_code (*end)(struct imld_sink *self, const struct imld_run_end *end,
                         struct iml_error *error);

    /* Earlier checkpoints: at most `capacity`, ascending by step, best and last at the end. */
    enum iml_code (*list)(struct imld_sink *self, struct imld_checkpoint *checkpoints,
                          size_t capacity, size_t *count, struct iml_error *error);
    enum iml_code (*read)(struct imld_sink *self, const char *name,
                          struct imld_checkpoint_content *content, struct iml_error *error);
    /* The checkpoint of another job that this one starts from (storage/origins.h). */
    enum iml_code (*origin)(struct imld_sink *self, struct imld_origin *origin,
                            struct imld_checkpoint_content *content, struct iml_error *error);
    /* Fills the history with the rows up to `step`. */
    enum iml_code (*history)(struct imld_sink *self, int64_t step, struct imld_history *history,
                             struct iml_error *error);
};

#endif
