/* world.h: a real API on a unix socket and on loopback, with real storage in a temporary folder and
 * a daemon made of fixed facts. */
#ifndef IMLD_TESTS_API_WORLD_H
#define IMLD_TESTS_API_WORLD_H

#include <pthread.h>
#include <stdatomic.h>

#include "api/api.h"
#include "client.h"
#include "storage/jobs.h"

struct world {
    char folder[64], socket[96];
    unsigned short port;
    struct imld_storage *storage;
    struct imld_api *api;
    struct imld_control control;
    struct imld_resolve_context resolve;
    atomic_uint wakes, notices;
    atomic_bool is_ready, plan_refuses;
    atomic_uint warnings, errors;             /* lines of the log */
    void (*during_plan)(struct world *world); /* in the handler of a new job; NULL: nothing */
    pthread_barrier_t barrier;                /* of the writer that is held */
    struct imld_job_event held;
};

/* limits: NULL: the defaults. */
void world_open(struct world *world, const struct imld_api_limits *limits);
void world_close(struct world *world);

/* Only the API ends, and starts again. */
void world_stop_api(struct world *world, unsigned seconds);

/* One request on a connection of its own (unix socket). headers: lines that end with \r\n, or NULL;
 * body: NULL: none; with a body Content-Type and Content-Length are added. */
void ask(struct world *world, const char *method, const char *path, const char *headers,
         const char *body, struct reply *reply);

/* The same, with the expected status; gives the JSON body (NULL for 204, 304). */
json_t *ask_json(struct world *world, const char *method, const char *path, const char *headers,
                 const char *body, unsigned status);

/* A small valid job; its number. */
extern const char small_job[];
int64_t make_job(struct world *world, const char *body);

/* As the daemon would: claims the oldest queued job, or ends the running one by a verb. */
int64_t claim_job(struct world *world);
void end_job(struct world *world, int64_t number, enum imld_verb verb);

/* The writer stands, from here on until it is let go. */
void hold_writer(struct world *world);
void let_writer_go(struct world *world);

/* Sends a POST of small_job to "/v1/jobs" and what follows, on a connection of its own, and does
 * not wait for the answer. */
int say_job(const struct world *world, const char *query);

/* Until a write waits for the writer. */
void await_write(const struct world *world);

/* Still in service: /healthz answers 200. */
void check_serves(struct world *world);

#endif
