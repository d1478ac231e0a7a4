/* test_writer.c: group commit, the bounded queue, a refused request beside accepted ones,
 * listeners. */
#include "fixture.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "storage/database.h"
#include "storage/state.h"

#define MANY 60

/* A request that holds the writer thread until it is let go, so that others pile up behind it. */
struct gate {
    struct imld_write write;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool is_held, is_open, is_done;
};

static enum iml_code hold(struct imld_write *self, struct imld_database *database,
                          struct iml_error *error)
{
    struct gate *gate = (struct gate *)self;
    (void)database;
    (void)error;
    pthread_mutex_lock(&gate->mutex);
    gate->is_held = true;
    pthread_cond_broadcast(&gate->changed);
    while (!gate->is_open) pthread_cond_wait(&gate->changed, &gate->mutex);
    pthread_mutex_unlock(&gate->mutex);
    return IML_OK;
}

static void gate_done(struct imld_write *self)
{
    struct gate *gate = (struct gate *)self;
    pthread_mutex_lock(&gate->mutex);
    gate->is_done = true;
    pthread_cond_broadcast(&gate->changed);
    pthread_mutex_unlock(&gate->mutex);
}

static struct gate gate;

static void gate_close(void)
{
    gate = (struct gate){.write = {.apply = hold, .done = gate_done},
                         .mutex = PTHREAD_MUTEX_INITIALIZER,
                         .changed = PTHREAD_COND_INITIALIZER};
    assert_int_equal(imld_storage_submit(fixture.storage, &gate.write), IML_OK);
    pthread_mutex_lock(&gate.mutex);
    while (!gate.is_held) pthread_cond_wait(&gate.changed, &gate.mutex);
    pthread_mutex_unlock(&gate.mutex);
}

static void gate_open(void)
{
    pthread_mutex_lock(&gate.mutex);
    gate.is_open = true;
    pthread_cond_broadcast(&gate.changed);
    while (!gate.is_done) pthread_cond_wait(&gate.changed, &gate.mutex);
    pthread_mutex_unlock(&gate.mutex);
}

/* Answers of many requests. */
static struct {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    size_t done;
} answers = {.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static void count_done(struct imld_write *self)
{
    (void)self;
    pthread_mutex_lock(&answers.mutex);
    answers.done++;
    pthread_cond_broadcast(&answers.changed);
    pthread_mutex_unlock(&answers.mutex);
}

static void wait_for_answers(size_t count)
{
    pthread_mutex_lock(&answers.mutex);
    while (answers.done < count) pthread_cond_wait(&answers.changed, &answers.mutex);
    pthread_mutex_unlock(&answers.mutex);
}

static int setup(void **state)
{
    (void)state;
    fixture_make(&fixture);
    fixture_open(&fixture);
    answers.done = 0;
    return 0;
}

static void prepare_create(struct imld_job_create *request)
{
    *request = (struct imld_job_create){.owner = "ann", .spec = "{}"};
    imld_job_create_prepare(request);
    request->write.done = count_done;
}

static void test_what_waits_is_one_commit(void **state)
{
    (void)state;
    static struct imld_job_create requests[MANY];
    struct imld_storage_facts before;
    struct imld_storage_facts after;
    imld_storage_describe(fixture.storage, &before);
    gate_close();
    for (size_t i = 0; i < MANY; i++) {
        prepare_create(&requests[i]);
        assert_int_equal(imld_storage_submit(fixture.storage, &requests[i].write), IML_OK);
    }
    gate_open();
    wait_for_answers(MANY);
    imld_storage_describe(fixture.storage, &after);
    assert_int_equal(after.commits - before.commits, 2); /* the gate's, and theirs */
    for (size_t i = 0; i < MANY; i++) {
        assert_int_equal(requests[i].write.code, IML_OK);
        assert_int_equal(requests[i].number, i + 1); /* in the order of submission */
    }
}

static void test_a_claim_of_nothing_is_no_commit(void **state)
{
    (void)state;
    int64_t claimed = -1;
    struct imld_storage_facts before;
    struct imld_storage_facts after;
    imld_storage_describe(fixture.storage, &before);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(run_claim(&fixture, &claimed, NULL), IML_OK);
        assert_int_equal(claimed, 0);
    }
    imld_storage_describe(fixture.storage, &after);
    assert_int_equal(after.commits, before.commits);
    assert_int_equal(run_create(&fixture, "job", 0, NULL), IML_OK);
    assert_int_equal(run_claim(&fixture, &claimed, NULL), IML_OK);
    imld_storage_describe(fixture.storage, &after);
    assert_int_equal(after.commits, before.commits + 2);
    assert_int_equal(state_of(&fixture, claimed), IMLD_RUNNING);
}

static void test_a_refused_request_leaves_the_others_alone(void **state)
{
    (void)state;
    struct imld_job_create good[2];
    struct imld_job_verb bad = {.number = 999, .verb = IMLD_VERB_PAUSE, .actor = "ann"};
    imld_job_verb_prepare(&bad);
    bad.write.done = count_done;
    gate_close();
    prepare_create(&good[0]);
    prepare_create(&good[1]);
    assert_int_equal(imld_storage_submit(fixture.storage, &good[0].write), IML_OK);
    assert_int_equal(imld_storage_submit(fixture.storage, &bad.write), IML_OK);
    assert_int_equal(imld_storage_submit(fixture.storage, &good[1].write), IML_OK);
    gate_open();
    wait_for_answers(3);
    assert_int_equal(good[0].write.code, IML_OK);
    assert_int_equal(good[1].write.code, IML_OK);
    assert_int_equal(bad.write.code, IML_ERROR_NOT_FOUND);
    assert_int_equal(state_of(&fixture, good[1].number), IMLD_QUEUED);
}

