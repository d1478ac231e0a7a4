/* test_connections.c: caps per user, the total time of a request, and connections that do nothing.
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/check.h"
#include "world.h"

enum { PER_USER = 6 };

static struct world world;

static int open_world(void **state)
{
    (void)state;
    const struct imld_api_limits limits = {
        .connections_per_user = PER_USER, .request_seconds = 2, .idle_seconds = 20};
    world_open(&world, &limits);
    return 0;
}

static int close_world(void **state)
{
    (void)state;
    world_close(&world);
    return 0;
}

static unsigned status_on(int fd)
{
    struct reply reply;
    client_say(fd, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    client_read(fd, &reply, true);
    const unsigned status = reply.status;
    reply_clear(&reply);
    return status;
}

/* Both listeners count together: on loopback every caller is the daemon's own user. */
static void test_a_user_has_a_cap(void **state)
{
    (void)state;
    int fds[PER_USER + 40];
    const size_t count = sizeof fds / sizeof fds[0];
    for (size_t i = 0; i < count; i++)
        fds[i] = i % 2 ? client_unix(world.socket) : client_tcp(world.port);
    size_t served = 0, refused = 0, closed = 0;
    for (size_t i = 0; i < count; i++) {
        const unsigned status = status_on(fds[i]);
        served += status == 200;
        refused += status == 429;
        closed += status == 0;
    }
    assert_int_equal(served + refused + closed, count);
    assert_true(served >= 1 && served <= PER_USER);
    assert_true(refused + closed >= 40);
    for (size_t i = 0; i < count; i++) (void)close(fds[i]);
    /* the places are free again once the server has seen the ends */
    unsigned status = 0;
    while (status != 200) {
        const int fd = client_unix(world.socket);
        status = status_on(fd);
        (void)close(fd);
    }
}

/* One byte each 0.2 s: the library's idle time would never end it. */
static void check_drip(const char *text)
{
    const int fd = client_unix(world.socket);
    struct reply reply;
    const int64_t begin = (int64_t)time(NULL);
    client_say(fd, text);
    for (int i = 0; i < 60; i++) {
        client_say(fd, "x");
        (void)usleep(200000);
        if (i % 5 == 0) check_serves(&world);
        char byte;
        if (recv(fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK) == 0) break;
    }
    client_read(fd, &reply, true);
    assert_int_equal(reply.status, 0);
    assert_true((int64_t)time(NULL) - begin < 10);
    reply_clear(&reply);
    (void)close(fd);
}

static void test_a_dripped_header_is_cut(void **state)
{
    (void)state;
    check_drip("GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: ");
}

static void test_a_dripped_body_is_cut(void **state)
{
    (void)state;
    check_drip("POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
               "Content-Length: 1000\r\n\r\n");
}

static void test_a_dripped_request_line_is_cut(void **state)
{
    (void)state;
    check_drip("GET /");
}

static void test_a_connection_that_says_nothing_is_cut(void **state)
{
    (void)state;
    const int fd = client_tcp(world.port);
    assert_true(client_is_closed(fd));
    (void)close(fd);
}

static void test_keep_alive_serves_many(void **state)
{
    (void)state;
    const int fd = client_unix(world.socket);
    for (int i = 0; i < 100; i++) assert_int_equal(status_on(fd), 200);
    (void)close(fd);
}

/* The wait is longer than the total time of a request: it is exempt. */
static void test_a_wait_may_take_longer_than_a_request(void **state)
{
    (void)state;
    char id[IMLD_JOB_ID_MAX], path[64];
    const int64_t number = make_job(&world, small_job);
    assert_int_equal(claim_job(&world), number);
    imld_job_id(number, id);
    (void)snprintf(path, sizeof path, "/v1/jobs/%s/pause?wait=4", id);
    json_decref(ask_json(&world, "POST", path, NULL, NULL, 202));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_user_has_a_cap),
        cmocka_unit_test(test_a_dripped_header_is_cut),
        cmocka_unit_test(test_a_dripped_body_is_cut),
        cmocka_unit_test(test_a_dripped_request_line_is_cut),
        cmocka_unit_test(test_a_connection_that_says_nothing_is_cut),
        cmocka_unit_test(test_keep_alive_serves_many),
        cmocka_unit_test(test_a_wait_may_take_longer_than_a_request),
    };
    return cmocka_run_group_tests(tests, open_world, close_world);
}
