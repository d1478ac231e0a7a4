/* test_jobs_api.c: the life of a job as a client sees it (DESIGN §7). */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
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

static void test_a_dry_run_stores_nothing(void **state)
{
    (void)state;
    json_t *answer = ask_json(&world, "POST", "/v1/jobs?dry_run=true", NULL, small_job, 200);
    assert_int_equal(
        json_integer_value(json_object_get(json_object_get(answer, "memory"), "total_bytes")),
        4096);
    assert_true(json_is_null(json_object_get(answer, "seconds_per_step")));
    assert_non_null(json_object_get(answer, "identical_job"));
    assert_string_equal(text(json_object_get(answer, "spec"), "algorithm"), "supervised");
    json_decref(answer);
    json_t *before = ask_json(&world, "GET", "/v1/jobs?limit=500", NULL, NULL, 200);
    json_decref(ask_json(&world, "POST", "/v1/jobs?dry_run=true", NULL, small_job, 200));
    json_t *after = ask_json(&world, "GET", "/v1/jobs?limit=500", NULL, NULL, 200);
    assert_int_equal(json_array_size(json_object_get(before, "jobs")),
                     json_array_size(json_object_get(after, "jobs")));
    json_decref(before);
    json_decref(after);
}

static void test_a_key_makes_one_job(void **state)
{
    (void)state;
    static const char key[] = "Idempotency-Key: a-key-1\r\n";
    char first[512], second[512], replayed[512];
    struct reply reply;
    ask(&world, "POST", "/v1/jobs", key, small_job, &reply);
    assert_int_equal(reply.status, 201);
    (void)reply_header(&reply, "Location", first);
    assert_string_equal(reply_header(&reply, "Idempotency-Replayed", replayed), "");
    reply_clear(&reply);
    ask(&world, "POST", "/v1/jobs", key, small_job, &reply);
    assert_int_equal(reply.status, 201);
    assert_string_equal(reply_header(&reply, "Location", second), first);
    assert_string_equal(reply_header(&reply, "Idempotency-Replayed", replayed), "true");
    reply_clear(&reply);
    static const char other[] = "{\"algorithm\":\"supervised\",\"data\":{\"set\":\"tiny\"}}";
    json_decref(ask_json(&world, "POST", "/v1/jobs", key, other, 422));
    int64_t number = 0;
    assert_true(imld_job_number(first + strlen("/v1/jobs/"), &number));
    json_decref(ask_json(&world, "POST", strcat(second, "/cancel"), NULL, NULL, 202));
    (void)ask_json(&world, "DELETE", first, NULL, NULL, 204);
    json_decref(ask_json(&world, "GET", first, NULL, NULL, 404));
}

/* Ids of a list, newest first, page by page. */
static size_t walk(const char *query, size_t page_limit, char ids[][IMLD_JOB_ID_MAX], size_t most)
{
    char path[256], cursor[64] = "";
    size_t count = 0;
    do {
        (void)snprintf(path, sizeof path, "/v1/jobs?%s&limit=%zu%s%s", query, page_limit,
                       *cursor ? "&cursor=" : "", cursor);
        json_t *list = ask_json(&world, "GET", path, NULL, NULL, 200);
        const json_t *jobs = json_object_get(list, "jobs");
        assert_true(json_array_size(jobs) <= page_limit);
        for (size_t i = 0; i < json_array_size(jobs); i++) {
            assert_true(count < most);
            assert_null(json_object_get(json_array_get(jobs, i), "spec"));
            (void)snprintf(ids[count++], IMLD_JOB_ID_MAX, "%s",
                           text(json_array_get(jobs, i), "id"));
        }
        const char *next = text(list, "cursor");
        (void)snprintf(cursor, sizeof cursor, "%s", next ? next : "");
        json_decref(list);
    } while (*cursor);
    return count;
}

static void test_lists_are_filtered_and_continued(void **state)
{
    (void)state;
    char made[5][IMLD_JOB_ID_MAX], seen[16][IMLD_JOB_ID_MAX];
    for (int i = 0; i < 5; i++) {
        char body[256];
        (void)snprintf(body, sizeof body,
                       "{\"name\":\"Walk %d\",\"algorithm\":\"supervised\","
                       "\"data\":{\"set\":\"tiny\"},\"tags\":[\"walk\"]}",
                       i);
        imld_job_id(make_job(&world, body), made[i]);
    }
    assert_int_equal(walk("tag=walk", 2, seen, 16), 5);
    for (int i = 0; i < 5; i++) assert_string_equal(seen[i], made[4 - i]);
    assert_int_equal(walk("name=walk%203", 50, seen, 16), 1);
    assert_string_equal(seen[0], made[3]);
    assert_int_equal(walk("tag=walk&state=running,failed", 50, seen, 16), 0);
    assert_int_equal(walk("tag=walk&owner=nobody-here", 50, seen, 16), 0);
    assert_int_equal(walk("tag=walk&state=queued", 5, seen, 16), 5);
}

