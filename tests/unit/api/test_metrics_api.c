/* test_metrics_api.c: rows as columns and as CSV: exact digits, NaN, thinning, cursors. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/columns.h"
#include "storage/points.h"
#include "tests/unit/check.h"
#include "world.h"

static struct world world;
static int64_t job;
static char base[64];

static void write_rows(const struct imld_point_row *rows, size_t count, int64_t step)
{
    struct imld_rows_write write = {
        .job = job, .rows = rows, .count = count, .step = step, .steps_of = 10000};
    imld_rows_write_prepare(&write);
    assert_int_equal(imld_storage_run(world.storage, &write.write), IML_OK);
}

static int open_world(void **state)
{
    (void)state;
    world_open(&world, NULL);
    job = make_job(&world, small_job);
    assert_int_equal(claim_job(&world), job);
    char id[IMLD_JOB_ID_MAX];
    imld_job_id(job, id);
    (void)snprintf(base, sizeof base, "/v1/jobs/%s", id);
    const struct imld_point_row rows[] = {
        {"train/loss", 0, 2.302585F},   {"validation/accuracy", 0, 0.1F},
        {"train/loss", 10, 0.912F},     {"validation/accuracy", 10, 0.912F},
        {"train/loss", 20, NAN},        {"validation/accuracy", 20, 0.912F},
        {"train/loss", 30, HUGE_VALF},  {"validation/accuracy", 30, 0.5F},
        {"train/loss", 40, -HUGE_VALF}, {"test/accuracy", 40, 1.0F / 3},
        {"train/loss", 50, 1e-40F},     {"train/loss", 60, 16777216.0F},
    };
    write_rows(rows, sizeof rows / sizeof rows[0], 60);
    return 0;
}

static int close_world(void **state)
{
    (void)state;
    world_close(&world);
    return 0;
}

static json_t *get(const char *query, unsigned status)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s/metrics%s", base, query);
    return ask_json(&world, "GET", path, NULL, NULL, status);
}

static const json_t *column(const json_t *answer, const char *metric, const char *part)
{
    return json_object_get(json_object_get(json_object_get(answer, "metrics"), metric), part);
}

static void test_columns_hold_every_row(void **state)
{
    (void)state;
    json_t *answer = get("", 200);
    assert_int_equal(json_object_size(json_object_get(answer, "metrics")), 3);
    assert_int_equal(json_array_size(column(answer, "train/loss", "step")), 7);
    assert_int_equal(json_array_size(column(answer, "train/loss", "value")), 7);
    assert_true(json_is_null(json_array_get(column(answer, "train/loss", "value"), 2)));
    const json_t *kind = column(answer, "train/loss", "kind");
    assert_int_equal(json_object_size(kind), 3);
    assert_string_equal(json_string_value(json_object_get(kind, "20")), "nan");
    assert_string_equal(json_string_value(json_object_get(kind, "30")), "inf");
    assert_string_equal(json_string_value(json_object_get(kind, "40")), "-inf");
    const double tiny = json_real_value(json_array_get(column(answer, "train/loss", "value"), 5));
    assert_true((float)tiny == 1e-40F);
    assert_true(json_is_false(json_object_get(answer, "thinned")));
    json_decref(answer);
}

static void test_floats_have_their_fewest_digits(void **state)
{
    (void)state;
    char path[128];
    struct reply reply;
    (void)snprintf(path, sizeof path, "%s/metrics?names=validation/accuracy,test/accuracy", base);
    ask(&world, "GET", path, NULL, NULL, &reply);
    assert_non_null(strstr(reply.body, "\"value\":[0.1,0.912,0.912,0.5]"));
    assert_non_null(strstr(reply.body, "\"value\":[0.33333334]"));
    reply_clear(&reply);
}

static void test_csv(void **state)
{
    (void)state;
    char path[128], type[512];
    struct reply reply;
    (void)snprintf(path, sizeof path, "%s/metrics?names=train/loss&from=10&to=40", base);
    ask(&world, "GET", path, "Accept: text/csv\r\n", NULL, &reply);
    assert_int_equal(reply.status, 200);
    assert_string_equal(reply_header(&reply, "Content-Type", type), "text/csv; charset=utf-8");
    assert_string_equal(reply_header(&reply, "X-More", type), "false");
    assert_string_equal(reply.body,
                        "metric,step,value,kind\ntrain/loss,10,0.912,\n"
                        "train/loss,20,,nan\ntrain/loss,30,,inf\ntrain/loss,40,,-inf\n");
    reply_clear(&reply);
}

static void test_a_cursor_gives_only_what_is_new(void **state)
{
    (void)state;
    char query[256];
    json_t *answer = get("?names=train/loss,meta/gradient_norm", 200);
    (void)snprintf(query, sizeof query, "?names=train/loss,meta/gradient_norm&cursor=%s",
                   json_string_value(json_object_get(answer, "cursor")));
    json_decref(answer);
    answer = get(query, 200);
    assert_int_equal(json_array_size(column(answer, "train/loss", "step")), 0);
    assert_string_equal(json_string_value(json_object_get(answer, "cursor")),
                        strstr(query, "cursor=") + strlen("cursor="));
    json_decref(answer);
    /* a metric that was not there yet comes from its first row on */
    const struct imld_point_row more[] = {{"train/loss", 70, 0.25F},
                                          {"meta/gradient_norm", 40, 3.5F}};
    write_rows(more, 2, 70);
    answer = get(query, 200);
    assert_int_equal(json_array_size(column(answer, "train/loss", "step")), 1);
    assert_int_equal(json_array_size(column(answer, "meta/gradient_norm", "step")), 1);
    json_decref(answer);
}

