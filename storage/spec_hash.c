/* spec_hash.c: see spec_hash.h. */
#include "storage/spec_hash.h"

#include <jansson.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(IMLD_SPEC_HASH_BYTES == crypto_hash_sha256_BYTES, "SHA-256");

enum iml_code imld_spec_hash(const char *spec, unsigned char hash[IMLD_SPEC_HASH_BYTES],
                             struct iml_error *error)
{
    static const char *const labels[] = {"name", "note", "tags", "priority"};
    json_error_t parse;
    json_t *root = json_loads(spec, JSON_REJECT_DUPLICATES, &parse);
    if (!json_is_object(root)) {
        json_decref(root);
        return iml_error_set(error, IML_ERROR_ARGUMENT, "the spec is not a JSON object");
    }
    for (size_t i = 0; i < sizeof labels / sizeof labels[0]; i++)
        (void)json_object_del(root, labels[i]); /* −1: it was not there */
    char *text = json_dumps(root, JSON_COMPACT | JSON_SORT_KEYS);
    json_decref(root);
    if (!text) return iml_error_set(error, IML_ERROR_MEMORY, "no memory for the spec");
    (void)crypto_hash_sha256(hash, (const unsigned char *)text, strlen(text));
    free(text);
    return IML_OK;
}
