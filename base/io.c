/* io.c: the table of system calls that change the disk; see io.h. */
#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int system_open(const char *path, int flags, mode_t mode)
{
    return open(path, flags, mode);
}

const struct imld_io imld_io_system = {
    .open = system_open,
    .write = write,
    .fsync = fsync,
    .close = close,
    .rename = rename,
    .unlink = unlink,
    .mkdir = mkdir,
    .rmdir = rmdir,
};

static const struct imld_io *in_force = &imld_io_system;

const struct imld_io *imld_io(void)
{
    return in_force;
}

void imld_io_replace(const struct imld_io *io)
{
    in_force = io ? io : &imld_io_system;
}

const char *imld_errno_text(int number)
{
    const char *text = strerrordesc_np(number);
    return text ? text : "unknown error";
}

enum iml_code imld_io_error(struct iml_error *error, const char *what, const char *path)
{
    const int number = errno;
    enum iml_code code = IML_ERROR_IO;
    if (number == ENOSPC || number == EDQUOT) code = IML_ERROR_NO_SPACE;
    if (number == ENOENT) code = IML_ERROR_NOT_FOUND;
    const enum iml_code before = error ? error->code : IML_OK;
    const enum iml_code result =
        iml_error_set(error, code, "can't %s: %s", what, imld_errno_text(number));
    if (before == IML_OK) iml_error_where(error, "%s", path);
    return result;
}

enum iml_code imld_io_write_all(int fd, const void *bytes, size_t count, const char *path,
                                struct iml_error *error)
{
    const char *at = bytes;
    while (count > 0) {
        const ssize_t written = imld_io()->write(fd, at, count);
        if (written < 0) {
            if (errno == EINTR) continue;
            return imld_io_error(error, "write", path);
        }
        at += written;
        count -= (size_t)written;
    }
    return IML_OK;
}

enum iml_code imld_io_sync_folder(const char *path, struct iml_error *error)
{
    const int fd = imld_io()->open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    if (fd < 0) return imld_io_error(error, "open the folder", path);
    enum iml_code code = IML_OK;
    if (imld_io()->fsync(fd) != 0) code = imld_io_error(error, "fsync the folder", path);
    (void)imld_io()->close(fd);
    return code;
}

static enum iml_code make_one(const char *path, const char *parent, mode_t mode,
                              struct iml_error *error)
{
    if (imld_io()->mkdir(path, mode) == 0) return imld_io_sync_folder(parent, error);
    if (errno == EEXIST) return IML_OK;
    return imld_io_error(error, "make the folder", path);
}

enum iml_code imld_io_make_folders(const char *path, mode_t mode, struct iml_error *error)
{
    char partial[PATH_MAX];
    const size_t length = strlen(path);
    if (length == 0 || length >= sizeof partial)
        return iml_error_set(error, IML_ERROR_ARGUMENT, "the path has %zu bytes", length);
    memcpy(partial, path, length + 1);
    char parent[PATH_MAX] = ".";
    for (size_t i = 1; i <= length; i++) {
        if (partial[i] != '/' && partial[i] != '\0') continue;
        const char kept = partial[i];
        partial[i] = '\0';
        struct stat status;
        if (stat(partial, &status) != 0) {
            const enum iml_code code = make_one(partial, parent, mode, error);
            if (code != IML_OK) return code;
        }
        memcpy(parent, partial, i + 1);
        partial[i] = kept;
    }
    return IML_OK;
}
