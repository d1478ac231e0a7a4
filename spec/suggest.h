/* suggest.h: the known field that an unknown one was most likely meant to be. */
#ifndef IMLD_SPEC_SUGGEST_H
#define IMLD_SPEC_SUGGEST_H

#include "spec/pointer.h"

/* hint = "; did you mean /inner/batch?", or "" where none is near. name was found in the object at
 * `path` (in the table) and `pointer` (in the document). Only fields of the algorithms are named.
 */
void imld_suggest_field(const char *name, const char *path, const char *pointer,
                        unsigned algorithms, char hint[IMLD_POINTER_BYTES + 32]);

#endif
