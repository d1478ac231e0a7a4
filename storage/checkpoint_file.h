/* checkpoint_file.h: a checkpoint's file in memory (private to storage/). */
#ifndef IMLD_STORAGE_CHECKPOINT_FILE_H
#define IMLD_STORAGE_CHECKPOINT_FILE_H

#include "storage/checkpoints.h"

/* Reads it whole, compares size and SHA-256 with the row's, parses it. IML_ERROR_DATA: it is gone
 * or corrupt; where = the path. Content is {0} where it fails. */
IML_MUST_USE enum iml_code imld_checkpoint_file_read(const char *path,
                                                     const struct imld_checkpoint *checkpoint,
                                                     struct imld_checkpoint_content *content,
                                                     struct iml_error *error);

/* The same of an open file, which stays open. */
IML_MUST_USE enum iml_code imld_checkpoint_file_load(int fd, const char *path,
                                                     const struct imld_checkpoint *checkpoint,
                                                     struct imld_checkpoint_content *content,
                                                     struct iml_error *error);

/* IML_ERROR_DATA: it has another size than the row says. */
IML_MUST_USE enum iml_code imld_checkpoint_file_check(int fd, const char *path,
                                                      const struct imld_checkpoint *checkpoint,
                                                      struct iml_error *error);

#endif
