/* jobs.h: jobs, their transitions, intents and events: requests for the writer, and reads. */
#ifndef IMLD_STORAGE_JOBS_H
#define IMLD_STORAGE_JOBS_H

#include "spec/states.h"
#include "storage/storage.h"

#define IMLD_JOB_ID_MAX 24

/* Ids are "j" and the number in seven or more decimal digits: j0000042. Short, sortable,
 * URL-safe. */
void imld_job_id(int64_t number, char id[IMLD_JOB_ID_MAX]);
bool imld_job_number(const char *id,
                     int64_t *number); /* false: not an id in its one canonical form */

/* The codes of two refusals whose texts name the job by its id. */
enum iml_code imld_job_absent(int64_t number, struct iml_error *error);      /* NOT_FOUND */
enum iml_code imld_job_not_running(int64_t number, struct iml_error *error); /* CONFLICT */

/* Times are ms since 1970; 0: not yet. Texts are owned; JSON texts are compact. */
struct imld_job {
    int64_t number;
    enum imld_state state;
    char *owner, *name, *note;
    char *tags;           /* JSON list */
    char *spec;           /* JSON, resolved; early_stopping in it is the submitted one */
    char *early_stopping; /* JSON list, as it is now */
    char *reason;         /* JSON {kind, rule, numbers} or NULL */
    char *result;         /* JSON {step, metrics} or NULL */
    char *error;          /* JSON {what, where, mend} or NULL */
    char *split;          /* hash, or NULL before the first run */
    char *program;
    char *best_metric; /* checkpoint.best */
    bool best_is_higher;
    bool has_checkpoint;
    bool is_suspect; /* was running when the process died; no checkpoint since */
    int64_t losses;  /* process losses since its last committed checkpoint */
    int64_t priority, attempt;
    int64_t threads, memory_bytes;
    int64_t created_ms, started_ms, ended_ms, changed_ms;
    int64_t step;           /* steps done, as far as committed */
    int64_t steps_of;       /* 0: not known */
    double running_seconds; /* over all attempts, as far as committed */
    int64_t revision;       /* grows with each change: the ETag */
    unsigned intents;       /* bit (1 << verb) for each that is stored and not yet obeyed */
};
void imld_job_clear(struct imld_job *job);

/* ---- requests ---- */

/* A new job. IML_ERROR_NOT_FOUND: the checkpoint that it starts from is no more. With an
 * idempotency key the key is stored in the same transaction; the same owner, key and body hash
 * within 30 days gives the earlier job (is_replayed). Another body: IML_ERROR_CONFLICT. */
struct imld_job_create {
    struct imld_write write;
    /* in: borrowed until done */
    const char *owner, *name, *note, *tags, *spec, *early_stopping, *best_metric;
    bool best_is_higher;
    int64_t priority, threads, memory_bytes;
    const char *idempotency_key; /* NULL: none */
    unsigned char body_hash[32]; /* SHA-256 of the body as received */
    int64_t origin_job;          /* number of the job that it starts from; 0: none */
    const char *origin_checkpoint, *origin_sha256;
    /* out */
    int64_t number;
    bool is_replayed;
};
void imld_job_create_prepare(struct imld_job_create *request);

/* A user's verb. Queued and paused jobs change at once; for a running one the intent is stored, and
 * the run obeys it (imld_job_obeyed). IML_ERROR_NOT_FOUND; IML_ERROR_CONFLICT: illegal in this
 * state (text names it). */
struct imld_job_verb {
    struct imld_write write;
    int64_t number;
    enum imld_verb verb; /* a user's */
    const char *actor;   /* who asked, for the event */
    /* out */
    enum imld_state state; /* after the commit */
    bool holds;            /* the target state held already: nothing was changed */
    bool is_intent;        /* stored for the running job to obey */
};
void imld_job_verb_prepare(struct imld_job_verb *request);

/* Changes of a job by PATCH; NULL or has_… false: as it is. Also while running. */
struct imld_job_patch {
    struct imld_write write;
    int64_t number;
    const char *actor;
    const char *name, *note, *tags, *early_stopping;
    bool has_priority;
    int64_t priority;
    int64_t if_revision; /* -1: any; else IML_ERROR_CONFLICT when it has changed */
    int64_t revision;    /* out */
};
void imld_job_patch_prepare(struct imld_job_patch *request);

/* Deletes an ended job with rows and checkpoints; files are unlinked after the commit.
 * IML_ERROR_CONFLICT: it has not ended, or jobs that have not start from a checkpoint of it. */
struct imld_job_delete {
    struct imld_write write;
    int64_t number;
    const char *actor;
};
void imld_job_delete_prepare(struct imld_job_delete *request);

