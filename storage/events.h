/* events.h: writing events inside a transaction (private to storage/); the table of their kinds. */
#ifndef IMLD_STORAGE_EVENTS_H
#define IMLD_STORAGE_EVENTS_H

#include "storage/database.h"
#include "storage/jobs.h"

/* data: JSON object or NULL. An unknown kind is IML_ERROR_ARGUMENT. */
IML_MUST_USE enum iml_code imld_event_write(struct imld_database *database, int64_t job,
                                            const char *kind, const char *actor, const char *data,
                                            struct iml_error *error);

#endif
