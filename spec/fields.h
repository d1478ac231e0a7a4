/* fields.h: the table of job fields (DESIGN §4): one row a field. Validation, defaults, the schema,
 * the reference page and later the page's form are made from it. */
#ifndef IMLD_SPEC_FIELDS_H
#define IMLD_SPEC_FIELDS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum imld_field_type {
    IMLD_INTEGER, /* a JSON integer, or a real with an integral value */
    IMLD_NUMBER,
    IMLD_BOOLEAN,
    IMLD_TEXT,     /* any UTF-8 text of `minimum` … `maximum` characters */
    IMLD_SET_NAME, /* [a-z0-9][a-z0-9._-]*, no "..", at most `maximum` characters */
    IMLD_CHOICE,   /* one of `choices` */
    IMLD_METRIC,   /* the name of a metric that evaluations measure; a test/… metric is refused */
    IMLD_INTEGERS, /* a list of integers, each in the range */
    IMLD_TEXTS,    /* a list of texts, no two the same */
    IMLD_NUMBERS,  /* a list of numbers */
    IMLD_STEP_SIZE, /* a number in the range, or "auto" */
    IMLD_OBJECTS,   /* a list of objects; their fields are the rows below PATH/-/ */
    IMLD_SECTION,   /* an object that may be left out; its fields are the rows below PATH/. Sections
                       without a row of their own are always there in the resolved spec. */
    IMLD_FIELD_TYPES
};

/* Algorithms, as a set. */
enum imld_algorithms {
    IMLD_SUPERVISED = 1,
    IMLD_IML = 2,
    IMLD_VERIFY = 4,
    IMLD_COMPARE = 8,
    IMLD_FIXMATCH = 16,
    IMLD_BASELINE = 32, /* supervised with data.labels, which has fixmatch's defaults (DESIGN §4) */
    IMLD_CONFIDENCE = 64,
    IMLD_POOLED = IMLD_FIXMATCH | IMLD_CONFIDENCE, /* with a pool of images without labels */
    IMLD_META = IMLD_IML | IMLD_CONFIDENCE,        /* with a λ that is learned */
    IMLD_FEW_LABELS = IMLD_POOLED | IMLD_BASELINE,
    IMLD_TRAINING = IMLD_SUPERVISED | IMLD_IML | IMLD_FEW_LABELS,
    IMLD_REPORTS = IMLD_VERIFY | IMLD_COMPARE, /* on a checkpoint (MATH §5.7) */
    IMLD_ALL_LABELS = IMLD_SUPERVISED | IMLD_IML | IMLD_REPORTS,
    IMLD_ALL = IMLD_TRAINING | IMLD_REPORTS
};

/* The deepest nesting of a job document. */
#define IMLD_NESTING_MAX 32

struct imld_field {
    const char *path; /* "/meta/solver/terms"; list items: "/early_stopping/-/rule" */
    const char *when; /* sibling condition "kind=neumann|cg", "set=synthetic", "!until" (the sibling
                         `until` is not there), or NULL: always */
    unsigned algorithms; /* those that use it */
    enum imld_field_type type;
    const char *fallback; /* default as JSON text; NULL: required; "@name": a named function of the
                             data set's facts (facts.h); "": no default, the field is left out of
                             the resolved spec */
    double minimum, maximum; /* of a number, of each list item; of a text: characters */
    unsigned items_minimum, items_maximum; /* of a list */
    const char *choices;                   /* "adam|sgd|rmsprop" */
    const char *unit;                      /* "steps", "images", "" */
    bool is_patchable;                     /* PATCH may change it; list items: as the list itself */
    const char *help; /* one sentence, with its MATH, DESIGN or FIXMATCH section */
};

extern const struct imld_field imld_fields[]; /* sorted by (path, when), NULL first */
extern const size_t imld_field_count;

const char *imld_field_type_name(enum imld_field_type type);

/* The set of the one algorithm of that name; 0: unknown. */
unsigned imld_algorithm_find(const char *name);

/* The algorithm of a document, resolved or not: by its name, and whether data.labels is there; 0:
 * unknown. */
unsigned imld_algorithm_of(const json_t *document);

/* The same with another data section than the document's own; NULL: with none. */
unsigned imld_algorithm_on(const json_t *document, const json_t *data);

/* "supervised|iml" for a set, in the form of `choices`; returns text. */
#define IMLD_ALGORITHMS_BYTES 128
const char *imld_algorithms_text(unsigned algorithms, char text[IMLD_ALGORITHMS_BYTES]);

#endif
