/* fault.c: the countdown; see fault.h. */
#include "fault.h"

#include <pthread.h>
#include <string.h>
#include <unistd.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* of all below */
static struct fault_plan plan;
static uint64_t calls, fired;
static enum fault_op first_op;
static enum fault_point armed_point = FAULT_POINTS;
static unsigned point_count;
static void (*listener)(const char *path);

static const char *const op_names[FAULT_OPS] = {[FAULT_OPEN] = "open",
                                                [FAULT_WRITE] = "write",
                                                [FAULT_SYNC] = "sync",
                                                [FAULT_CLOSE] = "close",
                                                [FAULT_RENAME] = "rename",
                                                [FAULT_UNLINK] = "unlink",
                                                [FAULT_MKDIR] = "mkdir",
                                                [FAULT_RMDIR] = "rmdir",
                                                [FAULT_DB_OPEN] = "db-open",
                                                [FAULT_DB_DELETE] = "db-delete",
                                                [FAULT_DB_ACCESS] = "db-access",
                                                [FAULT_DB_READ] = "db-read",
                                                [FAULT_DB_WRITE] = "db-write",
                                                [FAULT_DB_TRUNCATE] = "db-truncate",
                                                [FAULT_DB_SYNC] = "db-sync",
                                                [FAULT_DB_SIZE] = "db-size",
                                                [FAULT_DB_LOCK] = "db-lock",
                                                [FAULT_DB_SHM_MAP] = "db-shm-map",
                                                [FAULT_DB_SHM_LOCK] = "db-shm-lock"};

static const char *const point_names[FAULT_POINTS] = {
    [FAULT_CHECKPOINT_WRITE] = "checkpoint-write",
    [FAULT_CHECKPOINT_BEFORE_RENAME] = "checkpoint-before-rename",
    [FAULT_CHECKPOINT_BEFORE_TRANSACTION] = "checkpoint-before-transaction",
    [FAULT_COMMIT_MIDDLE] = "commit-middle"};

const char *fault_op_name(enum fault_op op)
{
    return op_names[op];
}

void fault_install(void)
{
    fault_io_install();
    fault_vfs_install();
}

void fault_arm(const struct fault_plan *wanted)
{
    pthread_mutex_lock(&mutex);
    plan = *wanted;
    calls = fired = 0;
    pthread_mutex_unlock(&mutex);
}

void fault_disarm(void)
{
    pthread_mutex_lock(&mutex);
    plan.at = 0;
    pthread_mutex_unlock(&mutex);
}

uint64_t fault_fired(void)
{
    pthread_mutex_lock(&mutex);
    const uint64_t result = fired;
    pthread_mutex_unlock(&mutex);
    return result;
}

enum fault_op fault_fired_op(void)
{
    pthread_mutex_lock(&mutex);
    const enum fault_op result = first_op;
    pthread_mutex_unlock(&mutex);
    return result;
}

_Noreturn void fault_kill(void)
{
    _exit(137); /* as a shell reports SIGKILL: no handler, no flush */
}

int fault_due(enum fault_op op)
{
    pthread_mutex_lock(&mutex);
    bool is_due = false;
    if (plan.at > 0 && (plan.ops & (1u << op))) {
        calls++;
        is_due = calls >= plan.at && (plan.limit == 0 || fired < plan.limit);
    }
    if (is_due && fired++ == 0) first_op = op;
    const int error = is_due ? plan.error : 0;
    const bool is_kill = is_due && plan.is_kill;
    pthread_mutex_unlock(&mutex);
    if (is_kill) fault_kill();
    return error;
}

bool fault_arm_point(const char *name, unsigned count)
{
    for (unsigned i = 0; i < FAULT_POINTS; i++) {
        if (strcmp(point_names[i], name) != 0) continue;
        pthread_mutex_lock(&mutex);
        armed_point = (enum fault_point)i;
        point_count = count;
        pthread_mutex_unlock(&mutex);
        return true;
    }
    return false;
}

bool fault_point_is_due(enum fault_point point)
{
    pthread_mutex_lock(&mutex);
    const bool is_due = point == armed_point && point_count > 0 && --point_count == 0;
    pthread_mutex_unlock(&mutex);
    return is_due;
}

void fault_listen(void (*syncing)(const char *path))
{
    pthread_mutex_lock(&mutex);
    listener = syncing;
    pthread_mutex_unlock(&mutex);
}

void fault_tell_sync(const char *path)
{
    pthread_mutex_lock(&mutex);
    void (*const syncing)(const char *path) = listener;
    pthread_mutex_unlock(&mutex);
    if (syncing) syncing(path);
}
