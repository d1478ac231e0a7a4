/* fallback.c: the value of a default; see fallback.h. */
#include "spec/fallback.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* An integer where the text has neither point nor exponent, as JSON readers have it. */
static json_t *number(const char *text, const char **end)
{
    char *after = NULL;
    const size_t digits = strspn(text, "-0123456789");
    const bool is_real = text[digits] && strchr(".eE", text[digits]);
    json_t *const value =
        is_real ? json_real(strtod(text, &after)) : json_integer(strtoll(text, &after, 10));
    assert(after != text);
    *end = after;
    return value;
}

static json_t *numbers(const char *text)
{
    json_t *const list = json_array();
    text++;
    while (list && *text != ']') {
        if (json_array_append_new(list, number(text, &text)) != 0) {
            json_decref(list);
            return NULL;
        }
        text += strspn(text, ", ");
    }
    return list;
}

json_t *imld_fallback_value(const char *text)
{
    const char *end = NULL;
    if (text[0] == '"') return json_stringn(text + 1, strlen(text) - 2);
    if (text[0] == '{') return json_object();
    if (text[0] == '[') return numbers(text);
    if (text[0] == 't' || text[0] == 'f') return json_boolean(text[0] == 't');
    return number(text, &end);
}
