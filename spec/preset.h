/* preset.h: named sets of defaults (confidence.preset, FIXMATCH 6.3). */
#ifndef IMLD_SPEC_PRESET_H
#define IMLD_SPEC_PRESET_H

#include <jansson.h>

#include "spec/problems.h"

/* A new reference: the document with the preset's values for what it leaves out and uses. NULL: it
 * names no preset (what is no preset's name is left to the table of fields), or there is no memory,
 * which is a problem. */
json_t *imld_preset_apply(const json_t *document, struct imld_problems *problems);

#endif
