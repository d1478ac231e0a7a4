/* test_queue.c: claim order, and what a run's end by shutdown or by a lost process leaves behind
 * (DESIGN §5). */
#include "fixture.h"

#include <string.h>

static void test_claims_follow_priority_then_number(void **state)
{
    (void)state;
    static const int64_t priorities[] = {0, -1, 3, 0, 3};
    static const size_t order[] = {2, 4, 0, 3, 1};
    int64_t numbers[5];
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(run_create(&fixture, "job", priorities[i], &numbers[i]), IML_OK);
    struct iml_error error = {0};
    struct imld_reader *reader = imld_reader_take(fixture.storage, &error);
    int64_t ahead = 0;
    int64_t first[8];
    size_t first_count = 0;
    assert_int_equal(imld_jobs_ahead(reader, numbers[3], &ahead, first, &first_count, &error),
                     IML_OK);
    imld_reader_give(reader);
    assert_int_equal(ahead, 3);
    assert_int_equal(first_count, 3);
    assert_int_equal(first[0], numbers[2]);
    for (size_t i = 0; i < 5; i++) {
        int64_t claimed = 0;
        assert_int_equal(run_claim(&fixture, &claimed, NULL), IML_OK);
        assert_int_equal(claimed, numbers[order[i]]);
    }
    int64_t none = -1;
    assert_int_equal(run_claim(&fixture, &none, NULL), IML_OK);
    assert_int_equal(none, 0);
}

static void lose_process(void)
{
    fixture_close(
        &fixture); /* nothing is written at close: the job stays running in the database */
    fixture_open(&fixture);
}

static void test_a_lost_run_is_requeued_as_a_suspect(void **state)
{
    (void)state;
    struct imld_job job;
    int64_t requeued = 0;
    int64_t failed = 0;
    const int64_t number = make_running(&fixture);
    lose_process();
    assert_int_equal(run_recover(&fixture, &requeued, &failed), IML_OK);
    assert_int_equal(requeued, 1);
    get_job(&fixture, number, &job);
    assert_int_equal(job.state, IMLD_QUEUED);
    assert_int_equal(job.attempt, 2);
    assert_int_equal(job.losses, 1);
    assert_true(job.is_suspect);
    imld_job_clear(&job);
    int64_t claimed = 0;
    bool from_checkpoint = true;
    assert_int_equal(run_claim(&fixture, &claimed, &from_checkpoint), IML_OK);
    assert_false(from_checkpoint);
    assert_int_equal(run_checkpoint(&fixture, number, "step-5", 5, 3), IML_OK);
    get_job(&fixture, number, &job);
    assert_int_equal(job.losses, 0);
    assert_false(job.is_suspect);
    imld_job_clear(&job);
}

static void test_the_third_loss_of_a_suspect_that_ran_alone_fails_it(void **state)
{
    (void)state;
    struct imld_job job;
    int64_t claimed = 0;
    int64_t failed = 0;
    const int64_t number = make_running(&fixture);
    for (int loss = 1; loss <= 3; loss++) {
        lose_process();
        assert_int_equal(run_recover(&fixture, NULL, &failed), IML_OK);
        assert_int_equal(failed, loss == 3);
        if (loss < 3) assert_int_equal(run_claim(&fixture, &claimed, NULL), IML_OK);
    }
    get_job(&fixture, number, &job);
    assert_int_equal(job.state, IMLD_FAILED);
    assert_int_equal(job.losses, 3);
    assert_non_null(job.error);
    assert_non_null(strstr(job.reason, "process_lost"));
    imld_job_clear(&job);
    assert_int_equal(run_verb(&fixture, number, IMLD_VERB_RETRY, NULL), IML_OK);
    get_job(&fixture, number, &job);
    assert_int_equal(job.state, IMLD_QUEUED);
    assert_int_equal(job.losses, 0);
    assert_null(job.error);
    imld_job_clear(&job);
}

