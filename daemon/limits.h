/* limits.h: how many cores and how much memory this process may use: what the machine has, what its
 * CPU mask allows and what its control groups (v2) allow, whichever is least. */
#ifndef IMLD_DAEMON_LIMITS_H
#define IMLD_DAEMON_LIMITS_H

#include <stdint.h>

/* OpenBLAS' table of buffers ends at 64 threads that call it at the same time. */
enum { IMLD_THREADS_MAX = 64 };

struct imld_limits {
    unsigned cores;        /* at least 1, at most IMLD_THREADS_MAX; part of a core counts as one */
    uint64_t memory_bytes; /* at least 1 */
};

struct imld_limits imld_limits_here(void);

/* Lowers limits by memory.max and cpu.max of each group from `root` down to root + group. For tests
 * and imld_limits_here. */
void imld_limits_apply_groups(struct imld_limits *limits, const char *root, const char *group);

#endif
