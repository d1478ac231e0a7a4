/* listeners.c: the sockets that are served; see listeners.h. */
#include "daemon/listeners.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/io.h"

static const char unix_prefix[] = "unix:";
enum { UNIX_PREFIX = sizeof unix_prefix - 1, BACKLOG = 511 };

/* Any address that we can bind. */
struct address {
    union {
        struct sockaddr any;
        struct sockaddr_un un;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
    } socket;
    socklen_t length;
};

static enum iml_code refuse(struct iml_error *error, const char *address, const char *why)
{
    (void)iml_error_set(error, IML_ERROR_ARGUMENT, "can't listen on \"%s\": %s", address, why);
    iml_error_mend(error, "give unix:PATH, or with --dev 127.0.0.1:PORT, localhost:PORT or "
                          "[::1]:PORT; for other machines put a reverse proxy before the socket");
    return IML_ERROR_ARGUMENT;
}

static enum iml_code parse_unix(const char *text, struct address *address, struct iml_error *error)
{
    const char *path = text + UNIX_PREFIX;
    const size_t length = strlen(path);
    if (path[0] != '/') return refuse(error, text, "the socket's path must begin with /");
    if (length >= sizeof address->socket.un.sun_path)
        return refuse(error, text, "the socket's path has more than 107 bytes");
    address->socket.un.sun_family = AF_UNIX;
    memcpy(address->socket.un.sun_path, path, length + 1);
    address->length = sizeof address->socket.un;
    return IML_OK;
}

static bool is_loopback(const struct sockaddr *any)
{
    if (any->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const void *)any;
        return ntohl(in->sin_addr.s_addr) >> 24 == 127;
    }
    if (any->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const void *)any;
        return IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr);
    }
    return false;
}

/* HOST:PORT with a numeric host, localhost, or an IPv6 address in brackets. */
static bool parse_host(const char *text, struct address *address)
{
    const char *colon = strrchr(text, ':');
    if (!colon || colon == text || colon - text > 60) return false;
    char *end = NULL;
    const unsigned long port = strtoul(colon + 1, &end, 10);
    if (colon[1] < '0' || colon[1] > '9' || *end != '\0' || port > 65535) return false;
    char host[64];
    memcpy(host, text, (size_t)(colon - text));
    host[colon - text] = '\0';
    if (strcmp(host, "localhost") == 0) (void)snprintf(host, sizeof host, "127.0.0.1");
    if (host[0] == '[' && host[strlen(host) - 1] == ']') {
        host[strlen(host) - 1] = '\0';
        address->socket.in6.sin6_family = AF_INET6;
        address->socket.in6.sin6_port = htons((uint16_t)port);
        address->length = sizeof address->socket.in6;
        return inet_pton(AF_INET6, host + 1, &address->socket.in6.sin6_addr) == 1;
    }
    address->socket.in.sin_family = AF_INET;
    address->socket.in.sin_port = htons((uint16_t)port);
    address->length = sizeof address->socket.in;
    return inet_pton(AF_INET, host, &address->socket.in.sin_addr) == 1;
}

static enum iml_code parse(const char *text, bool is_dev, struct address *address,
                           struct iml_error *error)
{
    *address = (struct address){0};
    if (strncmp(text, unix_prefix, UNIX_PREFIX) == 0) return parse_unix(text, address, error);
    if (!parse_host(text, address))
        return refuse(error, text, "this is neither unix:PATH nor a numeric HOST:PORT");
    if (!is_loopback(&address->socket.any))
        return refuse(error, text, "TCP is served on loopback only");
    if (!is_dev) return refuse(error, text, "TCP is served with --dev only");
    return IML_OK;
}

enum iml_code imld_address_check(const char *address, bool is_dev, struct iml_error *error)
{
    struct address parsed;
    return parse(address, is_dev, &parsed, error);
}

static enum iml_code fail(struct iml_error *error, enum iml_code code, const char *what,
                          const char *address)
{
    (void)iml_error_set(error, code, "can't %s: %s", what, imld_errno_text(errno));
    iml_error_where(error, "%s", address);
    return code;
}

/* A socket file that nobody answers at is unlinked, so that bind can make its own. */
static enum iml_code clear_stale(const struct address *address, const char *text,
                                 struct iml_error *error)
{
    const char *path = address->socket.un.sun_path;
    struct stat status;
    if (lstat(path, &status) != 0) {
        return errno == ENOENT ? IML_OK : fail(error, IML_ERROR_IO, "look at the socket", text);
    }
    if (!S_ISSOCK(status.st_mode)) {
        (void)iml_error_set(error, IML_ERROR_CONFLICT, "there is a file that is no socket");
        iml_error_where(error, "%s", path);
        return IML_ERROR_CONFLICT;
    }
    const int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (probe < 0) return fail(error, IML_ERROR_IO, "make a socket", text);
    const bool is_connected = connect(probe, &address->socket.any, address->length) == 0;
    const int number = errno;
    (void)close(probe);
    if (!is_connected && number == ECONNREFUSED) {
        if (imld_io()->unlink(path) != 0)
            return imld_io_error(error, "unlink a stale socket", path);
        return IML_OK;
    }
    (void)iml_error_set(error, IML_ERROR_CONFLICT, "another process listens there already");
    iml_error_where(error, "%s", path);
    iml_error_mend(error, "stop it, or give another address by --listen");
    return IML_ERROR_CONFLICT;
}

