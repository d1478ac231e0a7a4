/* limits.c: cores and memory that may be used; see limits.h. */
#include "daemon/limits.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <unistd.h>

/* The first line of FOLDER/NAME; false: there is none. */
static bool read_line(const char *folder, const char *name, char *line, int size)
{
    char path[2 * PATH_MAX]; /* room for both names: they can't be cut */
    const int length = snprintf(path, sizeof path, "%s/%s", folder, name);
    if (length < 0 || (size_t)length >= sizeof path) return false;
    FILE *file = fopen(path, "re");
    if (!file) return false;
    const bool is_read = fgets(line, size, file) != NULL;
    (void)fclose(file);
    return is_read;
}

/* The number that the text begins with; 0: none ("max": no limit). *rest: what follows it. */
static uint64_t leading_number(const char *text, char **rest)
{
    errno = 0;
    const unsigned long long number = strtoull(text, rest, 10);
    return errno == 0 && *rest != text ? number : 0;
}

static void apply_group(struct imld_limits *limits, const char *folder)
{
    char line[128];
    char *rest = NULL;
    if (read_line(folder, "memory.max", line, sizeof line)) {
        const uint64_t bytes = leading_number(line, &rest);
        if (bytes > 0 && bytes < limits->memory_bytes) limits->memory_bytes = bytes;
    }
    if (read_line(folder, "cpu.max", line, sizeof line)) { /* "QUOTA PERIOD", microseconds */
        const uint64_t quota = leading_number(line, &rest);
        const uint64_t period = quota > 0 ? leading_number(rest, &rest) : 0;
        const uint64_t cores = period > 0 ? (quota + period - 1) / period : 0;
        if (cores > 0 && cores < limits->cores) limits->cores = (unsigned)cores;
    }
}

void imld_limits_apply_groups(struct imld_limits *limits, const char *root, const char *group)
{
    char folder[PATH_MAX];
    const int length = snprintf(folder, sizeof folder, "%s%s", root, group);
    if (length < 0 || (size_t)length >= sizeof folder) return;
    const size_t top = strlen(root);
    for (size_t end = (size_t)length;; end--) { /* from the process' own group upwards */
        if (end == top || folder[end] == '\0' || folder[end] == '/') {
            folder[end] = '\0';
            apply_group(limits, folder);
        }
        if (end == top) return;
    }
}

/* The process' group: the line "0::/PATH" of /proc/self/cgroup. */
static bool own_group(char *group, size_t size)
{
    FILE *file = fopen("/proc/self/cgroup", "re");
    if (!file) return false;
    char line[PATH_MAX];
    bool is_found = false;
    while (!is_found && fgets(line, sizeof line, file)) {
        if (strncmp(line, "0::", 3) != 0) continue;
        line[strcspn(line, "\n")] = '\0';
        const size_t length = strlen(line + 3);
        is_found = length < size;
        if (is_found) memcpy(group, line + 3, length + 1);
    }
    (void)fclose(file);
    return is_found;
}

struct imld_limits imld_limits_here(void)
{
    struct imld_limits limits = {.cores = 1, .memory_bytes = 1};
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) {
        const int count = CPU_COUNT(&set);
        if (count > 0) limits.cores = (unsigned)count;
    }
    struct sysinfo info;
    if (sysinfo(&info) == 0) limits.memory_bytes = (uint64_t)info.totalram * info.mem_unit;
    char group[PATH_MAX];
    if (own_group(group, sizeof group)) imld_limits_apply_groups(&limits, "/sys/fs/cgroup", group);
    if (limits.cores > IMLD_THREADS_MAX) limits.cores = IMLD_THREADS_MAX;
    return limits;
}