/* Writes, and is refused afterwards. */
static enum iml_code write_and_refuse(struct imld_write *self, struct imld_database *database,
                                      struct iml_error *error)
{
    (void)self;
    const enum iml_code code = imld_sql_run(
        &database->connection, "UPDATE jobs SET name = 'spoiled', revision = 99", NULL, error);
    assert_int_equal(code, IML_OK);
    assert_int_equal(imld_effects_unlink(&database->effects, fixture.folder, error), IML_OK);
    return iml_error_set(error, IML_ERROR_CONFLICT, "no");
}

static void test_a_refused_request_leaves_no_trace(void **state)
{
    (void)state;
    struct imld_job job;
    struct imld_job_create good;
    struct imld_write bad = {.apply = write_and_refuse, .done = count_done};
    gate_close();
    prepare_create(&good);
    assert_int_equal(imld_storage_submit(fixture.storage, &good.write), IML_OK);
    assert_int_equal(imld_storage_submit(fixture.storage, &bad), IML_OK);
    gate_open();
    wait_for_answers(2);
    assert_int_equal(bad.code, IML_ERROR_CONFLICT);
    get_job(&fixture, good.number, &job);
    assert_string_equal(job.name, "");
    assert_int_equal(job.revision, 1);
    imld_job_clear(&job);
}

static void test_the_queue_is_bounded(void **state)
{
    (void)state;
    static struct imld_job_create requests[IMLD_QUEUE_MAX + 1];
    gate_close();
    for (size_t i = 0; i <= IMLD_QUEUE_MAX; i++) {
        prepare_create(&requests[i]);
        const enum iml_code code = imld_storage_submit(fixture.storage, &requests[i].write);
        assert_int_equal(code, i < IMLD_QUEUE_MAX ? IML_OK : IML_ERROR_LIMIT);
    }
    gate_open();
    wait_for_answers(IMLD_QUEUE_MAX);
    assert_int_equal(run_create(&fixture, "room again", 0, NULL), IML_OK);
}

static struct {
    pthread_mutex_t mutex;
    size_t calls;
    int64_t last;
} heard = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static void listen(void *context, int64_t job)
{
    (void)context;
    pthread_mutex_lock(&heard.mutex);
    heard.calls++;
    heard.last = job;
    pthread_mutex_unlock(&heard.mutex);
}

static void test_listeners_hear_of_each_changed_job_once(void **state)
{
    (void)state;
    imld_storage_listen(fixture.storage, listen, NULL);
    const int64_t job = make_running(&fixture);
    fixture_close(&fixture); /* joins the writer: what it had to tell is told */
    assert_int_equal(heard.calls, 2);
    assert_int_equal(heard.last, job);
    heard.calls = 0;
    fixture_open(&fixture);
    imld_storage_listen(fixture.storage, listen, NULL);
    assert_int_equal(run_verb(&fixture, 999, IMLD_VERB_PAUSE, NULL), IML_ERROR_NOT_FOUND);
    assert_int_equal(run_checkpoint(&fixture, job, "step-1", 1, 1), IML_OK);
    fixture_close(&fixture);
    assert_int_equal(heard.calls, 1);
}

static void test_closing_commits_what_waits(void **state)
{
    (void)state;
    static struct imld_job_create requests[MANY];
    for (size_t i = 0; i < MANY; i++) {
        prepare_create(&requests[i]);
        assert_int_equal(imld_storage_submit(fixture.storage, &requests[i].write), IML_OK);
    }
    fixture_close(&fixture);
    assert_int_equal(answers.done, MANY);
    fixture_open(&fixture);
    assert_int_equal(state_of(&fixture, MANY), IMLD_QUEUED);
}

static void *create_ten(void *context)
{
    for (size_t i = 0; i < 10; i++) {
        int64_t number = 0;
        if (run_create(&fixture, "job", 0, &number) != IML_OK || number == 0) return context;
    }
    return NULL;
}

static void test_many_threads_may_wait(void **state)
{
    (void)state;
    pthread_t threads[20]; /* more than readers exist */
    for (size_t i = 0; i < 20; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, create_ten, &fixture), 0);
    for (size_t i = 0; i < 20; i++) {
        void *failed = NULL;
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
    assert_int_equal(count_events(&fixture, 0, "created"), 200);
}

static void test_the_log_is_put_back(void **state)
{
    (void)state;
    static struct imld_point_row rows[20000];
    struct imld_storage_facts facts;
    const int64_t job = make_running(&fixture);
    for (int64_t batch = 0; batch < 20; batch++) {
        for (int64_t i = 0; i < 20000; i++)
            rows[i] = (struct imld_point_row){"m", batch * 20000 + i, (float)i};
        struct imld_rows_write request = {
            .job = job, .rows = rows, .count = 20000, .step = (batch + 1) * 20000};
        imld_rows_write_prepare(&request);
        assert_int_equal(imld_storage_run(fixture.storage, &request.write), IML_OK);
    }
    assert_int_equal(run_rows(&fixture, job, 400001, 1), IML_OK); /* after the last checkpoint */
    imld_storage_describe(fixture.storage, &facts);
    assert_true(facts.wal_bytes < (24u << 20));
    assert_true(facts.database_bytes > (4u << 20));
    assert_int_equal(facts.rows, 20 * 20000 + 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_what_waits_is_one_commit),
        TEST(test_a_claim_of_nothing_is_no_commit),
        TEST(test_a_refused_request_leaves_the_others_alone),
        TEST(test_a_refused_request_leaves_no_trace),
        TEST(test_the_queue_is_bounded),
        TEST(test_listeners_hear_of_each_changed_job_once),
        TEST(test_closing_commits_what_waits),
        TEST(test_many_threads_may_wait),
        TEST(test_the_log_is_put_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