/* Port 0 has become a real one. */
static void write_address(int fd, const char *text, struct imld_listener *listener)
{
    struct address bound = {.length = sizeof bound.socket};
    (void)snprintf(listener->address, sizeof listener->address, "%s", text);
    if (getsockname(fd, &bound.socket.any, &bound.length) != 0) return;
    char host[INET6_ADDRSTRLEN] = "";
    if (bound.socket.any.sa_family == AF_UNIX) {
        (void)snprintf(listener->address, sizeof listener->address, "%s%s", unix_prefix,
                       bound.socket.un.sun_path);
    } else if (bound.socket.any.sa_family == AF_INET) {
        (void)inet_ntop(AF_INET, &bound.socket.in.sin_addr, host, sizeof host);
        (void)snprintf(listener->address, sizeof listener->address, "%s:%u", host,
                       (unsigned)ntohs(bound.socket.in.sin_port));
    } else if (bound.socket.any.sa_family == AF_INET6) {
        (void)inet_ntop(AF_INET6, &bound.socket.in6.sin6_addr, host, sizeof host);
        (void)snprintf(listener->address, sizeof listener->address, "[%s]:%u", host,
                       (unsigned)ntohs(bound.socket.in6.sin6_port));
    }
}

static enum iml_code bind_and_listen(int fd, const struct address *address, const char *text,
                                     struct iml_error *error)
{
    const bool is_unix = address->socket.any.sa_family == AF_UNIX;
    const int one = 1;
    if (!is_unix) (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, &address->socket.any, address->length) != 0)
        return fail(error, IML_ERROR_IO, "bind", text);
    /* everybody may connect: who it is, SO_PEERCRED tells */
    if ((is_unix && chmod(address->socket.un.sun_path, 0666) != 0) || listen(fd, BACKLOG) != 0) {
        const enum iml_code code = fail(error, IML_ERROR_IO, "listen", text);
        if (is_unix) (void)imld_io()->unlink(address->socket.un.sun_path);
        return code;
    }
    return IML_OK;
}

static enum iml_code check_room(const struct imld_listeners *listeners, struct iml_error *error)
{
    if (listeners->count < IMLD_LISTENERS_MAX) return IML_OK;
    return iml_error_set(error, IML_ERROR_LIMIT, "there are more than %d addresses to listen on",
                         IMLD_LISTENERS_MAX);
}

enum iml_code imld_listeners_add(struct imld_listeners *listeners, const char *address, bool is_dev,
                                 struct iml_error *error)
{
    struct address parsed;
    enum iml_code code = parse(address, is_dev, &parsed, error);
    if (code == IML_OK) code = check_room(listeners, error);
    const bool is_unix = code == IML_OK && parsed.socket.any.sa_family == AF_UNIX;
    if (is_unix) code = clear_stale(&parsed, address, error);
    if (code != IML_OK) return code;
    const int fd =
        socket(parsed.socket.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return fail(error, IML_ERROR_IO, "make a socket", address);
    code = bind_and_listen(fd, &parsed, address, error);
    if (code != IML_OK) {
        (void)close(fd);
        return code;
    }
    struct imld_listener *listener = &listeners->items[listeners->count];
    *listener =
        (struct imld_listener){.kind = is_unix ? IMLD_LISTEN_UNIX : IMLD_LISTEN_DEV, .fd = fd};
    write_address(fd, address, listener);
    listeners->is_ours[listeners->count++] = is_unix;
    return IML_OK;
}

unsigned imld_passed_sockets(const char *listen_pid, const char *listen_fds)
{
    if (!listen_pid || !listen_fds) return 0;
    if (strtoll(listen_pid, NULL, 10) != (long long)getpid()) return 0;
    const long long count = strtoll(listen_fds, NULL, 10);
    return count > 0 && count < 1024 ? (unsigned)count : 0;
}

static enum iml_code take_one(struct imld_listeners *listeners, int fd, bool is_dev,
                              struct iml_error *error)
{
    struct address bound = {.length = sizeof bound.socket};
    int type = 0;
    int is_listening = 0;
    socklen_t size = sizeof type;
    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) != 0 || type != SOCK_STREAM ||
        getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &is_listening, &size) != 0 || !is_listening ||
        getsockname(fd, &bound.socket.any, &bound.length) != 0)
        return iml_error_set(error, IML_ERROR_ARGUMENT,
                             "passed descriptor %d is no listening stream socket", fd);
    const bool is_unix = bound.socket.any.sa_family == AF_UNIX;
    struct imld_listener listener = {.kind = is_unix ? IMLD_LISTEN_UNIX : IMLD_LISTEN_DEV,
                                     .fd = fd};
    write_address(fd, "a passed socket", &listener);
    if (!is_unix && !is_loopback(&bound.socket.any))
        return refuse(error, listener.address, "TCP is served on loopback only");
    if (!is_unix && !is_dev)
        return refuse(error, listener.address, "TCP is served with --dev only");
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0 || fcntl(fd, F_SETFL, O_NONBLOCK) != 0)
        return fail(error, IML_ERROR_IO, "prepare a passed socket", listener.address);
    listeners->items[listeners->count] = listener;
    listeners->is_ours[listeners->count++] = false; /* its file is systemd's */
    return IML_OK;
}

enum iml_code imld_listeners_take(struct imld_listeners *listeners, int first, unsigned count,
                                  bool is_dev, struct iml_error *error)
{
    enum iml_code code = IML_OK;
    for (unsigned i = 0; i < count && code == IML_OK; i++) {
        code = check_room(listeners, error);
        if (code == IML_OK) code = take_one(listeners, first + (int)i, is_dev, error);
    }
    return code;
}

void imld_listeners_close(struct imld_listeners *listeners, bool has_api_taken_them)
{
    for (size_t i = 0; i < listeners->count; i++) {
        const struct imld_listener *listener = &listeners->items[i];
        if (!has_api_taken_them) (void)close(listener->fd);
        if (listeners->is_ours[i]) (void)imld_io()->unlink(listener->address + UNIX_PREFIX);
    }
    *listeners = (struct imld_listeners){0};
}
