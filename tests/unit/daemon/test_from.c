/* test_from.c: runs that begin with another job's checkpoint: weights and λ at step 0, the split,
 * resumes without the source, and what is told where it can't be (DESIGN §4). */
#include "tests/unit/check.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pool.h"

#define DATA                                                                                       \
    "'data': {'set': 'tiny', 'train': 100, 'validation': 60}, 'model': {'hidden': [8], "           \
    "'batch_norm': {}},"
#define META(kind)                                                                                 \
    "'inner': {'batch': 20, 'warmup': {'steps': 20}, 'steps_per_update': 4},"                      \
    "'meta': {'updates': 10, 'curvature': {'batch': 50}, 'validation_batch': 30,"                  \
    " 'knowledge': {'kind': '" kind "', 'initial': 0.01}},"
#define SOURCE "{'algorithm': 'iml'," DATA META("l2_per_layer") "'seed': 5}"
#define EACH_STEP "'checkpoint': {'every_seconds': 0}"
#define PLAIN(steps)                                                                               \
    "'inner': {'batch': 20, 'steps': " #steps ", 'optimizer': {'kind': 'sgd'}},"                   \
    "'evaluation': {'every_steps': 10},"

/* A job that starts from that checkpoint; rest: its other members. */
static int64_t submit_from(struct pool *pool, const char *algorithm, int64_t source,
                           const char *checkpoint, const char *rest)
{
    char id[IMLD_JOB_ID_MAX];
    char spec[2048];
    imld_job_id(source, id);
    (void)snprintf(spec, sizeof spec,
                   "{'algorithm': '%s', 'from': {'job': '%s', 'checkpoint': '%s'}, %s}", algorithm,
                   id, checkpoint, rest);
    return pool_submit(pool, spec);
}

static void check_state(struct pool *pool, int64_t number, enum imld_state state)
{
    struct imld_job job = pool_job(pool, number);
    if (job.state != state) fail_msg("job %jd: %s", (intmax_t)number, job.error ? job.error : "?");
    imld_job_clear(&job);
}

static void finish(struct pool *pool, int64_t number)
{
    pool_wait(pool, number, job_has_ended);
    check_state(pool, number, IMLD_COMPLETED);
}

static float first_value(struct pool *pool, int64_t job, const char *metric)
{
    struct imld_point points[64];
    assert_true(pool_points(pool, job, metric, points, 64) > 0);
    assert_int_equal(points[0].step, 0);
    return points[0].value;
}

static float value_at(struct pool *pool, int64_t job, const char *metric, int64_t step)
{
    struct imld_point points[256];
    const size_t count = pool_points(pool, job, metric, points, 256);
    for (size_t i = 0; i < count; i++)
        if (points[i].step == step) return points[i].value;
    fail_msg("no %s at step %jd", metric, (intmax_t)step);
    return 0;
}

static struct imld_checkpoint_content read_checkpoint(struct pool *pool, int64_t job,
                                                      const char *name)
{
    struct iml_error error = {0};
    struct imld_checkpoint_content content;
    struct imld_reader *reader = imld_reader_take(pool->storage, &error);
    assert_non_null(reader);
    const enum iml_code code = imld_checkpoint_read(reader, job, name, &content, &error);
    imld_reader_give(reader);
    if (code != IML_OK) fail_msg("%s", error.what);
    return content;
}

/* Tensors whose names begin with the prefix; how many are the same bits in both. */
static size_t count_same(const struct imld_checkpoint_content *a,
                         const struct imld_checkpoint_content *b, const char *prefix, size_t *all)
{
    size_t same = 0;
    *all = 0;
    for (size_t i = 0; i < a->tensor_count; i++) {
        if (strncmp(a->tensors[i].name, prefix, strlen(prefix)) != 0) continue;
        ++*all;
        for (size_t j = 0; j < b->tensor_count; j++)
            same += strcmp(a->tensors[i].name, b->tensors[j].name) == 0 &&
                    a->tensors[i].bytes == b->tensors[j].bytes &&
                    memcmp(a->tensors[i].data, b->tensors[j].data, a->tensors[i].bytes) == 0;
    }
    return same;
}

