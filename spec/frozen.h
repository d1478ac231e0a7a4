/* frozen.h: a confidence job whose weights are those of another job's network (confidence.weights
 * "frozen", FIXMATCH 6.1): the network's shape is that job's. */
#ifndef IMLD_SPEC_FROZEN_H
#define IMLD_SPEC_FROZEN_H

#include "spec/resolve.h"

/* A new reference: the document with what its confidence.from brings: the fields that say what the
 * network is, and in confidence.from the checkpoint's step and sha256; problems where the document
 * says otherwise itself. NULL: its weights are not frozen, or it has no confidence.from that can
 * be used: problems say so, but what the table of fields finds is left to it. */
json_t *imld_frozen_bring(const json_t *document, const struct imld_resolve_context *context,
                          struct imld_problems *problems);

#endif
