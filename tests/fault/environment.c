/* environment.c: arming by environment variables, for a daemon that is built with this library. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fault.h"

static const struct {
    const char *name;
    int number;
} errors[] = {{"EIO", EIO}, {"ENOSPC", ENOSPC}, {"EROFS", EROFS}, {"kill", 0}};

static bool refuse(const char *name, const char *value)
{
    (void)fprintf(stderr, "%s=%s: unknown\n", name, value);
    return false;
}

static uint64_t number(const char *name, uint64_t otherwise)
{
    const char *value = getenv(name);
    return value ? strtoull(value, NULL, 10) : otherwise;
}

/* "write,db-sync" */
static bool parse_ops(const char *list, unsigned *ops)
{
    *ops = 0;
    while (*list) {
        const size_t length = strcspn(list, ",");
        bool is_known = false;
        for (unsigned op = 0; op < FAULT_OPS; op++) {
            const char *name = fault_op_name((enum fault_op)op);
            if (strlen(name) != length || strncmp(name, list, length) != 0) continue;
            *ops |= 1u << op;
            is_known = true;
        }
        if (!is_known) return false;
        list += length;
        if (*list == ',') list++;
    }
    return *ops != 0;
}

static bool arm_countdown(void)
{
    struct fault_plan plan = {
        .at = number("IMLD_FAULT_AT", 0), .limit = number("IMLD_FAULT_LIMIT", 1), .ops = FAULT_ALL};
    const char *ops = getenv("IMLD_FAULT_OPS");
    const char *error = getenv("IMLD_FAULT_ERROR");
    if (ops && !parse_ops(ops, &plan.ops)) return refuse("IMLD_FAULT_OPS", ops);
    for (size_t i = 0; error && i < sizeof errors / sizeof errors[0]; i++) {
        if (strcmp(errors[i].name, error) != 0) continue;
        plan.error = errors[i].number;
        plan.is_kill = plan.error == 0;
        fault_arm(&plan);
        return true;
    }
    return refuse("IMLD_FAULT_ERROR", error ? error : "");
}

bool fault_from_environment(void)
{
    const char *point = getenv("IMLD_FAULT_POINT");
    fault_install();
    if (point && !fault_arm_point(point, (unsigned)number("IMLD_FAULT_COUNT", 1)))
        return refuse("IMLD_FAULT_POINT", point);
    return getenv("IMLD_FAULT_AT") ? arm_countdown() : true;
}
