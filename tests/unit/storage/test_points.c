/* test_points.c: metric rows: upsert, values that are not finite, columns, latest and best (DESIGN
 * §4, §6). */
#include "fixture.h"

#include <math.h>
#include <string.h>

static int64_t job;

static int setup(void **state)
{
    (void)fixture_setup(state);
    job = make_running(&fixture);
    return 0;
}

static void write_rows(const struct imld_point_row *rows, size_t count, int64_t step)
{
    struct imld_rows_write request = {
        .job = job, .rows = rows, .count = count, .step = step, .steps_of = 50};
    imld_rows_write_prepare(&request);
    assert_int_equal(imld_storage_run(fixture.storage, &request.write), IML_OK);
}

struct curve {
    struct imld_point points[16];
    char names[16][32];
    size_t count;
};

static bool add_point(void *context, const struct imld_point *point)
{
    struct curve *curve = context;
    curve->points[curve->count++] = *point;
    return curve->count < 16;
}

static bool add_name(void *context, const char *metric)
{
    struct curve *curve = context;
    strncpy(curve->names[curve->count++], metric, 31);
    return curve->count < 16;
}

static bool add_both(void *context, const char *metric, const struct imld_point *point)
{
    struct curve *curve = context;
    strncpy(curve->names[curve->count], metric, 31);
    return add_point(context, point);
}

static struct imld_reader *reader(void)
{
    struct iml_error error = {0};
    struct imld_reader *taken = imld_reader_take(fixture.storage, &error);
    assert_non_null(taken);
    return taken;
}

static void read_curve(const char *metric, int64_t from, int64_t to, size_t limit,
                       struct curve *curve)
{
    struct iml_error error = {0};
    *curve = (struct curve){.count = 0};
    struct imld_reader *taken = reader();
    const struct imld_point_range range = {
        .job = job, .metric = metric, .from = from, .to = to, .limit = limit};
    assert_int_equal(imld_points_read(taken, &range, add_point, curve, &error), IML_OK);
    imld_reader_give(taken);
}

static void test_a_row_replaces_the_one_of_its_key(void **state)
{
    (void)state;
    struct curve curve;
    const struct imld_point_row first[] = {{"train/loss", 0, 1}, {"train/loss", 10, 2}};
    const struct imld_point_row again[] = {{"train/loss", 10, 3}, {"train/loss", 20, 4}};
    write_rows(first, 2, 10);
    write_rows(again, 2, 20);
    read_curve("train/loss", 0, INT64_MAX, 16, &curve);
    assert_int_equal(curve.count, 3);
    assert_true(curve.points[1].step == 10 && curve.points[1].value == 3);
    read_curve("train/loss", 5, 10, 16, &curve);
    assert_int_equal(curve.count, 1);
    read_curve("train/loss", 0, 100, 2, &curve);
    assert_int_equal(curve.count, 2);
    read_curve("no/such", 0, 100, 16, &curve);
    assert_int_equal(curve.count, 0);
}

static void test_floats_come_back_bit_for_bit(void **state)
{
    (void)state;
    static const float values[] = {0.1f, -0.0f, 1e-45f, 3.4028235e38f, 16777217.0f, -1.5f};
    struct imld_point_row rows[6];
    struct curve curve;
    for (size_t i = 0; i < 6; i++) rows[i] = (struct imld_point_row){"m", (int64_t)i, values[i]};
    write_rows(rows, 6, 5);
    read_curve("m", 0, 10, 16, &curve);
    assert_int_equal(curve.count, 6);
    for (size_t i = 0; i < 6; i++) assert_true(curve.points[i].value == values[i]);
}

static void test_what_is_not_finite_keeps_its_kind(void **state)
{
    (void)state;
    const struct imld_point_row rows[] = {
        {"m", 0, NAN}, {"m", 1, INFINITY}, {"m", 2, -INFINITY}, {"m", 3, 1}};
    struct curve curve;
    write_rows(rows, 4, 3);
    read_curve("m", 0, 10, 16, &curve);
    assert_int_equal(curve.count, 4);
    assert_true(isnan(curve.points[0].value));
    assert_true(isinf(curve.points[1].value) && curve.points[1].value > 0);
    assert_true(isinf(curve.points[2].value) && curve.points[2].value < 0);
    assert_string_equal(imld_value_kind_name(IMLD_NAN), "nan");
    assert_string_equal(imld_value_kind_name(IMLD_PLUS_INF), "inf");
    assert_string_equal(imld_value_kind_name(IMLD_MINUS_INF), "-inf");
    assert_string_equal(imld_value_kind_name(IMLD_FINITE), "");
}

