/* client.c: a plain HTTP client; see client.h. */
#include "client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/unit/check.h"

void reply_clear(struct reply *reply)
{
    free(reply->head);
    free(reply->body);
    *reply = (struct reply){0};
}

const char *reply_header(const struct reply *reply, const char *name, char buffer[512])
{
    const size_t length = strlen(name);
    buffer[0] = '\0';
    for (const char *line = reply->head; line && (line = strstr(line, "\r\n"));) {
        line += 2;
        if (strncasecmp(line, name, length) != 0 || line[length] != ':') continue;
        const char *value = line + length + 1;
        value += strspn(value, " ");
        const size_t value_length = strcspn(value, "\r");
        assert_true(value_length < 512);
        memcpy(buffer, value, value_length);
        buffer[value_length] = '\0';
        break;
    }
    return buffer;
}

json_t *reply_json(const struct reply *reply)
{
    json_error_t error;
    json_t *json =
        json_loadb(reply->body ? reply->body : "", reply->length, JSON_REJECT_DUPLICATES, &error);
    if (!json) print_error("not JSON (%s): %.300s\n", error.text, reply->body);
    assert_non_null(json);
    return json;
}

static int with_limit(int fd)
{
    const struct timeval limit = {.tv_sec = 20};
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit), 0);
    return fd;
}

int client_unix(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
    return with_limit(fd);
}

int client_tcp(unsigned short port)
{
    const struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
    return with_limit(fd);
}

void client_send(int fd, const void *bytes, size_t length)
{
    const char *place = bytes;
    while (length > 0) {
        const ssize_t sent = send(fd, place, length, MSG_NOSIGNAL);
        if (sent <= 0) return;
        place += sent;
        length -= (size_t)sent;
    }
}

void client_say(int fd, const char *text)
{
    client_send(fd, text, strlen(text));
}

/* Bytes that have come; grows. */
struct buffer {
    char *bytes;
    size_t length;
    bool is_at_end;
};

static bool more(int fd, struct buffer *buffer)
{
    char *bytes = realloc(buffer->bytes, buffer->length + 65537);
    assert_non_null(bytes);
    buffer->bytes = bytes;
    const ssize_t got = recv(fd, bytes + buffer->length, 65536, 0);
    if (got > 0) buffer->length += (size_t)got;
    bytes[buffer->length] = '\0';
    buffer->is_at_end = got <= 0;
    return got > 0;
}

static void read_length(int fd, struct buffer *buffer, size_t begin, size_t length)
{
    while (buffer->length < begin + length && more(fd, buffer)) continue;
    if (buffer->length > begin + length) buffer->length = begin + length;
}

void client_read(int fd, struct reply *reply, bool has_body)
{
    struct buffer buffer = {0};
    const char *end = NULL;
    char text[512];
    *reply = (struct reply){0};
    while (more(fd, &buffer) && !(end = strstr(buffer.bytes, "\r\n\r\n"))) continue;
    if (!end) {
        free(buffer.bytes);
        return;
    }
    const size_t begin = (size_t)(end - buffer.bytes) + 4;
    reply->head = strndup(buffer.bytes, begin);
    reply->status = (unsigned)strtoul(reply->head + strlen("HTTP/1.1 "), NULL, 10);
    const char *length = reply_header(reply, "Content-Length", text);
    if (!has_body || reply->status == 204 || reply->status == 304)
        buffer.length = begin;
    else if (*length)
        read_length(fd, &buffer, begin, strtoul(length, NULL, 10));
    else
        while (more(fd, &buffer)) continue;
    reply->length = buffer.length - begin;
    reply->body = malloc(reply->length + 1);
    assert_non_null(reply->body);
    memcpy(reply->body, buffer.bytes + begin, reply->length);
    reply->body[reply->length] = '\0';
    free(buffer.bytes);
}

bool client_is_closed(int fd)
{
    char byte[4096];
    ssize_t got = 0;
    while ((got = recv(fd, byte, sizeof byte, 0)) > 0) continue;
    return got == 0 || errno == ECONNRESET || errno == EPIPE;
}