static void test_patch_changes_what_it_names(void **state)
{
    (void)state;
    char path[64], etag[512], match[600];
    struct reply reply;
    job_path(path, make_job(&world, small_job), "");
    ask(&world, "GET", path, NULL, NULL, &reply);
    (void)snprintf(match, sizeof match, "If-Match: %s\r\n", reply_header(&reply, "ETag", etag));
    reply_clear(&reply);
    json_t *job = ask_json(&world, "PATCH", path, match,
                           "{\"name\":\"n\u00e4me\",\"tags\":[\"a\",\"b\"],\"priority\":3}", 200);
    assert_string_equal(text(job, "name"), "n\u00e4me");
    assert_string_equal(text(job, "note"), "");
    assert_int_equal(json_array_size(json_object_get(job, "tags")), 2);
    assert_int_equal(json_integer_value(json_object_get(job, "priority")), 3);
    json_decref(job);
    json_decref(ask_json(&world, "PATCH", path, match, "{\"name\":\"late\"}", 412));
    json_decref(ask_json(&world, "PATCH", path, "If-Match: *\r\n", "{\"note\":\"x\"}", 200));
    json_decref(
        ask_json(&world, "PATCH", path, "If-Match: \"other\"\r\n", "{\"note\":\"y\"}", 412));
    job = ask_json(&world, "PATCH", path, NULL,
                   "{\"early_stopping\":[{\"rule\":\"patience\",\"evaluations\":5}]}", 200);
    assert_int_equal(json_array_size(json_object_get(job, "early_stopping")), 1);
    json_decref(job);
}

static void test_verbs_of_a_queued_job(void **state)
{
    (void)state;
    char path[64];
    const int64_t number = make_job(&world, small_job);
    job_path(path, number, "/pause");
    json_t *job = ask_json(&world, "POST", path, NULL, NULL, 202);
    assert_string_equal(text(job, "state"), "paused");
    json_decref(job);
    json_decref(ask_json(&world, "POST", path, NULL, NULL, 200)); /* it holds already */
    job_path(path, number, "/resume?wait=5");
    json_decref(ask_json(&world, "POST", path, NULL, "{}", 200));
    job_path(path, number, "/retry");
    json_t *problem = ask_json(&world, "POST", path, NULL, NULL, 200); /* queued is its target */
    json_decref(problem);
    job_path(path, number, "");
    json_decref(ask_json(&world, "DELETE", path, NULL, NULL, 409));
    job_path(path, number, "/stop");
    job = ask_json(&world, "POST", path, NULL, NULL, 202);
    assert_string_equal(text(job, "state"), "cancelled"); /* no checkpoint */
    json_decref(job);
    job_path(path, number, "/pause");
    problem = ask_json(&world, "POST", path, NULL, NULL, 409);
    assert_non_null(strstr(text(problem, "detail"), "cancelled"));
    json_decref(problem);
    job_path(path, number, "/events");
    json_t *events = ask_json(&world, "GET", path, NULL, NULL, 200);
    assert_true(json_array_size(json_object_get(events, "events")) >= 4);
    json_decref(events);
    job_path(path, number, "");
    (void)ask_json(&world, "DELETE", path, NULL, NULL, 204);
    json_decref(ask_json(&world, "GET", path, NULL, NULL, 404));
}

static void empty_the_queue(void)
{
    for (int64_t number = claim_job(&world); number; number = claim_job(&world))
        end_job(&world, number, IMLD_VERB_FAIL);
}

/* Says a verb without reading the answer. */
static int say_verb(int64_t number, const char *rest)
{
    char path[64], head[256];
    job_path(path, number, rest);
    (void)snprintf(head, sizeof head, "POST %s HTTP/1.1\r\nHost: x\r\n\r\n", path);
    const int fd = client_unix(world.socket);
    client_say(fd, head);
    return fd;
}

/* Waits until the job has the intent: an event, not a time. */
static void await_intent(int64_t number, const char *verb)
{
    char path[64];
    bool is_there = false;
    job_path(path, number, "");
    while (!is_there) {
        json_t *job = ask_json(&world, "GET", path, NULL, NULL, 200);
        size_t i = 0;
        json_t *intent = NULL;
        json_array_foreach(json_object_get(job, "intents"), i,
                           intent) if (strcmp(json_string_value(intent), verb) == 0) is_there =
            true;
        json_decref(job);
    }
}

static void test_a_wait_ends_when_the_run_obeys(void **state)
{
    (void)state;
    struct reply reply;
    empty_the_queue();
    const int64_t number = make_job(&world, small_job);
    assert_int_equal(claim_job(&world), number);
    const int fd = say_verb(number, "/pause?wait=60");
    await_intent(number, "pause");
    check_serves(&world); /* the waiting request holds no thread */
    end_job(&world, number, IMLD_VERB_PAUSE);
    client_read(fd, &reply, true);
    assert_int_equal(reply.status, 200);
    json_t *job = reply_json(&reply);
    assert_string_equal(text(job, "state"), "paused");
    assert_int_equal(json_array_size(json_object_get(job, "intents")), 0);
    json_decref(job);
    reply_clear(&reply);
    (void)close(fd);
}

