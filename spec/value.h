/* value.h: one value against one row of the field table. */
#ifndef IMLD_SPEC_VALUE_H
#define IMLD_SPEC_VALUE_H

#include <jansson.h>

#include "base/text.h"
#include "spec/fields.h"
#include "spec/problems.h"

/* The value as it stands in the resolved spec (an integral real becomes an integer): a new
 * reference. NULL: it breaks the row's rule, and problems says how, or there is no memory.
 * algorithms: those the job may have (a metric must be measured by one). Of IMLD_OBJECTS and
 * IMLD_SECTION only JSON type and length are checked, and an empty list or object comes back: what
 * is in them has rows of its own. */
json_t *imld_value_check(const struct imld_field *field, unsigned algorithms, const json_t *value,
                         const char *pointer, struct imld_problems *problems);

/* What the row needs, in words: "an integer from 1 to 10000". */
void imld_value_rule(const struct imld_field *field, struct imld_text *text);

#endif
