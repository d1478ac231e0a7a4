/* main.c: imld: reads the settings and runs the daemon. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/configuration.h"
#include "daemon/daemon.h"
#include "daemon/listeners.h"

#define PROGRAM "imld " IMLD_VERSION

/* NOLINTBEGIN(concurrency-mt-unsafe): the environment is used before any thread exists */
static const char *variable(void *context, const char *name)
{
    (void)context;
    return getenv(name);
}

/* OpenBLAS makes its pool of threads when it is loaded, before main, unless this variable says one:
 * such a thread would take our signals, and its calls would cut work as no tile of ours is cut. */
static void pin_blas_threads(char **arguments)
{
    const char *threads = getenv("OPENBLAS_NUM_THREADS");
    if (threads && strcmp(threads, "1") == 0) return;
    if (setenv("OPENBLAS_NUM_THREADS", "1", 1) != 0) return;
    char path[PATH_MAX]; /* by its real name, which the process then has; passed sockets stay */
    const ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
    if (length <= 0) return;
    path[length] = '\0';
    (void)execv(path, arguments);
}

static int print(char *text)
{
    if (!text) return 1;
    const int code = fputs(text, stdout) < 0 || fflush(stdout) != 0;
    free(text);
    return code;
}

/* What --check-config can find wrong before anything is touched. */
static enum iml_code check(const struct imld_configuration *c, struct iml_error *error)
{
    enum iml_code code = IML_OK;
    for (size_t i = 0; i < c->listen.count && code == IML_OK; i++)
        code = imld_address_check(c->listen.items[i], c->is_dev, error);
    return code;
}

static int refuse(const struct iml_error *error)
{
    (void)fprintf(stderr, "imld: %s%s%s%s%s%s\n", error->where, error->where[0] ? ": " : "",
                  error->what, error->mend[0] ? " (" : "", error->mend, error->mend[0] ? ")" : "");
    return 2;
}

static int act(const struct imld_configuration *configuration, unsigned passed)
{
    struct iml_error error = {0};
    if (configuration->wants_help) return print(imld_configuration_help());
    if (configuration->wants_version) return print(strdup(PROGRAM "\n"));
    if (check(configuration, &error) != IML_OK) return refuse(&error);
    if (configuration->wants_check) return print(imld_configuration_report(configuration));
    return imld_daemon_run(configuration, PROGRAM, passed);
}

int main(int argc, char **argv)
{
    pin_blas_threads(argv);
    const unsigned passed = imld_passed_sockets(getenv("LISTEN_PID"), getenv("LISTEN_FDS"));
    (void)unsetenv("LISTEN_PID");
    (void)unsetenv("LISTEN_FDS");
    (void)unsetenv("LISTEN_FDNAMES");
    const struct imld_surroundings surroundings = {.variable = variable,
                                                   .is_root = geteuid() == 0,
                                                   .has_passed_sockets = passed > 0,
                                                   .limits = imld_limits_here()};
    struct imld_configuration configuration;
    struct iml_error error = {0};
    const size_t count = argc > 0 ? (size_t)argc - 1 : 0;
    if (imld_configuration_read(&configuration, count, (const char *const *)argv + 1, &surroundings,
                                &error) != IML_OK)
        return refuse(&error);
    const int status = act(&configuration, passed);
    imld_configuration_clear(&configuration);
    return status;
}
/* NOLINTEND(concurrency-mt-unsafe) */
