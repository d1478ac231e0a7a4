/* test_clock.c: ticks only go forward, waits carry into seconds, times are written as RFC 3339 has
 * them. */
#include "base/clock.h"

#include "../check.h"

static int64_t in_ms(struct timespec tick)
{
    assert_in_range(tick.tv_nsec, 0, 999999999);
    return (int64_t)tick.tv_sec * 1000 + tick.tv_nsec / 1000000;
}

static void test_ticks_go_forward_on_one_clock(void **state)
{
    (void)state;
    const int64_t first = imld_ticks_ms();
    const double seconds = imld_ticks_seconds();
    const int64_t last = imld_ticks_ms();
    assert_true(first <= last);
    /* 1 ms of room: one is cut to whole milliseconds, the other rounded */
    assert_true((double)(first - 1) < seconds * 1000 && seconds * 1000 < (double)(last + 2));
}

static void test_a_wait_ends_its_length_from_now(void **state)
{
    (void)state;
    static const int64_t lengths[] = {0, 1, 999, 1000, 1001, 86400000};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        const int64_t first = imld_ticks_ms();
        const int64_t end = in_ms(imld_ticks_after_ms(lengths[i]));
        const int64_t last = imld_ticks_ms();
        assert_true(first + lengths[i] <= end && end <= last + lengths[i]);
    }
}

static void test_a_wait_carries_into_the_seconds(void **state)
{
    (void)state;
    bool has_carried = false;
    for (int64_t ms = 0; ms < 1000; ms++) { /* some of these pass the end of the second at hand */
        const struct timespec now = imld_ticks_after_ms(0);
        const struct timespec end = imld_ticks_after_ms(ms);
        assert_true(in_ms(end) - in_ms(now) >= ms);
        has_carried = has_carried || (ms > 0 && end.tv_nsec < now.tv_nsec);
    }
    assert_true(has_carried);
}

static void check_text(int64_t wall_ms, const char *expected)
{
    char text[IMLD_TIME_TEXT_MAX] = "before";
    assert_int_equal(imld_time_text(wall_ms, text), expected[0] != '\0');
    assert_string_equal(text, expected);
}

static void test_times_as_text(void **state)
{
    (void)state;
    check_text(0, "1970-01-01T00:00:00.000Z");
    check_text(951782399999, "2000-02-28T23:59:59.999Z");
    check_text(951782400007, "2000-02-29T00:00:00.007Z");
    check_text(253402300799999, "9999-12-31T23:59:59.999Z");
    check_text(253402300800000, "");
    check_text(-1, "");
    check_text(INT64_MAX, "");
    check_text(INT64_MIN, "");
    assert_true(imld_wall_ms() > 951782400007);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ticks_go_forward_on_one_clock),
        cmocka_unit_test(test_a_wait_ends_its_length_from_now),
        cmocka_unit_test(test_a_wait_carries_into_the_seconds),
        cmocka_unit_test(test_times_as_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
