/* test_dispatch.c: the queue's thread while storage is out: it can be stopped, and loses no order.
 */
#include "daemon/dispatch.h"

#include <errno.h>
#include <sched.h>
#include <sodium.h>

#include "daemon/heartbeat.h"
#include "fault.h"
#include "pool.h"
#include "tests/unit/check.h"

#define LONG_ON(threads)                                                                           \
    "{'algorithm': 'supervised', 'data': {'set': 'tiny', 'train': 100, 'validation': 40, "         \
    "'test': 40}, 'model': {'hidden': [8]}, 'inner': {'steps': 1000000000, 'batch': 16}, "         \
    "'evaluation': {'every_steps': 1000}, 'resources': {'threads': " #threads "}}"
#define LONG LONG_ON(1)
#define WIDE LONG_ON(2) /* all that the pool has */

static void arm(unsigned ops)
{
    fault_arm(&(struct fault_plan){.at = 1, .limit = 0, .ops = ops, .error = EIO});
}

static void wait_for_fault(void)
{
    while (fault_fired() == 0) (void)sched_yield();
}

static bool runs(const struct imld_job *job)
{
    return job->state == IMLD_RUNNING && job->split != NULL;
}

/* Writer thread, after each commit: from the first job's end on the disk fails. */
static void arm_at_the_end(void *context, int64_t number)
{
    struct imld_job job = pool_job(context, number);
    if (job.state == IMLD_CANCELLED) arm(1U << FAULT_DB_SYNC);
    imld_job_clear(&job);
}

static void test_a_claim_in_doubt_does_not_hold_the_end(void **state)
{
    (void)state;
    struct pool pool = {0};
    pool_make(&pool);
    pool_open(&pool);
    imld_storage_listen(pool.storage, arm_at_the_end, &pool);
    const int64_t first = pool_submit(&pool, WIDE);
    pool_wait(&pool, first, runs);
    (void)pool_submit(&pool, WIDE); /* is claimed once the first has ended */
    pool_verb(&pool, first, IMLD_VERB_CANCEL);
    while (imld_storage_is_healthy(pool.storage, NULL)) (void)sched_yield();
    assert_false(imld_dispatch_stop(pool.dispatch, 0.2));
    fault_disarm(); /* the doubt is settled: the thread ends */
    pool_close(&pool);
    pool_remove(&pool);
}

static void test_an_order_that_can_not_be_read_is_read_later(void **state)
{
    (void)state;
    struct pool pool = {0};
    pool_make(&pool);
    pool_open(&pool);
    const int64_t job = pool_submit(&pool, LONG);
    pool_wait(&pool, job, runs);
    struct imld_job_verb request = {.number = job, .verb = IMLD_VERB_PAUSE, .actor = "ada"};
    imld_job_verb_prepare(&request);
    assert_int_equal(imld_storage_run(pool.storage, &request.write), IML_OK);
    arm(1U << FAULT_DB_SHM_LOCK); /* no reading transaction can begin */
    imld_workers_notify(pool.workers, job);
    imld_dispatch_wake(pool.dispatch);
    wait_for_fault();
    fault_disarm();
    pool_wait(&pool, job, job_is_paused);
    pool_close(&pool);
    pool_remove(&pool);
}

/* As the watchdog asks: a disk that fails for long must not end the daemon, it waits (DESIGN §5).
 */
static void test_a_writer_that_waits_for_the_disk_is_alive(void **state)
{
    (void)state;
    struct pool pool = {0};
    struct imld_heartbeat heartbeat;
    pool_make(&pool);
    pool_open(&pool);
    imld_heartbeat_open(&heartbeat, pool.storage);
    arm(1U << FAULT_DB_SYNC);
    assert_true(imld_heartbeat_is_alive(&heartbeat));
    while (imld_storage_is_healthy(pool.storage, NULL)) (void)sched_yield();
    assert_true(atomic_load(&heartbeat.is_asked)); /* its commit is in doubt: no answer */
    assert_true(imld_heartbeat_is_alive(&heartbeat));
    fault_disarm();
    pool_close(&pool);
    pool_remove(&pool);
}

int main(void)
{
    if (sodium_init() < 0) return 1;
    fault_install();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_claim_in_doubt_does_not_hold_the_end),
        cmocka_unit_test(test_a_writer_that_waits_for_the_disk_is_alive),
        cmocka_unit_test(test_an_order_that_can_not_be_read_is_read_later),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
