/* folder.c: files beneath a data root, by openat2 with RESOLVE_BENEATH; see folder.h. */
#include "engine/data/folder.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/io.h"

/* Component by component without any symbolic link: for kernels before 5.6 and filters of system
 * calls that don't know openat2. Stricter than RESOLVE_BENEATH, never looser. */
static int open_without_links(int root, const char *name, const char *file, int flags)
{
    const int folder = openat(root, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (folder < 0) {
        if (errno == ENOTDIR) { /* what O_DIRECTORY answers for a link */
            struct stat status;
            const bool is_link =
                fstatat(root, name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(status.st_mode);
            errno = is_link ? ELOOP : ENOTDIR;
        }
        return -1;
    }
    const int fd = openat(folder, file ? file : ".", flags | O_NOFOLLOW);
    const int saved = errno;
    close(folder);
    errno = saved;
    return fd;
}

/* root/name[/file], resolved beneath the root; −1 and errno. */
static int open_beneath(int root, const char *name, const char *file, int flags)
{
    char path[IML_SET_NAME_MAX + IML_FILE_NAME_MAX + 2];
    const int length =
        snprintf(path, sizeof path, "%s%s%s", name, file ? "/" : "", file ? file : "");
    if (length < 0 || (size_t)length >= sizeof path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    const struct open_how how = {.flags = (unsigned)flags,
                                 .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
    for (unsigned attempt = 0;; attempt++) { /* EAGAIN: a rename in the tree raced with the walk */
        const long fd = syscall(SYS_openat2, root, path, &how, sizeof how);
        if (fd >= 0) return (int)fd;
        if (errno == ENOSYS || errno == EPERM) break;
        if (errno != EAGAIN || attempt == 16) return -1;
    }
    return open_without_links(root, name, file, flags);
}

static enum iml_code open_error(struct iml_error *error, const char *shown)
{
    if (errno != EXDEV && errno != ELOOP) return imld_io_error(error, "open the file", shown);
    const enum iml_code code =
        iml_error_set(error, IML_ERROR_DATA, "a symbolic link leaves the data root");
    iml_error_where(error, "%s", shown);
    iml_error_mend(error, "put the files themselves, or links that stay inside, under the root");
    return code;
}

enum iml_code iml_folder_open(const char *root, const char *name, struct iml_folder *folder,
                              struct iml_error *error)
{
    assert(iml_set_name_is_valid(name));
    *folder = (struct iml_folder){.root = -1, .path = root};
    memcpy(folder->name, name, strlen(name) + 1);
    char shown[IML_PATH_SHOWN];
    iml_folder_show(folder, NULL, shown);
    folder->root = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    const int fd = folder->root < 0
                       ? -1
                       : open_beneath(folder->root, name, NULL, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        close(fd);
        return IML_OK;
    }
    const int saved = errno;
    iml_folder_close(folder);
    errno = saved;
    if (errno != ENOENT && errno != ENOTDIR) return open_error(error, shown);
    (void)iml_error_set(error, IML_ERROR_NOT_FOUND, "there is no data set \"%s\"", name);
    iml_error_where(error, "%s", shown);
    return IML_ERROR_NOT_FOUND;
}

void iml_folder_close(struct iml_folder *folder)
{
    if (folder->root >= 0) close(folder->root);
    folder->root = -1;
}

enum iml_code iml_folder_open_file(const struct iml_folder *folder, const char *file, int *fd,
                                   struct iml_error *error)
{
    char shown[IML_PATH_SHOWN];
    iml_folder_show(folder, file, shown);
    /* O_NONBLOCK: the open of a pipe without a writer must not hang */
    *fd = open_beneath(folder->root, folder->name, file,
                       O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (*fd < 0) return errno == ENOENT ? IML_OK : open_error(error, shown);
    struct stat status;
    if (fstat(*fd, &status) == 0 && S_ISREG(status.st_mode)) return IML_OK;
    close(*fd);
    *fd = -1;
    const enum iml_code code = iml_error_set(error, IML_ERROR_DATA, "it is not a regular file");
    iml_error_where(error, "%s", shown);
    return code;
}

enum iml_code iml_folder_has(const struct iml_folder *folder, const char *file, bool *has,
                             struct iml_error *error)
{
    int fd = -1;
    const enum iml_code code = iml_folder_open_file(folder, file, &fd, error);
    *has = fd >= 0;
    if (fd >= 0) close(fd);
    return code;
}

enum iml_code iml_folder_walk(const struct iml_folder *folder,
                              void (*visit)(void *context, const char *entry), void *context,
                              struct iml_error *error)
{
    char shown[IML_PATH_SHOWN];
    iml_folder_show(folder, NULL, shown);
    const int fd =
        open_beneath(folder->root, folder->name, NULL, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return open_error(error, shown);
    DIR *directory = fdopendir(fd);
    if (!directory) {
        close(fd);
        return imld_io_error(error, "read the folder", shown);
    }
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): readdir of a stream of our own is safe in glibc */
    for (const struct dirent *entry; (entry = readdir(directory));) visit(context, entry->d_name);
    closedir(directory);
    return IML_OK;
}

void iml_folder_show(const struct iml_folder *folder, const char *file, char shown[IML_PATH_SHOWN])
{
    const int length = snprintf(shown, IML_PATH_SHOWN, "%s/%s%s%s", folder->path, folder->name,
                                file ? "/" : "", file ? file : "");
    if (length < 0) shown[0] = '\0';
}
