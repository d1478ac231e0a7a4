/* notify.c: the notification protocol of systemd; see notify.h. */
#include "daemon/notify.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int64_t watchdog_of(const char *usec, const char *pid)
{
    if (!usec) return 0;
    if (pid && strtoll(pid, NULL, 10) != (long long)getpid())
        return 0; /* meant for another process */
    const long long limit = strtoll(usec, NULL, 10);
    return limit >= 2000 ? (int64_t)(limit / 2000) : 0;
}

void imld_notify_open(struct imld_notify *notify, const char *path, const char *watchdog_usec,
                      const char *watchdog_pid)
{
    *notify = (struct imld_notify){.fd = -1};
    const size_t length = path ? strlen(path) : 0;
    if (length < 2 || length >= sizeof notify->address.sun_path) return;
    if (path[0] != '/' && path[0] != '@') return;
    notify->address.sun_family = AF_UNIX;
    memcpy(notify->address.sun_path, path, length);
    if (path[0] == '@') notify->address.sun_path[0] = '\0';
    notify->address_length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
    notify->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (notify->fd >= 0) notify->watchdog_ms = watchdog_of(watchdog_usec, watchdog_pid);
}

void imld_notify_close(struct imld_notify *notify)
{
    if (notify->fd >= 0) (void)close(notify->fd);
    *notify = (struct imld_notify){.fd = -1};
}

void imld_notify_send(const struct imld_notify *notify, const char *format, ...)
{
    if (notify->fd < 0) return;
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    const int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (length <= 0) return;
    const size_t bytes = (size_t)length < sizeof text ? (size_t)length : sizeof text - 1;
    const struct sockaddr *address = (const void *)&notify->address;
    /* a manager that doesn't listen is its own affair */
    if (sendto(notify->fd, text, bytes, MSG_NOSIGNAL, address, notify->address_length) < 0) return;
}