static void test_suspects_that_ran_together_are_not_failed(void **state)
{
    (void)state;
    int64_t failed = 0;
    int64_t claimed = 0;
    (void)make_running(&fixture);
    (void)make_running(&fixture);
    for (int loss = 1; loss <= 4; loss++) {
        lose_process();
        assert_int_equal(run_recover(&fixture, NULL, &failed), IML_OK);
        assert_int_equal(failed, 0);
        assert_int_equal(run_claim(&fixture, &claimed, NULL), IML_OK);
        assert_int_equal(run_claim(&fixture, &claimed, NULL), IML_OK);
    }
}

static void test_a_stored_intent_survives_the_process(void **state)
{
    (void)state;
    const int64_t paused = make_running(&fixture);
    const int64_t cancelled = make_running(&fixture);
    const int64_t stopped = make_running(&fixture);
    assert_int_equal(run_verb(&fixture, paused, IMLD_VERB_PAUSE, NULL), IML_OK);
    assert_int_equal(run_verb(&fixture, cancelled, IMLD_VERB_CANCEL, NULL), IML_OK);
    assert_int_equal(run_verb(&fixture, stopped, IMLD_VERB_STOP, NULL), IML_OK);
    lose_process();
    assert_int_equal(run_recover(&fixture, NULL, NULL), IML_OK);
    assert_int_equal(state_of(&fixture, paused), IMLD_PAUSED);
    assert_int_equal(state_of(&fixture, cancelled), IMLD_CANCELLED);
    struct imld_job job; /* the next run restores the best weights, then stops */
    get_job(&fixture, stopped, &job);
    assert_int_equal(job.state, IMLD_QUEUED);
    assert_int_equal(job.intents, 1u << IMLD_VERB_STOP);
    imld_job_clear(&job);
}

static void test_shutdown_leaves_the_attempt(void **state)
{
    (void)state;
    struct imld_job job;
    const int64_t number = make_running(&fixture);
    assert_int_equal(run_end(&fixture, number, IMLD_VERB_SHUTDOWN), IML_OK);
    get_job(&fixture, number, &job);
    assert_int_equal(job.state, IMLD_QUEUED);
    assert_int_equal(job.attempt, 1);
    assert_false(job.is_suspect);
    imld_job_clear(&job);
}

static void test_another_kernel_is_an_event(void **state)
{
    (void)state;
    int64_t claimed = 0;
    const int64_t number = make_running(&fixture);
    struct imld_job_opened opened = {.number = number, .split = "abc", .cpu_kernel = "Haswell"};
    imld_job_opened_prepare(&opened);
    assert_int_equal(imld_storage_run(fixture.storage, &opened.write), IML_OK);
    assert_int_equal(run_checkpoint(&fixture, number, "step-5", 5, 3), IML_OK);
    assert_int_equal(run_rows(&fixture, number, 9, 1), IML_OK);
    assert_int_equal(run_end(&fixture, number, IMLD_VERB_SHUTDOWN), IML_OK);
    assert_int_equal(run_claim(&fixture, &claimed, NULL), IML_OK);
    opened.cpu_kernel = "SkylakeX";
    opened.resumed_step = 5;
    assert_int_equal(imld_storage_run(fixture.storage, &opened.write), IML_OK);
    assert_int_equal(count_events(&fixture, number, "kernel_changed"), 1);
    struct imld_job job;
    get_job(&fixture, number, &job);
    assert_int_equal(job.step, 5);
    assert_string_equal(job.split, "abc");
    imld_job_clear(&job);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_claims_follow_priority_then_number),
        FIXTURE_TEST(test_a_lost_run_is_requeued_as_a_suspect),
        FIXTURE_TEST(test_the_third_loss_of_a_suspect_that_ran_alone_fails_it),
        FIXTURE_TEST(test_suspects_that_ran_together_are_not_failed),
        FIXTURE_TEST(test_a_stored_intent_survives_the_process),
        FIXTURE_TEST(test_shutdown_leaves_the_attempt),
        FIXTURE_TEST(test_another_kernel_is_an_event),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
