/* test_origin_api.c: a job that starts from another job's checkpoint: submitted, tried dry, refused
 * with its pointers; and the other job, which can't be deleted meanwhile. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spec/resolve.h"
#include "storage/checkpoints.h"
#include "tests/unit/check.h"
#include "world.h"

static struct world world;
static int64_t source;
static char source_id[IMLD_JOB_ID_MAX];

static void write_checkpoint(const char *name, int64_t step)
{
    const float value = (float)step;
    const struct imld_tensor tensor = {
        .name = "t", .dtype = "F32", .data = &value, .bytes = sizeof value};
    struct imld_checkpoint_file file = {.step = step, .tensors = &tensor, .tensor_count = 1};
    (void)snprintf(file.name, sizeof file.name, "%s", name);
    struct iml_error error = {0};
    assert_int_equal(imld_checkpoint_write(world.storage, source, &file, 1, 3, NULL, &error),
                     IML_OK);
}

static int open_world(void **state)
{
    (void)state;
    world_open(&world, NULL);
    source = make_job(&world, "{\"algorithm\":\"supervised\",\"data\":{\"set\":\"tiny\"},"
                              "\"model\":{\"hidden\":[7]},\"seed\":21}");
    assert_int_equal(claim_job(&world), source);
    imld_job_id(source, source_id);
    write_checkpoint("step-40", 40);
    write_checkpoint("best", 30);
    return 0;
}

static int close_world(void **state)
{
    (void)state;
    world_close(&world);
    return 0;
}

/* {"algorithm": supervised, "from": {"job": SOURCE rest}} */
static json_t *submit(const char *query, const char *rest, unsigned status)
{
    char path[64], body[512];
    (void)snprintf(path, sizeof path, "/v1/jobs%s", query);
    (void)snprintf(body, sizeof body, "{\"algorithm\":\"supervised\",\"from\":{\"job\":\"%s\"%s}",
                   source_id, rest);
    return ask_json(&world, "POST", path, NULL, body, status);
}

static void check_spec(const json_t *spec, const char *checkpoint, int64_t step)
{
    assert_string_equal(json_string_value(imld_json_at(spec, "/data/set")), "tiny");
    assert_int_equal(json_integer_value(imld_json_at(spec, "/model/hidden/0")), 7);
    assert_string_equal(json_string_value(imld_json_at(spec, "/from/checkpoint")), checkpoint);
    assert_int_equal(json_integer_value(imld_json_at(spec, "/from/step")), step);
    assert_int_equal(json_integer_value(imld_json_at(spec, "/from/split_seed")), 21);
    assert_int_equal(strlen(json_string_value(imld_json_at(spec, "/from/sha256"))), 64);
}

static int64_t number_of(const json_t *job)
{
    int64_t number = 0;
    assert_true(imld_job_number(json_string_value(json_object_get(job, "id")), &number));
    return number;
}

static void end_all(int64_t number)
{
    char path[64], id[IMLD_JOB_ID_MAX];
    imld_job_id(number, id);
    (void)snprintf(path, sizeof path, "/v1/jobs/%s/cancel", id);
    json_decref(ask_json(&world, "POST", path, NULL, NULL, 202));
}

static void test_the_stored_spec_names_the_checkpoint_for_good(void **state)
{
    (void)state;
    json_t *dry = submit("?dry_run=true", "}", 200);
    check_spec(json_object_get(dry, "spec"), "best", 30);
    json_t *job = submit("", "}", 201);
    check_spec(json_object_get(job, "spec"), "best", 30);
    assert_true(json_equal(json_object_get(job, "spec"), json_object_get(dry, "spec")));
    json_t *other = submit("", ",\"checkpoint\":\"step-40\"}", 201);
    check_spec(json_object_get(other, "spec"), "step-40", 40);
    /* the resolved spec can be sent again, as long as the checkpoint is the same */
    char *body = json_dumps(json_object_get(job, "spec"), 0);
    json_t *again = ask_json(&world, "POST", "/v1/jobs", NULL, body, 201);
    write_checkpoint("best", 50);
    json_t *refused = ask_json(&world, "POST", "/v1/jobs", NULL, body, 422);
    const json_t *errors = json_object_get(refused, "errors");
    assert_int_equal(json_array_size(errors), 2);
    assert_string_equal(json_string_value(imld_json_at(refused, "/errors/0/pointer")),
                        "/from/sha256");
    assert_string_equal(json_string_value(imld_json_at(refused, "/errors/1/pointer")),
                        "/from/step");
    end_all(number_of(job));
    end_all(number_of(other));
    end_all(number_of(again));
    json_decref(refused);
    json_decref(again);
    json_decref(other);
    json_decref(job);
    json_decref(dry);
    free(body);
}

