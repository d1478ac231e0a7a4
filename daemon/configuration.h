/* configuration.h: the resolved settings and where each came from (DESIGN §2): option before
 * environment before file before default. */
#ifndef IMLD_DAEMON_CONFIGURATION_H
#define IMLD_DAEMON_CONFIGURATION_H

#include "daemon/limits.h"
#include "daemon/log.h"
#include "daemon/options.h"

enum { IMLD_OPTIONS_MAX = 40 };

enum imld_source { IMLD_FROM_DEFAULT, IMLD_FROM_FILE, IMLD_FROM_ENVIRONMENT, IMLD_FROM_LINE };

struct imld_configuration {
    /* one field a row of the table */
    bool wants_check, wants_help, wants_version;
    char *file; /* of settings; NULL: none */
    char *state;
    struct imld_texts listen; /* empty where the sockets are passed */
    bool is_dev;
    int64_t threads, memory_bytes;
    struct imld_texts data_roots;
    enum imld_level log_level;
    struct imld_texts allowed_hosts;
    char *admin_group;
    int64_t passing_seconds;
    int64_t connections, connections_per_user, idle_seconds, request_seconds, http_threads;
    bool allow_network_filesystem;
    /* where each row's value came from, in the table's order */
    struct imld_origin {
        enum imld_source source;
        int line; /* of the file */
    } origins[IMLD_OPTIONS_MAX];
};

/* What defaults depend on; a test brings its own. */
struct imld_surroundings {
    const char *(*variable)(void *context, const char *name); /* NULL: not set */
    void *context;
    bool is_root;
    bool has_passed_sockets; /* then nothing is listened on unless --listen says so */
    struct imld_limits limits;
};

/* Reads command line (arguments without the program's name), environment and file, and fills in the
 * defaults. With
 * --help or --version nothing else is read. On failure the configuration is empty; otherwise it is
 * freed by imld_configuration_clear. `where` of an error names the option, the variable, or the
 * file and its line. */
IML_MUST_USE enum iml_code imld_configuration_read(struct imld_configuration *configuration,
                                                   size_t argument_count,
                                                   const char *const *arguments,
                                                   const struct imld_surroundings *surroundings,
                                                   struct iml_error *error);
void imld_configuration_clear(struct imld_configuration *configuration);

/* What --check-config prints, and --help: one text each, for the caller to free; NULL: no
 * memory. */
char *imld_configuration_report(const struct imld_configuration *configuration);
char *imld_configuration_help(void);

#endif
