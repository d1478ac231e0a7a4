/* origin.h: the checkpoint that a submitted job starts from (`from`, DESIGN §4), looked up. */
#ifndef IMLD_API_ORIGIN_H
#define IMLD_API_ORIGIN_H

#include "spec/resolve.h"

/* The origin_view of struct imld_resolve_context; context is a struct imld_storage. */
bool imld_origin_find(void *context, const char *job, const char *checkpoint,
                      struct imld_origin_view *view, struct imld_problems *problems);

#endif
