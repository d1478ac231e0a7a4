/* test_artifacts_api.c: artifacts as a list with cursors and as documents, and what is said where
 * there is none. */
#include <stdio.h>
#include <string.h>

#include "storage/artifacts.h"
#include "storage/points.h"
#include "tests/unit/check.h"
#include "world.h"

static struct world world;
static int64_t job;
static char base[64];

static int open_world(void **state)
{
    (void)state;
    world_open(&world, NULL);
    job = make_job(&world, small_job);
    assert_int_equal(claim_job(&world), job);
    char id[IMLD_JOB_ID_MAX];
    imld_job_id(job, id);
    (void)snprintf(base, sizeof base, "/v1/jobs/%s/artifacts", id);
    const struct imld_artifact_row rows[] = {
        {"spectrum", 10, "{\"name\":\"spectrum\",\"step\":10,\"ritz\":[1,0.5]}", 44},
        {"lens", 20, "{\"name\":\"lens\",\"step\":20}", 25},
        {"lens", 100, "{\"name\":\"lens\",\"step\":100}", 26},
        {"lens", 3, "{\"name\":\"lens\",\"step\":3}", 24},
    };
    for (size_t i = 0; i < 4; i++) assert_int_equal(strlen(rows[i].document), rows[i].bytes);
    struct imld_rows_write write = {
        .job = job, .artifacts = rows, .artifact_count = 4, .step = 100, .steps_of = 1000};
    imld_rows_write_prepare(&write);
    assert_int_equal(imld_storage_run(world.storage, &write.write), IML_OK);
    return 0;
}

static int close_world(void **state)
{
    (void)state;
    world_close(&world);
    return 0;
}

static json_t *get(const char *rest, unsigned status)
{
    char path[256];
    (void)snprintf(path, sizeof path, "%s%s", base, rest);
    return ask_json(&world, "GET", path, NULL, NULL, status);
}

static void check_item(const json_t *answer, size_t index, const char *name, int64_t step)
{
    const json_t *item = json_array_get(json_object_get(answer, "artifacts"), index);
    assert_string_equal(json_string_value(json_object_get(item, "name")), name);
    assert_int_equal(json_integer_value(json_object_get(item, "step")), step);
    assert_true(json_integer_value(json_object_get(item, "bytes")) > 20);
    assert_non_null(json_string_value(json_object_get(item, "created")));
}

static void test_the_list_is_sorted_and_continued(void **state)
{
    (void)state;
    char query[128];
    json_t *answer = get("", 200);
    assert_int_equal(json_array_size(json_object_get(answer, "artifacts")), 4);
    check_item(answer, 0, "lens", 3);
    check_item(answer, 1, "lens", 20);
    check_item(answer, 2, "lens", 100);
    check_item(answer, 3, "spectrum", 10);
    assert_true(json_is_false(json_object_get(answer, "more")));
    json_decref(answer);
    answer = get("?limit=2", 200);
    assert_true(json_is_true(json_object_get(answer, "more")));
    (void)snprintf(query, sizeof query, "?limit=2&cursor=%s",
                   json_string_value(json_object_get(answer, "cursor")));
    json_decref(answer);
    answer = get(query, 200);
    assert_int_equal(json_array_size(json_object_get(answer, "artifacts")), 2);
    check_item(answer, 0, "lens", 100);
    check_item(answer, 1, "spectrum", 10);
    assert_true(json_is_false(json_object_get(answer, "more")));
    const char *cursor = json_string_value(json_object_get(answer, "cursor"));
    (void)snprintf(query, sizeof query, "?cursor=%s", cursor);
    json_t *rest = get(query, 200); /* the end: its cursor stays where it is */
    assert_int_equal(json_array_size(json_object_get(rest, "artifacts")), 0);
    assert_string_equal(json_string_value(json_object_get(rest, "cursor")), cursor);
    json_decref(rest);
    json_decref(answer);
}

