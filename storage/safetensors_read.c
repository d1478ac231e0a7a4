/* safetensors_read.c: a strict reader: every rule of the form is checked, and what this program
 * never writes is refused. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "storage/dtypes.h"
#include "storage/safetensors.h"

#define HEADER_BYTES_MAX ((uint64_t)1 << 20)

static enum iml_code broken(struct iml_error *error, size_t byte, const char *what)
{
    const bool is_first = !error || error->code == IML_OK;
    const enum iml_code code =
        iml_error_set(error, IML_ERROR_DATA, "not a whole safetensors file: %s", what);
    if (is_first) iml_error_where(error, "byte %zu", byte);
    return code;
}

static enum iml_code read_shape(const json_t *shape, struct imld_tensor *tensor)
{
    if (!json_is_array(shape) || json_array_size(shape) > 4) return IML_ERROR_DATA;
    tensor->rank = json_array_size(shape);
    for (size_t i = 0; i < tensor->rank; i++) {
        const json_t *size = json_array_get(shape, i);
        if (!json_is_integer(size) || json_integer_value(size) < 0) return IML_ERROR_DATA;
        tensor->shape[i] = (size_t)json_integer_value(size);
    }
    return IML_OK;
}

static bool read_offsets(const json_t *offsets, size_t *begin, size_t *end)
{
    if (!json_is_array(offsets) || json_array_size(offsets) != 2) return false;
    const json_t *first = json_array_get(offsets, 0);
    const json_t *last = json_array_get(offsets, 1);
    if (!json_is_integer(first) || !json_is_integer(last)) return false;
    if (json_integer_value(first) < 0 || json_integer_value(last) < json_integer_value(first))
        return false;
    *begin = (size_t)json_integer_value(first);
    *end = (size_t)json_integer_value(last);
    return true;
}

/* One entry; NULL: fine, else what is wrong. `data` is the offset of the buffer. */
static const char *read_tensor(const char *name, const json_t *entry, const char *buffer,
                               size_t buffer_bytes, struct imld_tensor *tensor)
{
    size_t begin = 0;
    size_t end = 0;
    size_t bytes = 0;
    if (strlen(name) >= sizeof tensor->name) return "a tensor's name is too long";
    if (!json_is_object(entry) || json_object_size(entry) != 3)
        return "a tensor must have dtype, shape and data_offsets";
    const char *dtype_name = json_string_value(json_object_get(entry, "dtype"));
    const struct imld_dtype *dtype = dtype_name ? imld_dtype_find(dtype_name) : NULL;
    if (!dtype) return "an unknown dtype";
    if (read_shape(json_object_get(entry, "shape"), tensor) != IML_OK) return "a bad shape";
    if (!read_offsets(json_object_get(entry, "data_offsets"), &begin, &end))
        return "bad data_offsets";
    if (end > buffer_bytes) return "data_offsets beyond the end of the file";
    if (!imld_dtype_bytes(dtype, tensor->rank, tensor->shape, &bytes) || bytes != end - begin)
        return "shape and data_offsets don't agree";
    if (begin % dtype->bytes != 0) return "a tensor is not aligned to its type";
    memcpy(tensor->name, name, strlen(name) + 1);
    tensor->dtype = dtype->name;
    tensor->data = buffer + begin;
    tensor->bytes = bytes;
    return NULL;
}

static int by_place(const void *a, const void *b)
{
    const struct imld_tensor *const x = a;
    const struct imld_tensor *const y = b;
    const char *const x_data = x->data;
    const char *const y_data = y->data;
    if (x_data != y_data) return x_data < y_data ? -1 : 1;
    return (x->bytes > y->bytes) - (x->bytes < y->bytes); /* empty ones first */
}

static const char *check_cover(const struct imld_tensor *tensors, size_t count, const char *buffer,
                               size_t buffer_bytes)
{
    const char *at = buffer;
    for (size_t i = 0; i < count; i++) {
        if ((const char *)tensors[i].data != at) return "a hole or an overlap between tensors";
        at += tensors[i].bytes;
    }
    return at == buffer + buffer_bytes ? NULL : "bytes after the last tensor";
}