/* Claims a job: inside the transaction `choose` is given all queued jobs ordered by (priority
 * descending, number) and returns the index of the one to start, or -1. */
struct imld_candidate {
    int64_t number, priority, threads, memory_bytes, created_ms;
    bool is_suspect;
};
struct imld_job_claim {
    struct imld_write write;
    ptrdiff_t (*choose)(void *context, const struct imld_candidate *queued, size_t count);
    void *choose_context;
    int64_t number;       /* out; 0: none was chosen */
    bool from_checkpoint; /* out: the job has a checkpoint to go on from */
};
void imld_job_claim_prepare(struct imld_job_claim *request);

/* What a run reports when it leaves `running`: verb FINISH, FAIL, PAUSE, STOP, CANCEL or SHUTDOWN
 * (pause, stop and cancel obey an intent and clear it). Remaining rows of the run are committed in
 * the same transaction if `rows` is given (storage/points.h). */
struct imld_rows_write;
struct imld_job_end {
    struct imld_write write;
    int64_t number;
    enum imld_verb verb;
    const char *reason;                 /* JSON or NULL */
    const char *result;                 /* JSON or NULL */
    const char *error;                  /* JSON or NULL */
    const struct imld_rows_write *rows; /* may be NULL */
};
void imld_job_end_prepare(struct imld_job_end *request);

/* Facts that a run knows once it is open. */
struct imld_job_opened {
    struct imld_write write;
    int64_t number;
    const char *split;      /* hash of the split */
    const char *cpu_kernel; /* an event tells when it differs from the one of the last checkpoint */
    int64_t resumed_step; /* step of the checkpoint it goes on from; 0: from the start. Progress is
                             set to it, so that `best` and `latest` ignore later rows */
};
void imld_job_opened_prepare(struct imld_job_opened *request);

/* An event of a run's own, of a kind in imld_event_kinds, else IML_ERROR_ARGUMENT ("storage_fault",
 * "kernel_changed", …). data: JSON object or NULL. */
struct imld_job_event {
    struct imld_write write;
    int64_t number; /* 0: of the server */
    const char *kind, *actor, *data;
};
void imld_job_event_prepare(struct imld_job_event *request);

/* At start, before anything is claimed: running → queued (attempt + 1, suspect, losses + 1), or →
 * failed at the third loss of a suspect that ran alone (DESIGN §5). */
struct imld_jobs_recover {
    struct imld_write write;
    int64_t requeued, failed; /* out */
};
void imld_jobs_recover_prepare(struct imld_jobs_recover *request);

/* ---- reads ---- */

IML_MUST_USE enum iml_code imld_job_get(struct imld_reader *reader, int64_t number,
                                        struct imld_job *job, struct iml_error *error);

struct imld_job_filter {
    unsigned states;                /* bit (1 << state) each; 0: all */
    const char *owner, *tag, *name; /* NULL: any; name: a part of it, case-insensitive */
    int64_t before;                 /* numbers below this one (the cursor); 0: from the newest */
    size_t limit;
};
/* Newest first. visit borrows the job (spec included). false from visit ends the walk. */
IML_MUST_USE enum iml_code imld_jobs_list(struct imld_reader *reader,
                                          const struct imld_job_filter *filter,
                                          bool (*visit)(void *context, const struct imld_job *job),
                                          void *context, struct iml_error *error);

/* Queued jobs in claim order, for `waiting`: the number of jobs ahead and the first ids. */
IML_MUST_USE enum iml_code imld_jobs_ahead(struct imld_reader *reader, int64_t number,
                                           int64_t *count, int64_t first[8], size_t *first_count,
                                           struct iml_error *error);

/* Jobs by state: counts[state]. */
IML_MUST_USE enum iml_code imld_jobs_count(struct imld_reader *reader, int64_t counts[IMLD_STATES],
                                           struct iml_error *error);

/* The newest earlier job whose resolved spec (without name, note, tags, priority) is the same; 0:
 * none. */
IML_MUST_USE enum iml_code imld_job_identical(struct imld_reader *reader, const char *spec,
                                              int64_t *number, struct iml_error *error);

/* The kinds of events, with a sentence each. */
struct imld_event_kind {
    const char *name, *help;
};
extern const struct imld_event_kind imld_event_kinds[];
extern const size_t imld_event_kind_count;

struct imld_event {
    int64_t id, job, time_ms;
    const char *kind, *actor, *data; /* data: JSON object or NULL; borrowed during visit */
};
/* Events with id > after, oldest first; job 0: of all. */
IML_MUST_USE enum iml_code
imld_events_list(struct imld_reader *reader, int64_t job, int64_t after, size_t limit,
                 bool (*visit)(void *context, const struct imld_event *event), void *context,
                 struct iml_error *error);

#endif
