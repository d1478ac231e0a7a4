/* rows.h: metric rows inside another request's transaction (private to storage/). */
#ifndef IMLD_STORAGE_ROWS_H
#define IMLD_STORAGE_ROWS_H

#include "storage/artifacts.h"
#include "storage/database.h"
#include "storage/points.h"

/* Writes rows, artifacts and progress. IML_ERROR_CONFLICT: the job is not running. */
IML_MUST_USE enum iml_code imld_rows_apply(struct imld_database *database,
                                           const struct imld_rows_write *request,
                                           struct iml_error *error);

/* artifacts.c: the artifacts' part of it. */
IML_MUST_USE enum iml_code imld_artifacts_apply(struct imld_database *database, int64_t job,
                                                const struct imld_artifact_row *rows, size_t count,
                                                struct iml_error *error);

#endif
