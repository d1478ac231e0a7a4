/* control.h: what the API asks of the daemon (api/control.h), answered from workers, queue and data
 * roots. */
#ifndef IMLD_DAEMON_CONTROL_H
#define IMLD_DAEMON_CONTROL_H

#include <stdatomic.h>

#include "api/control.h"
#include "daemon/configuration.h"
#include "daemon/dispatch.h"

struct imld_daemon_control {
    struct imld_control control; /* given to the API */
    struct imld_resolve_context resolve;
    /* borrowed */
    const struct imld_configuration *configuration;
    struct imld_storage *storage;
    struct imld_workers *workers;
    struct imld_dispatch *dispatch;
    struct imld_paces *paces;
    const char *program;
    struct iml_set_roots roots;
    int64_t started_ms; /* wall clock */
    atomic_bool is_stopping;
};

/* Fills `control` and `resolve` from the borrowed fields. */
void imld_daemon_control_open(struct imld_daemon_control *self);

#endif
