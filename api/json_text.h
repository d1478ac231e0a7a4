/* json_text.h: JSON written by hand into a growing text: what jansson can't (a float's shortest
 * digits, texts of unknown bytes) or does too slowly (columns). Every function writes one complete
 * value. */
#ifndef IMLD_API_JSON_TEXT_H
#define IMLD_API_JSON_TEXT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

bool imld_json_is_utf8(const char *string);

/* A string; bytes that are not UTF-8 become U+FFFD; NULL: null. */
void imld_json_string(struct imld_text *text, const char *string);

/* JSON text that is valid already (a column of the database); NULL: null. */
void imld_json_raw(struct imld_text *text, const char *json);

/* null where it is not finite. */
void imld_json_float(struct imld_text *text, float value);
void imld_json_double(struct imld_text *text, double value);

void imld_json_integer(struct imld_text *text, int64_t value);

/* RFC 3339 UTC with milliseconds; 0: null. */
void imld_json_time(struct imld_text *text, int64_t ms);

/* A jansson value, compact, keys in their order, reals with the fewest digits; NULL: null. */
void imld_json_value(struct imld_text *text, const json_t *value);

/* ,"key": (without the comma after an opening brace); key is a literal without escapes. */
void imld_json_key(struct imld_text *text, const char *key);

/* The compact text of a value: the caller frees it; NULL: no memory, or value is NULL. */
char *imld_json_dump(const json_t *value);

#endif
