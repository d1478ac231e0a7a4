/* configuration.c: settings from command line, environment, file and defaults; see
 * configuration.h. */
#include "daemon/configuration.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "base/text.h"

/* Sets an option from a source. A source that speaks of a list for the first time replaces what a
 * lower one said. */
static enum iml_code set_from(struct imld_configuration *c, const struct imld_option *option,
                              enum imld_source source, int line, const char *text,
                              struct iml_error *error)
{
    struct imld_origin *origin = &c->origins[option - imld_options];
    if (origin->source != source) imld_option_clear(option, c);
    *origin = (struct imld_origin){.source = source, .line = line};
    return imld_option_set(option, c, text, error);
}

/* ---- the command line ---- */

struct given { /* one option of the command line */
    const struct imld_option *option;
    const char *value;
};

/* The option at arguments[*at] with its value; moves *at on. */
static enum iml_code read_argument(size_t count, const char *const *arguments, size_t *at,
                                   struct given *given, struct iml_error *error)
{
    const char *argument = arguments[(*at)++];
    if (strncmp(argument, "--", 2) != 0) {
        (void)iml_error_set(error, IML_ERROR_ARGUMENT, "\"%s\" is no option", argument);
        return IML_ERROR_ARGUMENT;
    }
    const char *name = argument + 2;
    const size_t length = strcspn(name, "=");
    const struct imld_option *option = imld_option_find(name, length);
    if (!option || !(option->places & IMLD_ON_LINE)) {
        (void)iml_error_set(error, IML_ERROR_ARGUMENT, "%s \"--%.*s\"",
                            option ? "only the settings file knows" : "there is no option",
                            (int)length, name);
        iml_error_mend(error, "see imld --help");
        return IML_ERROR_ARGUMENT;
    }
    *given = (struct given){.option = option};
    if (name[length] == '=') {
        given->value = name + length + 1;
    } else if (option->type == IMLD_OPTION_FLAG) {
        given->value = "true";
    } else if (*at < count && strncmp(arguments[*at], "--", 2) != 0) {
        given->value = arguments[(*at)++];
    } else { /* the next option is no value; --NAME=VALUE takes any */
        return iml_error_set(error, IML_ERROR_ARGUMENT, "--%s needs a value (%s), found %s",
                             option->name, option->argument, *at < count ? arguments[*at] : "none");
    }
    return IML_OK;
}

static enum iml_code apply_given(struct imld_configuration *c, const struct given *given,
                                 struct iml_error *error)
{
    const enum iml_code code = set_from(c, given->option, IMLD_FROM_LINE, 0, given->value, error);
    if (code != IML_OK) iml_error_where(error, "--%s", given->option->name);
    return code;
}

/* ---- the environment ---- */

static void variable_name(const struct imld_option *option, char name[64])
{
    (void)snprintf(name, 64, "IMLD_%s", option->name);
    for (char *c = name; *c; c++) *c = (char)(*c == '-' ? '_' : toupper((unsigned char)*c));
}

/* A list's items are parted by commas. */
static enum iml_code set_variable(struct imld_configuration *c, const struct imld_option *option,
                                  const char *value, struct iml_error *error)
{
    if (option->type != IMLD_OPTION_LIST)
        return set_from(c, option, IMLD_FROM_ENVIRONMENT, 0, value, error);
    char *copy = strdup(value);
    if (!copy) return iml_error_set(error, IML_ERROR_MEMORY, "no memory for a setting");
    enum iml_code code = IML_OK;
    char *rest = copy;
    for (char *item = strsep(&rest, ","); item && code == IML_OK; item = strsep(&rest, ","))
        code = set_from(c, option, IMLD_FROM_ENVIRONMENT, 0, item, error);
    free(copy);
    return code;
}

static enum iml_code apply_environment(struct imld_configuration *c,
                                       const struct imld_surroundings *s, struct iml_error *error)
{
    for (size_t i = 0; i < imld_option_count; i++) {
        if (!(imld_options[i].places & IMLD_IN_ENVIRONMENT)) continue;
        char name[64];
        variable_name(&imld_options[i], name);
        const char *value = s->variable(s->context, name);
        if (!value) continue;
        const enum iml_code code = set_variable(c, &imld_options[i], value, error);
        if (code == IML_OK) continue;
        iml_error_where(error, "$%s", name);
        return code;
    }
    return IML_OK;
}

