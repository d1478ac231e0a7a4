/* spec_hash.h: the same experiment under another name (private to storage/). */
#ifndef IMLD_STORAGE_SPEC_HASH_H
#define IMLD_STORAGE_SPEC_HASH_H

#include "imld/error.h"

#define IMLD_SPEC_HASH_BYTES 32

/* SHA-256 of the resolved spec without name, note, tags and priority, keys sorted.
 * IML_ERROR_ARGUMENT: not a JSON object. */
IML_MUST_USE enum iml_code
imld_spec_hash(const char *spec, unsigned char hash[IMLD_SPEC_HASH_BYTES], struct iml_error *error);

#endif
