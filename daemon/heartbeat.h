/* heartbeat.h: whether storage's writer still answers: a watchdog that only its own thread feeds
 * proves nothing. */
#ifndef IMLD_DAEMON_HEARTBEAT_H
#define IMLD_DAEMON_HEARTBEAT_H

#include <stdatomic.h>

#include "storage/storage.h"

struct imld_heartbeat {
    struct imld_write write;      /* changes nothing; the writer's while is_asked */
    struct imld_storage *storage; /* borrowed; to be closed before this ends */
    atomic_bool is_asked;
};

void imld_heartbeat_open(struct imld_heartbeat *heartbeat, struct imld_storage *storage);

/* Whether the writer has answered what was asked at the last call, if only with an error; asks
 * again. A writer that says that it waits for the disk is alive: a restart would not mend the disk,
 * and would count as a loss of every run. One thread, each few seconds. */
bool imld_heartbeat_is_alive(struct imld_heartbeat *heartbeat);

#endif