/* ---- the file ---- */

struct reading {
    struct imld_configuration *configuration;
    struct iml_error *error;
    FILE *file;
    int line; /* of the text that was handed out last */
    bool has_failed;
};

/* Hands out a line without the blanks before it, which libinih would take as a continuation of the
 * line above; Debian's passes no line number to its handler, so that lines are counted here. */
static char *read_line(char *line, int size, void *context)
{
    struct reading *reading = context;
    if (reading->has_failed || !fgets(line, size, reading->file)) return NULL;
    reading->line++;
    const size_t length = strlen(line);
    if (length + 1 == (size_t)size && line[length - 1] != '\n') {
        (void)iml_error_set(reading->error, IML_ERROR_ARGUMENT, "the line has more than %d bytes",
                            size - 2);
        iml_error_where(reading->error, "%s line %d", reading->configuration->file, reading->line);
        reading->has_failed = true;
        return NULL;
    }
    const size_t blanks = strspn(line, " \t");
    memmove(line, line + blanks, length - blanks + 1);
    return line;
}

static int on_setting(void *context, const char *section, const char *name, const char *value)
{
    struct reading *reading = context;
    struct imld_configuration *c = reading->configuration;
    enum iml_code code = IML_OK;
    const struct imld_option *option = imld_option_find(name, strlen(name));
    if (section[0] != '\0') {
        code = iml_error_set(reading->error, IML_ERROR_ARGUMENT,
                             "there are no sections, and this one is [%s]", section);
    } else if (!option || !(option->places & IMLD_IN_FILE)) {
        code =
            iml_error_set(reading->error, IML_ERROR_ARGUMENT, "there is no setting \"%s\"", name);
        iml_error_mend(reading->error, "imld --help lists all settings");
    } else {
        code = set_from(c, option, IMLD_FROM_FILE, reading->line, value, reading->error);
    }
    if (code == IML_OK) return 1;
    iml_error_where(reading->error, "%s line %d", c->file, reading->line);
    reading->has_failed = true; /* the first error is told, and read_line ends the reading */
    return 0;
}

static enum iml_code apply_file(struct imld_configuration *c, struct iml_error *error)
{
    struct reading reading = {.configuration = c, .error = error};
    reading.file = fopen(c->file, "re");
    if (!reading.file) {
        (void)iml_error_set(error, IML_ERROR_NOT_FOUND, "can't open the settings: %s",
                            imld_errno_text(errno));
        iml_error_where(error, "%s", c->file);
        return IML_ERROR_NOT_FOUND;
    }
    const int wrong_line = ini_parse_stream(read_line, &reading, on_setting, &reading);
    const bool is_unreadable = ferror(reading.file) != 0;
    (void)fclose(reading.file);
    if (reading.has_failed) return error->code;
    if (wrong_line == 0 && !is_unreadable) return IML_OK;
    (void)iml_error_set(error, IML_ERROR_ARGUMENT,
                        is_unreadable ? "the settings can't be read"
                                      : "this is no \"name = value\"");
    iml_error_where(error, "%s line %d", c->file, wrong_line);
    return IML_ERROR_ARGUMENT;
}

/* ---- defaults ---- */

/* A folder with what stands before and after it; set, or added to a list. */
static enum iml_code add_under(struct imld_configuration *c, const struct imld_option *option,
                               const char *before, const char *folder, const char *after,
                               struct iml_error *error)
{
    struct imld_text text = {0};
    imld_text_printf(&text, "%s%s%s", before, folder, after);
    char *path = imld_text_take(&text);
    const enum iml_code code =
        path ? imld_option_set(option, c, path, error)
             : iml_error_set(error, IML_ERROR_MEMORY, "no memory for a setting");
    free(path);
    return code;
}

