/* test_jobs_api.c: the life of a job as a client sees it (DESIGN §7). */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "api/router.h"
#include "tests/unit/check.h"
#include "world.h"

static struct world world;

static int open_world(void **state)
{
    (void)state;
    world_open(&world, NULL);
    return 0;
}

static int close_world(void **state)
{
    (void)state;
    world_close(&world);
    return 0;
}

static const char *text(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static void job_path(char path[64], int64_t number, const char *rest)
{
    char id[IMLD_JOB_ID_MAX];
    imld_job_id(number, id);
    (void)snprintf(path, 64, "/v1/jobs/%s%s", id, rest);
}

static void test_every_endpoint_has_a_handler(void **state)
{
    (void)state;
    for (size_t i = 0; i < imld_endpoint_count; i++) {
        if (!imld_route_find(imld_endpoints[i].name)) print_error("%s\n", imld_endpoints[i].name);
        assert_non_null(imld_route_find(imld_endpoints[i].name));
    }
}

static void test_a_created_job_is_there(void **state)
{
    (void)state;
    char location[512], etag[512], again[512];
    struct reply reply;
    ask(&world, "POST", "/v1/jobs", NULL, small_job, &reply);
    assert_int_equal(reply.status, 201);
    (void)reply_header(&reply, "Location", location);
    (void)reply_header(&reply, "ETag", etag);
    json_t *job = reply_json(&reply);
    assert_string_equal(text(job, "state"), "queued");
    assert_string_equal(text(job, "name"), "small");
    assert_string_equal(text(json_object_get(job, "spec"), "algorithm"), "supervised");
    assert_string_equal(text(json_object_get(job, "waiting"), "rule"), "threads");
    assert_int_equal(json_integer_value(json_object_get(
                         json_object_get(json_object_get(job, "waiting"), "ahead"), "count")),
                     0);
    assert_true(json_is_null(json_object_get(job, "result")));
    assert_true(atomic_load(&world.wakes) > 0);
    json_decref(job);
    reply_clear(&reply);
    ask(&world, "GET", location, NULL, NULL, &reply);
    assert_int_equal(reply.status, 200);
    assert_string_equal(reply_header(&reply, "ETag", again), etag);
    reply_clear(&reply);
    char known[600];
    (void)snprintf(known, sizeof known, "If-None-Match: %s\r\n", etag);
    (void)ask_json(&world, "GET", location, known, NULL, 304);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_endpoint_has_a_handler),
        cmocka_unit_test(test_a_created_job_is_there),
    };
    return cmocka_run_group_tests(tests, open_world, close_world);
}
