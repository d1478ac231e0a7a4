/* fixture.h: reads the JSON files of tests/fixtures (by jansson) for the engine's tests.
 *
 * A path names a value by keys and array places joined with '/': "tanh/hessian_solvers/3/q". Every
 * function fails the running test, naming the path, when the value is missing or has another form.
 */
#ifndef IMLD_TESTS_FIXTURE_H
#define IMLD_TESTS_FIXTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "imld/real.h"

/* Loads a file such as "mlp.json" from IMLD_FIXTURES. Free with json_decref. */
json_t *fixture_load(const char *file);

/* The value at path, borrowed; and whether there is one (a JSON null counts as none). */
const json_t *fixture_at(const json_t *root, const char *path);
bool fixture_has(const json_t *root, const char *path);

double fixture_number(const json_t *root, const char *path);
const char *fixture_text(const json_t *root, const char *path); /* borrowed */

/* Elements of the array at path; a matrix (a list of rows) is counted and read row by row. */
size_t fixture_count(const json_t *root, const char *path);

/* Reads a vector or matrix of exactly `count` numbers. */
void fixture_doubles(const json_t *root, const char *path, size_t count, double *out);
void fixture_reals(const json_t *root, const char *path, size_t count, iml_real *out);
void fixture_labels(const json_t *root, const char *path, size_t count, uint32_t *out);

#endif
