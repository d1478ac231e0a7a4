/* error.h: errors as values with text: what happened, where, how to mend it (docs/style.md). */
#ifndef IMLD_ERROR_H
#define IMLD_ERROR_H

#define IML_MUST_USE __attribute__((warn_unused_result))

enum iml_code {
    IML_OK = 0,
    IML_ERROR_ARGUMENT,   /* the caller's values can't be used */
    IML_ERROR_MEMORY,     /* an allocation failed, or a size overflowed */
    IML_ERROR_IO,         /* a system call failed */
    IML_ERROR_NO_SPACE,   /* ENOSPC or EDQUOT: the same call succeeds once there is room */
    IML_ERROR_DATA,       /* a file's content is not what its form promises */
    IML_ERROR_NOT_FOUND,  /* no such file, data set, job, … */
    IML_ERROR_CONFLICT,   /* the present state forbids it */
    IML_ERROR_CANCELLED,  /* the cancel flag was seen */
    IML_ERROR_NOT_FINITE, /* a number that must be finite is not */
    IML_ERROR_LIMIT,      /* above a configured or built-in limit */
    IML_ERROR_IN_DOUBT    /* it may or may not have happened (a COMMIT that failed at its fsync) */
};

/* The texts are complete sentences without a final period; an empty string where there is nothing
 * to say. The first error wins: iml_error_set on an error that is set already changes nothing. */
struct iml_error {
    enum iml_code code;
    char what[512];  /* the fact, with its numbers */
    char where[512]; /* file and byte, JSON pointer, row */
    char mend[256];  /* what to do */
};

/* Sets code and `what` (printf form) unless an error is set already; returns the code that the
 * error then holds, so that `return iml_error_set(…)` is the usual way out. error may be NULL: then
 * only code is returned. */
enum iml_code iml_error_set(struct iml_error *error, enum iml_code code, const char *what, ...)
    __attribute__((format(printf, 3, 4)));

/* Fills `where`, or puts the text before what is there ("outer: inner"). */
void iml_error_where(struct iml_error *error, const char *where, ...)
    __attribute__((format(printf, 2, 3)));

/* Fills `mend` unless it is filled already. */
void iml_error_mend(struct iml_error *error, const char *mend, ...)
    __attribute__((format(printf, 2, 3)));

/* The code's name in lower case, such as "no_space"; never NULL. */
const char *iml_code_name(enum iml_code code);

#endif
