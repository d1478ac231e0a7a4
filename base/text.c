/* text.c: a growable text; see text.h. */
#include "base/text.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"

static bool reserve(struct imld_text *text, size_t more)
{
    size_t needed = 0;
    if (text->has_failed || !iml_size_add(text->length, more, &needed) ||
        !iml_size_add(needed, 1, &needed)) {
        text->has_failed = true;
        return false;
    }
    if (needed <= text->capacity) return true;
    size_t capacity = text->capacity ? text->capacity : 256;
    while (capacity < needed) {
        if (!iml_size_multiply(capacity, 2, &capacity)) {
            text->has_failed = true;
            return false;
        }
    }
    char *bytes = realloc(text->bytes, capacity);
    if (!bytes) {
        text->has_failed = true;
        return false;
    }
    text->bytes = bytes;
    text->capacity = capacity;
    return true;
}

void imld_text_clear(struct imld_text *text)
{
    free(text->bytes);
    *text = (struct imld_text){0};
}

void imld_text_append(struct imld_text *text, const char *bytes, size_t length)
{
    if (!reserve(text, length)) return;
    memcpy(text->bytes + text->length, bytes, length);
    text->length += length;
    text->bytes[text->length] = '\0';
}

void imld_text_add(struct imld_text *text, const char *string)
{
    imld_text_append(text, string, strlen(string));
}

void imld_text_printf(struct imld_text *text, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    va_list again;
    va_copy(again, arguments);
    const int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (length < 0) {
        text->has_failed = true;
    } else if (reserve(text, (size_t)length)) {
        (void)vsnprintf(text->bytes + text->length, (size_t)length + 1, format, again);
        text->length += (size_t)length;
    }
    va_end(again);
}

void imld_text_float(struct imld_text *text, float value)
{
    assert(isfinite(value));
    char digits[32];
    for (int precision = 6; precision <= 9; precision++) {
        (void)snprintf(digits, sizeof digits, "%.*g", precision, (double)value);
        if (strtof(digits, NULL) == value) break;
    }
    imld_text_add(text, digits);
}

void imld_text_double(struct imld_text *text, double value)
{
    assert(isfinite(value));
    char digits[40];
    for (int precision = 15; precision <= 17; precision++) {
        (void)snprintf(digits, sizeof digits, "%.*g", precision, value);
        if (strtod(digits, NULL) == value) break;
    }
    imld_text_add(text, digits);
}

void imld_text_json_string(struct imld_text *text, const char *string)
{
    imld_text_add(text, "\"");
    for (const char *c = string; *c; c++) {
        const unsigned char byte = (unsigned char)*c;
        if (byte == '"' || byte == '\\') {
            imld_text_printf(text, "\\%c", byte);
        } else if (byte < 0x20) {
            imld_text_printf(text, "\\u%04x", (unsigned)byte);
        } else {
            imld_text_append(text, c, 1);
        }
    }
    imld_text_add(text, "\"");
}

char *imld_text_take(struct imld_text *text)
{
    imld_text_append(text, "", 0);
    char *bytes = text->has_failed ? NULL : text->bytes;
    if (text->has_failed) free(text->bytes);
    *text = (struct imld_text){0};
    return bytes;
}
