/* options.c: the table of settings and how their values are read and written; see options.h. */
#include "daemon/options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "daemon/configuration.h"

#define AT(field) offsetof(struct imld_configuration, field)

/* clang-format off */
const struct imld_option imld_options[] = {
    /* name                       type               places               field                         argument  default             range            help */
    {"config",                    IMLD_OPTION_TEXT,  IMLD_ON_LINE | IMLD_IN_ENVIRONMENT,
                                                                          AT(file),                     "FILE",   NULL,               0, 0,            "settings file (INI: name = value; # begins a comment)"},
    {"state",                     IMLD_OPTION_TEXT,  IMLD_EVERYWHERE,     AT(state),                    "DIR",    NULL,               0, 0,            "folder of the database and the checkpoints"},
    {"listen",                    IMLD_OPTION_LIST,  IMLD_EVERYWHERE,     AT(listen),                   "ADDRESS", NULL,              0, 0,            "unix:PATH, or HOST:PORT on loopback with --dev; repeats"},
    {"dev",                       IMLD_OPTION_FLAG,  IMLD_EVERYWHERE,     AT(is_dev),                   NULL,     "false",            0, 0,            "serve loopback TCP to everybody on this machine, as admin"},
    {"threads",                   IMLD_OPTION_COUNT, IMLD_EVERYWHERE,     AT(threads),                  "N",      NULL,               1, IMLD_THREADS_MAX,
                                                                                                                                                       "cores that all runs together may use"},
    {"memory",                    IMLD_OPTION_BYTES, IMLD_EVERYWHERE,     AT(memory_bytes),             "BYTES",  NULL,               1048576, INT64_MAX,
                                                                                                                                                       "memory that all runs together may use; 512M, 8G"},
    {"data-root",                 IMLD_OPTION_LIST,  IMLD_EVERYWHERE,     AT(data_roots),               "DIR",    NULL,               0, 0,            "folder with data sets; repeats, the first has precedence"},
    {"log-level",                 IMLD_OPTION_LEVEL, IMLD_EVERYWHERE,     AT(log_level),                "LEVEL",  "info",             0, 0,            "error, warn, info or debug"},
    {"check-config",              IMLD_OPTION_FLAG,  IMLD_ON_LINE,        AT(wants_check),              NULL,     "false",            0, 0,            "print the resolved settings and where each came from"},
    {"version",                   IMLD_OPTION_FLAG,  IMLD_ON_LINE,        AT(wants_version),            NULL,     "false",            0, 0,            "print the version"},
    {"help",                      IMLD_OPTION_FLAG,  IMLD_ON_LINE,        AT(wants_help),               NULL,     "false",            0, 0,            "print this text"},
    {"allowed-host",              IMLD_OPTION_LIST,  IMLD_IN_FILE,        AT(allowed_hosts),            "NAME",   NULL,               0, 0,            "name that a Host header may have beside localhost; repeats"},
    {"admin-group",               IMLD_OPTION_TEXT,  IMLD_IN_FILE,        AT(admin_group),              "GROUP",  "imld-admin",       0, 0,            "Unix group whose members are admins"},
    {"passing-seconds",           IMLD_OPTION_COUNT, IMLD_IN_FILE,        AT(passing_seconds),          "N",      "600",              0, 604800,       "how long narrower jobs may pass one that doesn't fit"},
    {"connections",               IMLD_OPTION_COUNT, IMLD_IN_FILE,        AT(connections),              "N",      "512",              8, 16384,        "connections a listener"},
    {"connections-per-user",      IMLD_OPTION_COUNT, IMLD_IN_FILE,        AT(connections_per_user),     "N",      "128",              1, 16384,        "connections of one Unix user"},
    {"idle-seconds",              IMLD_OPTION_COUNT, IMLD_IN_FILE,        AT(idle_seconds),             "N",      "30",               1, 3600,         "after which an idle connection is closed"},
    {"request-seconds",           IMLD_OPTION_COUNT, IMLD_IN_FILE,        AT(request_seconds),          "N",      "30",               1, 3600,         "total time of a request"},
    {"http-threads",              IMLD_OPTION_COUNT, IMLD_IN_FILE,        AT(http_threads),             "N",      "2",                1, 16,           "threads that serve HTTP, a listener"},
    {"allow-network-filesystem",  IMLD_OPTION_FLAG,  IMLD_IN_FILE,        AT(allow_network_filesystem), NULL,     "false",            0, 0,            "let the state folder lie on a network file system (unsafe)"},
};
/* clang-format on */
const size_t imld_option_count = sizeof imld_options / sizeof imld_options[0];

const struct imld_option *imld_option_find(const char *name, size_t length)
{
    for (size_t i = 0; i < imld_option_count; i++) {
        const char *known = imld_options[i].name;
        if (strlen(known) == length && memcmp(known, name, length) == 0) return &imld_options[i];
    }
    return NULL;
}

enum iml_code imld_texts_add(struct imld_texts *texts, const char *item, struct iml_error *error)
{
    char *copy = strdup(item);
    char **items = reallocarray(texts->items, texts->count + 1, sizeof *items);
    if (items) texts->items = items;
    if (!copy || !items) {
        free(copy);
        return iml_error_set(error, IML_ERROR_MEMORY, "no memory for a setting");
    }
    texts->items[texts->count++] = copy;
    return IML_OK;
}

