/* lock.c: one daemon a state folder: an OFD lock with the holder's pid in it; network file systems,
 * where neither locks nor WAL can be trusted, are refused (DESIGN §6). */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/io.h"
#include "storage/state.h"

struct filesystem {
    unsigned long magic;
    const char *name;
    bool is_network;
    const char *warning;
};

/* clang-format off */
static const struct filesystem filesystems[] = {
    {0x6969,           "NFS",    true,  NULL},
    {0x517b,           "SMB",    true,  NULL},
    {0xfe534d42,       "SMB2",   true,  NULL},
    {0xff534d42,       "CIFS",   true,  NULL},
    {0x00c36400,       "Ceph",   true,  NULL},
    {0x5346414f,       "AFS",    true,  NULL},
    {0x6b414653,       "AFS",    true,  NULL},
    {0x65735546,       "FUSE",   true,  NULL}, /* sshfs; also some local ones */
    {0x01021997,       "9P",     true,  NULL},
    {0x7461636f,       "OCFS2",  true,  NULL},
    {TMPFS_MAGIC,      "tmpfs",  false, "the state folder is on a tmpfs: nothing survives a reboot"},
};
/* clang-format on */

enum iml_code imld_lock_check_filesystem(const char *folder, bool allow_network,
                                         const char **warning, struct iml_error *error)
{
    struct statfs status;
    *warning = NULL;
    if (statfs(folder, &status) != 0)
        return imld_io_error(error, "look at the state folder's file system", folder);
    for (size_t i = 0; i < sizeof filesystems / sizeof filesystems[0]; i++) {
        const struct filesystem *kind = &filesystems[i];
        if ((unsigned long)status.f_type != kind->magic) continue;
        *warning = kind->warning;
        if (!kind->is_network || allow_network) continue;
        const enum iml_code code =
            iml_error_set(error, IML_ERROR_ARGUMENT,
                          "the state folder is on a %s file system, where its locks and its "
                          "database's log can't be trusted",
                          kind->name);
        iml_error_where(error, "%s", folder);
        iml_error_mend(error, "choose a folder on a local disk");
        return code;
    }
    return IML_OK;
}

/* An OFD lock belongs to the open file description: a second open in the same process is refused
 * too, and closing another descriptor of the file does not drop it, as a classic lock would be. The
 * kernel says pid −1 for it, so the pid stands in the file. */
static enum iml_code held(int fd, const char *path, struct iml_error *error)
{
    char text[32] = "";
    const ssize_t length = pread(fd, text, sizeof text - 1, 0);
    const long pid = length > 0 ? strtol(text, NULL, 10) : 0;
    const enum iml_code code = iml_error_set(
        error, IML_ERROR_CONFLICT, "another process holds the state folder (pid %ld)", pid);
    iml_error_where(error, "%s", path);
    iml_error_mend(error, "stop it, or choose another state folder");
    return code;
}

enum iml_code imld_lock_take(const char *path, int *lock, struct iml_error *error)
{
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    const int fd = imld_io()->open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) return imld_io_error(error, "open the lock file", path);
    enum iml_code code = IML_OK;
    if (fcntl(fd, F_OFD_SETLK, &whole) != 0) {
        code = errno == EAGAIN || errno == EACCES ? held(fd, path, error)
                                                  : imld_io_error(error, "lock", path);
    } else {
        char text[32]; /* of one width, so that nothing of a longer number stays behind */
        const int length = snprintf(text, sizeof text, "%-20ld\n", (long)getpid());
        code = imld_io_write_all(fd, text, (size_t)length, path, error);
    }
    if (code == IML_OK) {
        *lock = fd;
    } else {
        (void)imld_io()->close(fd);
    }
    return code;
}
