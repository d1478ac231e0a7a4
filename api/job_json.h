/* job_json.h: the job object of DESIGN §7. */
#ifndef IMLD_API_JOB_JSON_H
#define IMLD_API_JOB_JSON_H

#include "api/request.h"
#include "storage/jobs.h"

enum imld_job_form {
    IMLD_JOB_WHOLE, /* with its spec */
    IMLD_JOB_ITEM   /* of a list: without */
};

/* Adds the object; what the row does not hold (best, latest, those ahead) is read, what is newer
 * than the row comes from the daemon. */
IML_MUST_USE enum iml_code imld_job_json(struct imld_text *text, struct imld_api *api,
                                         struct imld_reader *reader, const struct imld_job *job,
                                         enum imld_job_form form, struct iml_error *error);

/* An answer with the whole job and its ETag: "r<revision>-<hash of the text>". If-Match compares
 * the revision alone: progress does not stand in the way of a PATCH. */
struct imld_answer imld_job_answer(unsigned status, struct imld_api *api,
                                   struct imld_reader *reader, const struct imld_job *job);

/* The same for a job that was just written: takes a reader, reads it. */
struct imld_answer imld_job_answer_number(unsigned status, struct imld_api *api, int64_t number);

/* The revision of an ETag in the form above; -1: another form. */
int64_t imld_job_etag_revision(const char *etag);

#endif
