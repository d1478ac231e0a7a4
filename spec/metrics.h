/* metrics.h: the table of metrics (DESIGN §4): name, unit, which way is better, whether a resumed
 * run gives the same bits. */
#ifndef IMLD_SPEC_METRICS_H
#define IMLD_SPEC_METRICS_H

#include <stdbool.h>
#include <stddef.h>

enum imld_better { IMLD_BETTER_NONE, IMLD_BETTER_HIGHER, IMLD_BETTER_LOWER };

struct imld_metric {
    const char *name; /* "validation/accuracy" */
    const char *unit; /* "nats", "1" (a share), "products", "s" */
    enum imld_better better;
    bool is_deterministic; /* false: rows of a resumed run replace older ones with other values */
    bool is_evaluated;     /* measured at each evaluation: stop rules and checkpoint.best take only
                              these,     and of these not test/… (DESIGN §5) */
    unsigned algorithms;   /* those that measure it: enum imld_algorithms */
    const char *help;      /* one sentence */
};

extern const struct imld_metric imld_metrics[]; /* sorted by name */
extern const size_t imld_metric_count;

const struct imld_metric *imld_metric_find(const char *name); /* NULL: unknown */
const char *imld_better_name(enum imld_better better);        /* "none", "higher", "lower" */

#endif
