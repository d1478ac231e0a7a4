/* lookup.c: the job of a request's path; see lookup.h. */
#include "api/lookup.h"

#include <string.h>

#include "api/server.h"

bool imld_lookup_number(const struct imld_request *request, int64_t *number,
                        struct imld_answer *answer)
{
    if (imld_job_number(request->parameters[0], number)) return true;
    *answer = imld_answer_problem(404, "there is no job %s", request->parameters[0]);
    return false;
}

bool imld_lookup_job(const struct imld_request *request, struct imld_reader **reader,
                     struct imld_job *job, struct imld_answer *answer)
{
    struct iml_error error = {0};
    int64_t number = 0;
    *reader = NULL;
    *job = (struct imld_job){0};
    if (!imld_lookup_number(request, &number, answer)) return false;
    *reader = imld_reader_take(request->api->storage, &error);
    if (!*reader) {
        *answer = imld_answer_error(&error);
        return false;
    }
    const bool needs_owner = request->endpoint->right == IMLD_RIGHT_OWNER;
    if (imld_job_get(*reader, number, job, &error) != IML_OK) {
        *answer = error.code == IML_ERROR_NOT_FOUND
                      ? imld_answer_problem(404, "there is no job %s", request->parameters[0])
                      : imld_answer_error(&error);
    } else if (needs_owner && !request->caller.is_admin &&
               strcmp(job->owner, request->caller.user) != 0) {
        *answer =
            imld_answer_problem(403, "job %s belongs to %s; only its owner and admins may do this",
                                request->parameters[0], job->owner);
    } else {
        return true;
    }
    imld_job_clear(job);
    imld_reader_give(*reader);
    *reader = NULL;
    return false;
}

bool imld_lookup_subject(const struct imld_request *request, struct imld_subject *subject,
                         struct imld_answer *answer)
{
    struct imld_problems problems = {0};
    struct imld_reader *reader = NULL;
    *subject = (struct imld_subject){0};
    if (!imld_lookup_job(request, &reader, &subject->job, answer)) return false;
    imld_reader_give(reader);
    subject->spec = json_loads(subject->job.spec, 0, NULL);
    subject->document = imld_request_json(request, &problems);
    if (!subject->document)
        *answer = imld_answer_problems(400, &problems);
    else if (!subject->spec)
        *answer = imld_answer_problem(500, "the stored job can't be read");
    imld_problems_clear(&problems);
    return subject->document && subject->spec;
}

void imld_subject_clear(struct imld_subject *subject)
{
    imld_job_clear(&subject->job);
    json_decref(subject->spec);
    json_decref(subject->document);
}
