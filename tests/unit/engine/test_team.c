/* test_team.c: every task exactly once, the barrier, cancelling, and helpers' signals and niceness.
 */
#include "imld/team.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "../check.h"

enum { TASKS = 500 };

static const unsigned sizes[] = {1, 2, 4, 7};
enum { SIZES = sizeof sizes / sizeof sizes[0] };

struct tally {
    atomic_uint done[TASKS];
    unsigned plain[TASKS]; /* written without an atomic: the barrier must order it (seen by tsan) */
    unsigned workers;
    atomic_bool *cancel;
    size_t cancel_at;
    atomic_size_t count;
};

static struct iml_team *open_team(unsigned threads, int nice, const atomic_bool *cancel)
{
    struct iml_team *team = NULL;
    struct iml_error error = {0};
    assert_int_equal(iml_team_open(threads, nice, cancel, &team, &error), IML_OK);
    assert_int_equal(iml_team_size(team), threads);
    return team;
}

static void count_task(void *context, size_t i, unsigned worker)
{
    struct tally *tally = context;
    if (worker >= tally->workers) return; /* found below as a task that was not counted */
    atomic_fetch_add(&tally->done[i], 1);
    tally->plain[i]++;
    if (atomic_fetch_add(&tally->count, 1) + 1 == tally->cancel_at)
        atomic_store(tally->cancel, true);
}

static void test_each_task_once(void **state)
{
    (void)state;
    for (size_t s = 0; s < SIZES; s++) {
        struct iml_team *team = open_team(sizes[s], 0, NULL);
        for (size_t tasks = 0; tasks <= TASKS; tasks = tasks * 3 + 1) {
            struct tally tally = {.workers = sizes[s]};
            assert_true(iml_team_run(team, tasks, count_task, &tally));
            for (size_t i = 0; i < TASKS; i++) {
                assert_int_equal(tally.done[i], i < tasks ? 1 : 0);
                assert_int_equal(tally.plain[i], i < tasks ? 1 : 0);
            }
        }
        iml_team_close(team);
    }
}

/* Many short passes one after the other: the barrier must neither hang nor let a task slip over. */
static void test_many_passes(void **state)
{
    (void)state;
    struct iml_team *team = open_team(4, 0, NULL);
    struct tally tally = {.workers = 4};
    for (unsigned pass = 1; pass <= 2000; pass++) {
        assert_true(iml_team_run(team, 5, count_task, &tally));
        for (size_t i = 0; i < 5; i++) assert_int_equal(tally.plain[i], pass);
    }
    iml_team_close(team);
}

static void test_cancel(void **state)
{
    (void)state;
    for (size_t s = 0; s < SIZES; s++) {
        atomic_bool cancel = false;
        struct iml_team *team = open_team(sizes[s], 0, &cancel);
        struct tally tally = {.workers = sizes[s], .cancel = &cancel, .cancel_at = 10};
        assert_false(iml_team_run(team, TASKS, count_task, &tally));
        assert_true(iml_team_is_cancelled(team));
        /* no worker begins a task after the flag; each may have been inside one */
        assert_in_range(tally.count, 10, 10 + sizes[s] - 1);
        assert_false(iml_team_run(team, TASKS, count_task, &tally));
        atomic_store(&cancel, false);
        struct tally again = {.workers = sizes[s], .cancel = &cancel};
        assert_true(iml_team_run(team, TASKS, count_task, &again));
        assert_int_equal(again.count, TASKS);
        iml_team_close(team);
    }
}

/* A flag that is set in the last task leaves nothing out. */
static void test_cancel_in_the_last_task(void **state)
{
    (void)state;
    atomic_bool cancel = false;
    struct iml_team *team = open_team(1, 0, &cancel);
    struct tally tally = {.workers = 1, .cancel = &cancel, .cancel_at = 20};
    assert_true(iml_team_run(team, 20, count_task, &tally));
    assert_true(iml_team_is_cancelled(team));
    iml_team_close(team);
}

struct environment {
    pthread_barrier_t all_here; /* makes each worker take exactly one task */
    atomic_int blocked, niced;
};

static void look_around(void *context, size_t i, unsigned worker)
{
    (void)i;
    struct environment *environment = context;
    (void)pthread_barrier_wait(&environment->all_here);
    if (worker == 0) return;
    sigset_t mask;
    (void)pthread_sigmask(SIG_SETMASK, NULL, &mask);
    if (sigismember(&mask, SIGTERM) && sigismember(&mask, SIGINT) && sigismember(&mask, SIGHUP))
        atomic_fetch_add(&environment->blocked, 1);
    if (getpriority(PRIO_PROCESS, (id_t)gettid()) == 7) atomic_fetch_add(&environment->niced, 1);
}

static void test_signals_and_niceness(void **state)
{
    (void)state;
    const int nice_before = getpriority(PRIO_PROCESS, (id_t)gettid());
    sigset_t mask_before, mask_after;
    (void)pthread_sigmask(SIG_SETMASK, NULL, &mask_before);
    struct iml_team *team = open_team(3, 7, NULL);
    struct environment environment = {0};
    assert_int_equal(pthread_barrier_init(&environment.all_here, NULL, 3), 0);
    assert_true(iml_team_run(team, 3, look_around, &environment));
    assert_int_equal(environment.blocked, 2);
    assert_int_equal(environment.niced, 2);
    (void)pthread_barrier_destroy(&environment.all_here);
    iml_team_close(team);
    assert_int_equal(getpriority(PRIO_PROCESS, (id_t)gettid()), nice_before);
    (void)pthread_sigmask(SIG_SETMASK, NULL, &mask_after);
    assert_int_equal(sigismember(&mask_after, SIGTERM), sigismember(&mask_before, SIGTERM));
}

static void test_refused_sizes(void **state)
{
    (void)state;
    const unsigned wrong[] = {0, IML_THREADS_MAX + 1};
    for (size_t i = 0; i < 2; i++) {
        struct iml_team *team = NULL;
        struct iml_error error = {0};
        assert_int_equal(iml_team_open(wrong[i], 0, NULL, &team, &error), IML_ERROR_ARGUMENT);
        assert_null(team);
        assert_non_null(strstr(error.what, "threads"));
    }
    iml_team_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_task_once),
        cmocka_unit_test(test_many_passes),
        cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_cancel_in_the_last_task),
        cmocka_unit_test(test_signals_and_niceness),
        cmocka_unit_test(test_refused_sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
