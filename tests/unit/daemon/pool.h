/* pool.h: a daemon without HTTP for tests: storage, queue and workers on a fresh folder with a tiny
 * data set. All waiting is for commits, never for a clock. */
#ifndef IMLD_TESTS_POOL_H
#define IMLD_TESTS_POOL_H

#include <jansson.h>
#include <pthread.h>

#include "daemon/dispatch.h"
#include "storage/checkpoints.h"

struct pool {
    char folder[64]; /* removed by pool_remove; state/ and data/ below it */
    char state[128], data[128];
    const char *roots[1];
    struct imld_log log;
    struct imld_storage *storage;
    struct imld_dispatch *dispatch;
    struct imld_workers *workers;
    struct imld_paces paces;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    unsigned long changes; /* mutex: commits heard of */
};

/* Makes the folder and in data/ the set "tiny": 4 classes, 6 × 6 pixels, 240 + 80 images in idx
 * form. */
void pool_make(struct pool *pool);
void pool_remove(struct pool *pool);

/* Starts storage (with recovery) and queue on the folder; ends them in good order. */
void pool_open(struct pool *pool);
void pool_close(struct pool *pool);

/* For cmocka: *state is an open pool of its own, and is gone with its folder afterwards. */
int pool_set_up(void **state);
int pool_tear_down(void **state);

/* Submits a job: `spec` is JSON with ' for ". Its number. */
int64_t pool_submit(struct pool *pool, const char *spec);

/* What a user's verb does, and the notification that the API would send. */
void pool_verb(struct pool *pool, int64_t job, enum imld_verb verb);

/* The job's row; imld_job_clear it. */
struct imld_job pool_job(struct pool *pool, int64_t number);

/* Waits until the job's row satisfies `holds`. */
void pool_wait(struct pool *pool, int64_t number, bool (*holds)(const struct imld_job *job));
bool job_has_ended(const struct imld_job *job);
bool job_is_running(const struct imld_job *job);
bool job_is_paused(const struct imld_job *job);
bool job_has_checkpoint(const struct imld_job *job);
bool job_is_queued(const struct imld_job *job);

/* Number of events of that kind. */
size_t pool_events(struct pool *pool, int64_t job, const char *kind);

/* All points of a metric: step and value; the count. */
size_t pool_points(struct pool *pool, int64_t job, const char *metric, struct imld_point *points,
                   size_t capacity);

/* Fails unless two jobs have the same bits: tensors of `best` and `last`, all deterministic
 * rows, all artifacts. */
void pool_check_same(struct pool *pool, int64_t a, int64_t b);

#endif
