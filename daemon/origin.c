/* origin.c: a run that begins with another job's weights (`from`, DESIGN §4); see run.h. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "daemon/run.h"
#include "spec/resolve.h"
#include "storage/jobs.h"

/* Whether the other job learned a λ of the kind that this one learns. */
static bool shares_knowledge(const struct imld_run *run, const struct imld_origin *origin)
{
    const struct iml_knowledge_kind *own = run->options->trainer->meta.knowledge.kind;
    json_t *spec = origin->spec ? json_loads(origin->spec, 0, NULL) : NULL;
    const json_t *at = imld_json_at(spec, "/meta/knowledge/kind");
    const char *kind = json_string_value(at ? at : imld_json_at(spec, "/knowledge/kind"));
    const bool is_shared = own && kind && strcmp(own->name, kind) == 0;
    json_decref(spec);
    return is_shared;
}

/* Where the files have changed since, the seed alone does not give the other job's images. */
static enum iml_code check_split(const struct imld_run *run, const struct imld_origin *origin,
                                 struct iml_error *error)
{
    char hash[65];
    imld_run_split_hash(run->trainer, hash);
    if (!origin->split || strcmp(origin->split, hash) == 0) return IML_OK;
    (void)iml_error_set(error, IML_ERROR_DATA,
                        "the split is %.16s…, that of the job it starts from was %.16s…", hash,
                        origin->split);
    iml_error_where(error, "/from/job");
    iml_error_mend(error, "the data set's files have changed since: put them back, then retry");
    return IML_ERROR_DATA;
}

/* What is taken of the other job's state: prefixes, ending with NULL. */
static enum iml_code take(struct imld_run *run, const struct imld_checkpoint_content *content,
                          const char *const *prefixes, struct iml_error *error)
{
    const struct iml_registry *registry = iml_trainer_registry(run->trainer);
    imld_snapshot_take(&run->current, registry);
    const enum iml_code code = imld_snapshot_import(&run->current, content, prefixes, error);
    if (code != IML_OK) return code;
    imld_snapshot_give(&run->current, registry);
    return iml_trainer_imported(run->trainer, error);
}

static enum iml_code tell(struct imld_run *run, const struct imld_origin *origin, const char *taken,
                          struct iml_error *error)
{
    char id[IMLD_JOB_ID_MAX];
    struct imld_text text = {0};
    imld_job_id(origin->source, id);
    imld_text_printf(&text, "{\"job\": \"%s\", \"checkpoint\": \"%s\", \"step\": %lld", id,
                     origin->checkpoint.name, (long long)origin->checkpoint.step);
    imld_text_printf(&text, ", \"sha256\": \"%s\", %s}", origin->checkpoint.sha256, taken);
    char *data = imld_text_take(&text);
    struct imld_sink *sink = run->options->sink;
    const enum iml_code code = sink->event(sink, "imported", data, error);
    free(data);
    return code;
}

/* Weights and running statistics of the other job's net, and its λ where both learn one of one
 * kind: the split is then that job's, too. */
static enum iml_code import_net(struct imld_run *run, const struct imld_origin *origin,
                                const struct imld_checkpoint_content *content,
                                struct iml_error *error)
{
    const bool takes_knowledge = shares_knowledge(run, origin);
    const char *const prefixes[] = {"parameters/", takes_knowledge ? "knowledge/" : NULL, NULL};
    enum iml_code code = check_split(run, origin, error);
    if (code == IML_OK) code = take(run, content, prefixes, error);
    if (code != IML_OK) return code;
    return tell(run, origin, takes_knowledge ? "\"knowledge\": true" : "\"knowledge\": false",
                error);
}

/* Its confidence network alone (FIXMATCH 6.1, frozen). */
static enum iml_code import_network(struct imld_run *run, const struct imld_origin *origin,
                                    const struct imld_checkpoint_content *content,
                                    struct iml_error *error)
{
    static const char *const prefixes[] = {"knowledge/", NULL};
    const enum iml_code code = take(run, content, prefixes, error);
    if (code != IML_OK) return code;
    return tell(run, origin, "\"knowledge\": true, \"parameters\": false", error);
}

enum iml_code imld_run_import(struct imld_run *run, struct iml_error *error)
{
    struct imld_sink *sink = run->options->sink;
    const bool is_frozen = run->options->trainer->confidence.used == IML_WEIGHER_FROZEN;
    struct imld_origin origin = {0};
    struct imld_checkpoint_content content = {0};
    enum iml_code code = sink->origin(sink, &origin, &content, error);
    if (code == IML_ERROR_DATA)
        iml_error_mend(error, "the checkpoint that the job starts from can't be read: submit the "
                              "job anew from another one");
    if (code == IML_OK)
        code = is_frozen ? import_network(run, &origin, &content, error)
                         : import_net(run, &origin, &content, error);
    imld_checkpoint_content_clear(&content);
    imld_origin_clear(&origin);
    return code;
}