/* Learning rates of 0 keep what was imported: the job's `last` shows it. */
static void check_imported(struct pool *pool, int64_t source, const char *name, int64_t job,
                           bool has_knowledge)
{
    size_t all = 0;
    struct imld_checkpoint_content theirs = read_checkpoint(pool, source, name);
    struct imld_checkpoint_content ours = read_checkpoint(pool, job, "last");
    const size_t weights = count_same(&theirs, &ours, "parameters/linear", &all);
    assert_true(all >= 4 && weights == all);
    const size_t same = count_same(&theirs, &ours, "knowledge/", &all);
    assert_int_equal(all, 1);
    assert_int_equal(same, has_knowledge);
    imld_checkpoint_content_clear(&theirs);
    imld_checkpoint_content_clear(&ours);
}

#define FROZEN(kind)                                                                               \
    "'inner': {'batch': 20, 'warmup': {'steps': 4}, 'steps_per_update': 4,"                        \
    "          'optimizer': {'kind': 'sgd', 'learning_rate': 0}},"                                 \
    "'meta': {'updates': 2, 'curvature': {'batch': 50}, 'validation_batch': 30,"                   \
    " 'optimizer': {'kind': 'sgd', 'learning_rate': 0},"                                           \
    " 'knowledge': {'kind': '" kind "', 'initial': 0.5}}, 'seed': 11"

static void test_weights_and_knowledge_of_one_kind_are_imported(void **state)
{
    struct pool *pool = *state;
    const int64_t source = pool_submit(pool, SOURCE);
    finish(pool, source);
    const int64_t last = submit_from(pool, "iml", source, "last", FROZEN("l2_per_layer"));
    const int64_t other = submit_from(pool, "iml", source, "best", FROZEN("l2_per_parameter"));
    finish(pool, last);
    finish(pool, other);
    check_imported(pool, source, "last", last, true);
    check_imported(pool, source, "best", other, false);
    assert_int_equal(pool_events(pool, last, "imported"), 1);
}

/* At step 0 a job is where its source stood; the split is the source's under any seed. */
static void test_a_job_begins_where_its_source_stood(void **state)
{
    struct pool *pool = *state;
    const int64_t source = pool_submit(pool, SOURCE);
    finish(pool, source);
    const int64_t plain = submit_from(pool, "supervised", source, "last", PLAIN(20) "'seed': 77");
    finish(pool, plain);
    const int64_t again = submit_from(pool, "supervised", plain, "last", PLAIN(20) "'seed': 78");
    finish(pool, again);
    static const char *const metrics[] = {"validation/loss", "test/loss", "test/accuracy"};
    for (size_t i = 0; i < 3; i++) {
        assert_true(first_value(pool, plain, metrics[i]) ==
                    value_at(pool, source, metrics[i], 20 + 10 * 4));
        assert_true(first_value(pool, again, metrics[i]) == value_at(pool, plain, metrics[i], 20));
    }
    struct imld_job first = pool_job(pool, source);
    struct imld_job second = pool_job(pool, plain);
    struct imld_job third = pool_job(pool, again);
    assert_string_equal(first.split, second.split);
    assert_string_equal(first.split, third.split);
    imld_job_clear(&first);
    imld_job_clear(&second);
    imld_job_clear(&third);
}

static void delete_job(struct pool *pool, int64_t number)
{
    struct imld_job_delete request = {.number = number, .actor = "ada"};
    imld_job_delete_prepare(&request);
    if (imld_storage_run(pool->storage, &request.write) != IML_OK)
        fail_msg("%s", request.write.error.what);
}