static void test_best_is_the_first_of_equals_among_finite_rows(void **state)
{
    (void)state;
    const struct imld_point_row rows[] = {{"m", 0, NAN},  {"m", 1, 0.5f},     {"m", 2, 0.9f},
                                          {"m", 3, 0.9f}, {"m", 4, INFINITY}, {"m", 5, 2},
                                          {"m", 6, -1},   {"n", 0, NAN}};
    struct iml_error error = {0};
    struct imld_point best;
    bool found = false;
    write_rows(rows, 8, 4);
    struct imld_reader *taken = reader();
    assert_int_equal(
        imld_points_best(taken, &(struct imld_point_range){.job = job, .metric = "m", .to = 4},
                         true, &best, &found, &error),
        IML_OK);
    assert_true(found && best.step == 2); /* rows beyond step 4 are of a time before a crash */
    assert_int_equal(
        imld_points_best(taken, &(struct imld_point_range){.job = job, .metric = "m", .to = 4},
                         false, &best, &found, &error),
        IML_OK);
    assert_true(found && best.step == 1);
    assert_int_equal(
        imld_points_best(taken, &(struct imld_point_range){.job = job, .metric = "n", .to = 4},
                         true, &best, &found, &error),
        IML_OK);
    assert_false(found);
    imld_reader_give(taken);
}

static void test_latest_ignores_later_rows(void **state)
{
    (void)state;
    const struct imld_point_row rows[] = {{"b", 0, 1}, {"a", 0, 2}, {"b", 5, 3},
                                          {"a", 9, 4}, {"c", 9, 5}, {"b", 7, NAN}};
    struct iml_error error = {0};
    struct curve curve = {.count = 0};
    write_rows(rows, 6, 8);
    struct imld_reader *taken = reader();
    assert_int_equal(imld_points_latest(taken, job, 8, add_both, &curve, &error), IML_OK);
    assert_int_equal(curve.count, 2);
    assert_string_equal(curve.names[0], "b");
    assert_true(curve.points[0].step == 7 && isnan(curve.points[0].value));
    assert_string_equal(curve.names[1], "a");
    assert_true(curve.points[1].step == 0 && curve.points[1].value == 2);
    curve = (struct curve){.count = 0};
    assert_int_equal(imld_points_metrics(taken, job, add_name, &curve, &error), IML_OK);
    imld_reader_give(taken);
    assert_int_equal(curve.count, 3);
    assert_string_equal(curve.names[0], "b");
    assert_string_equal(curve.names[2], "c");
}

static void test_rows_set_the_progress(void **state)
{
    (void)state;
    struct imld_job stored;
    assert_int_equal(run_rows(&fixture, job, 7, 1), IML_OK);
    get_job(&fixture, job, &stored);
    assert_int_equal(stored.step, 7);
    assert_int_equal(stored.steps_of, 100);
    assert_true(stored.running_seconds == 1);
    imld_job_clear(&stored);
}

static void test_more_metrics_than_are_remembered_in_a_batch(void **state)
{
    (void)state;
    char names[100][8];
    struct imld_point_row rows[200];
    struct iml_error error = {0};
    struct imld_point best;
    bool found = false;
    for (size_t i = 0; i < 200; i++) {
        const size_t metric = i % 100;
        names[metric][0] = 'm';
        names[metric][1] = (char)('0' + metric / 10);
        names[metric][2] = (char)('0' + metric % 10);
        names[metric][3] = '\0';
        rows[i] = (struct imld_point_row){names[metric], (int64_t)(i / 100), (float)i};
    }
    write_rows(rows, 200, 1);
    struct imld_reader *taken = reader();
    for (size_t i = 0; i < 100; i++) {
        assert_int_equal(
            imld_points_best(taken,
                             &(struct imld_point_range){.job = job, .metric = names[i], .to = 9},
                             true, &best, &found, &error),
            IML_OK);
        assert_true(found && best.step == 1 && best.value == (float)(100 + i));
    }
    imld_reader_give(taken);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_row_replaces_the_one_of_its_key),
        TEST(test_floats_come_back_bit_for_bit),
        TEST(test_what_is_not_finite_keeps_its_kind),
        TEST(test_best_is_the_first_of_equals_among_finite_rows),
        TEST(test_latest_ignores_later_rows),
        TEST(test_rows_set_the_progress),
        TEST(test_more_metrics_than_are_remembered_in_a_batch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
