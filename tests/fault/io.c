/* io.c: base/io.h's table with the countdown before each call, and the named points of a
 * checkpoint's files, which are known by their names. */
#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fault.h"

enum place { ELSEWHERE, TEMPORARY, JOB_FOLDER };

/* Whether a checkpoint was renamed since the last sync of its folder, in this thread. */
static _Thread_local bool has_renamed;

static enum place place_of(const char *path)
{
    const char *checkpoints = strstr(path, "/checkpoints/j");
    const size_t length = strlen(path);
    if (!checkpoints) return ELSEWHERE;
    if (length > 4 && strcmp(path + length - 4, ".tmp") == 0) return TEMPORARY;
    return strchr(checkpoints + strlen("/checkpoints/j"), '/') ? ELSEWHERE : JOB_FOLDER;
}

/* Empty where it is not known. */
static void path_of(int fd, char path[4097])
{
    char link[64];
    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    const ssize_t length = readlink(link, path, 4096);
    path[length > 0 ? length : 0] = '\0';
}

/* true: the call must fail, errno is set. */
static bool fails(enum fault_op op)
{
    const int error = fault_due(op);
    if (error) errno = error;
    return error != 0;
}

static int open_file(const char *path, int flags, mode_t mode)
{
    return fails(FAULT_OPEN) ? -1 : imld_io_system.open(path, flags, mode);
}

static ssize_t write_file(int fd, const void *bytes, size_t count)
{
    char path[4097];
    if (fails(FAULT_WRITE)) return -1;
    path_of(fd, path);
    if (place_of(path) == TEMPORARY && fault_point_is_due(FAULT_CHECKPOINT_WRITE)) {
        (void)!imld_io_system.write(fd, bytes, count / 2);
        fault_kill();
    }
    return imld_io_system.write(fd, bytes, count);
}

static int sync_file(int fd)
{
    char path[4097];
    if (fails(FAULT_SYNC)) return -1;
    path_of(fd, path);
    fault_tell_sync(path);
    const int result = imld_io_system.fsync(fd);
    if (!has_renamed || place_of(path) != JOB_FOLDER) return result;
    has_renamed = false;
    if (fault_point_is_due(FAULT_CHECKPOINT_BEFORE_TRANSACTION)) fault_kill();
    return result;
}

/* The descriptor is closed in any case, as Linux does. */
static int close_file(int fd)
{
    const bool has_failed = fails(FAULT_CLOSE);
    const int result = imld_io_system.close(fd);
    if (!has_failed) return result;
    errno = EIO;
    return -1;
}

static int rename_file(const char *from, const char *to)
{
    if (fails(FAULT_RENAME)) return -1;
    if (place_of(from) == TEMPORARY) {
        if (fault_point_is_due(FAULT_CHECKPOINT_BEFORE_RENAME)) fault_kill();
        has_renamed = true;
    }
    return imld_io_system.rename(from, to);
}

static int unlink_file(const char *path)
{
    return fails(FAULT_UNLINK) ? -1 : imld_io_system.unlink(path);
}

static int make_folder(const char *path, mode_t mode)
{
    return fails(FAULT_MKDIR) ? -1 : imld_io_system.mkdir(path, mode);
}

static int remove_folder(const char *path)
{
    return fails(FAULT_RMDIR) ? -1 : imld_io_system.rmdir(path);
}

static const struct imld_io faulty = {.open = open_file,
                                      .write = write_file,
                                      .fsync = sync_file,
                                      .close = close_file,
                                      .rename = rename_file,
                                      .unlink = unlink_file,
                                      .mkdir = make_folder,
                                      .rmdir = remove_folder};

void fault_io_install(void)
{
    imld_io_replace(&faulty);
}
