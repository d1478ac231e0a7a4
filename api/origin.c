/* origin.c: a job and one of its checkpoints, for a job that starts from it; see origin.h. */
#include "api/origin.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "storage/checkpoints.h"
#include "storage/jobs.h"

struct search {
    const char *name;
    struct imld_checkpoint found;
    bool has_found;
    struct imld_text names; /* of all */
};

static bool look(void *context, const struct imld_checkpoint *checkpoint)
{
    struct search *search = context;
    imld_text_printf(&search->names, "%s%s", search->names.length > 0 ? ", " : "",
                     checkpoint->name);
    if (strcmp(checkpoint->name, search->name) != 0) return true;
    search->found = *checkpoint;
    search->has_found = true;
    return false;
}

static bool refuse(const struct iml_error *error, struct imld_problems *problems)
{
    imld_problems_add(problems, "/from", "it can't be looked up now: %s", error->what);
    return false;
}

static bool find_checkpoint(struct imld_reader *reader, const struct imld_job *job, const char *id,
                            struct search *search, struct imld_problems *problems)
{
    struct iml_error error = {0};
    if (imld_checkpoints_list(reader, job->number, look, search, &error) != IML_OK)
        return refuse(&error, problems);
    if (search->has_found) return true;
    imld_problems_add(problems, "/from/checkpoint", "found \"%s\"; job %s, which is %s, has %s%s",
                      search->name, id, imld_state_name(job->state),
                      search->names.length > 0 ? "" : "no checkpoint yet",
                      search->names.length > 0 ? search->names.bytes : "");
    return false;
}

static bool find_job(struct imld_reader *reader, const char *id, struct imld_job *job,
                     struct imld_problems *problems)
{
    struct iml_error error = {0};
    int64_t number = 0;
    const bool is_id = imld_job_number(id, &number);
    const enum iml_code code =
        is_id ? imld_job_get(reader, number, job, &error) : IML_ERROR_NOT_FOUND;
    if (code == IML_OK) return true;
    if (code != IML_ERROR_NOT_FOUND) return refuse(&error, problems);
    imld_problems_add(problems, "/from/job", "found \"%s\"; there is no such job%s", id,
                      is_id ? "" : "; needed is an id like j0000001");
    return false;
}

bool imld_origin_find(void *context, const char *job_id, const char *checkpoint,
                      struct imld_origin_view *view, struct imld_problems *problems)
{
    struct iml_error error = {0};
    struct imld_job job = {0};
    struct search search = {.name = checkpoint};
    struct imld_reader *reader = imld_reader_take(context, &error);
    if (!reader) return refuse(&error, problems);
    bool is_found = find_job(reader, job_id, &job, problems) &&
                    find_checkpoint(reader, &job, job_id, &search, problems);
    if (is_found) {
        *view = (struct imld_origin_view){.spec = json_loads(job.spec, 0, NULL),
                                          .step = search.found.step};
        memcpy(view->sha256, search.found.sha256, sizeof view->sha256);
        is_found = view->spec != NULL;
        if (!is_found) imld_problems_add(problems, "/from/job", "its stored spec can't be read");
    }
    imld_text_clear(&search.names);
    imld_job_clear(&job);
    imld_reader_give(reader);
    return is_found;
}