static void test_a_wait_that_is_over_answers_202(void **state)
{
    (void)state;
    char path[64];
    empty_the_queue();
    const int64_t number = make_job(&world, small_job);
    assert_int_equal(claim_job(&world), number);
    job_path(path, number, "/stop?wait=1");
    json_t *job = ask_json(&world, "POST", path, NULL, NULL, 202);
    assert_string_equal(text(job, "state"), "running");
    assert_int_equal(json_array_size(json_object_get(job, "intents")), 1);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(job, "progress"), "step")),
                     7);
    json_decref(job);
    /* the job ends in another way than the one waited for */
    struct reply reply;
    const int fd = say_verb(number, "/cancel?wait=60");
    await_intent(number, "cancel");
    end_job(&world, number, IMLD_VERB_FAIL);
    client_read(fd, &reply, true);
    assert_int_equal(reply.status, 202);
    reply_clear(&reply);
    (void)close(fd);
}

static void test_a_client_that_goes_away_ends_its_wait(void **state)
{
    (void)state;
    struct reply reply;
    empty_the_queue();
    const int64_t number = make_job(&world, small_job);
    assert_int_equal(claim_job(&world), number);
    const int fd = say_verb(number, "/stop?wait=60");
    await_intent(number, "stop");
    assert_int_equal(shutdown(fd, SHUT_WR), 0); /* half: so that the answer can still be seen */
    client_read(fd, &reply, true);
    assert_true(reply.status == 202 || reply.status == 0);
    assert_true(client_is_closed(fd));
    reply_clear(&reply);
    (void)close(fd);
    end_job(&world, number, IMLD_VERB_FAIL);
}

static void test_small_resources(void **state)
{
    (void)state;
    char etag[512], known[600];
    struct reply reply;
    json_t *json = ask_json(&world, "GET", "/v1/server", NULL, NULL, 200);
    assert_string_equal(text(json, "program"), "imld test");
    assert_string_equal(text(json_object_get(json, "caller"), "role"), "admin");
    assert_true(json_is_true(json_object_get(json_object_get(json, "storage"), "healthy")));
    json_decref(json);
    json = ask_json(&world, "GET", "/v1/datasets", NULL, NULL, 200);
    assert_int_equal(json_array_size(json_object_get(json, "datasets")), 1);
    json_decref(json);
    ask(&world, "GET", "/v1/schema", NULL, NULL, &reply);
    assert_int_equal(reply.status, 200);
    json = reply_json(&reply);
    assert_true(json_array_size(json_object_get(json, "fields")) > 20);
    json_decref(json);
    (void)snprintf(known, sizeof known, "If-None-Match: %s\r\n",
                   reply_header(&reply, "ETag", etag));
    reply_clear(&reply);
    (void)ask_json(&world, "GET", "/v1/schema", known, NULL, 304);
    json_decref(ask_json(&world, "GET", "/readyz", NULL, NULL, 200));
    atomic_store(&world.is_ready, false);
    json_decref(ask_json(&world, "GET", "/readyz", NULL, NULL, 503));
    atomic_store(&world.is_ready, true);
    assert_true(imld_api_is_alive(world.api));
}

static void test_the_page_runs_nothing_foreign(void **state)
{
    (void)state;
    static const char *const paths[] = {"/", "/page.js", "/page.css"};
    char policy[512];
    struct reply reply;
    for (size_t i = 0; i < 3; i++) {
        ask(&world, "GET", paths[i], NULL, NULL, &reply);
        assert_int_equal(reply.status, 200);
        assert_non_null(
            strstr(reply_header(&reply, "Content-Security-Policy", policy), "default-src 'none'"));
        assert_null(strstr(policy, "unsafe"));
        assert_null(strstr(reply.body, "https://"));
        assert_null(strstr(reply.body, "style="));
        assert_null(strstr(reply.body, "innerHTML"));
        reply_clear(&reply);
    }
    ask(&world, "HEAD", "/", NULL, NULL, &reply);
    assert_int_equal(reply.status, 200);
    assert_int_equal(reply.length, 0);
    reply_clear(&reply);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_endpoint_has_a_handler),
        cmocka_unit_test(test_a_created_job_is_there),
        cmocka_unit_test(test_a_dry_run_stores_nothing),
        cmocka_unit_test(test_a_key_makes_one_job),
        cmocka_unit_test(test_lists_are_filtered_and_continued),
        cmocka_unit_test(test_patch_changes_what_it_names),
        cmocka_unit_test(test_verbs_of_a_queued_job),
        cmocka_unit_test(test_a_wait_ends_when_the_run_obeys),
        cmocka_unit_test(test_a_wait_that_is_over_answers_202),
        cmocka_unit_test(test_a_client_that_goes_away_ends_its_wait),
        cmocka_unit_test(test_small_resources),
        cmocka_unit_test(test_the_page_runs_nothing_foreign),
    };
    return cmocka_run_group_tests(tests, open_world, close_world);
}
