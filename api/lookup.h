/* lookup.h: the job that a request's path names, read and checked against the caller's rights. */
#ifndef IMLD_API_LOOKUP_H
#define IMLD_API_LOOKUP_H

#include "api/request.h"
#include "storage/jobs.h"

/* The first path parameter as a job's number: false: *answer is a 404. */
bool imld_lookup_number(const struct imld_request *request, int64_t *number,
                        struct imld_answer *answer);

/* Takes a reader and reads the job; where the endpoint needs its owner, the caller must be that or
 * an admin. false: *answer says why not, and nothing is held. The caller gives the reader and
 * clears the job. */
bool imld_lookup_job(const struct imld_request *request, struct imld_reader **reader,
                     struct imld_job *job, struct imld_answer *answer);

#endif
