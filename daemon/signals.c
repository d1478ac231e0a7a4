/* signals.c: signals as events on a descriptor; see signals.h. */
#include "daemon/signals.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/io.h"

static const int end_signals[] = {SIGTERM, SIGINT, SIGHUP};
enum { END_SIGNALS = sizeof end_signals / sizeof end_signals[0] };

/* A handler has no argument of ours: the one place where the process has a global of its own. */
static atomic_int event_fd = -1;
static atomic_uint asked;

static void on_signal(int number)
{
    (void)number;
    const int kept = errno;
    if (atomic_fetch_add(&asked, 1) > 0) _exit(1);
    const uint64_t one = 1;
    const ssize_t written = write(atomic_load(&event_fd), &one, sizeof one);
    (void)written; /* can't fail: the counter is far from its limit */
    errno = kept;
}

static void mask(int how)
{
    sigset_t set;
    (void)sigemptyset(&set);
    for (unsigned i = 0; i < END_SIGNALS; i++) (void)sigaddset(&set, end_signals[i]);
    (void)pthread_sigmask(how, &set, NULL);
}

enum iml_code imld_signals_open(int *fd, struct iml_error *error)
{
    *fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (*fd < 0)
        return iml_error_set(error, IML_ERROR_IO, "can't make an eventfd: %s",
                             imld_errno_text(errno));
    atomic_store(&event_fd, *fd);
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    (void)sigemptyset(&action.sa_mask);
    for (unsigned i = 0; i < END_SIGNALS; i++) (void)sigaction(end_signals[i], &action, NULL);
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    (void)sigaction(SIGPIPE, &ignore, NULL);
    (void)sigaction(SIGXFSZ, &ignore,
                    NULL); /* a write beyond RLIMIT_FSIZE shall be an error value */
    mask(SIG_BLOCK);
    return IML_OK;
}

void imld_signals_unblock(void)
{
    mask(SIG_UNBLOCK);
}
