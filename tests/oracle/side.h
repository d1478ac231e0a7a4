/* side.h: the engine's side of an oracle: reads its job, tells what a trainer read and made, on
 * standard output, as records: a line of JSON {"name", "step", "count"}, then so many doubles. */
#ifndef IMLD_TESTS_ORACLE_SIDE_H
#define IMLD_TESTS_ORACLE_SIDE_H

#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "imld/error.h"
#include "imld/real.h"

/* Ends the program with 1 and a line on stderr. must: where code is an error. */
_Noreturn void fail(const char *what, const char *detail);
void must(enum iml_code code, const struct iml_error *error);

/* Fields of the job; one that is missing or of another kind ends the program. */
double number(const json_t *job, const char *name);
size_t size(const json_t *job, const char *name);
const char *text(const json_t *job, const char *name);

/* Zeros; to be freed. */
double *allocate(size_t count);

void tell(const char *name, uint64_t step, size_t count, const double *numbers);
void tell_reals(const char *name, uint64_t step, size_t count, const iml_real *reals);
void tell_integers(const char *name, uint64_t step, size_t count, const uint32_t *integers);

#endif