void imld_texts_clear(struct imld_texts *texts)
{
    for (size_t i = 0; i < texts->count; i++) free(texts->items[i]);
    free(texts->items);
    *texts = (struct imld_texts){0};
}

/* ---- one reader, one writer and one end a type ---- */

static enum iml_code refuse(const struct imld_option *option, const char *text, const char *want,
                            struct iml_error *error)
{
    return iml_error_set(error, IML_ERROR_ARGUMENT, "\"%s\" is no value of %s: %s is wanted", text,
                         option->name, want);
}

static enum iml_code set_flag(const struct imld_option *option, void *field, const char *text,
                              struct iml_error *error)
{
    bool *flag = field;
    *flag = strcmp(text, "true") == 0;
    if (!*flag && strcmp(text, "false") != 0) return refuse(option, text, "true or false", error);
    return IML_OK;
}

static enum iml_code set_text(const struct imld_option *option, void *field, const char *text,
                              struct iml_error *error)
{
    if (text[0] == '\0') return refuse(option, text, "a text that is not empty", error);
    char **owned = field;
    char *copy = strdup(text);
    if (!copy) return iml_error_set(error, IML_ERROR_MEMORY, "no memory for a setting");
    free(*owned);
    *owned = copy;
    return IML_OK;
}

static enum iml_code set_list(const struct imld_option *option, void *field, const char *text,
                              struct iml_error *error)
{
    if (text[0] == '\0') return refuse(option, text, "a text that is not empty", error);
    return imld_texts_add(field, text, error);
}

/* The factor that a suffix stands for; 0: none of ours. */
static int64_t unit_of(const char *suffix, bool allow_units)
{
    static const char units[] = "KMGT";
    if (suffix[0] == '\0') return 1;
    const char *unit = suffix[1] == '\0' && allow_units ? strchr(units, suffix[0]) : NULL;
    return unit ? INT64_C(1) << (10 * (unit - units + 1)) : 0;
}

static enum iml_code set_count(const struct imld_option *option, void *field, const char *text,
                               struct iml_error *error)
{
    char *end = NULL;
    errno = 0;
    const long long number = strtoll(text, &end, 10);
    const bool is_number = text[0] >= '0' && text[0] <= '9' && errno == 0;
    const int64_t unit = is_number ? unit_of(end, option->type == IMLD_OPTION_BYTES) : 0;
    if (unit == 0) {
        return refuse(option, text,
                      option->type == IMLD_OPTION_BYTES
                          ? "a whole number of bytes, K, M, G or T after it allowed,"
                          : "a whole number",
                      error);
    }
    int64_t value = 0;
    if (__builtin_mul_overflow((int64_t)number, unit, &value) || value < option->minimum ||
        value > option->maximum)
        return iml_error_set(error, IML_ERROR_ARGUMENT, "%s of %s is not in %jd … %jd", text,
                             option->name, (intmax_t)option->minimum, (intmax_t)option->maximum);
    int64_t *count = field;
    *count = value;
    return IML_OK;
}

static enum iml_code set_level(const struct imld_option *option, void *field, const char *text,
                               struct iml_error *error)
{
    if (!imld_level_parse(text, field))
        return refuse(option, text, "error, warn, info or debug", error);
    return IML_OK;
}

static void write_flag(const void *field, struct imld_text *text)
{
    imld_text_add(text, *(const bool *)field ? "true" : "false");
}

static void write_text(const void *field, struct imld_text *text)
{
    const char *const *value = field;
    imld_text_add(text, *value ? *value : "");
}

static void write_list(const void *field, struct imld_text *text)
{
    const struct imld_texts *list = field;
    for (size_t i = 0; i < list->count; i++)
        imld_text_printf(text, "%s%s", i ? "," : "", list->items[i]);
}

static void write_count(const void *field, struct imld_text *text)
{
    imld_text_printf(text, "%jd", (intmax_t) * (const int64_t *)field);
}

static void write_level(const void *field, struct imld_text *text)
{
    static const char *const names[] = {"error", "warn", "info", "debug"};
    imld_text_add(text, names[*(const enum imld_level *)field]);
}

static const struct imld_type {
    enum iml_code (*set)(const struct imld_option *option, void *field, const char *text,
                         struct iml_error *error);
    void (*write)(const void *field, struct imld_text *text);
} types[] = {
    [IMLD_OPTION_FLAG] = {set_flag, write_flag},    [IMLD_OPTION_TEXT] = {set_text, write_text},
    [IMLD_OPTION_LIST] = {set_list, write_list},    [IMLD_OPTION_COUNT] = {set_count, write_count},
    [IMLD_OPTION_BYTES] = {set_count, write_count}, [IMLD_OPTION_LEVEL] = {set_level, write_level},
};

enum iml_code imld_option_set(const struct imld_option *option,
                              struct imld_configuration *configuration, const char *text,
                              struct iml_error *error)
{
    return types[option->type].set(option, (char *)configuration + option->offset, text, error);
}

void imld_option_clear(const struct imld_option *option, struct imld_configuration *configuration)
{
    void *field = (char *)configuration + option->offset;
    if (option->type == IMLD_OPTION_LIST) imld_texts_clear(field);
    if (option->type == IMLD_OPTION_TEXT) {
        char **text = field;
        free(*text);
        *text = NULL;
    }
}

char *imld_option_text(const struct imld_option *option,
                       const struct imld_configuration *configuration)
{
    struct imld_text text = {0};
    types[option->type].write((const char *)configuration + option->offset, &text);
    return imld_text_take(&text);
}
