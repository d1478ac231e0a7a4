/* needed.h: checkpoints that other jobs start from, inside transactions (private to storage/). A
 * checkpoint is needed while a job that starts from it has not ended. */
#ifndef IMLD_STORAGE_NEEDED_H
#define IMLD_STORAGE_NEEDED_H

#include "storage/database.h"
#include "storage/jobs.h"

/* SQL: the job in this row of `jobs` has not ended. */
#define IMLD_NOT_ENDED "state IN ('queued', 'running', 'paused')"

/* The new job's origin as its request names it. IML_ERROR_NOT_FOUND: that checkpoint is no more (it
 * was pruned, or replaced by another of its name). */
IML_MUST_USE enum iml_code imld_needed_insert(struct imld_database *database,
                                              const struct imld_job_create *request,
                                              struct iml_error *error);

/* IML_ERROR_CONFLICT, naming them: jobs that have not ended start from a checkpoint of this one. */
IML_MUST_USE enum iml_code imld_needed_refuse(struct imld_database *database, int64_t number,
                                              struct iml_error *error);

/* Whether a job needs that file of the source. */
IML_MUST_USE enum iml_code imld_needed_file(struct imld_connection *connection, int64_t source,
                                            const char *file, bool *is_needed,
                                            struct iml_error *error);

/* A job has ended: the file that it started from goes after the commit, where no checkpoint has it
 * any more and no other job needs it. */
IML_MUST_USE enum iml_code imld_needed_release(struct imld_database *database, int64_t number,
                                               struct iml_error *error);

#endif
