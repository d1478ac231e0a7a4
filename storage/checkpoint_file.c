/* checkpoint_file.c: the bytes of a checkpoint's file; see checkpoint_file.h. */
#include "storage/checkpoint_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "storage/safetensors.h"

enum iml_code imld_checkpoint_file_check(int fd, const char *path,
                                         const struct imld_checkpoint *checkpoint,
                                         struct iml_error *error)
{
    struct stat status;
    if (fstat(fd, &status) != 0) return imld_io_error(error, "look at", path);
    if (status.st_size == checkpoint->bytes) return IML_OK;
    (void)iml_error_set(error, IML_ERROR_DATA, "the checkpoint has %lld bytes instead of %lld",
                        (long long)status.st_size, (long long)checkpoint->bytes);
    iml_error_where(error, "%s", path);
    return IML_ERROR_DATA;
}

static enum iml_code read_all(int fd, const char *path, char *bytes, size_t count,
                              struct iml_error *error)
{
    size_t done = 0;
    while (done < count) {
        const ssize_t length = pread(fd, bytes + done, count - done, (off_t)done);
        if (length < 0 && errno == EINTR) continue;
        if (length < 0) return imld_io_error(error, "read", path);
        if (length == 0) break;
        done += (size_t)length;
    }
    if (done == count) return IML_OK;
    return iml_error_set(error, IML_ERROR_DATA, "the checkpoint ends after %zu of %zu bytes", done,
                         count);
}

static enum iml_code check_hash(const void *bytes, size_t count, const char *sha256,
                                struct iml_error *error)
{
    unsigned char digest[crypto_hash_sha256_BYTES];
    char text[65];
    (void)crypto_hash_sha256(digest, bytes, count);
    (void)sodium_bin2hex(text, sizeof text, digest, sizeof digest);
    if (strcmp(text, sha256) == 0) return IML_OK;
    return iml_error_set(error, IML_ERROR_DATA,
                         "the checkpoint's SHA-256 is %.16s…, it was written as %.16s…", text,
                         sha256);
}

static enum iml_code read_content(int fd, const char *path,
                                  const struct imld_checkpoint *checkpoint,
                                  struct imld_checkpoint_content *content, struct iml_error *error)
{
    const size_t count = (size_t)checkpoint->bytes;
    enum iml_code code = imld_checkpoint_file_check(fd, path, checkpoint, error);
    if (code != IML_OK) return code;
    content->bytes = malloc(count > 0 ? count : 1);
    if (!content->bytes)
        return iml_error_set(error, IML_ERROR_MEMORY, "no memory for a checkpoint of %zu bytes",
                             count);
    code = read_all(fd, path, content->bytes, count, error);
    if (code == IML_OK) code = check_hash(content->bytes, count, checkpoint->sha256, error);
    if (code == IML_OK)
        code = imld_safetensors_parse(content->bytes, count, &content->tensors,
                                      &content->tensor_count, &content->metadata, error);
    return code;
}

enum iml_code imld_checkpoint_file_load(int fd, const char *path,
                                        const struct imld_checkpoint *checkpoint,
                                        struct imld_checkpoint_content *content,
                                        struct iml_error *error)
{
    *content = (struct imld_checkpoint_content){0};
    const enum iml_code code = read_content(fd, path, checkpoint, content, error);
    if (code == IML_OK) return code;
    if (code == IML_ERROR_DATA) iml_error_where(error, "%s", path);
    imld_checkpoint_content_clear(content);
    return code;
}

enum iml_code imld_checkpoint_file_read(const char *path, const struct imld_checkpoint *checkpoint,
                                        struct imld_checkpoint_content *content,
                                        struct iml_error *error)
{
    *content = (struct imld_checkpoint_content){0};
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno != ENOENT) return imld_io_error(error, "open", path);
    if (fd < 0) {
        (void)iml_error_set(error, IML_ERROR_DATA, "the checkpoint's file is not there");
        iml_error_where(error, "%s", path);
        return IML_ERROR_DATA;
    }
    const enum iml_code code = imld_checkpoint_file_load(fd, path, checkpoint, content, error);
    (void)close(fd);
    return code;
}

void imld_checkpoint_content_clear(struct imld_checkpoint_content *content)
{
    free(content->tensors);
    free(content->metadata);
    free(content->bytes);
    *content = (struct imld_checkpoint_content){0};
}
