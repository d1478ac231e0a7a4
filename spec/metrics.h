/* metrics.h: the table of metrics (DESIGN §4): name, unit, which way is better, whether a resumed run
 * gives the same bits. */
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
    const char *help;      /* one sentence */
};

extern const struct imld_metric imld_metrics[];
extern const size_t imld_metric_count;

const struct imld_metric *imld_metric_find(const char *name); /* NULL: unknown */
const char *imld_better_name(enum imld_better better);        /* "none", "higher", "lower" */

#endif
