/* listeners.h: the sockets that are served: named by --listen, or passed by systemd. */
#ifndef IMLD_DAEMON_LISTENERS_H
#define IMLD_DAEMON_LISTENERS_H

#include "api/api.h"
#include "daemon/options.h"

enum { IMLD_LISTENERS_MAX = 8 };

struct imld_listeners {
    struct imld_listener items[IMLD_LISTENERS_MAX]; /* fds owned until the API has started */
    bool is_ours[IMLD_LISTENERS_MAX];               /* a socket file that we made and unlink */
    size_t count;
};

/* An address that may be listened on: unix:PATH, or HOST:PORT on loopback with --dev. The text of
 * the error says what is allowed. Touches nothing. */
IML_MUST_USE enum iml_code imld_address_check(const char *address, bool is_dev,
                                              struct iml_error *error);

/* Binds and listens; adds to the list. unix: mode 0666; a socket file that nobody answers at is
 * replaced, one with a listener is IML_ERROR_CONFLICT, another kind of file is left alone. Port 0:
 * the system's choice, told in the listener's address. */
IML_MUST_USE enum iml_code imld_listeners_add(struct imld_listeners *listeners, const char *address,
                                              bool is_dev, struct iml_error *error);

/* How many sockets were passed: $LISTEN_FDS if $LISTEN_PID is this process (sd_listen_fds(3)). */
unsigned imld_passed_sockets(const char *listen_pid, const char *listen_fds);

/* Takes `count` passed sockets, from descriptor `first` (3). Each must be a listening stream
 * socket, of the Unix family or, with --dev, on loopback. */
IML_MUST_USE enum iml_code imld_listeners_take(struct imld_listeners *listeners, int first,
                                               unsigned count, bool is_dev,
                                               struct iml_error *error);

/* Closes the descriptors (where the API has not taken them) and unlinks our socket files. */
void imld_listeners_close(struct imld_listeners *listeners, bool has_api_taken_them);

#endif
