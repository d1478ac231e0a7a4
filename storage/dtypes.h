/* dtypes.h: the element types of our safetensors files (private to storage/). */
#ifndef IMLD_STORAGE_DTYPES_H
#define IMLD_STORAGE_DTYPES_H

#include <stddef.h>

#include "storage/checkpoints.h"

struct imld_dtype {
    const char *name;
    size_t bytes;
};

const struct imld_dtype *imld_dtype_find(const char *name); /* NULL: unknown */

/* Elements times their size; false: it overflows. */
bool imld_dtype_bytes(const struct imld_dtype *dtype, size_t rank, const size_t *shape,
                      size_t *bytes);

#endif
