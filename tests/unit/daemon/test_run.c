/* test_run.c: whole runs on a tiny data set with real storage: ends, results, stop rules, resumes
 * to the same bits, storage faults (DESIGN §5, §6). */
#include "tests/unit/check.h"

#include <errno.h>
#include <math.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fault.h"
#include "run_case.h"

static void check_reason(const struct imld_job *job, const char *kind, const char *rule)
{
    assert_non_null(job->reason);
    json_t *reason = json_loads(job->reason, 0, NULL);
    assert_string_equal(json_string_value(json_object_get(reason, "kind")), kind);
    const char *found = json_string_value(json_object_get(reason, "rule"));
    assert_string_equal(found ? found : "", rule);
    json_decref(reason);
}

static void test_a_job_runs_to_its_end_with_the_best_restored(void **state)
{
    struct pool *pool = *state;
    const int64_t number = pool_submit(pool, META_JOB(30, ""));
    pool_wait(pool, number, job_has_ended);
    struct imld_job job = pool_job(pool, number);
    assert_int_equal(job.state, IMLD_COMPLETED);
    check_reason(&job, "finished", "");
    case_check_result(pool, &job);
    assert_true(job.step == 180 && job.steps_of == 180);
    assert_int_equal(strlen(job.split), 64);
    assert_int_equal(pool_events(pool, number, "claimed"), 1);
    assert_int_equal(pool_events(pool, number, "completed"), 1);
    struct imld_point points[64];
    assert_int_equal(pool_points(pool, number, "meta/gradient_norm", points, 64), 30);
    assert_int_equal(pool_points(pool, number, "run/seconds", points, 64), 17);
    assert_true(points[0].step == 0 && points[16].step == 180);
    imld_job_clear(&job);
}

static void test_a_stop_rule_ends_it_with_its_numbers(void **state)
{
    struct pool *pool = *state;
    const int64_t number = pool_submit(
        pool, PLAIN_JOB(4000, 0.1,
                        ", 'early_stopping': [{'rule': 'patience', 'metric': 'validation/loss',"
                        " 'evaluations': 3, 'min_delta': 1000}]"));
    pool_wait(pool, number, job_has_ended);
    struct imld_job job = pool_job(pool, number);
    assert_int_equal(job.state, IMLD_COMPLETED);
    check_reason(&job, "stopped_by_rule", "patience");
    assert_true(job.step == 30); /* best at 0; 10, 20, 30 count */
    assert_true(case_number(job.reason, "/numbers/evaluations_since_best") == 3);
    case_check_result(pool, &job);
    imld_job_clear(&job);
}

static void test_divergence_stops_it_and_its_loss_is_a_row(void **state)
{
    struct pool *pool = *state;
    const int64_t number = pool_submit(pool, PLAIN_JOB(4000, 1e6, ""));
    pool_wait(pool, number, job_has_ended);
    struct imld_job job = pool_job(pool, number);
    assert_int_equal(job.state, IMLD_COMPLETED);
    check_reason(&job, "stopped_by_rule", "divergence");
    struct imld_point points[16];
    const size_t count = pool_points(pool, number, "train/loss", points, 16);
    assert_true(count >= 2 && points[count - 1].step == job.step);
    const float last = points[count - 1].value;
    assert_true(!isfinite(last) || last > 1000 * points[0].value);
    assert_true(case_number(job.result, "/step") == 0); /* nothing after it was better */
    imld_job_clear(&job);
}

static void test_a_run_without_a_finite_evaluation_has_no_result(void **state)
{
    struct pool *pool = *state;
    /* stopped before anything: the intent is there when the run opens */
    const int64_t wide =
        pool_submit(pool, PLAIN_JOB(1000000, 0.1, ", 'resources': {'threads': 2}" EACH_STEP));
    const int64_t number = pool_submit(pool, PLAIN_JOB(100, 0.1, ""));
    pool_wait(pool, wide, job_has_checkpoint);
    pool_verb(pool, number, IMLD_VERB_STOP); /* queued, without a checkpoint */
    pool_wait(pool, number, job_has_ended);
    struct imld_job job = pool_job(pool, number);
    assert_int_equal(job.state, IMLD_CANCELLED);
    assert_null(job.result);
    imld_job_clear(&job);
    pool_verb(pool, wide, IMLD_VERB_CANCEL);
    pool_wait(pool, wide, job_has_ended);
}

