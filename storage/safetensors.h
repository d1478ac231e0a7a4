/* safetensors.h: writing and strictly reading safetensors files (private to storage/; the form is
 * described in safetensors.c). */
#ifndef IMLD_STORAGE_SAFETENSORS_H
#define IMLD_STORAGE_SAFETENSORS_H

#include "storage/checkpoints.h"

/* Writes a new file at path and makes its content durable; the file is removed where that fails.
 * Its bytes depend on nothing but its content. */
IML_MUST_USE enum iml_code imld_safetensors_write(const char *path,
                                                  const struct imld_checkpoint_file *file,
                                                  int64_t *bytes, char sha256[65],
                                                  struct iml_error *error);

/* Reads a whole file from memory; *tensors (owned by the caller) point into bytes, *metadata is an
 * owned JSON object. bytes must be aligned to 8. IML_ERROR_DATA: any rule is broken. */
IML_MUST_USE enum iml_code imld_safetensors_parse(const void *bytes, size_t length,
                                                  struct imld_tensor **tensors, size_t *count,
                                                  char **metadata, struct iml_error *error);

#endif
