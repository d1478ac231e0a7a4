/* artifacts.h: what a run measured that is more than a number a step (a spectrum, a report): JSON
 * documents, keyed (job, name, step), committed in the transactions of the metric rows (DESIGN
 * §6). */
#ifndef IMLD_STORAGE_ARTIFACTS_H
#define IMLD_STORAGE_ARTIFACTS_H

#include "storage/storage.h"

/* A longer document is not stored: the event artifact_dropped tells. Of one job and name the
 * newest is kept and IMLD_ARTIFACTS_MAX others, an even sample of all steps that depends on nothing
 * but the steps: runs that were disturbed and gone on keep the same ones. The event
 * artifacts_thinned tells of the first that went. */
#define IMLD_ARTIFACT_BYTES_MAX 1048576
#define IMLD_ARTIFACTS_MAX 512
#define IMLD_ARTIFACT_NAME_MAX 32

struct imld_artifact_row {
    const char *name; /* [a-z_]+; borrowed until done */
    int64_t step;
    const char *document; /* JSON object; borrowed until done */
    size_t bytes;         /* of the document, without its NUL */
};

/* One as it is known to the database. */
struct imld_artifact_facts {
    char name[IMLD_ARTIFACT_NAME_MAX];
    int64_t step, bytes, created_ms;
};

/* Ascending by (name, step), those behind the pair (after_name, after_step), at most `limit`. */
struct imld_artifact_range {
    int64_t job;
    const char *after_name; /* borrowed; "": from the start */
    int64_t after_step;
    size_t limit;
};
IML_MUST_USE enum iml_code
imld_artifacts_list(struct imld_reader *reader, const struct imld_artifact_range *range,
                    bool (*visit)(void *context, const struct imld_artifact_facts *facts),
                    void *context, struct iml_error *error);

/* The document, which the caller frees. step -1: the newest that is not beyond the job's own step
 * (later ones belong to a time before a crash that comes again). IML_ERROR_NOT_FOUND. */
IML_MUST_USE enum iml_code imld_artifact_read(struct imld_reader *reader, int64_t job,
                                              const char *name, int64_t step,
                                              struct imld_artifact_facts *facts, char **document,
                                              struct iml_error *error);

#endif
