/* deviation.h: how much the last evaluations scatter: the metric validation/accuracy_deviation. */
#ifndef IMLD_DAEMON_DEVIATION_H
#define IMLD_DAEMON_DEVIATION_H

#include <stdbool.h>

#include "daemon/history.h"

#define IMLD_DEVIATION_METRIC "validation/accuracy_deviation"

/* Standard deviation (n − 1) of the last 10 rows of validation/accuracy up to `step`, a pure
 * function of them, so that a resumed run writes the same row. false: there are less than two, or
 * one is not finite. */
bool imld_deviation(const struct imld_history *history, int64_t step, double *deviation);

#endif
