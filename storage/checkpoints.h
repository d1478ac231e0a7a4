/* checkpoints.h: checkpoints: safetensors files, made durable before their row is committed
 * (DESIGN §6). */
#ifndef IMLD_STORAGE_CHECKPOINTS_H
#define IMLD_STORAGE_CHECKPOINTS_H

#include "storage/points.h"
#include "storage/storage.h"

#define IMLD_CHECKPOINT_NAME_MAX 32

/* A tensor for the writer, or from the reader. */
struct imld_tensor {
    char name[128];
    const char *dtype; /* "F32", "F64", "U64", "U32", "I64", "U8" */
    size_t rank;
    size_t shape[4];
    const void *data; /* borrowed (writer); into the file's bytes (reader) */
    size_t bytes;
};

struct imld_metadata {
    const char *key, *value;
};

/* A file to write. Its bytes depend on nothing but its content. */
struct imld_checkpoint_file {
    char name[IMLD_CHECKPOINT_NAME_MAX]; /* "best", "last", "step-1200" */
    int64_t step;
    const struct imld_tensor *tensors;
    size_t tensor_count;
    const struct imld_metadata *metadata; /* strings; job, step, program, cpu kernel */
    size_t metadata_count;
};

/* Writes the files (temporary, fsync, rename, fsync of the folder) on the calling thread, then
 * commits in one transaction their rows, the metric rows, the progress, and prunes step-…
 * checkpoints beyond the newest `keep`; pruned files are unlinked after the commit. A committed
 * checkpoint clears the job's suspicion and losses. IML_ERROR_NO_SPACE, IML_ERROR_IO: nothing has
 * happened, the temporary files are gone. For a run's own thread. */
IML_MUST_USE enum iml_code imld_checkpoint_write(struct imld_storage *storage, int64_t job,
                                                 const struct imld_checkpoint_file *files,
                                                 size_t file_count, size_t keep,
                                                 const struct imld_rows_write *rows,
                                                 struct iml_error *error);

/* A checkpoint as it is known to the database. */
struct imld_checkpoint {
    char name[IMLD_CHECKPOINT_NAME_MAX];
    int64_t step, bytes, created_ms;
    char sha256[65]; /* hexadecimal */
};
/* Ascending by step, `best` and `last` at the end. */
IML_MUST_USE enum iml_code imld_checkpoints_list(struct imld_reader *reader, int64_t job,
                                                 bool (*visit)(void *context,
                                                               const struct imld_checkpoint *c),
                                                 void *context, struct iml_error *error);

/* The newest step-… (or `last`) checkpoint to go on from; found = false: there is none. */
IML_MUST_USE enum iml_code imld_checkpoint_newest(struct imld_reader *reader, int64_t job,
                                                  struct imld_checkpoint *checkpoint, bool *found,
                                                  struct iml_error *error);

/* Opens the file for a download: a descriptor that the caller closes, still readable after the
 * checkpoint is pruned. IML_ERROR_DATA: the file is gone or has another size; *fd is then -1. The
 * bytes are not read: who downloads compares with the row's SHA-256. */
IML_MUST_USE enum iml_code imld_checkpoint_open(struct imld_reader *reader, int64_t job,
                                                const char *name,
                                                struct imld_checkpoint *checkpoint, int *fd,
                                                struct iml_error *error);

/* A checkpoint in memory: read, its sha256 compared, its header parsed strictly (every rule of the
 * safetensors format). IML_ERROR_DATA: corrupt; `where` names file and byte. */
struct imld_checkpoint_content {
    struct imld_tensor *tensors; /* owned */
    size_t tensor_count;
    char *metadata; /* owned: JSON object of strings */
    void *bytes;    /* owned: the file */
};
IML_MUST_USE enum iml_code imld_checkpoint_read(struct imld_reader *reader, int64_t job,
                                                const char *name,
                                                struct imld_checkpoint_content *content,
                                                struct iml_error *error);
void imld_checkpoint_content_clear(struct imld_checkpoint_content *content);

#endif
