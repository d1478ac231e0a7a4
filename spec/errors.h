/* errors.h: the table of error answers: HTTP status, title, what a client should do. */
#ifndef IMLD_SPEC_ERRORS_H
#define IMLD_SPEC_ERRORS_H

#include <stddef.h>

struct imld_error_kind {
    unsigned status;   /* 404 */
    const char *type;  /* "not-found": the last part of the problem's type URI */
    const char *title; /* "Not found" */
    const char *help;  /* what it means and what to do */
};

extern const struct imld_error_kind imld_error_kinds[];
extern const size_t imld_error_kind_count;

/* The entry of that status; NULL: not in the table. */
const struct imld_error_kind *imld_error_kind_find(unsigned status);

#endif
