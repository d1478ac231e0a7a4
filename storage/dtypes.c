/* dtypes.c: the element types of our safetensors files. */
#include "storage/dtypes.h"

#include <string.h>

#include "base/size.h"

static const struct imld_dtype dtypes[] = {
    {"F64", 8}, {"I64", 8}, {"U64", 8}, {"F32", 4}, {"U32", 4}, {"U8", 1},
};

const struct imld_dtype *imld_dtype_find(const char *name)
{
    for (size_t i = 0; i < sizeof dtypes / sizeof dtypes[0]; i++) {
        if (strcmp(dtypes[i].name, name) == 0) return &dtypes[i];
    }
    return NULL;
}

bool imld_dtype_bytes(const struct imld_dtype *dtype, size_t rank, const size_t *shape,
                      size_t *bytes)
{
    bool fits = true;
    *bytes = dtype->bytes;
    for (size_t i = 0; i < rank; i++) fits = iml_size_multiply(*bytes, shape[i], bytes) && fits;
    return fits;
}