static const char *check_metadata(json_t *metadata)
{
    const char *key = NULL;
    json_t *value = NULL;
    if (!metadata) return NULL;
    if (!json_is_object(metadata)) return "__metadata__ is not an object";
    json_object_foreach(metadata, key, value)
    {
        if (!json_is_string(value)) return "a value of __metadata__ is not a text";
    }
    return NULL;
}

static const char *read_tensors(json_t *root, const char *buffer, size_t buffer_bytes,
                                struct imld_tensor *tensors, size_t *count)
{
    const char *name = NULL;
    json_t *entry = NULL;
    json_object_foreach(root, name, entry)
    {
        if (strcmp(name, "__metadata__") == 0) continue;
        const char *wrong = read_tensor(name, entry, buffer, buffer_bytes, &tensors[*count]);
        if (wrong) return wrong;
        ++*count;
    }
    if (*count > 1) qsort(tensors, *count, sizeof tensors[0], by_place);
    return check_cover(tensors, *count, buffer, buffer_bytes);
}

/* The header as JSON: a reference that the caller drops; NULL: error is filled. */
static json_t *read_header(const char *bytes, size_t length, size_t *header_bytes,
                           struct iml_error *error)
{
    uint64_t stated = 0;
    if (length < 8) {
        broken(error, length, "shorter than its header's length");
        return NULL;
    }
    for (size_t i = 0; i < 8; i++) stated |= (uint64_t)(unsigned char)bytes[i] << (8 * i);
    if (stated > HEADER_BYTES_MAX || stated > length - 8) {
        broken(error, 0, "the header is longer than the file or than 1 MiB");
        return NULL;
    }
    *header_bytes = (size_t)stated;
    if (stated < 2 || stated % 8 != 0 || bytes[8] != '{') {
        broken(error, 8, "the header must start with { and fill a multiple of 8 bytes");
        return NULL;
    }
    size_t end = 8 + *header_bytes;
    while (bytes[end - 1] == ' ') end--; /* ends at the { at the latest */
    json_error_t parse;
    json_t *root = bytes[end - 1] == '}'
                       ? json_loadb(bytes + 8, end - 8, JSON_REJECT_DUPLICATES, &parse)
                       : NULL;
    if (json_is_object(root)) return root;
    json_decref(root);
    broken(error, 8, "the header is not a JSON object");
    return NULL;
}

enum iml_code imld_safetensors_parse(const void *bytes, size_t length, struct imld_tensor **tensors,
                                     size_t *count, char **metadata, struct iml_error *error)
{
    size_t header_bytes = 0;
    const char *wrong = NULL;
    *tensors = NULL;
    *metadata = NULL;
    *count = 0;
    json_t *root = read_header(bytes, length, &header_bytes, error);
    if (!root) return IML_ERROR_DATA;
    const char *buffer = (const char *)bytes + 8 + header_bytes;
    json_t *texts = json_object_get(root, "__metadata__");
    enum iml_code code = IML_OK;
    *tensors = calloc(json_object_size(root) + 1, sizeof **tensors);
    *metadata = texts ? json_dumps(texts, JSON_COMPACT) : strdup("{}");
    wrong = check_metadata(texts);
    if (!*tensors || (!*metadata && !wrong)) {
        code = iml_error_set(error, IML_ERROR_MEMORY, "no memory for a checkpoint");
    } else {
        if (!wrong) wrong = read_tensors(root, buffer, length - 8 - header_bytes, *tensors, count);
        if (wrong) code = broken(error, 8, wrong);
    }
    json_decref(root);
    if (code != IML_OK) {
        free(*tensors);
        free(*metadata);
        *tensors = NULL;
        *metadata = NULL;
        *count = 0;
    }
    return code;
}
