/* answer.h: what a handler gives back: status, body, headers; and how it goes out. */
#ifndef IMLD_API_ANSWER_H
#define IMLD_API_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "imld/error.h"
#include "spec/problems.h"

struct imld_request;

enum { IMLD_ANSWER_HEADERS = 6 };

/* Owned by whoever holds it, until imld_answer_send takes it. */
struct imld_answer {
    unsigned status;
    bool is_pending; /* no answer yet: request->next goes on later */
    bool closes;     /* the connection ends with it */
    const char *content_type;
    const char *constant; /* a body that outlives the API's answers; else `body` */
    char *body;           /* owned */
    size_t length;
    int fd; /* a file's part instead of a body where file_bytes > 0; owned */
    uint64_t file_offset, file_bytes;
    struct {
        const char *name;
        char *value; /* owned */
    } headers[IMLD_ANSWER_HEADERS];
    size_t header_count;
    char *refusal; /* owned: one line for the log, of an error answer */
};

struct imld_answer imld_answer_pending(void);

/* Takes the text as a JSON body; 500 where the text has failed. */
struct imld_answer imld_answer_json(unsigned status, struct imld_text *text);

/* No body: 204, 304. */
struct imld_answer imld_answer_empty(unsigned status);

/* RFC 9457: the table's title and help, the problems as `errors`; `detail` is the only problem's
 * text or a count. Clears nothing. */
struct imld_answer imld_answer_problems(unsigned status, const struct imld_problems *problems);

/* The same with one text and no pointer. */
struct imld_answer imld_answer_problem(unsigned status, const char *detail, ...)
    __attribute__((format(printf, 2, 3)));

/* From an error value of storage or a system call: 404, 409, 503 with Retry-After, 500. */
struct imld_answer imld_answer_error(const struct iml_error *error);

/* name is a literal. A value with control characters is left out. */
void imld_answer_header(struct imld_answer *answer, const char *name, const char *value, ...)
    __attribute__((format(printf, 3, 4)));

void imld_answer_clear(struct imld_answer *answer);

/* Queues it with the headers that every answer has, and empties it. Called in the connection's
 * thread. false: no memory; the connection is to be closed. */
bool imld_answer_send(struct imld_answer *answer, struct imld_request *request);

#endif
