/* report_case.h: a small job that has been trained, and reports on it: what a checkpoint brings
 * from one to the other. */
#ifndef IMLD_TESTS_REPORT_CASE_H
#define IMLD_TESTS_REPORT_CASE_H

#include "tests/unit/engine/trainer_case.h"

/* Data, model, knowledge and curvature of that job, looked at by verify or compare (for which the
 * caller sets the solvers). */
struct iml_trainer_options report_options(const struct iml_trainer_options *trained,
                                          const char *kind);

/* Trains the job to its end, opens the report and gives it what it has of the job's state: θ,
 * running statistics, λ. */
struct iml_trainer *report_open(const struct iml_trainer_options *trained,
                                const struct iml_trainer_options *report);

/* Gives `to` the items of `from` that it has too, but its own state. */
void report_hand_over(const struct iml_registry *from, const struct iml_registry *to);

/* The entry of the run's one artifact; fails the test if there is none. */
const struct iml_entry *report_entry(const struct iml_trainer *trainer, const char *name);

#endif
