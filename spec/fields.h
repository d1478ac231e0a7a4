/* fields.h: the table of job fields (DESIGN §4): one row a field. Validation, defaults, the schema,
 * the reference page and later the page's form are made from it. */
#ifndef IMLD_SPEC_FIELDS_H
#define IMLD_SPEC_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum imld_field_type {
    IMLD_INTEGER, /* a JSON integer, or a real with an integral value */
    IMLD_NUMBER,
    IMLD_BOOLEAN,
    IMLD_TEXT,     /* any UTF-8 text; `maximum` characters */
    IMLD_CHOICE,   /* one of `choices` */
    IMLD_METRIC,   /* the name of a metric; a test/… metric is refused */
    IMLD_INTEGERS, /* a list of integers, each in the range */
    IMLD_TEXTS,    /* a list of texts */
    IMLD_NUMBERS,  /* a list of numbers */
    IMLD_STEP_SIZE /* a number above 0, or "auto" */
};

/* Algorithms, as a set. */
enum imld_algorithms { IMLD_SUPERVISED = 1, IMLD_IML = 2, IMLD_ALL = 3 };

struct imld_field {
    const char *path; /* "/meta/solver/terms"; list items: "/early_stopping/-/rule" */
    unsigned algorithms;     /* those that use it */
    const char *when;        /* sibling condition "kind=neumann|cg", or NULL: always */
    enum imld_field_type type;
    const char *fallback;    /* default as JSON text; NULL: required; "@name": a named function of the data set's
                                facts; "" : no default, the field is left out of the resolved spec */
    double minimum, maximum; /* of a number, of each list item; of a text: characters */
    const char *choices;     /* "adam|sgd|rmsprop" */
    const char *unit;        /* "steps", "images", "" */
    const char *help;        /* one sentence, with its MATH or DESIGN section */
};

extern const struct imld_field imld_fields[]; /* sorted by (path, when) */
extern const size_t imld_field_count;

const char *imld_field_type_name(enum imld_field_type type);

#endif