static void test_the_job_shows_best_and_latest(void **state)
{
    (void)state;
    struct reply reply;
    ask(&world, "GET", base, NULL, NULL, &reply);
    /* the first of equals; a value that is not finite is null */
    assert_non_null(strstr(reply.body, "\"best\":{\"metric\":\"validation/accuracy\","
                                       "\"value\":0.912,\"step\":10}"));
    assert_non_null(strstr(reply.body, "\"validation/accuracy\":0.5"));
    assert_non_null(strstr(reply.body, "\"progress\":{\"step\":7,\"of\":70,\"eta_seconds\":12.5}"));
    json_t *shown = reply_json(&reply);
    json_decref(shown);
    reply_clear(&reply);
}

enum { MANY = 20000 };

static float curve(int64_t step)
{
    if (step == 777) return 1000;
    if (step == 12345) return -1000;
    if (step == 5000) return NAN;
    return (float)sin((double)step / 1000);
}

static void test_thinning_keeps_what_stands_out(void **state)
{
    (void)state;
    struct imld_point_row *rows = calloc(MANY, sizeof *rows);
    assert_non_null(rows);
    for (int64_t i = 0; i < MANY; i++)
        rows[i] = (struct imld_point_row){"validation/loss", i, curve(i)};
    write_rows(rows, MANY, MANY);
    free(rows);
    json_t *all = get("?names=validation/loss", 200);
    assert_int_equal(json_array_size(column(all, "validation/loss", "step")), MANY);
    json_decref(all);
    json_t *thin = get("?names=validation/loss&max_points=100", 200);
    const json_t *steps = column(thin, "validation/loss", "step");
    const json_t *values = column(thin, "validation/loss", "value");
    const size_t count = json_array_size(steps);
    bool has_peak = false, has_hole = false;
    assert_true(json_is_true(json_object_get(thin, "thinned")));
    assert_true(count <= 100 && count > 40);
    assert_int_equal(json_integer_value(json_array_get(steps, 0)), 0);
    assert_int_equal(json_integer_value(json_array_get(steps, count - 1)), MANY - 1);
    for (size_t i = 0; i < count; i++) {
        const json_int_t step = json_integer_value(json_array_get(steps, i));
        if (i) assert_true(step > json_integer_value(json_array_get(steps, i - 1)));
        has_peak |= step == 777 && json_number_value(json_array_get(values, i)) > 999;
        has_hole |= step == 12345 && json_number_value(json_array_get(values, i)) < -999;
    }
    assert_true(has_peak && has_hole);
    assert_string_equal(
        json_string_value(json_object_get(column(thin, "validation/loss", "kind"), "5000")), "nan");
    json_decref(thin);
}

static void test_thinning_a_column(void **state)
{
    (void)state;
    for (size_t count = 0; count < 60; count++) {
        struct imld_column kept = {.points = calloc(60, sizeof(struct imld_point)), .count = count};
        assert_non_null(kept.points);
        for (size_t i = 0; i < count; i++)
            kept.points[i] = (struct imld_point){(int64_t)i, i % 7 ? (float)(i % 5) : NAN};
        imld_column_thin(&kept, 10);
        assert_true(kept.count <= 10 || count <= 10);
        if (count) assert_int_equal(kept.points[0].step, 0);
        if (count) assert_int_equal(kept.points[kept.count - 1].step, count - 1);
        for (size_t i = 1; i < kept.count; i++)
            assert_true(kept.points[i].step > kept.points[i - 1].step);
        imld_column_clear(&kept);
    }
}

static void test_events_are_continued(void **state)
{
    (void)state;
    char path[128];
    (void)snprintf(path, sizeof path, "%s/events?limit=1", base);
    json_t *first = ask_json(&world, "GET", path, NULL, NULL, 200);
    assert_int_equal(json_array_size(json_object_get(first, "events")), 1);
    assert_true(json_is_true(json_object_get(first, "more")));
    const json_t *event = json_array_get(json_object_get(first, "events"), 0);
    assert_string_equal(json_string_value(json_object_get(event, "kind")), "created");
    (void)snprintf(path, sizeof path, "%s/events?cursor=%s", base,
                   json_string_value(json_object_get(first, "cursor")));
    json_decref(first);
    json_t *rest = ask_json(&world, "GET", path, NULL, NULL, 200);
    assert_true(json_array_size(json_object_get(rest, "events")) >= 1);
    assert_true(json_is_false(json_object_get(rest, "more")));
    json_decref(rest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_columns_hold_every_row),
        cmocka_unit_test(test_floats_have_their_fewest_digits),
        cmocka_unit_test(test_csv),
        cmocka_unit_test(test_the_job_shows_best_and_latest),
        cmocka_unit_test(test_a_cursor_gives_only_what_is_new),
        cmocka_unit_test(test_thinning_keeps_what_stands_out),
        cmocka_unit_test(test_thinning_a_column),
        cmocka_unit_test(test_events_are_continued),
    };
    return cmocka_run_group_tests(tests, open_world, close_world);
}
