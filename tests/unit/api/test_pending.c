/* test_pending.c: a request that waits is always woken: by what it waits for, and by its deadline,
 * whatever has come in between. The library's two calls are replaced here: no HTTP is spoken. */
#include <microhttpd.h>
#include <pthread.h>
#include <unistd.h>

#include "api/pending.h"
#include "api/request.h"
#include "base/clock.h"
#include "tests/unit/check.h"

enum { SOON_MS = 400, LIMIT_MS = 20000 };

/* Guarded by the mutex: resumed requests, as the library's connections. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static struct MHD_Connection *resumed[8];
static size_t resumed_count;

void MHD_suspend_connection(struct MHD_Connection *connection)
{
    (void)connection;
}

void MHD_resume_connection(struct MHD_Connection *connection)
{
    (void)pthread_mutex_lock(&mutex);
    if (resumed_count < sizeof resumed / sizeof resumed[0]) resumed[resumed_count++] = connection;
    (void)pthread_cond_broadcast(&changed);
    (void)pthread_mutex_unlock(&mutex);
}

/* A request's own address stands for its connection. */
static void init(struct imld_request *request)
{
    *request = (struct imld_request){.connection = (struct MHD_Connection *)(void *)request};
}

static bool was_resumed(const struct imld_request *request)
{
    for (size_t i = 0; i < resumed_count; i++) {
        if (resumed[i] == request->connection) return true;
    }
    return false;
}

/* Waits until the request's connection is resumed, and forgets that it was. */
static bool is_resumed(const struct imld_request *request)
{
    struct timespec until;
    bool is_late = false;
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += LIMIT_MS / 1000;
    (void)pthread_mutex_lock(&mutex);
    while (!was_resumed(request) && !is_late)
        is_late = pthread_cond_timedwait(&changed, &mutex, &until) != 0;
    resumed_count = 0;
    (void)pthread_mutex_unlock(&mutex);
    return !is_late;
}

/* What a handler does whose fact does not hold: true, suspended; false, its time is over. */
static bool waits(struct imld_pending *pending, struct imld_request *request, int64_t deadline_ms)
{
    while (imld_ticks_ms() < deadline_ms) {
        if (imld_pending_suspend(pending, request)) return true;
    }
    return false;
}

/* The thread looks at all deadlines before this returns: it has woken a request of none left. */
static void let_it_look(struct imld_pending *pending)
{
    struct imld_request other;
    init(&other);
    imld_pending_begin(pending, &other, 0, imld_ticks_ms(), -1);
    if (imld_pending_suspend(pending, &other)) assert_true(is_resumed(&other));
    imld_pending_end(pending, &other);
}

static void test_a_deadline_holds_after_other_news(void **state)
{
    (void)state;
    enum { JOB = 7 };
    struct imld_pending *pending = NULL;
    struct imld_request request;
    init(&request);
    assert_int_equal(imld_pending_open(&pending, NULL), IML_OK);
    const int64_t deadline_ms = imld_ticks_ms() + SOON_MS;
    imld_pending_begin(pending, &request, JOB, deadline_ms, -1);
    if (waits(pending, &request, deadline_ms)) {
        imld_pending_changed(pending, JOB); /* not what it waits for */
        assert_true(is_resumed(&request));
        let_it_look(pending); /* the news have not been taken yet */
        if (waits(pending, &request, deadline_ms)) assert_true(is_resumed(&request));
    }
    assert_true(imld_ticks_ms() >= deadline_ms);
    imld_pending_end(pending, &request);
    imld_pending_close(pending);
    imld_pending_release(pending);
}

static void test_news_before_the_suspension_are_kept(void **state)
{
    (void)state;
    struct imld_pending *pending = NULL;
    struct imld_request request;
    init(&request);
    assert_int_equal(imld_pending_open(&pending, NULL), IML_OK);
    imld_pending_begin(pending, &request, 7, 0, -1);
    imld_pending_changed(pending, 8); /* another job's */
    imld_pending_changed(pending, 7);
    assert_false(imld_pending_suspend(pending, &request));
    assert_true(imld_pending_suspend(pending, &request));
    imld_pending_close(pending); /* nothing stays suspended */
    assert_true(is_resumed(&request));
    imld_pending_end(pending, &request);
    imld_pending_release(pending);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_deadline_holds_after_other_news),
        cmocka_unit_test(test_news_before_the_suspension_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