struct bad {
    const char *rest, *pointer, *detail;
};

static void test_what_is_wrong_is_told_at_its_pointer(void **state)
{
    (void)state;
    static const struct bad table[] = {
        {",\"checkpoint\":\"last\"}", "/from/checkpoint", "which is running, has step-40, best"},
        {",\"checkpoint\":\"step-7\"}", "/from/checkpoint", "found \"step-7\""},
        {"},\"data\":{\"set\":\"tiny\"}", "/data", "leave it out"},
        {"},\"model\":{}", "/model", "leave it out"},
        {",\"split_seed\":1}", "/from/split_seed", "21"},
        {"},\"meta\":{}", "/meta", "not used by"},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        json_t *answer = submit("", table[i].rest, 422);
        const json_t *first = json_array_get(json_object_get(answer, "errors"), 0);
        assert_string_equal(json_string_value(json_object_get(first, "pointer")), table[i].pointer);
        assert_non_null(
            strstr(json_string_value(json_object_get(first, "detail")), table[i].detail));
        json_decref(answer);
    }
    static const char *const jobs[] = {"j9999999", "42", "nothing", "j1", "../x"};
    for (size_t i = 0; i < sizeof jobs / sizeof jobs[0]; i++) {
        char body[128];
        (void)snprintf(body, sizeof body,
                       "{\"algorithm\":\"supervised\",\"from\":{\"job\":\"%s\"}}", jobs[i]);
        json_t *answer = ask_json(&world, "POST", "/v1/jobs", NULL, body, 422);
        const json_t *errors = json_object_get(answer, "errors");
        assert_int_equal(json_array_size(errors), 1);
        assert_string_equal(json_string_value(imld_json_at(answer, "/errors/0/pointer")),
                            "/from/job");
        json_decref(answer);
    }
}

static void test_a_job_without_checkpoints_can_not_be_started_from(void **state)
{
    (void)state;
    char body[128], id[IMLD_JOB_ID_MAX];
    const int64_t empty = make_job(&world, small_job);
    imld_job_id(empty, id);
    (void)snprintf(body, sizeof body, "{\"algorithm\":\"supervised\",\"from\":{\"job\":\"%s\"}}",
                   id);
    json_t *answer = ask_json(&world, "POST", "/v1/jobs", NULL, body, 422);
    const char *detail = json_string_value(imld_json_at(answer, "/errors/0/detail"));
    assert_non_null(strstr(detail, "which is queued, has no checkpoint yet"));
    json_decref(answer);
    end_all(empty);
}

/* Last: it ends the source. */
static void test_the_source_can_not_be_deleted_meanwhile(void **state)
{
    (void)state;
    char path[64], id[IMLD_JOB_ID_MAX];
    json_t *job = submit("", "}", 201);
    const int64_t child = number_of(job);
    json_decref(job);
    imld_job_id(child, id);
    end_job(&world, source, IMLD_VERB_FINISH);
    (void)snprintf(path, sizeof path, "/v1/jobs/%s", source_id);
    json_t *answer = ask_json(&world, "DELETE", path, NULL, NULL, 409);
    assert_non_null(strstr(json_string_value(json_object_get(answer, "detail")), id));
    assert_non_null(strstr(json_string_value(json_object_get(answer, "mend")), "cancel them"));
    json_decref(answer);
    end_all(child);
    json_decref(ask_json(&world, "DELETE", path, NULL, NULL, 204));
    json_t *refused = submit("", "}", 422);
    assert_string_equal(json_string_value(imld_json_at(refused, "/errors/0/pointer")), "/from/job");
    json_decref(refused);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_stored_spec_names_the_checkpoint_for_good),
        cmocka_unit_test(test_what_is_wrong_is_told_at_its_pointer),
        cmocka_unit_test(test_a_job_without_checkpoints_can_not_be_started_from),
        cmocka_unit_test(test_the_source_can_not_be_deleted_meanwhile),
    };
    return cmocka_run_group_tests(tests, open_world, close_world);
}
