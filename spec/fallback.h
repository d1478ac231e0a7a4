/* fallback.h: the value of a default that fields.c writes as JSON text. */
#ifndef IMLD_SPEC_FALLBACK_H
#define IMLD_SPEC_FALLBACK_H

#include <jansson.h>

/* text: a string without escapes, true, false, a number, or a list of numbers. A new reference;
 * NULL: no memory. Not by json_loads: jansson 2.14 drops a character of what it reads when memory
 * runs out in the middle of a token (seen by the test: "validation/accracy"), and answers no error.
 */
json_t *imld_fallback_value(const char *text);

#endif
