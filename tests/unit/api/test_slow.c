/* test_slow.c: requests that take us longer than a client may take: the bounds of a client's time
 * are not asked of ours. */
#include <string.h>
#include <unistd.h>

#include "tests/unit/check.h"
#include "world.h"

static const struct imld_api_limits short_times = {.request_seconds = 1, .idle_seconds = 1};

/* Until a request that began now has been cut for its total time, and so would be one from before.
 */
static void outlast_a_request(const struct world *world)
{
    const int fd = client_unix(world->socket);
    client_say(fd, "GET /healthz HTTP/1.1\r\nHost: local");
    if (!client_is_closed(fd)) print_error("the half request is not cut\n");
    (void)close(fd);
}

static void check_answered(int fd, unsigned status)
{
    struct reply reply;
    client_read(fd, &reply, true);
    assert_int_equal(reply.status, status);
    reply_clear(&reply);
    /* the connection serves on, by the usual times */
    client_say(fd, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    client_read(fd, &reply, true);
    assert_int_equal(reply.status, 200);
    reply_clear(&reply);
    assert_true(client_is_closed(fd));
    (void)close(fd);
}

static void test_a_commit_may_take_longer_than_a_request(void **state)
{
    (void)state;
    static struct world world;
    world_open(&world, &short_times);
    hold_writer(&world);
    const int fd = say_job(&world, "");
    await_write(&world);
    outlast_a_request(&world);
    let_writer_go(&world);
    check_answered(fd, 201);
    world_close(&world);
}

static void take_long(struct world *world)
{
    outlast_a_request(world);
}

static void test_a_handler_may_take_longer_than_a_request(void **state)
{
    (void)state;
    static struct world world;
    world_open(&world, &short_times);
    world.during_plan = take_long;
    check_answered(say_job(&world, "?dry_run=true"), 200);
    world_close(&world);
}

/* Nobody waits for ever: the answer says that it may still happen, and here it does. */
static void test_a_commit_that_takes_too_long_is_told(void **state)
{
    (void)state;
    static struct world world;
    const struct imld_api_limits limits = {.commit_seconds = 1};
    struct reply reply;
    char text[512];
    world_open(&world, &limits);
    hold_writer(&world);
    const int fd = say_job(&world, "");
    client_read(fd, &reply, true);
    assert_int_equal(reply.status, 503);
    assert_string_not_equal(reply_header(&reply, "Retry-After", text), "");
    json_t *problem = reply_json(&reply);
    assert_non_null(strstr(json_string_value(json_object_get(problem, "mend")), "Idempotency-Key"));
    json_decref(problem);
    reply_clear(&reply);
    (void)close(fd);
    let_writer_go(&world);
    assert_int_equal(make_job(&world, small_job), 2); /* after the first */
    world_close(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_commit_may_take_longer_than_a_request),
        cmocka_unit_test(test_a_handler_may_take_longer_than_a_request),
        cmocka_unit_test(test_a_commit_that_takes_too_long_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
