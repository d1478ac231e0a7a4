/* rows.h: metric rows inside another request's transaction (private to storage/). */
#ifndef IMLD_STORAGE_ROWS_H
#define IMLD_STORAGE_ROWS_H

#include "storage/database.h"
#include "storage/points.h"

/* Writes rows and progress. IML_ERROR_CONFLICT: the job is not running. */
IML_MUST_USE enum iml_code imld_rows_apply(struct imld_database *database,
                                           const struct imld_rows_write *request,
                                           struct iml_error *error);

#endif
