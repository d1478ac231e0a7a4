/* safetensors.c: the writer of checkpoint files (DESIGN §6).
 *
 *   8 bytes   N, the header's length, unsigned little-endian
 *   N bytes   a JSON object, padded with spaces to a multiple of 8: per tensor its dtype, shape and
 *             data_offsets (begin and end in what follows); "__metadata__": text to text
 *   the rest  the tensors, row-major little-endian, without a hole
 *
 * Tensors lie in the order of falling alignment, then of their names, as the reference writer puts
 * them: each is then aligned to its type. */
#include "storage/safetensors.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "base/size.h"
#include "base/text.h"
#include "storage/dtypes.h"

#define CHUNK_BYTES ((size_t)1 << 20) /* hashed and written in turn: both from the cache */

static int by_alignment_and_name(const void *a, const void *b)
{
    const struct imld_tensor *const x = *(const struct imld_tensor *const *)a;
    const struct imld_tensor *const y = *(const struct imld_tensor *const *)b;
    const size_t x_bytes = imld_dtype_find(x->dtype)->bytes;
    const size_t y_bytes = imld_dtype_find(y->dtype)->bytes;
    if (x_bytes != y_bytes) return x_bytes > y_bytes ? -1 : 1;
    return strcmp(x->name, y->name);
}

static enum iml_code check_tensor(const struct imld_tensor *tensor, struct iml_error *error)
{
    const struct imld_dtype *dtype = imld_dtype_find(tensor->dtype);
    size_t bytes = 0;
    if (dtype && tensor->rank <= 4 &&
        imld_dtype_bytes(dtype, tensor->rank, tensor->shape, &bytes) && bytes == tensor->bytes)
        return IML_OK;
    return iml_error_set(error, IML_ERROR_ARGUMENT,
                         "tensor %s: dtype %s, rank %zu and %zu bytes don't agree", tensor->name,
                         tensor->dtype, tensor->rank, tensor->bytes);
}

/* Owned by the caller; NULL: error is filled. */
static const struct imld_tensor **sort(const struct imld_checkpoint_file *file,
                                       struct iml_error *error)
{
    const struct imld_tensor **sorted =
        calloc(file->tensor_count + 1, sizeof(struct imld_tensor *));
    if (!sorted) {
        iml_error_set(error, IML_ERROR_MEMORY, "no memory for a checkpoint's header");
        return NULL;
    }
    for (size_t i = 0; i < file->tensor_count; i++) {
        sorted[i] = &file->tensors[i];
        if (check_tensor(sorted[i], error) == IML_OK) continue;
        free(sorted);
        return NULL;
    }
    qsort(sorted, file->tensor_count, sizeof(struct imld_tensor *), by_alignment_and_name);
    for (size_t i = 1; i < file->tensor_count; i++) {
        if (strcmp(sorted[i - 1]->name, sorted[i]->name) != 0) continue;
        iml_error_set(error, IML_ERROR_ARGUMENT, "two tensors are called %s", sorted[i]->name);
        free(sorted);
        return NULL;
    }
    return sorted;
}

static void add_metadata(struct imld_text *header, const struct imld_checkpoint_file *file)
{
    imld_text_add(header, "\"__metadata__\":{");
    for (size_t i = 0; i < file->metadata_count; i++) {
        if (i > 0) imld_text_add(header, ",");
        imld_text_json_string(header, file->metadata[i].key);
        imld_text_add(header, ":");
        imld_text_json_string(header, file->metadata[i].value);
    }
    imld_text_add(header, "}");
}

static void add_tensor(struct imld_text *header, const struct imld_tensor *tensor, size_t begin)
{
    imld_text_add(header, ",");
    imld_text_json_string(header, tensor->name);
    imld_text_printf(header, ":{\"dtype\":\"%s\",\"shape\":[", tensor->dtype);
    for (size_t i = 0; i < tensor->rank; i++)
        imld_text_printf(header, "%s%zu", i > 0 ? "," : "", tensor->shape[i]);
    imld_text_printf(header, "],\"data_offsets\":[%zu,%zu]}", begin, begin + tensor->bytes);
}

