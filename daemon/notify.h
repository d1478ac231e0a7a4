/* notify.h: what systemd is told (sd_notify(3)), without its library. */
#ifndef IMLD_DAEMON_NOTIFY_H
#define IMLD_DAEMON_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

struct imld_notify {
    int fd; /* -1: nobody asked to be told */
    struct sockaddr_un address;
    socklen_t address_length;
    int64_t
        watchdog_ms; /* ping at least this often (half of the manager's limit); 0: no watchdog */
};

/* From $NOTIFY_SOCKET, $WATCHDOG_USEC and $WATCHDOG_PID (NULL: not set). A path beginning with '@'
 * is an abstract one. What can't be used is taken as not set: a daemon doesn't fail for want of a
 * listener. */
void imld_notify_open(struct imld_notify *notify, const char *path, const char *watchdog_usec,
                      const char *watchdog_pid);
void imld_notify_close(struct imld_notify *notify);

/* One datagram of "KEY=VALUE" lines: "READY=1\nSTATUS=…". Never blocks. */
void imld_notify_send(const struct imld_notify *notify, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