static void test_a_job_without_artifacts_has_an_empty_list(void **state)
{
    (void)state;
    char path[128], id[IMLD_JOB_ID_MAX];
    imld_job_id(make_job(&world, small_job), id);
    (void)snprintf(path, sizeof path, "/v1/jobs/%s/artifacts", id);
    json_t *answer = ask_json(&world, "GET", path, NULL, NULL, 200);
    assert_int_equal(json_array_size(json_object_get(answer, "artifacts")), 0);
    const char *cursor = json_string_value(json_object_get(answer, "cursor"));
    assert_string_equal(cursor, "0");
    (void)snprintf(path, sizeof path, "/v1/jobs/%s/artifacts?cursor=%s", id, cursor);
    json_decref(ask_json(&world, "GET", path, NULL, NULL, 200));
    json_decref(answer);
}

static void test_the_newest_or_that_of_a_step(void **state)
{
    (void)state;
    json_t *answer = get("/lens", 200);
    assert_int_equal(json_integer_value(json_object_get(answer, "step")), 100);
    json_decref(answer);
    answer = get("/lens?step=20", 200);
    assert_int_equal(json_integer_value(json_object_get(answer, "step")), 20);
    json_decref(answer);
    answer = get("/spectrum", 200);
    assert_int_equal(json_array_size(json_object_get(answer, "ritz")), 2);
    json_decref(answer);
}

static void test_an_etag_spares_the_document(void **state)
{
    (void)state;
    char path[128], headers[256], etag[512];
    struct reply reply;
    (void)snprintf(path, sizeof path, "%s/lens", base);
    ask(&world, "GET", path, NULL, NULL, &reply);
    assert_int_equal(reply.status, 200);
    assert_string_equal(reply.body, "{\"name\":\"lens\",\"step\":100}");
    (void)snprintf(headers, sizeof headers, "If-None-Match: %.100s\r\n",
                   reply_header(&reply, "ETag", etag));
    reply_clear(&reply);
    ask(&world, "GET", path, headers, NULL, &reply);
    assert_int_equal(reply.status, 304);
    reply_clear(&reply);
    (void)snprintf(path, sizeof path, "%s/lens?step=3", base);
    ask(&world, "GET", path, headers, NULL, &reply);
    assert_int_equal(reply.status, 200);
    reply_clear(&reply);
}

static void check_detail(const char *rest, unsigned status, const char *part)
{
    json_t *answer = get(rest, status);
    const char *detail = json_string_value(json_object_get(answer, "detail"));
    if (!detail || !strstr(detail, part)) fail_msg("%s: %s", rest, detail ? detail : "no detail");
    json_decref(answer);
}

static void test_what_is_not_there_is_told(void **state)
{
    (void)state;
    check_detail("/variance", 404, "artifacts lists those it has");
    check_detail("/variance?step=3", 404, "has no artifact variance;");
    check_detail("/lens?step=4", 404, "its newest is of step 100");
    check_detail("/lens?step=x", 400, "?step");
    check_detail("/lens?steps=4", 400, "?steps");
    check_detail("?limit=0", 400, "?limit");
    check_detail("?limit=1001", 400, "?limit");
    static const char *const cursors[] = {
        "lens", "lens.", "lens.x", ".3", "lens.3x", "", "lens.99999999999999999999", "1"};
    for (size_t i = 0; i < sizeof cursors / sizeof cursors[0]; i++) {
        char query[64];
        (void)snprintf(query, sizeof query, "?cursor=%s", cursors[i]);
        check_detail(query, 400, "?cursor");
    }
    json_decref(ask_json(&world, "GET", "/v1/jobs/j9999999/artifacts", NULL, NULL, 404));
    json_decref(ask_json(&world, "GET", "/v1/jobs/j9999999/artifacts/lens", NULL, NULL, 404));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_list_is_sorted_and_continued),
        cmocka_unit_test(test_a_job_without_artifacts_has_an_empty_list),
        cmocka_unit_test(test_the_newest_or_that_of_a_step),
        cmocka_unit_test(test_an_etag_spares_the_document),
        cmocka_unit_test(test_what_is_not_there_is_told),
    };
    return cmocka_run_group_tests(tests, open_world, close_world);
}
