/* orders.h: what others ask of a run, and where it stands: the mailbox between a run's thread and
 * the rest of the daemon. */
#ifndef IMLD_DAEMON_ORDERS_H
#define IMLD_DAEMON_ORDERS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct imld_orders {
    atomic_bool cancel;      /* the trainer looks at it between tiles: the step is abandoned */
    atomic_bool is_shutdown; /* checkpoint and end */
    atomic_bool has_news;    /* intents or early_stopping were set since the run looked */
    pthread_mutex_t mutex;   /* of the rest */
    pthread_cond_t changed;
    unsigned intents;     /* bit (1 << verb): CANCEL, STOP, PAUSE */
    char *early_stopping; /* owned: JSON list; NULL: as the run knows it */
    /* told by the run */
    int64_t step, steps_of; /* step -1: nothing was told yet */
    double eta_seconds;     /* NaN: not known */
    bool has_fault;         /* waits for storage */
    char fault_text[512];
};

void imld_orders_init(struct imld_orders *orders);
void imld_orders_clear(struct imld_orders *orders);

/* What the job's row says now (any thread). early_stopping is copied. A cancel intent sets
 * `cancel`. */
void imld_orders_set(struct imld_orders *orders, unsigned intents, const char *early_stopping);

/* Asks for an end in good order; with abandon the step at hand is given up too. */
void imld_orders_shutdown(struct imld_orders *orders);
void imld_orders_abandon(struct imld_orders *orders);

/* The run looks: intents, and the new rules if there are any (the caller frees them), else NULL. */
unsigned imld_orders_take(struct imld_orders *orders, char **early_stopping);

/* Waits up to `ms`; true at once when a shutdown is asked for. */
bool imld_orders_wait(struct imld_orders *orders, int ms);

/* The run tells where it stands; text NULL: no fault. */
void imld_orders_tell(struct imld_orders *orders, int64_t step, int64_t steps_of,
                      double eta_seconds);
void imld_orders_tell_fault(struct imld_orders *orders, const char *text);

#endif