/* The eight bytes of length, and the header. */
static enum iml_code make_header(struct imld_text *header, const struct imld_checkpoint_file *file,
                                 const struct imld_tensor *const *sorted, struct iml_error *error)
{
    size_t begin = 0;
    size_t total = 0;
    imld_text_append(header, "\0\0\0\0\0\0\0", 8);
    imld_text_add(header, "{");
    add_metadata(header, file);
    for (size_t i = 0; i < file->tensor_count; i++) {
        if (!iml_size_add(begin, sorted[i]->bytes, &total))
            return iml_error_set(error, IML_ERROR_ARGUMENT, "the tensors' sizes overflow");
        add_tensor(header, sorted[i], begin);
        begin = total;
    }
    imld_text_add(header, "}");
    while (!header->has_failed && header->length % 8 != 0) imld_text_add(header, " ");
    if (header->has_failed)
        return iml_error_set(error, IML_ERROR_MEMORY, "no memory for a checkpoint's header");
    const uint64_t length = header->length - 8;
    for (size_t i = 0; i < 8; i++) header->bytes[i] = (char)(unsigned char)(length >> (8 * i));
    return IML_OK;
}

struct output {
    const char *path;
    int fd;
    size_t bytes; /* written so far */
    crypto_hash_sha256_state hash;
};

static enum iml_code put(struct output *output, const void *bytes, size_t count,
                         struct iml_error *error)
{
    const unsigned char *at = bytes;
    output->bytes += count;
    while (count > 0) {
        const size_t chunk = count < CHUNK_BYTES ? count : CHUNK_BYTES;
        (void)crypto_hash_sha256_update(&output->hash, at, chunk);
        const enum iml_code code = imld_io_write_all(output->fd, at, chunk, output->path, error);
        if (code != IML_OK) return code;
        at += chunk;
        count -= chunk;
    }
    return IML_OK;
}

/* Writes header and tensors, fsyncs, closes. */
static enum iml_code write_content(struct output *output, const struct imld_text *header,
                                   const struct imld_tensor *const *sorted, size_t count,
                                   struct iml_error *error)
{
    enum iml_code code = put(output, header->bytes, header->length, error);
    for (size_t i = 0; code == IML_OK && i < count; i++)
        code = put(output, sorted[i]->data, sorted[i]->bytes, error);
    if (code == IML_OK && imld_io()->fsync(output->fd) != 0)
        code = imld_io_error(error, "fsync", output->path);
    if (imld_io()->close(output->fd) != 0 && code == IML_OK)
        code = imld_io_error(error, "close", output->path);
    return code;
}

enum iml_code imld_safetensors_write(const char *path, const struct imld_checkpoint_file *file,
                                     int64_t *bytes, char sha256[65], struct iml_error *error)
{
    struct imld_text header = {0};
    struct output output = {.path = path};
    unsigned char digest[crypto_hash_sha256_BYTES];
    const struct imld_tensor **sorted = sort(file, error);
    if (!sorted) return error->code;
    enum iml_code code = make_header(&header, file, sorted, error);
    if (code != IML_OK) goto out;
    (void)crypto_hash_sha256_init(&output.hash);
    output.fd = imld_io()->open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (output.fd < 0) {
        code = imld_io_error(error, "make", path);
        goto out;
    }
    code = write_content(&output, &header, sorted, file->tensor_count, error);
    (void)crypto_hash_sha256_final(&output.hash, digest);
    (void)sodium_bin2hex(sha256, 65, digest, sizeof digest);
    *bytes = (int64_t)output.bytes;
    if (code != IML_OK) (void)imld_io()->unlink(path); /* else an orphan, found at the next start */
out:
    imld_text_clear(&header);
    free(sorted);
    return code;
}
