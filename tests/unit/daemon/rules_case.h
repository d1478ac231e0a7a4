/* rules_case.h: a history made by hand, and what stop rules say of it. */
#ifndef IMLD_TESTS_RULES_CASE_H
#define IMLD_TESTS_RULES_CASE_H

#include "daemon/rules.h"

void rules_put(struct imld_history *history, const char *metric, int64_t step, float value);

/* The verdict of a list of rules, JSON text; its numbers are to be freed. */
struct imld_verdict rules_ask(const char *text, const struct imld_history *history, int64_t step);

/* A number of a verdict; the test fails if there is none. */
double rules_number(const json_t *numbers, const char *name);

#endif
