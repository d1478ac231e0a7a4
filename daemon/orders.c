/* orders.c: the mailbox of a run; see orders.h. */
#include "daemon/orders.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "spec/states.h"

void imld_orders_init(struct imld_orders *orders)
{
    *orders = (struct imld_orders){.step = -1, .eta_seconds = nan("")};
    pthread_condattr_t attributes;
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_mutex_init(&orders->mutex, NULL);
    (void)pthread_cond_init(&orders->changed, &attributes);
    (void)pthread_condattr_destroy(&attributes);
}

void imld_orders_clear(struct imld_orders *orders)
{
    free(orders->early_stopping);
    (void)pthread_cond_destroy(&orders->changed);
    (void)pthread_mutex_destroy(&orders->mutex);
}

void imld_orders_set(struct imld_orders *orders, unsigned intents, const char *early_stopping)
{
    char *copy = early_stopping ? strdup(early_stopping) : NULL; /* NULL: the run keeps its rules */
    (void)pthread_mutex_lock(&orders->mutex);
    orders->intents = intents;
    if (copy) {
        free(orders->early_stopping);
        orders->early_stopping = copy;
    }
    (void)pthread_mutex_unlock(&orders->mutex);
    if (intents & (1U << IMLD_VERB_CANCEL)) atomic_store(&orders->cancel, true);
    atomic_store(&orders->has_news, true);
}

void imld_orders_shutdown(struct imld_orders *orders)
{
    (void)pthread_mutex_lock(&orders->mutex);
    atomic_store(&orders->is_shutdown, true);
    (void)pthread_cond_broadcast(&orders->changed);
    (void)pthread_mutex_unlock(&orders->mutex);
}

void imld_orders_abandon(struct imld_orders *orders)
{
    atomic_store(&orders->cancel, true);
}

unsigned imld_orders_take(struct imld_orders *orders, char **early_stopping)
{
    atomic_store(&orders->has_news, false); /* before looking: what comes later is news again */
    (void)pthread_mutex_lock(&orders->mutex);
    const unsigned intents = orders->intents;
    *early_stopping = orders->early_stopping;
    orders->early_stopping = NULL;
    (void)pthread_mutex_unlock(&orders->mutex);
    return intents;
}

bool imld_orders_wait(struct imld_orders *orders, int ms)
{
    const struct timespec end = imld_ticks_after_ms(ms);
    (void)pthread_mutex_lock(&orders->mutex);
    while (!atomic_load(&orders->is_shutdown) &&
           pthread_cond_timedwait(&orders->changed, &orders->mutex, &end) == 0) {
    }
    (void)pthread_mutex_unlock(&orders->mutex);
    return atomic_load(&orders->is_shutdown);
}

void imld_orders_tell(struct imld_orders *orders, int64_t step, int64_t steps_of,
                      double eta_seconds)
{
    (void)pthread_mutex_lock(&orders->mutex);
    orders->step = step;
    orders->steps_of = steps_of;
    orders->eta_seconds = eta_seconds;
    (void)pthread_mutex_unlock(&orders->mutex);
}

void imld_orders_tell_fault(struct imld_orders *orders, const char *text)
{
    (void)pthread_mutex_lock(&orders->mutex);
    orders->has_fault = text != NULL;
    (void)snprintf(orders->fault_text, sizeof orders->fault_text, "%s", text ? text : "");
    (void)pthread_mutex_unlock(&orders->mutex);
}
