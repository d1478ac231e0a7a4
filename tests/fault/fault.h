/* fault.h: faults on purpose, for tests alone (docs/style.md, habit 6): one countdown that every
 * system call of base/io.h's table and every call of SQLite's VFS asks; errors, kills, and named
 * points.
 *
 * Install once, before threads start and before the first database is opened. Arm and disarm from
 * any thread. */
#ifndef IMLD_TESTS_FAULT_H
#define IMLD_TESTS_FAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum fault_op {
    FAULT_OPEN, /* of base/io.h's table */
    FAULT_WRITE,
    FAULT_SYNC,
    FAULT_CLOSE,
    FAULT_RENAME,
    FAULT_UNLINK,
    FAULT_MKDIR,
    FAULT_RMDIR,
    FAULT_DB_OPEN, /* of SQLite's VFS */
    FAULT_DB_DELETE,
    FAULT_DB_ACCESS,
    FAULT_DB_READ,
    FAULT_DB_WRITE,
    FAULT_DB_TRUNCATE,
    FAULT_DB_SYNC,
    FAULT_DB_SIZE,
    FAULT_DB_LOCK,
    FAULT_DB_SHM_MAP,
    FAULT_DB_SHM_LOCK,
    FAULT_OPS
};
const char *fault_op_name(enum fault_op op); /* "write", "db-sync", … */

#define FAULT_ALL ((1u << FAULT_OPS) - 1)
/* What changes the disk: EROFS and ENOSPC come from nothing else. */
#define FAULT_CHANGES                                                                              \
    (FAULT_ALL & ~(1u << FAULT_CLOSE | 1u << FAULT_DB_ACCESS | 1u << FAULT_DB_READ |               \
                   1u << FAULT_DB_SIZE | 1u << FAULT_DB_LOCK | 1u << FAULT_DB_SHM_LOCK))

struct fault_plan {
    uint64_t at; /* the at-th counted call fails, from 1; 0: none */
    uint64_t
        limit;    /* so many calls fail, then the disk is well again; 0: until disarmed. 1 = once */
    unsigned ops; /* bits (1 << op) of the calls that count */
    int error;    /* EIO, ENOSPC, EROFS */
    bool is_kill; /* _exit(137) instead of an error */
};

/* Replaces base/io.h's table and registers the VFS "fault" as SQLite's default. */
void fault_install(void);

void fault_arm(const struct fault_plan *plan);
void fault_disarm(void);
uint64_t fault_fired(void);         /* since it was armed */
enum fault_op fault_fired_op(void); /* the first call that failed */

/* Kills the process (_exit(137)) when it reaches a named point for the count-th time, from 1.
 * false: no such point. Points, in a checkpoint's life and a commit's: checkpoint-write half of a
 * write to a temporary file is done checkpoint-before-rename        the temporary is durable under
 * its temporary name checkpoint-before-transaction   the file is durable under its name, no row
 * names it commit-middle                   some frames of a transaction are in the log, not its
 * last */
bool fault_arm_point(const char *name, unsigned count);

/* Installs, and arms as the environment says (README.md); false: it says something unknown (told on
 * stderr). For programs made of the daemon's sources and this library. */
bool fault_from_environment(void);

/* Called before each sync of a file or folder, with its path, on the syncing thread; NULL: nobody.
 * Set while no other thread syncs. For tests that keep an image of what is durable. */
void fault_listen(void (*syncing)(const char *path));

/* For io.c and vfs.c. due: 0 or the error that this call must fail with. */
int fault_due(enum fault_op op);
enum fault_point {
    FAULT_CHECKPOINT_WRITE,
    FAULT_CHECKPOINT_BEFORE_RENAME,
    FAULT_CHECKPOINT_BEFORE_TRANSACTION,
    FAULT_COMMIT_MIDDLE,
    FAULT_POINTS
};
bool fault_point_is_due(enum fault_point point); /* counts; true: call fault_kill */
_Noreturn void fault_kill(void);
void fault_tell_sync(const char *path);

/* The two halves of fault_install. */
void fault_io_install(void);
void fault_vfs_install(void);

#endif
