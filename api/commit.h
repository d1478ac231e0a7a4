/* commit.h: a write on its way to the storage's writer on behalf of a request. It belongs to both:
 * the request may end (at shutdown) before the writer has answered. */
#ifndef IMLD_API_COMMIT_H
#define IMLD_API_COMMIT_H

#include "api/request.h"
#include "storage/jobs.h"

enum { IMLD_COMMIT_TEXTS = 16 };

struct imld_commit {
    atomic_uint references;       /* the request, and the writer */
    struct imld_pending *pending; /* held */
    struct imld_request *request; /* guarded by pending->mutex; NULL once the request has ended */
    bool is_done;                 /* guarded by pending->mutex */
    int64_t deadline_ms;          /* of the wait, by imld_ticks_ms */
    union {
        struct imld_write write; /* first in each */
        struct imld_job_create create;
        struct imld_job_verb verb;
        struct imld_job_patch patch;
        struct imld_job_delete remove;
    } as;
    char *texts[IMLD_COMMIT_TEXTS]; /* owned: what the write borrows */
    size_t text_count;
};

/* Becomes request->work. NULL: no memory. */
struct imld_commit *imld_commit_new(struct imld_request *request);

/* Keeps a text for as long as the write lives: takes it, returns it. */
const char *imld_commit_keep(struct imld_commit *commit, char *text);
const char *imld_commit_copy(struct imld_commit *commit, const char *text); /* NULL stays NULL */

/* Hands the prepared write over and lets the request wait for it: answers "pending" with
 * request->next set, or 503 where the queue is full. */
struct imld_answer imld_commit_submit(struct imld_commit *commit,
                                      struct imld_answer (*next)(struct imld_api *api,
                                                                 struct imld_request *request));

/* In `next`: true once the write was answered (look at as.write.code); false: not yet, and *answer
 * is "pending", or a 503 because the server ends or storage takes longer than commit_seconds: the
 * write may then still happen. */
bool imld_commit_is_done(struct imld_commit *commit, struct imld_answer *answer);

#endif