static void test_stop_gives_the_best_and_cancel_gives_nothing(void **state)
{
    struct pool *pool = *state;
    const int64_t stopped = pool_submit(pool, PLAIN_JOB(1000000, 0.1, EACH_STEP));
    const int64_t cancelled = pool_submit(pool, PLAIN_JOB(1000000, 0.2, EACH_STEP));
    pool_wait(pool, stopped, job_has_checkpoint);
    pool_verb(pool, stopped, IMLD_VERB_STOP);
    pool_wait(pool, stopped, job_has_ended);
    pool_wait(pool, cancelled, job_has_checkpoint);
    pool_verb(pool, cancelled, IMLD_VERB_CANCEL);
    pool_wait(pool, cancelled, job_has_ended);
    struct imld_job job = pool_job(pool, stopped);
    assert_int_equal(job.state, IMLD_COMPLETED);
    check_reason(&job, "stopped_by_user", "");
    case_check_result(pool, &job);
    imld_job_clear(&job);
    job = pool_job(pool, cancelled);
    assert_int_equal(job.state, IMLD_CANCELLED);
    assert_null(job.result);
    imld_job_clear(&job);
}

static void test_pauses_and_restarts_leave_the_bits_as_they_are(void **state)
{
    struct pool *pool = *state;
    const int64_t undisturbed = pool_submit(pool, META_JOB(30, ""));
    pool_wait(pool, undisturbed, job_has_ended);
    const int64_t number = pool_submit(pool, META_JOB(30, EACH_STEP));
    pool_wait(pool, number, job_has_checkpoint);
    pool_verb(pool, number, IMLD_VERB_PAUSE);
    pool_wait(pool, number, job_is_paused);
    pool_verb(pool, number, IMLD_VERB_RESUME);
    for (int i = 0; i < 3; i++) { /* the daemon ends in good order, and starts again */
        pool_close(pool);
        pool_open(pool);
        struct imld_job job = pool_job(pool, number);
        assert_int_equal(job.losses, 0);
        assert_false(job.is_suspect);
        imld_job_clear(&job);
    }
    pool_wait(pool, number, job_has_ended);
    struct imld_job job = pool_job(pool, number);
    assert_int_equal(job.state, IMLD_COMPLETED);
    case_check_result(pool, &job);
    imld_job_clear(&job);
    pool_check_same(pool, undisturbed, number);
}

static void test_rules_may_change_while_it_runs(void **state)
{
    struct pool *pool = *state;
    const int64_t number = pool_submit(pool, PLAIN_JOB(1000000, 0.1, EACH_STEP));
    pool_wait(pool, number, job_has_checkpoint);
    struct imld_job_patch patch = {.number = number,
                                   .actor = "ada",
                                   .early_stopping = "[{\"rule\":\"budget\",\"steps\":1}]",
                                   .if_revision = -1};
    imld_job_patch_prepare(&patch);
    assert_int_equal(imld_storage_run(pool->storage, &patch.write), IML_OK);
    imld_workers_notify(pool->workers, number);
    imld_dispatch_wake(pool->dispatch);
    pool_wait(pool, number, job_has_ended);
    struct imld_job job = pool_job(pool, number);
    check_reason(&job, "stopped_by_rule", "budget");
    assert_true(job.step % 10 == 0); /* at an evaluation */
    imld_job_clear(&job);
}

static void test_data_that_break_fail_the_job_with_a_text(void **state)
{
    struct pool *pool = *state;
    char path[256];
    (void)snprintf(path, sizeof path, "%s/tiny/train-images-idx3-ubyte", pool->data);
    assert_int_equal(truncate(path, 1000), 0);
    const int64_t number = pool_submit(pool, PLAIN_JOB(100, 0.1, ""));
    pool_wait(pool, number, job_has_ended);
    struct imld_job job = pool_job(pool, number);
    assert_int_equal(job.state, IMLD_FAILED);
    assert_non_null(strstr(job.error, "train-images-idx3-ubyte"));
    imld_job_clear(&job);
}

