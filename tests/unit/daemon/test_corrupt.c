/* test_corrupt.c: runs whose checkpoints are broken on disk: what they go on from, and that they
 * end with the bits of a run that was never disturbed (DESIGN §6). */
#include "tests/unit/check.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "run_case.h"

/* Overwrites a byte in the middle of each file of the job's checkpoint of that name. */
static void spoil(const struct pool *pool, int64_t job, const char *name)
{
    char command[512];
    char id[IMLD_JOB_ID_MAX];
    imld_job_id(job, id);
    (void)snprintf(command, sizeof command,
                   "for f in $(find %s/checkpoints/%s -name '%s.*'); do "
                   "printf x | dd of=$f bs=1 seek=2000 conv=notrunc 2>/dev/null || exit 1; done",
                   pool->state, id, name);
    assert_int_equal(system(command),
                     0); /* NOLINT(cert-env33-c,concurrency-mt-unsafe): own files */
}

/* Beyond evaluations that were better than the first. */
static bool job_is_far(const struct imld_job *job)
{
    return job->step >= 100 && job_has_checkpoint(job);
}

static void test_a_corrupt_checkpoint_is_passed_over(void **state)
{
    struct pool *pool = *state;
    const int64_t undisturbed = pool_submit(pool, META_JOB(30, ""));
    pool_wait(pool, undisturbed, job_has_ended);
    const int64_t number = pool_submit(pool, META_JOB(30, EACH_STEP));
    pool_wait(pool, number, job_has_checkpoint);
    pool_verb(pool, number, IMLD_VERB_PAUSE);
    pool_wait(pool, number, job_is_paused);
    struct imld_job job = pool_job(pool, number);
    char newest[64];
    (void)snprintf(newest, sizeof newest, "step-%jd", (intmax_t)job.step);
    imld_job_clear(&job);
    spoil(pool, number, newest);
    pool_verb(pool, number, IMLD_VERB_RESUME);
    pool_wait(pool, number, job_has_ended);
    assert_true(pool_events(pool, number, "checkpoint_corrupt") >= 1);
    pool_check_same(pool, undisturbed, number);
}

static void test_no_intact_checkpoint_means_from_the_start(void **state)
{
    struct pool *pool = *state;
    const int64_t undisturbed = pool_submit(pool, META_JOB(20, ""));
    pool_wait(pool, undisturbed, job_has_ended);
    const int64_t number = pool_submit(pool, META_JOB(20, EACH_STEP));
    pool_wait(pool, number, job_has_checkpoint);
    pool_verb(pool, number, IMLD_VERB_PAUSE);
    pool_wait(pool, number, job_is_paused);
    spoil(pool, number, "step-*");
    spoil(pool, number, "best");
    pool_verb(pool, number, IMLD_VERB_RESUME);
    pool_wait(pool, number, job_has_ended);
    assert_true(pool_events(pool, number, "checkpoint_corrupt") >= 1);
    pool_check_same(pool, undisturbed, number);
}

/* Whichever comes first to an end has the best of all rows as its result. */
static void test_the_best_is_gone_on_from_where_what_is_newer_is_corrupt(void **state)
{
    struct pool *pool = *state;
    const int64_t undisturbed = pool_submit(pool, META_JOB(60, ""));
    pool_wait(pool, undisturbed, job_has_ended);
    for (int stops = 0; stops < 2; stops++) {
        const int64_t number = pool_submit(pool, META_JOB(60, EACH_STEP));
        pool_wait(pool, number, job_is_far);
        pool_verb(pool, number, IMLD_VERB_PAUSE);
        pool_wait(pool, number, job_is_paused);
        spoil(pool, number, "step-*");
        pool_verb(pool, number, IMLD_VERB_RESUME);
        if (stops) {
            pool_wait(pool, number, job_is_running);
            pool_verb(pool, number, IMLD_VERB_STOP);
        }
        pool_wait(pool, number, job_has_ended);
        assert_true(pool_events(pool, number, "checkpoint_corrupt") >= 1);
        struct imld_job job = pool_job(pool, number);
        case_check_result(pool, &job);
        imld_job_clear(&job);
        if (!stops) pool_check_same(pool, undisturbed, number);
    }
}

/* The loss falls all the way: the best is never far behind. */
#define FALLING(rest) PLAIN_JOB(120, 0.01, ", 'checkpoint': {'best': 'validation/loss'" rest "}")

static bool job_is_under_way(const struct imld_job *job)
{
    return job->step >= 30 && job_has_checkpoint(job);
}

static bool job_is_claimed(const struct imld_job *job)
{
    return job_is_running(job) || job_has_ended(job);
}

/* Once more with the daemon's end while the lost best is being found again. */
static void test_a_corrupt_best_is_found_again(void **state)
{
    struct pool *pool = *state;
    const int64_t undisturbed = pool_submit(pool, FALLING(""));
    pool_wait(pool, undisturbed, job_has_ended);
    for (int restarts = 0; restarts < 2; restarts++) {
        const int64_t number = pool_submit(pool, FALLING(", 'every_seconds': 0, 'keep': 20"));
        pool_wait(pool, number, job_is_under_way);
        pool_verb(pool, number, IMLD_VERB_PAUSE);
        pool_wait(pool, number, job_is_paused);
        spoil(pool, number, "best");
        pool_verb(pool, number, IMLD_VERB_RESUME);
        if (restarts) {
            pool_wait(pool, number, job_is_claimed);
            pool_close(pool);
            pool_open(pool);
        }
        pool_wait(pool, number, job_has_ended);
        assert_true(pool_events(pool, number, "checkpoint_corrupt") >= 1);
        pool_check_same(pool, undisturbed, number);
        struct imld_job job = pool_job(pool, number), other = pool_job(pool, undisturbed);
        assert_string_equal(job.result, other.result);
        imld_job_clear(&job);
        imld_job_clear(&other);
    }
}

/* With no state from before it, the best is that of what follows. */
static void test_a_corrupt_best_is_told_and_the_run_goes_on(void **state)
{
    struct pool *pool = *state;
    const int64_t number =
        pool_submit(pool, META_JOB(30, ", 'checkpoint': {'every_seconds': 0, 'keep': 1}"));
    pool_wait(pool, number, job_has_checkpoint);
    pool_verb(pool, number, IMLD_VERB_PAUSE);
    pool_wait(pool, number, job_is_paused);
    spoil(pool, number, "best");
    pool_verb(pool, number, IMLD_VERB_RESUME);
    pool_wait(pool, number, job_has_ended);
    assert_int_equal(pool_events(pool, number, "checkpoint_corrupt"), 1);
    struct imld_job job = pool_job(pool, number);
    assert_int_equal(job.state, IMLD_COMPLETED);
    assert_non_null(job.result);
    imld_job_clear(&job);
}

#define RUN_TEST(name) cmocka_unit_test_setup_teardown(name, pool_set_up, pool_tear_down)

int main(void)
{
    if (sodium_init() < 0) return 1;
    const struct CMUnitTest tests[] = {
        RUN_TEST(test_a_corrupt_checkpoint_is_passed_over),
        RUN_TEST(test_no_intact_checkpoint_means_from_the_start),
        RUN_TEST(test_the_best_is_gone_on_from_where_what_is_newer_is_corrupt),
        RUN_TEST(test_a_corrupt_best_is_found_again),
        RUN_TEST(test_a_corrupt_best_is_told_and_the_run_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
