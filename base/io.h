/* io.h: every system call of ours that changes the disk goes through one table of functions, which
 * a test replaces to inject faults (docs/style.md, habit 6): no #ifdef in the product.
 *
 * The table is process-wide and set once before threads start (tests swap it between trials). Each
 * function returns and sets errno as the system call of its name does. */
#ifndef IMLD_BASE_IO_H
#define IMLD_BASE_IO_H

#include <stddef.h>
#include <sys/types.h>

#include "imld/error.h"

struct imld_io {
    int (*open)(const char *path, int flags, mode_t mode);
    ssize_t (*write)(int fd, const void *bytes, size_t count);
    int (*fsync)(int fd);
    int (*close)(int fd);
    int (*rename)(const char *from, const char *to);
    int (*unlink)(const char *path);
    int (*mkdir)(const char *path, mode_t mode);
    int (*rmdir)(const char *path);
};

/* The table in force. */
const struct imld_io *imld_io(void);

/* The system's own calls. */
extern const struct imld_io imld_io_system;

/* Replaces the table (borrowed); NULL: the system's. For tests, before threads start. */
void imld_io_replace(const struct imld_io *io);

/* Writes all bytes (short writes and EINTR handled). */
IML_MUST_USE enum iml_code imld_io_write_all(int fd, const void *bytes, size_t count,
                                             const char *path, struct iml_error *error);

/* fsync of a folder, so that a rename or a new file in it is durable. */
IML_MUST_USE enum iml_code imld_io_sync_folder(const char *path, struct iml_error *error);

/* Makes a folder and its parents (mode for the new ones), each made durable; fine if it exists. */
IML_MUST_USE enum iml_code imld_io_make_folders(const char *path, mode_t mode,
                                                struct iml_error *error);

/* The description of an errno; safe among threads, as strerror is not; never NULL. */
const char *imld_errno_text(int number);

/* iml_error_set from errno: "can't WHAT: DESCRIPTION"; ENOSPC and EDQUOT become IML_ERROR_NO_SPACE,
 * ENOENT IML_ERROR_NOT_FOUND, others IML_ERROR_IO; `where` becomes path. */
enum iml_code imld_io_error(struct iml_error *error, const char *what, const char *path);

#endif
