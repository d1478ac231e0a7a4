/* origins.h: the checkpoint of another job that a job starts from (DESIGN §4). It was stored with
 * the job (struct imld_job_create), and while that has not ended neither the checkpoint's job nor
 * its file can go. */
#ifndef IMLD_STORAGE_ORIGINS_H
#define IMLD_STORAGE_ORIGINS_H

#include "storage/checkpoints.h"

struct imld_origin {
    int64_t source; /* number of the other job */
    struct imld_checkpoint checkpoint;
    char *spec;  /* owned: the other job's resolved spec; NULL: it is deleted */
    char *split; /* owned: hash of its split; NULL: not known */
};
void imld_origin_clear(struct imld_origin *origin);

/* The origin of a job, and its file as imld_checkpoint_read gives one: read, its SHA-256 compared,
 * parsed. IML_ERROR_NOT_FOUND: the job starts from none; IML_ERROR_DATA: the file is gone (possible
 * where the job had ended before it was retried) or corrupt. */
IML_MUST_USE enum iml_code imld_origin_read(struct imld_reader *reader, int64_t job,
                                            struct imld_origin *origin,
                                            struct imld_checkpoint_content *content,
                                            struct iml_error *error);

#endif
