/* problem.c: error answers: RFC 9457 with `errors: [{pointer, detail}]` and what to do (`mend`). */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/answer.h"
#include "api/json_text.h"
#include "spec/errors.h"

static struct imld_answer make(unsigned status, const char *detail, const char *mend,
                               const struct imld_problems *problems)
{
    const struct imld_error_kind *kind = imld_error_kind_find(status);
    struct imld_text text = {0};
    imld_text_printf(&text,
                     "{\"type\":\"urn:imld:problem:%s\",\"title\":", kind ? kind->type : "other");
    imld_json_string(&text, kind ? kind->title : "Error");
    imld_text_printf(&text, ",\"status\":%u,\"detail\":", status);
    imld_json_string(&text, detail);
    imld_text_add(&text, ",\"mend\":");
    imld_json_string(&text, mend && *mend ? mend : kind ? kind->help : "");
    if (problems && problems->count > 0) {
        imld_text_add(&text, ",\"errors\":[");
        for (size_t i = 0; i < problems->count; i++) {
            imld_text_add(&text, i ? ",{\"pointer\":" : "{\"pointer\":");
            imld_json_string(&text, problems->items[i].pointer);
            imld_text_add(&text, ",\"detail\":");
            imld_json_string(&text, problems->items[i].detail);
            imld_text_add(&text, "}");
        }
        imld_text_add(&text, "]");
    }
    imld_text_add(&text, "}");
    struct imld_answer answer = imld_answer_json(status, &text);
    answer.content_type = "application/problem+json";
    if (status == 429 || status == 503) imld_answer_header(&answer, "Retry-After", "5");
    answer.refusal = strdup(detail);
    return answer;
}

struct imld_answer imld_answer_problems(unsigned status, const struct imld_problems *problems)
{
    char *detail = NULL;
    int length = 0;
    if (problems->total == 1 && problems->count == 1) {
        const struct imld_problem *only = &problems->items[0];
        const bool has_pointer = only->pointer && *only->pointer;
        length = asprintf(&detail, "%s%s%s", has_pointer ? only->pointer : "",
                          has_pointer ? ": " : "", only->detail ? only->detail : "");
    } else {
        length = asprintf(&detail, "%zu things are wrong%s", problems->total,
                          problems->total > problems->count ? "; the first are listed" : "");
    }
    struct imld_answer answer = make(status, length < 0 ? "out of memory" : detail, NULL, problems);
    if (length >= 0) free(detail);
    return answer;
}

struct imld_answer imld_answer_problem(unsigned status, const char *detail, ...)
{
    char *text = NULL;
    va_list arguments;
    va_start(arguments, detail);
    const int length = vasprintf(&text, detail, arguments);
    va_end(arguments);
    struct imld_answer answer = make(status, length < 0 ? "out of memory" : text, NULL, NULL);
    if (length >= 0) free(text);
    return answer;
}

struct imld_answer imld_answer_error(const struct iml_error *error)
{
    static const struct {
        enum iml_code code;
        unsigned status;
        const char *mend;
    } table[] = {
        {IML_ERROR_NOT_FOUND, 404, NULL},
        {IML_ERROR_CONFLICT, 409, NULL},
        {IML_ERROR_NO_SPACE, 503,
         "Nothing was changed. Free some space on the state folder's disk, then send the same "
         "request again."},
        {IML_ERROR_IO, 503,
         "Nothing was changed. The state folder can't be written; look at the daemon's log, then "
         "send the same request again."},
        {IML_ERROR_IN_DOUBT, 503,
         "It may have happened, or happen yet: look later whether it has, or send the same request "
         "with the same Idempotency-Key again."},
        {IML_ERROR_LIMIT, 503,
         "Nothing was changed. Too many writes wait; send the same request again."},
    };
    unsigned status = 500;
    const char *mend = NULL;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (table[i].code != error->code) continue;
        status = table[i].status;
        mend = table[i].mend;
    }
    if (error->mend[0] && status != 503) mend = error->mend;
    char detail[1100];
    (void)snprintf(detail, sizeof detail, "%s%s%s%s",
                   error->what[0] ? error->what : iml_code_name(error->code),
                   error->where[0] ? " (" : "", error->where, error->where[0] ? ")" : "");
    return make(status, detail, mend, NULL);
}
