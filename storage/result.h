/* result.h: the result of a job that ends without running: a paused or queued one that is stopped
 * (DESIGN §5). Its best weights can't be evaluated again here, and need not be: the evaluation that
 * made them is in the rows, with the same bits. */
#ifndef IMLD_STORAGE_RESULT_H
#define IMLD_STORAGE_RESULT_H

#include "base/text.h"
#include "storage/statement.h"

/* Appends {step, metrics} of the best evaluation up to the job's step (first of equals, finite
 * values of checkpoint.best only); nothing where there was none. */
IML_MUST_USE enum iml_code imld_result_recorded(struct imld_connection *connection, int64_t number,
                                                struct imld_text *result, struct iml_error *error);

#endif
