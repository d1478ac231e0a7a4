/* backtest.h: where stop rules would have ended a recorded curve (DESIGN §7): the rules of a
 * running job, asked of stored rows. */
#ifndef IMLD_DAEMON_BACKTEST_H
#define IMLD_DAEMON_BACKTEST_H

#include <jansson.h>

#include "imld/error.h"
#include "storage/storage.h"

/* More evaluations are refused: each rule looks at all rows before an evaluation. */
enum { IMLD_BACKTEST_MAX = 5000 };

/* Asks the rules (a resolved early_stopping list) at each evaluation of the job in turn, as its run
 * did, and at the loss that ended it between two. *answer is a new object {rule, numbers, step,
 * evaluations, last_step}; rule, numbers and step are null where none fires. IML_ERROR_CONFLICT:
 * more evaluations than IMLD_BACKTEST_MAX. */
IML_MUST_USE enum iml_code imld_backtest(struct imld_storage *storage, int64_t job,
                                         const json_t *early_stopping, json_t **answer,
                                         struct iml_error *error);

#endif