static enum iml_code default_state(struct imld_configuration *c, const struct imld_surroundings *s,
                                   const struct imld_option *option, struct iml_error *error)
{
    const char *given = s->variable(s->context, "STATE_DIRECTORY"); /* systemd's, for our unit */
    if (given && given[0] == '/') return imld_option_set(option, c, given, error);
    if (s->is_root) return imld_option_set(option, c, "/var/lib/imld", error);
    const char *home = s->variable(s->context, "HOME");
    if (!home || home[0] != '/') {
        (void)iml_error_set(error, IML_ERROR_ARGUMENT, "there is no $HOME to keep the state in");
        iml_error_mend(error, "give --state DIR");
        return IML_ERROR_ARGUMENT;
    }
    return add_under(c, option, "", home, "/.local/state/imld", error);
}

static enum iml_code default_listen(struct imld_configuration *c, const struct imld_surroundings *s,
                                    const struct imld_option *option, struct iml_error *error)
{
    if (s->has_passed_sockets) return IML_OK;
    if (c->is_dev) return imld_option_set(option, c, "127.0.0.1:7733", error);
    if (s->is_root) return imld_option_set(option, c, "unix:/run/imld.sock", error);
    const char *folder = s->variable(s->context, "XDG_RUNTIME_DIR");
    if (!folder || folder[0] != '/') folder = c->state;
    return add_under(c, option, "unix:", folder, "/imld.sock", error);
}

static enum iml_code default_data_root(struct imld_configuration *c,
                                       const struct imld_surroundings *s,
                                       const struct imld_option *option, struct iml_error *error)
{
    (void)s;
    const enum iml_code code = imld_option_set(option, c, "/usr/share/datasets", error);
    return code == IML_OK ? add_under(c, option, "", c->state, "/datasets", error) : code;
}

static enum iml_code default_threads(struct imld_configuration *c,
                                     const struct imld_surroundings *s,
                                     const struct imld_option *option, struct iml_error *error)
{
    (void)option;
    (void)error;
    c->threads = (int64_t)s->limits.cores;
    return IML_OK;
}

static enum iml_code default_memory(struct imld_configuration *c, const struct imld_surroundings *s,
                                    const struct imld_option *option, struct iml_error *error)
{
    (void)option;
    (void)error;
    c->memory_bytes = (int64_t)(s->limits.memory_bytes / 10 * 8);
    return IML_OK;
}

/* Defaults that are computed, in an order in which each finds what it needs. */
static const struct computed {
    const char *name;
    enum iml_code (*compute)(struct imld_configuration *c, const struct imld_surroundings *s,
                             const struct imld_option *option, struct iml_error *error);
} computed[] = {
    {"state", default_state},     {"listen", default_listen}, {"data-root", default_data_root},
    {"threads", default_threads}, {"memory", default_memory},
};

static enum iml_code apply_defaults(struct imld_configuration *c, const struct imld_surroundings *s,
                                    struct iml_error *error)
{
    enum iml_code code = IML_OK;
    for (size_t i = 0; i < imld_option_count && code == IML_OK; i++) {
        const struct imld_option *option = &imld_options[i];
        if (c->origins[i].source == IMLD_FROM_DEFAULT && option->fallback)
            code = imld_option_set(option, c, option->fallback, error);
    }
    for (size_t i = 0; i < sizeof computed / sizeof computed[0] && code == IML_OK; i++) {
        const struct imld_option *option =
            imld_option_find(computed[i].name, strlen(computed[i].name));
        if (c->origins[option - imld_options].source == IMLD_FROM_DEFAULT)
            code = computed[i].compute(c, s, option, error);
    }
    return code;
}

/* ---- all of it ---- */

/* The settings file is needed before anything that overrides it: option, else environment. */
static enum iml_code find_file(struct imld_configuration *c, const struct given *given,
                               size_t given_count, const struct imld_surroundings *s,
                               struct iml_error *error)
{
    const struct imld_option *option = imld_option_find("config", strlen("config"));
    const char *path = s->variable(s->context, "IMLD_CONFIG");
    for (size_t i = 0; i < given_count; i++)
        if (given[i].option == option) path = given[i].value;
    return path ? imld_option_set(option, c, path, error) : IML_OK;
}

static enum iml_code read_all(struct imld_configuration *c, const struct given *given,
                              size_t given_count, const struct imld_surroundings *s,
                              struct iml_error *error)
{
    enum iml_code code = find_file(c, given, given_count, s, error);
    if (code == IML_OK && c->file) code = apply_file(c, error);
    if (code == IML_OK) code = apply_environment(c, s, error);
    for (size_t i = 0; i < given_count && code == IML_OK; i++)
        code = apply_given(c, &given[i], error);
    if (code == IML_OK && !c->wants_help && !c->wants_version) code = apply_defaults(c, s, error);
    return code;
}

