/* pointer.c: JSON pointers and cut client text; see pointer.h. */
#include "spec/pointer.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spec/resolve.h"

#define KEY_BYTES_MAX 200
#define TEXT_BYTES_MAX 80

static const char ellipsis[] = "…";

static bool is_continuation(char byte)
{
    return ((unsigned char)byte & 0xc0) == 0x80;
}

/* The most bytes of text, at most `most`, that end with a whole character. */
static size_t cut(const char *text, size_t most)
{
    size_t n = strnlen(text, most + 1);
    if (n <= most) return n;
    n = most;
    while (n > 0 && is_continuation(text[n])) n--;
    return n;
}

/* Appends if all of it fits: a piece is never broken. */
static void append(char *out, size_t capacity, const char *piece, size_t bytes)
{
    const size_t length = strlen(out);
    if (length + bytes + 1 > capacity) return;
    memcpy(out + length, piece, bytes);
    out[length + bytes] = '\0';
}

void imld_pointer_join(char out[IMLD_POINTER_BYTES], const char *base, const char *key)
{
    if (out != base) {
        out[0] = '\0';
        append(out, IMLD_POINTER_BYTES, base, cut(base, IMLD_POINTER_BYTES - 1));
    }
    const size_t length = strlen(out);
    const size_t shown = cut(key, KEY_BYTES_MAX);
    /* worst case: each byte escaped to two */
    if (length + 1 + 2 * shown + sizeof ellipsis > IMLD_POINTER_BYTES) return;
    append(out, IMLD_POINTER_BYTES, "/", 1);
    for (size_t i = 0; i < shown; i++) {
        if (key[i] == '~')
            append(out, IMLD_POINTER_BYTES, "~0", 2);
        else if (key[i] == '/')
            append(out, IMLD_POINTER_BYTES, "~1", 2);
        else
            append(out, IMLD_POINTER_BYTES, &key[i], 1);
    }
    if (key[shown] != '\0') append(out, IMLD_POINTER_BYTES, ellipsis, sizeof ellipsis - 1);
}

void imld_pointer_item(char out[IMLD_POINTER_BYTES], const char *base, size_t i)
{
    char number[24];
    (void)snprintf(number, sizeof number, "%zu", i);
    imld_pointer_join(out, base, number);
}

/* In quotes, control characters shown as "?". */
static void excerpt_text(char out[IMLD_EXCERPT_BYTES], const char *text)
{
    const size_t shown = cut(text, TEXT_BYTES_MAX);
    size_t length = 0;
    out[length++] = '"';
    for (size_t i = 0; i < shown; i++) {
        const bool is_control = (unsigned char)text[i] < 0x20 || text[i] == 0x7f;
        out[length] = text[i];
        if (is_control) out[length] = '?';
        length++;
    }
    out[length] = '\0';
    if (text[shown] != '\0') append(out, IMLD_EXCERPT_BYTES, ellipsis, sizeof ellipsis - 1);
    append(out, IMLD_EXCERPT_BYTES, "\"", 1);
}

void imld_excerpt(char out[IMLD_EXCERPT_BYTES], const json_t *value)
{
    out[0] = '\0';
    switch (json_typeof(value)) {
    case JSON_STRING:
        excerpt_text(out, json_string_value(value));
        break;
    case JSON_INTEGER:
        (void)snprintf(out, IMLD_EXCERPT_BYTES, "%lld", (long long)json_integer_value(value));
        break;
    case JSON_REAL:
        (void)snprintf(out, IMLD_EXCERPT_BYTES, "%.15g", json_real_value(value));
        break;
    case JSON_TRUE:
        append(out, IMLD_EXCERPT_BYTES, "true", 4);
        break;
    case JSON_FALSE:
        append(out, IMLD_EXCERPT_BYTES, "false", 5);
        break;
    case JSON_NULL:
        append(out, IMLD_EXCERPT_BYTES, "null", 4);
        break;
    case JSON_ARRAY:
        (void)snprintf(out, IMLD_EXCERPT_BYTES, "a list of %zu", json_array_size(value));
        break;
    case JSON_OBJECT:
        append(out, IMLD_EXCERPT_BYTES, "an object", 9);
        break;
    }
}

json_t *imld_json_readable(const json_t *value)
{
    const union {
        const json_t *given;
        json_t *readable;
    } same = {.given = value};
    return same.readable;
}

size_t imld_characters(const char *text)
{
    size_t count = 0;
    for (; *text; text++) count += !is_continuation(*text);
    return count;
}

/* One reference token of the pointer, unescaped; false: too long to be a key of ours. */
static bool unescape(const char *token, size_t bytes, char *key, size_t capacity)
{
    if (bytes >= capacity) return false;
    size_t length = 0;
    for (size_t i = 0; i < bytes; i++) {
        char c = token[i];
        if (c == '~' && i + 1 < bytes) c = token[++i] == '1' ? '/' : '~';
        key[length++] = c;
    }
    key[length] = '\0';
    return true;
}

static const json_t *item_at(const json_t *list, const char *key)
{
    char *end = NULL;
    if (key[0] < '0' || key[0] > '9') return NULL;
    const unsigned long long i = strtoull(key, &end, 10);
    return *end == '\0' ? json_array_get(list, (size_t)i) : NULL;
}

const json_t *imld_json_at(const json_t *document, const char *pointer)
{
    char key[IMLD_POINTER_BYTES];
    const json_t *value = document;
    while (value && *pointer == '/') {
        pointer++;
        const size_t bytes = strcspn(pointer, "/");
        if (!unescape(pointer, bytes, key, sizeof key)) return NULL;
        value = json_is_array(value) ? item_at(value, key) : json_object_get(value, key);
        pointer += bytes;
    }
    return *pointer == '\0' ? value : NULL;
}
