/* heartbeat.c: whether storage's writer still answers; see heartbeat.h. */
#include "daemon/heartbeat.h"

static enum iml_code apply_nothing(struct imld_write *self, struct imld_database *database,
                                   struct iml_error *error)
{
    (void)self;
    (void)database;
    (void)error;
    return IML_OK;
}

static void on_answer(struct imld_write *self)
{
    struct imld_heartbeat *heartbeat = self->context;
    atomic_store(&heartbeat->is_asked, false);
}

void imld_heartbeat_open(struct imld_heartbeat *heartbeat, struct imld_storage *storage)
{
    heartbeat->storage = storage;
    atomic_store(&heartbeat->is_asked, false);
}

bool imld_heartbeat_is_alive(struct imld_heartbeat *heartbeat)
{
    if (atomic_load(&heartbeat->is_asked))
        return !imld_storage_is_healthy(heartbeat->storage, NULL);
    heartbeat->write =
        (struct imld_write){.apply = apply_nothing, .done = on_answer, .context = heartbeat};
    atomic_store(&heartbeat->is_asked, true);
    if (imld_storage_submit(heartbeat->storage, &heartbeat->write) == IML_OK) return true;
    atomic_store(&heartbeat->is_asked, false); /* the queue is full: told apart by the next call */
    return false;
}
