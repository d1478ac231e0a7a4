/* frozen.c: another job's confidence network beside this job's base net; see frozen.h. */
#include "daemon/frozen.h"

#include "daemon/plan.h"
#include "spec/resolve.h"
#include "storage/jobs.h"

/* What the network of a job has read: how many numbers, and pixels in which form. */
struct reading {
    size_t count;
    enum iml_pixels pixels;
};

/* The resolved spec of a job; NULL: it is gone. */
static json_t *spec_of(struct imld_storage *storage, const char *id)
{
    struct iml_error error = {0};
    struct imld_job job = {0};
    int64_t number = 0;
    json_t *spec = NULL;
    struct imld_reader *reader = imld_reader_take(storage, &error);
    if (reader && imld_job_number(id, &number) &&
        imld_job_get(reader, number, &job, &error) == IML_OK)
        spec = json_loads(job.spec, 0, NULL);
    imld_job_clear(&job);
    imld_reader_give(reader);
    return spec;
}

/* false: its data is gone. */
static bool find_reading(const json_t *spec, const struct iml_set_roots *roots,
                         struct reading *reading)
{
    struct iml_trainer_options options;
    struct iml_set_facts facts;
    struct iml_error error = {0};
    enum iml_code code = imld_plan_options(spec, &options, &error);
    options.roots = *roots;
    if (code == IML_OK) code = iml_trainer_facts(&options.data, roots, &facts, &error);
    if (code == IML_OK) code = iml_trainer_network_reads(&options, &facts, &reading->count, &error);
    reading->pixels = options.data.pixels;
    return code == IML_OK;
}

/* Statistics and filters of a network of images are of the pixels that it has seen. */
static void compare(const char *id, const struct iml_trainer_options *options,
                    const struct reading *theirs, const struct reading *ours,
                    struct imld_problems *problems)
{
    static const char *const kinds[IML_WEIGHER_INPUTS] = {
        [IML_WEIGHER_IMAGE] = "channels of an image",
        [IML_WEIGHER_PROBABILITIES] = "class probabilities",
        [IML_WEIGHER_FEATURES] = "features of the base net"};
    if (theirs->count != ours->count)
        imld_problems_add(problems, "/confidence/from/job",
                          "the network of job %s reads %zu %s, and this job has %zu", id,
                          theirs->count, kinds[options->confidence.input], ours->count);
    else if (options->confidence.input == IML_WEIGHER_IMAGE && theirs->pixels != ours->pixels)
        imld_problems_add(problems, "/confidence/from/job",
                          "the network of job %s has seen images with other data.pixels", id);
}

bool imld_frozen_fits(struct imld_storage *storage, const json_t *spec,
                      const struct iml_trainer_options *options, const struct iml_set_facts *facts,
                      struct imld_problems *problems)
{
    const char *id = json_string_value(imld_json_at(spec, "/confidence/from/job"));
    const size_t before = problems->total;
    struct reading theirs, ours = {.pixels = options->data.pixels};
    struct iml_error error = {0};
    if (options->confidence.used != IML_WEIGHER_FROZEN || !id) return true;
    json_t *source = spec_of(storage, id);
    if (source && find_reading(source, &options->roots, &theirs) &&
        iml_trainer_network_reads(options, facts, &ours.count, &error) == IML_OK)
        compare(id, options, &theirs, &ours, problems);
    json_decref(source);
    return problems->total == before;
}
