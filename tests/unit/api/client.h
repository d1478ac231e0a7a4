/* client.h: a plain HTTP client over sockets, for requests that no library would send. */
#ifndef IMLD_TESTS_API_CLIENT_H
#define IMLD_TESTS_API_CLIENT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* An answer; {0} is none. All texts are owned. */
struct reply {
    unsigned status; /* 0: the connection was closed without an answer */
    char *head;      /* status line and headers, ends with NUL */
    char *body;      /* ends with NUL */
    size_t length;
};
void reply_clear(struct reply *reply);

/* The value of a header (the first), copied into the buffer; "" where it isn't there. */
const char *reply_header(const struct reply *reply, const char *name, char buffer[512]);

/* The body as JSON: a new reference; fails the test where it is none. */
json_t *reply_json(const struct reply *reply);

/* Connected, with a time limit of 20 s on each read: a test that hangs fails. */
int client_unix(const char *path);
int client_tcp(unsigned short port);

/* Sends all; a peer that closed is no error. */
void client_send(int fd, const void *bytes, size_t length);
void client_say(int fd, const char *text);

/* Reads one answer (Content-Length, chunks, or until the peer closes). has_body false: of a HEAD.
 */
void client_read(int fd, struct reply *reply, bool has_body);

/* true: the peer has closed (waits for that). */
bool client_is_closed(int fd);

#endif
