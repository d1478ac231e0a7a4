/* run.h: the run loop (DESIGN §5): one place for any trainer. It knows a trainer and a sink, and no
 * SQL. */
#ifndef IMLD_DAEMON_RUN_H
#define IMLD_DAEMON_RUN_H

#include <jansson.h>

#include "daemon/best.h"
#include "daemon/orders.h"
#include "daemon/rules.h"
#include "daemon/sink.h"
#include "imld/trainer.h"

struct imld_run_options {
    const struct iml_trainer_options *trainer; /* borrowed, as all pointers here */
    const char *best_metric;                   /* checkpoint.best */
    bool is_higher_better;
    double checkpoint_seconds;       /* between two checkpoints */
    double first_checkpoint_seconds; /* a suspect's first one comes sooner */
    double seconds_before;           /* of running time in earlier attempts */
    /* it starts from another job's checkpoint (DESIGN §4), or its pool is weighed by that job's
     * network (FIXMATCH 6.1) */
    bool has_origin;
    const json_t *early_stopping; /* the job's list as it is at the start */
    struct imld_orders *orders;
    struct imld_sink *sink;
};

/* What a run did, for who wants to foretell others. */
struct imld_run_pace {
    int64_t steps; /* of this attempt */
    double seconds;
};

/* Opens the trainer, goes on from the newest intact checkpoint, runs to an end and reports it to
 * the sink. false: not even the end could be reported (a shutdown while storage is out); error says
 * why. */
bool imld_run(const struct imld_run_options *options, struct imld_run_pace *pace,
              struct iml_error *error);

/* ---- parts of a run, for run.c, resume.c and finish.c ---- */

struct imld_run {
    const struct imld_run_options *options;
    struct iml_trainer *trainer;  /* owned */
    struct imld_history history;  /* owned */
    struct imld_best best;        /* owned: its state */
    struct imld_snapshot current; /* owned: the state that is written or read */
    json_t *rules;                /* owned: a reference */
    struct iml_rows rows;
    bool is_resumed; /* from the state of resumed_step; false: from the start */
    int64_t resumed_step;
    int64_t checkpointed_step;   /* -1: none yet */
    double opened, checkpointed; /* monotonic seconds */
    double waited_at_open;
    bool has_checkpointed;       /* in this attempt */
    struct imld_verdict verdict; /* of the rule that fired */
};

/* resume.c: the newest intact checkpoint, the rows up to it, the best as of then; tells the
 * sink. */
IML_MUST_USE enum iml_code imld_run_resume(struct imld_run *run, struct iml_error *error);

/* origin.c: what the run begins with instead of drawn weights: another job's, and its λ where the
 * knowledge is of one kind; or of frozen weights that job's confidence network alone. Step 0,
 * optimizers fresh. An event tells. IML_ERROR_DATA: it is gone or
 * does not fit. */
IML_MUST_USE enum iml_code imld_run_import(struct imld_run *run, struct iml_error *error);

/* resume.c: SHA-256 over the counts and file indices of the split, as 64 hexadecimal digits. */
void imld_run_split_hash(const struct iml_trainer *trainer, char hash[65]);

/* finish.c: `last`, the best restored and evaluated and written as `best`, the result, the end. */
IML_MUST_USE enum iml_code imld_run_finish(struct imld_run *run, enum imld_verb verb,
                                           struct iml_error *error);

/* run.c: the state at hand as step-…, with the best if that has changed. */
IML_MUST_USE enum iml_code imld_run_checkpoint(struct imld_run *run, struct iml_error *error);

/* run.c: seconds of running time over all attempts. */
double imld_run_seconds(const struct imld_run *run);

#endif