/* ---- storage out of order ---- */

/* Waits until the run itself waits for storage, or storage's writer does (a commit in doubt). */
static void wait_for_fault(struct pool *pool, int64_t number)
{
    struct imld_standing standing = {0};
    struct iml_error why = {0};
    do {
        (void)usleep(1000); /* between two looks: no commit tells of a fault */
    } while ((!imld_workers_look(pool->workers, number, &standing) || !standing.has_fault) &&
             imld_storage_is_healthy(pool->storage, &why));
    assert_true(standing.has_fault ? standing.fault_text[0] : why.what[0]);
}

static void check_fault(struct pool *pool, int error, unsigned ops)
{
    const int64_t undisturbed = pool_submit(pool, META_JOB(20, ""));
    pool_wait(pool, undisturbed, job_has_ended);
    const int64_t number = pool_submit(pool, META_JOB(20, EACH_STEP));
    pool_wait(pool, number, job_has_checkpoint);
    fault_arm(&(struct fault_plan){.at = 1, .ops = ops, .error = error});
    wait_for_fault(pool, number);
    char text[64] = "";
    const bool is_told = imld_workers_wait_for_storage(pool->workers, text, sizeof text);
    assert_true(is_told ? text[0] : !imld_storage_is_healthy(pool->storage, NULL));
    fault_disarm();
    pool_wait(pool, number, job_has_ended);
    assert_false(imld_workers_wait_for_storage(pool->workers, text, sizeof text));
    struct imld_job job = pool_job(pool, number);
    assert_int_equal(job.state, IMLD_COMPLETED);
    assert_true(job.attempt == 1);
    imld_job_clear(&job);
    pool_check_same(pool, undisturbed, number);
}

static void test_a_full_disk_is_waited_out(void **state)
{
    check_fault(*state, ENOSPC, 1u << FAULT_WRITE); /* of a checkpoint: the run itself waits */
    assert_int_equal(pool_events(*state, 2, "storage_fault"), 1);
    check_fault(*state, ENOSPC, 1u << FAULT_DB_WRITE);
}

static void test_an_io_error_is_waited_out(void **state)
{
    check_fault(*state, EIO, 1u << FAULT_SYNC);
    check_fault(*state, EIO, 1u << FAULT_DB_SYNC);
}

static void test_a_shutdown_during_a_fault_loses_nothing(void **state)
{
    struct pool *pool = *state;
    const int64_t undisturbed = pool_submit(pool, META_JOB(20, ""));
    pool_wait(pool, undisturbed, job_has_ended);
    const int64_t number = pool_submit(pool, META_JOB(20, EACH_STEP));
    pool_wait(pool, number, job_has_checkpoint);
    fault_arm(&(struct fault_plan){.at = 1, .ops = FAULT_CHANGES, .error = ENOSPC});
    wait_for_fault(pool, number);
    pool_close(pool);
    fault_disarm();
    pool_open(pool);
    pool_wait(pool, number, job_has_ended);
    pool_check_same(pool, undisturbed, number);
}

static int tear_down(void **state)
{
    fault_disarm();
    return pool_tear_down(state);
}

#define RUN_TEST(name) cmocka_unit_test_setup_teardown(name, pool_set_up, tear_down)

int main(void)
{
    if (sodium_init() < 0) return 1;
    fault_install();
    const struct CMUnitTest tests[] = {
        RUN_TEST(test_a_job_runs_to_its_end_with_the_best_restored),
        RUN_TEST(test_a_stop_rule_ends_it_with_its_numbers),
        RUN_TEST(test_divergence_stops_it_and_its_loss_is_a_row),
        RUN_TEST(test_a_run_without_a_finite_evaluation_has_no_result),
        RUN_TEST(test_stop_gives_the_best_and_cancel_gives_nothing),
        RUN_TEST(test_pauses_and_restarts_leave_the_bits_as_they_are),
        RUN_TEST(test_rules_may_change_while_it_runs),
        RUN_TEST(test_data_that_break_fail_the_job_with_a_text),
        RUN_TEST(test_a_full_disk_is_waited_out),
        RUN_TEST(test_an_io_error_is_waited_out),
        RUN_TEST(test_a_shutdown_during_a_fault_loses_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
