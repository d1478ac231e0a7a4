/* options.h: the table of settings (DESIGN §2): one row each, whatever the source. The command
 * line, the environment, the configuration file, --help and --check-config are made from it. */
#ifndef IMLD_DAEMON_OPTIONS_H
#define IMLD_DAEMON_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "imld/error.h"

enum imld_option_type {
    IMLD_OPTION_FLAG,  /* bool; in file and environment "true" or "false" */
    IMLD_OPTION_TEXT,  /* char *, owned */
    IMLD_OPTION_LIST,  /* struct imld_texts; repeats; in the environment parted by commas */
    IMLD_OPTION_COUNT, /* int64_t in the row's range */
    IMLD_OPTION_BYTES, /* int64_t; K, M, G or T after the digits is a power of 1,024 */
    IMLD_OPTION_LEVEL  /* enum imld_level */
};

/* Where a setting may come from beside its default. */
enum imld_option_place {
    IMLD_ON_LINE = 1,
    IMLD_IN_ENVIRONMENT = 2,
    IMLD_IN_FILE = 4,
    IMLD_EVERYWHERE = 7
};

struct imld_texts {
    char **items; /* owned, and each of them */
    size_t count;
};

struct imld_option {
    const char *name; /* "data-root": --data-root, IMLD_DATA_ROOT, and the file's key */
    enum imld_option_type type;
    unsigned places;
    size_t offset;        /* into struct imld_configuration */
    const char *argument; /* "DIR"; NULL for a flag */
    const char *fallback; /* default as text; NULL: computed from the surroundings, or empty */
    int64_t minimum, maximum;
    const char *help;
};

extern const struct imld_option imld_options[];
extern const size_t imld_option_count;

/* NULL: no such option. */
const struct imld_option *imld_option_find(const char *name, size_t length);

/* Reads `text` into the option's field of the configuration (a list gets one item more).
 * IML_ERROR_ARGUMENT: the text is no value of its type, or out of range. */
struct imld_configuration;
IML_MUST_USE enum iml_code imld_option_set(const struct imld_option *option,
                                           struct imld_configuration *configuration,
                                           const char *text, struct iml_error *error);

/* Empties the option's field, and frees what it owns. */
void imld_option_clear(const struct imld_option *option, struct imld_configuration *configuration);

/* The value as text, items of a list parted by commas; the caller frees it. NULL: no memory. */
char *imld_option_text(const struct imld_option *option,
                       const struct imld_configuration *configuration);

IML_MUST_USE enum iml_code imld_texts_add(struct imld_texts *texts, const char *item,
                                          struct iml_error *error);
void imld_texts_clear(struct imld_texts *texts);

#endif
