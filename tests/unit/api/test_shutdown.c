/* test_shutdown.c: the API ends with requests under way: suspended ones, half-read ones, idle ones.
 * (libmicrohttpd aborts the process where a connection is still suspended.) */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/check.h"
#include "world.h"

static void say_wait(int fd, int64_t number, const char *verb)
{
    char id[IMLD_JOB_ID_MAX], head[256];
    imld_job_id(number, id);
    (void)snprintf(head, sizeof head,
                   "POST /v1/jobs/%s/%s?wait=60 HTTP/1.1\r\nHost: localhost\r\n\r\n", id, verb);
    client_say(fd, head);
}

/* Until the running job has as many intents. */
static void await_intents(struct world *world, int64_t number, size_t count)
{
    char id[IMLD_JOB_ID_MAX], path[64];
    size_t seen = 0;
    imld_job_id(number, id);
    (void)snprintf(path, sizeof path, "/v1/jobs/%s", id);
    while (seen < count) {
        json_t *job = ask_json(world, "GET", path, NULL, NULL, 200);
        seen = json_array_size(json_object_get(job, "intents"));
        json_decref(job);
    }
}

static void test_waits_are_answered_with_what_is_known(void **state)
{
    (void)state;
    static struct world world;
    static const char *const verbs[] = {"pause", "stop", "cancel"};
    int fds[3];
    world_open(&world, NULL);
    const int64_t number = make_job(&world, small_job);
    assert_int_equal(claim_job(&world), number);
    for (size_t i = 0; i < 3; i++) {
        fds[i] = i % 2 ? client_tcp(world.port) : client_unix(world.socket);
        say_wait(fds[i], number, verbs[i]);
    }
    await_intents(&world, number, 3);
    const int idle = client_unix(world.socket), half = client_unix(world.socket);
    client_say(half, "POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Le");
    world_stop_api(&world, 2);
    for (size_t i = 0; i < 3; i++) {
        struct reply reply;
        client_read(fds[i], &reply, true);
        assert_int_equal(reply.status, 202); /* the intents are durable */
        json_t *job = reply_json(&reply);
        assert_string_equal(json_string_value(json_object_get(job, "state")), "running");
        json_decref(job);
        reply_clear(&reply);
        assert_true(client_is_closed(fds[i]));
        (void)close(fds[i]);
    }
    assert_true(client_is_closed(idle));
    assert_true(client_is_closed(half));
    (void)close(idle);
    (void)close(half);
    end_job(&world, number, IMLD_VERB_CANCEL); /* storage lives on, and nobody listens any more */
    world_close(&world);
}

/* What a client saw as created is there after the end, and the other way about: ends at an
 * arbitrary place among commits. */
static void test_commits_under_way_end_well(void **state)
{
    (void)state;
    static struct world world;
    enum { CLIENTS = 16 };
    int fds[CLIENTS];
    world_open(&world, NULL);
    for (size_t i = 0; i < CLIENTS; i++) fds[i] = say_job(&world, "");
    world_stop_api(&world, 3);
    int64_t acknowledged = 0;
    for (size_t i = 0; i < CLIENTS; i++) {
        struct reply reply;
        client_read(fds[i], &reply, true);
        assert_true(reply.status == 201 || reply.status == 0 || reply.status == 503);
        acknowledged += reply.status == 201;
        reply_clear(&reply);
        (void)close(fds[i]);
    }
    int64_t counts[IMLD_STATES] = {0};
    struct iml_error error = {0};
    struct imld_reader *reader = imld_reader_take(world.storage, &error);
    assert_non_null(reader);
    assert_int_equal(imld_jobs_count(reader, counts, &error), IML_OK);
    imld_reader_give(reader);
    assert_true(counts[IMLD_QUEUED] >= acknowledged);
    world_close(&world);
}

static void test_an_unused_api_ends(void **state)
{
    (void)state;
    static struct world world;
    world_open(&world, NULL);
    world_close(&world);
}

/* A writer that is held up: the request is let go with 503, and the write ends later without it. */
static void test_a_writer_that_is_held_up(void **state)
{
    (void)state;
    static struct world world;
    struct reply reply;
    world_open(&world, NULL);
    hold_writer(&world);
    const int fd = say_job(&world, "");
    await_write(&world);
    check_serves(&world); /* no thread is held */
    world_stop_api(&world, 1);
    client_read(fd, &reply, true);
    assert_int_equal(reply.status, 503);
    reply_clear(&reply);
    (void)close(fd);
    let_writer_go(&world);
    world_close(&world); /* commits what waits: its memory must still be there */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_unused_api_ends),
        cmocka_unit_test(test_waits_are_answered_with_what_is_known),
        cmocka_unit_test(test_commits_under_way_end_well),
        cmocka_unit_test(test_a_writer_that_is_held_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
