/* lookup.h: the job that a request's path names, read and checked against the caller's rights. */
#ifndef IMLD_API_LOOKUP_H
#define IMLD_API_LOOKUP_H

#include <jansson.h>

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

/* What a request with a body is about. All owned: imld_subject_clear, also after a failure. */
struct imld_subject {
    struct imld_job job;
    json_t *spec;     /* of the job, resolved */
    json_t *document; /* the body: an object */
};

/* The job as above, and the body. false: *answer says why not. */
bool imld_lookup_subject(const struct imld_request *request, struct imld_subject *subject,
                         struct imld_answer *answer);
void imld_subject_clear(struct imld_subject *subject);

#endif
