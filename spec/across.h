/* across.h: rules that look at more than one field (batch ≤ images, low < high, …). */
#ifndef IMLD_SPEC_ACROSS_H
#define IMLD_SPEC_ACROSS_H

#include <jansson.h>

#include "spec/resolve.h"

/* spec: what could be resolved; a field that is missing or was wrong is not judged again. view:
 * NULL where the set is not known. */
void imld_across_check(const json_t *spec, const struct imld_resolve_context *context,
                       const struct imld_set_view *view, struct imld_problems *problems);

#endif
