/* text.h: a growable text, for answers and messages of unknown length. An allocation that fails
 * marks the text as failed and is noticed once, at the end: no check at every append. */
#ifndef IMLD_BASE_TEXT_H
#define IMLD_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

struct imld_text {
    char *bytes; /* owned; always ends with NUL unless NULL */
    size_t length, capacity;
    bool has_failed;
};

/* {0} is an empty text. */
void imld_text_clear(struct imld_text *text);
void imld_text_append(struct imld_text *text, const char *bytes, size_t length);
void imld_text_add(struct imld_text *text, const char *string);
void imld_text_printf(struct imld_text *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The fewest digits that read back the same float (kind of a float metric), or double. value must
 * be finite. */
void imld_text_float(struct imld_text *text, float value);
void imld_text_double(struct imld_text *text, double value);

/* A JSON string with its quotes, escaped. The bytes must be UTF-8. */
void imld_text_json_string(struct imld_text *text, const char *string);

/* Moves the bytes out: the caller frees them; the text is empty afterwards. NULL if it has failed.
 * An empty text gives "". */
char *imld_text_take(struct imld_text *text);

#endif
