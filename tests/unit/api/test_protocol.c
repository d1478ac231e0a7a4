/* test_protocol.c: faults of the protocol that libmicrohttpd lets pass or answers in its own way:
 * each is refused with a 4xx or 501, or the connection is closed, and the server serves on. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/check.h"
#include "world.h"

static struct world world;

static int open_world(void **state)
{
    (void)state;
    const struct imld_api_limits limits = {.idle_seconds = 2, .request_seconds = 4};
    world_open(&world, &limits);
    return 0;
}

static int close_world(void **state)
{
    (void)state;
    world_close(&world);
    return 0;
}

#define HOST "Host: localhost\r\n"
#define BODY_TYPE "Content-Type: application/json\r\n"

enum {
    CLOSES = 1 << 0, /* nothing of what follows may be taken as a request */
    SILENT = 1 << 1, /* no answer is fine too: the connection is closed */
    LIBRARY = 1 << 2 /* the library's own answer: HTML */
};

static const struct fault {
    const char *name, *bytes;
    size_t length; /* 0: strlen */
    unsigned status, flags;
} faults[] = {
    /* clang-format off */
    {"no Host", "GET /healthz HTTP/1.1\r\n\r\n", 0, 400, CLOSES},
    {"two Hosts", "GET /healthz HTTP/1.1\r\n" HOST HOST "\r\n", 0, 400, CLOSES},
    {"two different Hosts", "GET /healthz HTTP/1.1\r\n" HOST "Host: evil\r\n\r\n", 0, 400, CLOSES},
    {"empty Host", "GET /healthz HTTP/1.1\r\nHost:\r\n\r\n", 0, 400, CLOSES},
    {"Host with a path", "GET /healthz HTTP/1.1\r\nHost: localhost/x\r\n\r\n", 0, 400, CLOSES},
    {"Host with a user", "GET /healthz HTTP/1.1\r\nHost: localhost@evil\r\n\r\n", 0, 400, CLOSES},
    {"two Hosts, 1.0", "GET /healthz HTTP/1.0\r\n" HOST HOST "\r\n", 0, 400, CLOSES},
    {"Content-Length twice, same", "POST /v1/jobs HTTP/1.1\r\n" HOST BODY_TYPE "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}", 0, 400, CLOSES},
    {"Content-Length twice", "POST /v1/jobs HTTP/1.1\r\n" HOST BODY_TYPE "Content-Length: 2\r\nContent-Length: 40\r\n\r\n{}GET /healthz HTTP/1.1\r\n" HOST "\r\n", 0, 400, CLOSES},
    {"Content-Length twice, zero first", "POST /v1/jobs HTTP/1.1\r\n" HOST BODY_TYPE "Content-Length: 0\r\nContent-Length: 40\r\n\r\nGET /healthz HTTP/1.1\r\n" HOST "\r\n", 0, 400, CLOSES},
    {"length and chunks", "POST /v1/jobs HTTP/1.1\r\n" HOST BODY_TYPE "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /healthz HTTP/1.1\r\n" HOST "\r\n", 0, 400, CLOSES},
    {"chunks and length", "POST /v1/jobs HTTP/1.1\r\n" HOST BODY_TYPE "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n", 0, 400, CLOSES},
    {"coding identity", "POST /v1/jobs HTTP/1.1\r\n" HOST BODY_TYPE "Transfer-Encoding: identity\r\n\r\n{}", 0, 501, CLOSES},
    {"coding gzip, chunked", "POST /v1/jobs HTTP/1.1\r\n" HOST BODY_TYPE "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 0, 501, CLOSES},
    {"coding xchunked", "POST /v1/jobs HTTP/1.1\r\n" HOST BODY_TYPE "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 0, 501, CLOSES},
    {"two codings", "POST /v1/jobs HTTP/1.1\r\n" HOST BODY_TYPE "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 0, 501, CLOSES},
    {"coding of a GET", "GET /healthz HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip\r\n\r\n", 0, 501, CLOSES},
    {"chunks in 1.0", "POST /v1/jobs HTTP/1.0\r\n" HOST BODY_TYPE "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 0, 400, CLOSES},
    {"length +3", "POST /v1/jobs HTTP/1.1\r\n" HOST BODY_TYPE "Content-Length: +3\r\n\r\n{ }", 0, 400, CLOSES | SILENT | LIBRARY},
    {"length -1", "POST /v1/jobs HTTP/1.1\r\n" HOST BODY_TYPE "Content-Length: -1\r\n\r\n", 0, 400, CLOSES | SILENT | LIBRARY},
    {"length 0x3", "POST /v1/jobs HTTP/1.1\r\n" HOST BODY_TYPE "Content-Length: 0x3\r\n\r\n{ }", 0, 400, CLOSES | SILENT | LIBRARY},
    {"length 3, 3", "POST /v1/jobs HTTP/1.1\r\n" HOST BODY_TYPE "Content-Length: 3, 3\r\n\r\n{ }", 0, 400, CLOSES | SILENT | LIBRARY},
    {"length empty", "POST /v1/jobs HTTP/1.1\r\n" HOST BODY_TYPE "Content-Length:\r\n\r\n", 0, 400, CLOSES | SILENT | LIBRARY},
    {"length 2^64", "POST /v1/jobs HTTP/1.1\r\n" HOST BODY_TYPE "Content-Length: 18446744073709551616\r\n\r\n{}", 0, 413, CLOSES | SILENT | LIBRARY},
    {"length 2^63", "POST /v1/jobs HTTP/1.1\r\n" HOST BODY_TYPE "Content-Length: 9223372036854775808\r\n\r\n{}", 0, 413, CLOSES},
    {"chunk size no hex", "POST /v1/jobs HTTP/1.1\r\n" HOST BODY_TYPE "Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n", 0, 400, CLOSES | SILENT | LIBRARY},
    {"chunk without line end", "POST /v1/jobs HTTP/1.1\r\n" HOST BODY_TYPE "Transfer-Encoding: chunked\r\n\r\n2\r\n{}xx0\r\n\r\n", 0, 400, CLOSES | SILENT | LIBRARY},
    {"chunk size 2^64", "POST /v1/jobs HTTP/1.1\r\n" HOST BODY_TYPE "Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\n{}", 0, 413, CLOSES | SILENT | LIBRARY},
    {"header without colon", "GET /healthz HTTP/1.1\r\n" HOST "nonsense\r\n\r\n", 0, 400, CLOSES | SILENT | LIBRARY},
    {"NUL in a name", "GET /healthz HTTP/1.1\r\n" HOST "a\0b: c\r\n\r\n", sizeof "GET /healthz HTTP/1.1\r\n" HOST "a\0b: c\r\n\r\n" - 1, 400, CLOSES | SILENT | LIBRARY},
    {"space before the colon", "GET /healthz HTTP/1.1\r\n" HOST "Foo : b\r\n\r\n", 0, 400, CLOSES},
    {"Content-Length with a space", "POST /v1/jobs HTTP/1.1\r\n" HOST BODY_TYPE "Content-Length : 2\r\n\r\n{}", 0, 400, CLOSES},
    {"tab before the colon", "GET /healthz HTTP/1.1\r\n" HOST "Foo\t: b\r\n\r\n", 0, 400, CLOSES},
    {"NUL in a value", "GET /healthz HTTP/1.1\r\n" HOST "X: a\0b\r\n\r\n", sizeof "GET /healthz HTTP/1.1\r\n" HOST "X: a\0b\r\n\r\n" - 1, 400, CLOSES},
    {"NUL in a value, not the last", "GET /healthz HTTP/1.1\r\nX: a\0\0b\r\n" HOST "\r\n", sizeof "GET /healthz HTTP/1.1\r\nX: a\0\0b\r\n" HOST "\r\n" - 1, 400, CLOSES},
    {"folded header", "GET /healthz HTTP/1.1\r\n" HOST "X: a\r\n b\r\n\r\n", 0, 400, CLOSES},
    {"folded header, not the last", "GET /healthz HTTP/1.1\r\nX: a\r\n b\r\n" HOST "\r\n", 0, 400, CLOSES},
    {"control in a value", "GET /healthz HTTP/1.1\r\n" HOST "X: a\x01" "b\r\n\r\n", 0, 400, CLOSES},
    {"NUL in the target", "GET /healthz\0x HTTP/1.1\r\n" HOST "\r\n", sizeof "GET /healthz\0x HTTP/1.1\r\n" HOST "\r\n" - 1, 400, CLOSES},
    {"space in the target", "GET /healthz x HTTP/1.1\r\n" HOST "\r\n", 0, 400, CLOSES},
    {"two spaces before the version", "GET /healthz  HTTP/1.1\r\n" HOST "\r\n", 0, 400, CLOSES},
    {"absolute form", "GET http://localhost/healthz HTTP/1.1\r\n" HOST "\r\n", 0, 400, CLOSES},
    {"absolute form, foreign", "GET http://evil/healthz HTTP/1.1\r\n" HOST "\r\n", 0, 400, CLOSES},
    {"relative target", "GET healthz HTTP/1.1\r\n" HOST "\r\n", 0, 400, CLOSES},
    {"# in the target", "GET /healthz#x HTTP/1.1\r\n" HOST "\r\n", 0, 400, CLOSES},
    {"byte above 0x7f in the target", "GET /healthz\xc3\xa4 HTTP/1.1\r\n" HOST "\r\n", 0, 400, CLOSES},
    {"encoded slash", "GET /v1%2Fjobs HTTP/1.1\r\n" HOST "\r\n", 0, 404, 0},
    {"encoded NUL", "GET /healthz%00 HTTP/1.1\r\n" HOST "\r\n", 0, 404, 0},
    {"encoded dots", "GET /v1/jobs/%2e%2e/server HTTP/1.1\r\n" HOST "\r\n", 0, 404, 0},
    {"dots", "GET /v1/jobs/../server HTTP/1.1\r\n" HOST "\r\n", 0, 404, 0},
    {"two slashes", "GET //healthz HTTP/1.1\r\n" HOST "\r\n", 0, 404, 0},
    {"slash at the end", "GET /healthz/ HTTP/1.1\r\n" HOST "\r\n", 0, 404, 0},
    {"other case", "GET /HEALTHZ HTTP/1.1\r\n" HOST "\r\n", 0, 404, 0},
    {"CONNECT", "CONNECT localhost:80 HTTP/1.1\r\n" HOST "\r\n", 0, 405, 0},
    {"TRACE", "TRACE /healthz HTTP/1.1\r\n" HOST "\r\n", 0, 405, 0},
    {"OPTIONS *", "OPTIONS * HTTP/1.1\r\n" HOST "\r\n", 0, 405, 0},
    {"OPTIONS", "OPTIONS /v1/jobs HTTP/1.1\r\n" HOST "\r\n", 0, 405, 0},
    {"unknown method", "FROB /healthz HTTP/1.1\r\n" HOST "\r\n", 0, 501, 0},
    {"method in small letters", "get /healthz HTTP/1.1\r\n" HOST "\r\n", 0, 501, 0},
    {"HTTP/2.0", "GET /healthz HTTP/2.0\r\n" HOST "\r\n", 0, 505, CLOSES | LIBRARY},
    {"HTTP/9.9", "GET /healthz HTTP/9.9\r\n" HOST "\r\n", 0, 505, CLOSES | LIBRARY},
    {"preface of h2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 0, 505, CLOSES | LIBRARY},
    {"HTTP/0.9", "GET /healthz\r\n\r\n", 0, 400, CLOSES | SILENT | LIBRARY},
    {"no HTTP", "GET /healthz FOO\r\n" HOST "\r\n", 0, 400, CLOSES | SILENT | LIBRARY},
    {"TLS hello", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11, 400, CLOSES | SILENT | LIBRARY},
    {"two Content-Types", "POST /v1/jobs HTTP/1.1\r\n" HOST BODY_TYPE BODY_TYPE "Content-Length: 2\r\n\r\n{}", 0, 400, CLOSES},
    {"two Origins", "GET /healthz HTTP/1.1\r\n" HOST "Origin: http://localhost\r\nOrigin: http://evil\r\n\r\n", 0, 400, CLOSES},
    {"two Idempotency-Keys", "POST /v1/jobs HTTP/1.1\r\n" HOST "Idempotency-Key: a\r\nIdempotency-Key: b\r\n\r\n", 0, 400, CLOSES},
    /* clang-format on */
};

static void check_fault(const struct fault *fault)
{
    struct reply reply;
    const int fd = client_unix(world.socket);
    client_send(fd, fault->bytes, fault->length ? fault->length : strlen(fault->bytes));
    client_read(fd, &reply, true);
    const bool is_silent = reply.status == 0 && (fault->flags & SILENT);
    if (!is_silent && reply.status != fault->status)
        print_error("%s: %u instead of %u: %s\n", fault->name, reply.status, fault->status,
                    reply.body ? reply.body : "");
    assert_true(is_silent || reply.status == fault->status);
    if (reply.status && !(fault->flags & LIBRARY)) {
        json_t *problem = reply_json(&reply);
        assert_int_equal(json_integer_value(json_object_get(problem, "status")), fault->status);
        json_decref(problem);
    }
    if ((fault->flags & CLOSES) && !client_is_closed(fd)) print_error("%s: open\n", fault->name);
    if (fault->flags & CLOSES) assert_true(client_is_closed(fd));
    reply_clear(&reply);
    (void)close(fd);
}

static void test_each_fault_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        check_fault(&faults[i]);
        check_serves(&world);
    }
}

/* What is odd but allowed. */
static void test_what_is_fine_is_served(void **state)
{
    (void)state;
    static const char chunked[] = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
                                  "Transfer-Encoding: chunked\r\n\r\n"
                                  "2;x=y\r\n{}\r\n0\r\nT: r\r\n\r\n";
    static const char *const fine[] = {
        "GET /healthz HTTP/1.1\r\nHost: anything.example:99\r\n\r\n", /* a unix socket: any Host */
        "GET /healthz HTTP/1.0\r\n\r\n",
        "GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n",
        "GET /healthz HTTP/1.2\r\nHost: localhost\r\n\r\n",
        "GET /healthz HTTP/1.1\nHost: localhost\n\n",
        "GET /healthz HTTP/1.1\nX:   a\nHost: localhost\nY: b \n\n",
        "GET /healthz HTTP/1.1\r\nHost: localhost\r\nUpgrade: h2c\r\n\r\n",
        "GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}",
        chunked,
        "GET /healthz? HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET /healthz?& HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET /v1/jobs?name=a+b%20c&&limit=5 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof fine / sizeof fine[0]; i++) {
        struct reply reply;
        const int fd = client_unix(world.socket);
        client_say(fd, fine[i]);
        client_read(fd, &reply, true);
        if (reply.status != 200) print_error("%u: %s\n", reply.status, fine[i]);
        assert_int_equal(reply.status, 200);
        reply_clear(&reply);
        (void)close(fd);
    }
}

static void test_pipelined_requests_are_answered_in_order(void **state)
{
    (void)state;
    struct reply reply;
    const int fd = client_unix(world.socket);
    client_say(fd, "GET /healthz HTTP/1.1\r\n" HOST "\r\nGET /nothing HTTP/1.1\r\n" HOST "\r\n"
                   "GET /healthz HTTP/1.0\r\n" HOST "\r\n");
    client_read(fd, &reply, true);
    assert_int_equal(reply.status, 200); /* the rest was read with it, and is cut off there */
    assert_true(client_is_closed(fd));
    reply_clear(&reply);
    (void)close(fd);
}

/* More than 420 arguments make the library neither answer nor close. */
static void test_many_query_arguments_end_the_connection(void **state)
{
    (void)state;
    char target[1200] = "GET /v1/jobs?";
    for (int i = 0; i < 500; i++) (void)strcat(target, "a&");
    const int fd = client_unix(world.socket);
    client_say(fd, target);
    client_say(fd, " HTTP/1.1\r\n" HOST "\r\n");
    assert_true(client_is_closed(fd));
    (void)close(fd);
    check_serves(&world);
}

static void test_long_targets_and_headers(void **state)
{
    (void)state;
    static const struct {
        size_t target, header;
        unsigned status;
    } rows[] = {{3000, 0, 414}, {33000, 0, 414}, {100000, 0, 414}, {0, 40000, 431}, {0, 8000, 200}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct reply reply;
        char *filler = malloc(100001);
        assert_non_null(filler);
        memset(filler, 'a', 100000);
        const int fd = client_unix(world.socket);
        client_say(fd, "GET /healthz");
        client_say(fd, rows[i].target ? "/" : "");
        client_send(fd, filler, rows[i].target);
        client_say(fd, " HTTP/1.1\r\n" HOST "X: ");
        client_send(fd, filler, rows[i].header);
        client_say(fd, "\r\n\r\n");
        client_read(fd, &reply, true);
        if (reply.status != rows[i].status) print_error("row %zu: %u\n", i, reply.status);
        assert_int_equal(reply.status, rows[i].status);
        reply_clear(&reply);
        free(filler);
        (void)close(fd);
    }
    check_serves(&world);
}

/* The library's buffer grows while the headers come in pieces: none may be taken for a cut one. */
static void test_many_headers_in_pieces(void **state)
{
    (void)state;
    struct reply reply;
    const int fd = client_unix(world.socket);
    client_say(fd, "GET /healthz HTTP/1.1\r\n" HOST "Empty:\r\n");
    for (int i = 0; i < 60; i++) {
        char value[200] = "";
        memset(value, 'v', (size_t)(3 * i));
        client_say(fd, "X-Many: ");
        client_say(fd, value);
        client_say(fd, "\r\n");
    }
    client_say(fd, "Last:\r\n\r\n");
    client_read(fd, &reply, true);
    assert_int_equal(reply.status, 200);
    reply_clear(&reply);
    (void)close(fd);
}

static void test_a_refused_length_is_told_instead_of_100(void **state)
{
    (void)state;
    struct reply reply;
    int fd = client_unix(world.socket);
    client_say(fd, "POST /v1/jobs HTTP/1.1\r\n" HOST BODY_TYPE
                   "Expect: 100-continue\r\nContent-Length: 1048577\r\n\r\n");
    client_read(fd, &reply, true);
    assert_int_equal(reply.status, 413);
    assert_true(client_is_closed(fd));
    reply_clear(&reply);
    (void)close(fd);
    fd = client_unix(world.socket);
    client_say(fd, "POST /v1/jobs HTTP/1.1\r\n" HOST BODY_TYPE
                   "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    client_read(fd, &reply, false);
    assert_int_equal(reply.status, 100);
    reply_clear(&reply);
    client_say(fd, "{}");
    client_read(fd, &reply, true);
    assert_int_equal(reply.status, 422);
    reply_clear(&reply);
    (void)close(fd);
}

/* Chunks have no length to look at before: the bytes are counted. */
static void test_chunks_above_the_limit(void **state)
{
    (void)state;
    struct reply reply;
    char *blank = malloc(65536);
    assert_non_null(blank);
    memset(blank, ' ', 65536);
    const int fd = client_unix(world.socket);
    client_say(fd,
               "POST /v1/jobs HTTP/1.1\r\n" HOST BODY_TYPE "Transfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 20; i++) {
        client_say(fd, "10000\r\n");
        client_send(fd, blank, 65536);
        client_say(fd, "\r\n");
    }
    client_say(fd, "0\r\n\r\n");
    client_read(fd, &reply, true);
    assert_int_equal(reply.status, 413);
    reply_clear(&reply);
    free(blank);
    (void)close(fd);
    check_serves(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_fault_is_refused),
        cmocka_unit_test(test_what_is_fine_is_served),
        cmocka_unit_test(test_pipelined_requests_are_answered_in_order),
        cmocka_unit_test(test_many_query_arguments_end_the_connection),
        cmocka_unit_test(test_long_targets_and_headers),
        cmocka_unit_test(test_many_headers_in_pieces),
        cmocka_unit_test(test_a_refused_length_is_told_instead_of_100),
        cmocka_unit_test(test_chunks_above_the_limit),
    };
    return cmocka_run_group_tests(tests, open_world, close_world);
}
