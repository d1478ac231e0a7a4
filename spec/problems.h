/* problems.h: what is wrong with a document: every wrong field with its JSON pointer, not only the
 * first (RFC 9457's `errors`). */
#ifndef IMLD_SPEC_PROBLEMS_H
#define IMLD_SPEC_PROBLEMS_H

#include <stddef.h>

#define IMLD_PROBLEMS_MAX 64 /* more are counted, not kept */

struct imld_problem {
    char *pointer; /* owned: RFC 6901, "" = the whole document */
    char *detail;  /* owned: a sentence */
};

/* {0} is an empty list. */
struct imld_problems {
    struct imld_problem items[IMLD_PROBLEMS_MAX];
    size_t count; /* kept */
    size_t total; /* found */
};

void imld_problems_add(struct imld_problems *problems, const char *pointer, const char *detail, ...)
    __attribute__((format(printf, 3, 4)));
void imld_problems_clear(struct imld_problems *problems);

#endif
