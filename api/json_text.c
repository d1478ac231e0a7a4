/* json_text.c: JSON written by hand; see json_text.h. */
#include "api/json_text.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"

/* Length of the UTF-8 sequence at `bytes` (NUL-terminated), 0: none (RFC 3629: no overlong forms,
 * no surrogates, nothing above U+10FFFF). */
static size_t utf8_length(const unsigned char *bytes)
{
    static const struct {
        unsigned char first, last, second_first, second_last;
        size_t length;
    } rows[] = {
        {0x00, 0x7f, 0, 0, 1},       {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
        {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
        {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (bytes[0] < rows[i].first || bytes[0] > rows[i].last) continue;
        if (rows[i].length == 1) return 1;
        if (bytes[1] < rows[i].second_first || bytes[1] > rows[i].second_last) return 0;
        for (size_t k = 2; k < rows[i].length; k++) {
            if ((bytes[k] & 0xc0) != 0x80) return 0;
        }
        return rows[i].length;
    }
    return 0;
}

bool imld_json_is_utf8(const char *string)
{
    while (*string) {
        const size_t length = utf8_length((const unsigned char *)string);
        if (length == 0) return false;
        string += length;
    }
    return true;
}

void imld_json_string(struct imld_text *text, const char *string)
{
    if (!string) {
        imld_text_add(text, "null");
        return;
    }
    struct imld_text clean = {0};
    for (const char *c = string; *c;) {
        const size_t length = utf8_length((const unsigned char *)c);
        if (length == 0)
            imld_text_add(&clean, "\xef\xbf\xbd");
        else
            imld_text_append(&clean, c, length);
        c += length ? length : 1;
    }
    imld_text_append(&clean, "", 0);
    if (clean.has_failed)
        text->has_failed = true;
    else
        imld_text_json_string(text, clean.bytes);
    imld_text_clear(&clean);
}

void imld_json_raw(struct imld_text *text, const char *json)
{
    imld_text_add(text, json ? json : "null");
}

void imld_json_float(struct imld_text *text, float value)
{
    if (isfinite(value))
        imld_text_float(text, value);
    else
        imld_text_add(text, "null");
}

void imld_json_double(struct imld_text *text, double value)
{
    if (isfinite(value))
        imld_text_double(text, value);
    else
        imld_text_add(text, "null");
}

void imld_json_integer(struct imld_text *text, int64_t value)
{
    imld_text_printf(text, "%" PRId64, value);
}

void imld_json_time(struct imld_text *text, int64_t ms)
{
    char utc[IMLD_TIME_TEXT_MAX];
    if (ms != 0 && imld_time_text(ms, utc))
        imld_text_printf(text, "\"%s\"", utc);
    else
        imld_text_add(text, "null");
}

void imld_json_key(struct imld_text *text, const char *key)
{
    const bool is_first = text->length == 0 || text->bytes[text->length - 1] == '{';
    imld_text_printf(text, is_first ? "\"%s\":" : ",\"%s\":", key);
}

static void write_object(struct imld_text *text, const json_t *object)
{
    imld_text_add(text, "{");
    const char *key = NULL;
    json_t *value = NULL;
    bool is_first = true;
    union { /* jansson's iterators take no const; nothing is changed */
        const json_t *borrowed;
        json_t *walked;
    } walk = {.borrowed = object};
    json_object_foreach(walk.walked, key, value)
    {
        if (!is_first) imld_text_add(text, ",");
        is_first = false;
        imld_json_string(text, key);
        imld_text_add(text, ":");
        imld_json_value(text, value);
    }
    imld_text_add(text, "}");
}

static void write_array(struct imld_text *text, const json_t *array)
{
    imld_text_add(text, "[");
    for (size_t i = 0; i < json_array_size(array); i++) {
        if (i) imld_text_add(text, ",");
        imld_json_value(text, json_array_get(array, i));
    }
    imld_text_add(text, "]");
}

/* An integral real is written with ".0", so that it is read back as a real. */
static void write_real(struct imld_text *text, double value)
{
    const size_t begin = text->length;
    imld_json_double(text, value);
    if (!text->has_failed && !strpbrk(text->bytes + begin, ".eln")) imld_text_add(text, ".0");
}

void imld_json_value(struct imld_text *text, const json_t *value)
{
    if (json_is_object(value))
        write_object(text, value);
    else if (json_is_array(value))
        write_array(text, value);
    else if (json_is_string(value))
        imld_json_string(text, json_string_value(value));
    else if (json_is_integer(value))
        imld_json_integer(text, json_integer_value(value));
    else if (json_is_real(value))
        write_real(text, json_real_value(value));
    else
        imld_text_add(text, json_is_true(value) ? "true" : json_is_false(value) ? "false" : "null");
}

char *imld_json_dump(const json_t *value)
{
    if (!value) return NULL;
    struct imld_text text = {0};
    imld_json_value(&text, value);
    return imld_text_take(&text);
}