static void test_restarts_leave_its_bits_as_they_are(void **state)
{
    struct pool *pool = *state;
    const int64_t source = pool_submit(pool, SOURCE);
    finish(pool, source);
    const int64_t undisturbed =
        submit_from(pool, "iml", source, "best", META("l2_per_layer") "'seed': 9");
    finish(pool, undisturbed);
    const int64_t number =
        submit_from(pool, "iml", source, "best", META("l2_per_layer") EACH_STEP ", 'seed': 9");
    pool_wait(pool, number, job_has_checkpoint);
    for (int i = 0; i < 3; i++) {
        pool_close(pool);
        pool_open(pool);
    }
    finish(pool, number);
    pool_check_same(pool, undisturbed, number);
}

/* Cancelled, it holds the source no more; with a checkpoint of its own it goes on without. */
static void test_a_retry_with_a_checkpoint_needs_no_source(void **state)
{
    struct pool *pool = *state;
    const int64_t source = pool_submit(pool, SOURCE);
    finish(pool, source);
    const int64_t number =
        submit_from(pool, "supervised", source, "best", PLAIN(1000000) EACH_STEP);
    pool_wait(pool, number, job_has_checkpoint);
    pool_verb(pool, number, IMLD_VERB_CANCEL);
    pool_wait(pool, number, job_has_ended);
    delete_job(pool, source);
    pool_verb(pool, number, IMLD_VERB_RETRY);
    pool_wait(pool, number, job_is_running);
    pool_verb(pool, number, IMLD_VERB_STOP);
    finish(pool, number);
}

static void test_a_retry_without_one_fails_with_a_text(void **state)
{
    struct pool *pool = *state;
    const int64_t source = pool_submit(pool, SOURCE);
    finish(pool, source);
    const int64_t wide =
        pool_submit(pool, "{'algorithm': 'supervised'," DATA PLAIN(
                              1000000) "'resources': {'threads': 2}," EACH_STEP "}");
    pool_wait(pool, wide, job_has_checkpoint);
    const int64_t number = submit_from(pool, "supervised", source, "best", PLAIN(20) "'seed': 1");
    pool_verb(pool, number, IMLD_VERB_CANCEL); /* queued */
    pool_wait(pool, number, job_has_ended);
    delete_job(pool, source);
    pool_verb(pool, wide, IMLD_VERB_CANCEL);
    pool_wait(pool, wide, job_has_ended);
    pool_verb(pool, number, IMLD_VERB_RETRY);
    pool_wait(pool, number, job_has_ended);
    struct imld_job job = pool_job(pool, number);
    assert_int_equal(job.state, IMLD_FAILED);
    assert_non_null(strstr(job.error, "is not there"));
    assert_non_null(strstr(job.error, "submit the job anew"));
    imld_job_clear(&job);
}

static void test_a_spoilt_checkpoint_fails_the_job_with_a_text(void **state)
{
    struct pool *pool = *state;
    char command[512];
    char id[IMLD_JOB_ID_MAX];
    const int64_t source = pool_submit(pool, SOURCE);
    finish(pool, source);
    imld_job_id(source, id);
    (void)snprintf(command, sizeof command,
                   "printf x | dd of=$(ls %s/checkpoints/%s/best.*) bs=1 seek=2000 conv=notrunc "
                   "2>/dev/null",
                   pool->state, id);
    assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c): a file that this test made */
    const int64_t number = submit_from(pool, "supervised", source, "best", PLAIN(20) "'seed': 1");
    pool_wait(pool, number, job_has_ended);
    struct imld_job job = pool_job(pool, number);
    assert_int_equal(job.state, IMLD_FAILED);
    assert_non_null(strstr(job.error, "SHA-256"));
    imld_job_clear(&job);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, pool_set_up, pool_tear_down)

int main(void)
{
    if (sodium_init() < 0) return 1;
    const struct CMUnitTest tests[] = {
        TEST(test_weights_and_knowledge_of_one_kind_are_imported),
        TEST(test_a_job_begins_where_its_source_stood),
        TEST(test_restarts_leave_its_bits_as_they_are),
        TEST(test_a_retry_with_a_checkpoint_needs_no_source),
        TEST(test_a_retry_without_one_fails_with_a_text),
        TEST(test_a_spoilt_checkpoint_fails_the_job_with_a_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