enum iml_code imld_configuration_read(struct imld_configuration *configuration,
                                      size_t argument_count, const char *const *arguments,
                                      const struct imld_surroundings *surroundings,
                                      struct iml_error *error)
{
    assert(imld_option_count <= IMLD_OPTIONS_MAX);
    *configuration = (struct imld_configuration){0};
    enum iml_code code = IML_OK;
    size_t given_count = 0;
    struct given *given = calloc(argument_count + 1, sizeof *given);
    if (!given) return iml_error_set(error, IML_ERROR_MEMORY, "no memory for the options");
    for (size_t at = 0; at < argument_count && code == IML_OK;) {
        code = read_argument(argument_count, arguments, &at, &given[given_count], error);
        given_count++;
    }
    if (code == IML_OK) code = read_all(configuration, given, given_count, surroundings, error);
    free(given);
    if (code != IML_OK) imld_configuration_clear(configuration);
    return code;
}

void imld_configuration_clear(struct imld_configuration *configuration)
{
    for (size_t i = 0; i < imld_option_count; i++)
        imld_option_clear(&imld_options[i], configuration);
    *configuration = (struct imld_configuration){0};
}

char *imld_configuration_report(const struct imld_configuration *configuration)
{
    static const char *const sources[] = {"default", "file", "environment", "option"};
    struct imld_text text = {0};
    for (size_t i = 0; i < imld_option_count; i++) {
        const struct imld_option *option = &imld_options[i];
        if (option->places == IMLD_ON_LINE) continue; /* asks for something, sets nothing */
        char *value = imld_option_text(option, configuration);
        const struct imld_origin *origin = &configuration->origins[i];
        imld_text_printf(&text, "%-26s %-40s # %s", option->name, value ? value : "?",
                         sources[origin->source]);
        if (origin->source == IMLD_FROM_FILE) imld_text_printf(&text, " line %d", origin->line);
        imld_text_add(&text, "\n");
        free(value);
    }
    return imld_text_take(&text);
}

static void add_help(struct imld_text *text, unsigned places, bool is_line)
{
    for (size_t i = 0; i < imld_option_count; i++) {
        const struct imld_option *option = &imld_options[i];
        if (((option->places & IMLD_ON_LINE) != 0) != is_line || !(option->places & places))
            continue;
        char name[64];
        (void)snprintf(name, sizeof name, "%s%s %s", is_line ? "--" : "", option->name,
                       option->argument ? option->argument : "");
        imld_text_printf(text, "  %-28s %s%s%s%s\n", name, option->help,
                         option->fallback && option->argument ? " (" : "",
                         option->fallback && option->argument ? option->fallback : "",
                         option->fallback && option->argument ? ")" : "");
    }
}

char *imld_configuration_help(void)
{
    struct imld_text text = {0};
    imld_text_add(&text,
                  "imld: a training daemon for implicit meta-learning\n\n"
                  "usage: imld [OPTION]...\n\n"
                  "Options; all but --check-config, --version and --help also as a variable\n"
                  "(--data-root: IMLD_DATA_ROOT), all but these and --config also in the file.\n"
                  "An option comes before a variable, a variable before the file:\n");
    add_help(&text, IMLD_ON_LINE, true);
    imld_text_add(&text, "\nSettings of the file alone:\n");
    add_help(&text, IMLD_IN_FILE, false);
    imld_text_add(
        &text,
        "\nDefaults: state /var/lib/imld, $STATE_DIRECTORY where systemd sets it, or\n"
        "~/.local/state/imld for an ordinary user; listens on unix:/run/imld.sock, an\n"
        "ordinary user on $XDG_RUNTIME_DIR/imld.sock (without it in the state folder), with\n"
        "--dev on 127.0.0.1:7733, and on passed sockets alone where systemd passes some;\n"
        "data roots /usr/share/datasets and datasets/ in the state folder; all cores and\n"
        "80 % of the memory that this process may use.\n");
    return imld_text_take(&text);
}
