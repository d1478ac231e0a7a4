/* pointer.h: JSON pointers (RFC 6901) and client text that is cut to a bounded length. */
#ifndef IMLD_SPEC_POINTER_H
#define IMLD_SPEC_POINTER_H

#include <jansson.h>
#include <stddef.h>

#define IMLD_POINTER_BYTES 1024
#define IMLD_EXCERPT_BYTES 128

/* out = base + "/" + key, escaped; a key above 200 bytes is cut, with "…" in place of the rest.
 * base may be out itself. At most IMLD_POINTER_BYTES with the NUL; out stays valid UTF-8. */
void imld_pointer_join(char out[IMLD_POINTER_BYTES], const char *base, const char *key);

/* The same with the number of a list's item. */
void imld_pointer_item(char out[IMLD_POINTER_BYTES], const char *base, size_t i);

/* What the client wrote, for a detail: "\"abc…\"", "3.5", "a list of 3", "an object", "null". */
void imld_excerpt(char out[IMLD_EXCERPT_BYTES], const json_t *value);

/* The same value: jansson 2.14 iterates only over what it may write. For reading. */
json_t *imld_json_readable(const json_t *value);

/* Characters of UTF-8 text. */
size_t imld_characters(const char *text);

#endif
