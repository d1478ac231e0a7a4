/* error.c: errors as values; see include/imld/error.h. */
#include "imld/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const code_names[] = {
    [IML_OK] = "ok",
    [IML_ERROR_ARGUMENT] = "argument",
    [IML_ERROR_MEMORY] = "memory",
    [IML_ERROR_IO] = "io",
    [IML_ERROR_NO_SPACE] = "no_space",
    [IML_ERROR_DATA] = "data",
    [IML_ERROR_NOT_FOUND] = "not_found",
    [IML_ERROR_CONFLICT] = "conflict",
    [IML_ERROR_CANCELLED] = "cancelled",
    [IML_ERROR_NOT_FINITE] = "not_finite",
    [IML_ERROR_LIMIT] = "limit",
    [IML_ERROR_IN_DOUBT] = "in_doubt",
};

enum iml_code iml_error_set(struct iml_error *error, enum iml_code code, const char *what, ...)
{
    if (!error) return code;
    if (error->code != IML_OK) return error->code;
    error->code = code;
    va_list arguments;
    va_start(arguments, what);
    (void)vsnprintf(error->what, sizeof error->what, what, arguments);
    va_end(arguments);
    return code;
}

void iml_error_where(struct iml_error *error, const char *where, ...)
{
    if (!error) return;
    char outer[sizeof error->where];
    va_list arguments;
    va_start(arguments, where);
    (void)vsnprintf(outer, sizeof outer, where, arguments);
    va_end(arguments);
    const size_t length = strlen(outer);
    if (error->where[0] == '\0') {
        memcpy(error->where, outer, length + 1);
        return;
    }
    char inner[sizeof error->where];
    memcpy(inner, error->where, sizeof inner);
    (void)snprintf(error->where, sizeof error->where, "%.*s: %.*s", (int)(sizeof inner / 2 - 2),
                   outer, (int)(sizeof inner / 2 - 2), inner);
}

void iml_error_mend(struct iml_error *error, const char *mend, ...)
{
    if (!error || error->mend[0] != '\0') return;
    va_list arguments;
    va_start(arguments, mend);
    (void)vsnprintf(error->mend, sizeof error->mend, mend, arguments);
    va_end(arguments);
}

const char *iml_code_name(enum iml_code code)
{
    const size_t i = (size_t)code;
    return i < sizeof code_names / sizeof code_names[0] ? code_names[i] : "unknown";
}
