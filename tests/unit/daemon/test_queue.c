/* test_queue.c: the claim policy on lists of queued jobs (DESIGN §5). */
#include "tests/unit/check.h"

#include <string.h>

#include "daemon/queue.h"

#define GIB (INT64_C(1) << 30)

static struct imld_queue queue_of(int64_t threads)
{
    return (struct imld_queue){
        .limits = {.threads = threads, .memory_bytes = 8 * GIB, .passing_seconds = 600}};
}

static struct imld_candidate job(int64_t number, int64_t threads)
{
    return (struct imld_candidate){.number = number, .threads = threads, .memory_bytes = GIB};
}

static struct imld_queue_load load_of(int64_t threads)
{
    return (struct imld_queue_load){
        .threads = threads, .memory_bytes = GIB, .running = threads > 0};
}

static void test_the_first_that_fits_is_taken(void **state)
{
    (void)state;
    struct imld_queue queue = queue_of(4);
    const struct imld_queue_load idle = {0};
    const struct imld_candidate queued[] = {job(7, 2), job(3, 1), job(5, 1)}; /* in claim order */
    assert_int_equal(imld_queue_choose(&queue, &idle, queued, 3, 0), 0);
    assert_int_equal(imld_queue_choose(&queue, &idle, queued, 0, 0), -1);
    const struct imld_queue_load full = load_of(4);
    assert_int_equal(imld_queue_choose(&queue, &full, queued, 3, 0), -1);
    imld_queue_clear(&queue);
}

static void test_memory_counts_as_threads_do(void **state)
{
    (void)state;
    struct imld_queue queue = queue_of(4);
    struct imld_queue_load load = load_of(1);
    load.memory_bytes = 6 * GIB;
    struct imld_candidate queued[] = {job(1, 1), job(2, 1)};
    queued[0].memory_bytes = 3 * GIB;
    assert_int_equal(imld_queue_choose(&queue, &load, queued, 2, 0), 1);
    const struct imld_waiting why = imld_queue_explain(&queue, &load, &queued[0]);
    assert_string_equal(why.rule, "memory");
    assert_true(why.asked == 3 * GIB && why.free == 2 * GIB && why.limit == 8 * GIB);
    imld_queue_clear(&queue);
}

static void test_a_wide_job_is_passed_for_a_while_and_then_holds_the_others_back(void **state)
{
    (void)state;
    struct imld_queue queue = queue_of(4);
    const struct imld_queue_load load = load_of(2);
    const struct imld_candidate queued[] = {job(1, 4), job(2, 1), job(3, 1)};
    assert_int_equal(imld_queue_choose(&queue, &load, queued, 3, 1000), 1); /* first passed here */
    assert_int_equal(imld_queue_choose(&queue, &load, queued, 3, 1599), 1);
    assert_int_equal(imld_queue_choose(&queue, &load, queued, 3, 1600), -1);
    assert_string_equal(imld_queue_explain(&queue, &load, &queued[0]).rule, "threads");
    assert_string_equal(imld_queue_explain(&queue, &load, &queued[1]).rule, "behind");
    const struct imld_queue_load idle = {0};
    assert_int_equal(imld_queue_choose(&queue, &idle, queued, 3, 1601), 0);
    imld_queue_clear(&queue);
}

static void test_waiting_without_being_passed_starts_no_clock(void **state)
{
    (void)state;
    struct imld_queue queue = queue_of(4);
    const struct imld_queue_load load = load_of(2);
    const struct imld_candidate alone[] = {job(1, 4)};
    const struct imld_candidate both[] = {job(1, 4), job(2, 1)};
    assert_int_equal(imld_queue_choose(&queue, &load, alone, 1, 0), -1);
    assert_int_equal(imld_queue_choose(&queue, &load, both, 2, 5000), 1);
    assert_int_equal(imld_queue_choose(&queue, &load, both, 2, 5599), 1);
    imld_queue_clear(&queue);
}

static void test_a_job_that_has_left_the_queue_begins_anew(void **state)
{
    (void)state;
    struct imld_queue queue = queue_of(4);
    const struct imld_queue_load load = load_of(2);
    const struct imld_candidate both[] = {job(1, 4), job(2, 1)};
    assert_int_equal(imld_queue_choose(&queue, &load, both, 2, 0), 1);
    assert_int_equal(imld_queue_choose(&queue, &load, both + 1, 1, 1), 0); /* 1 was paused */
    assert_int_equal(imld_queue_choose(&queue, &load, both, 2, 700), 1);   /* and is back */
    imld_queue_clear(&queue);
}

static void test_what_can_never_start_holds_nobody_back(void **state)
{
    (void)state;
    struct imld_queue queue = queue_of(2); /* started with fewer threads than when it was taken */
    const struct imld_queue_load idle = {0};
    const struct imld_candidate queued[] = {job(1, 4), job(2, 1)};
    for (double now = 0; now < 2000; now += 500)
        assert_int_equal(imld_queue_choose(&queue, &idle, queued, 2, now), 1);
    const struct imld_waiting why = imld_queue_explain(&queue, &idle, &queued[0]);
    assert_string_equal(why.rule, "threads");
    assert_true(why.asked == 4 && why.limit == 2);
    imld_queue_clear(&queue);
}

static void test_suspects_come_one_at_a_time(void **state)
{
    (void)state;
    struct imld_queue queue = queue_of(4);
    struct imld_candidate queued[] = {job(1, 1), job(2, 1), job(3, 1)};
    queued[0].is_suspect = queued[1].is_suspect = true;
    const struct imld_queue_load idle = {0};
    assert_int_equal(imld_queue_choose(&queue, &idle, queued, 3, 0), 0);

    /* 1 runs and has no checkpoint yet: nothing else is claimed */
    struct imld_queue_load load = load_of(1);
    load.unproven = 1;
    load.has_suspect = true;
    assert_int_equal(imld_queue_choose(&queue, &load, queued + 1, 2, 1), -1);
    assert_string_equal(imld_queue_explain(&queue, &load, &queued[2]).rule, "suspect");

    /* it has committed one: the next suspect may run beside it */
    load.unproven = 0;
    load.has_suspect = false;
    assert_int_equal(imld_queue_choose(&queue, &load, queued + 1, 2, 2), 0);
    imld_queue_clear(&queue);
}

static void test_a_suspect_does_not_run_beside_an_unproven_run(void **state)
{
    (void)state;
    struct imld_queue queue = queue_of(4);
    struct imld_candidate queued[] = {job(1, 1), job(2, 1)};
    queued[0].is_suspect = true;
    struct imld_queue_load load = load_of(1);
    load.unproven = 1;
    assert_int_equal(imld_queue_choose(&queue, &load, queued, 2, 0),
                     1); /* passed, like a wide one */
    assert_string_equal(imld_queue_explain(&queue, &load, &queued[0]).rule, "suspect");
    assert_int_equal(imld_queue_choose(&queue, &load, queued, 2, 600), -1);
    imld_queue_clear(&queue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_first_that_fits_is_taken),
        cmocka_unit_test(test_memory_counts_as_threads_do),
        cmocka_unit_test(test_a_wide_job_is_passed_for_a_while_and_then_holds_the_others_back),
        cmocka_unit_test(test_waiting_without_being_passed_starts_no_clock),
        cmocka_unit_test(test_a_job_that_has_left_the_queue_begins_anew),
        cmocka_unit_test(test_what_can_never_start_holds_nobody_back),
        cmocka_unit_test(test_suspects_come_one_at_a_time),
        cmocka_unit_test(test_a_suspect_does_not_run_beside_an_unproven_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
