/* test_origins.c: a job that starts from another job's checkpoint keeps that checkpoint where it is
 * until it has ended (DESIGN §4). */
#include "fixture.h"

#include <stdio.h>
#include <string.h>

#include "storage/origins.h"

static int64_t source;
static char folder[PATH_MAX]; /* of the source's files */

static int setup(void **state)
{
    char id[IMLD_JOB_ID_MAX];
    char name[64];
    (void)fixture_setup(state);
    source = make_running(&fixture);
    imld_job_id(source, id);
    (void)snprintf(name, sizeof name, "checkpoints/%s", id);
    fixture_path(&fixture, name, folder);
    assert_int_equal(run_checkpoint(&fixture, source, "step-10", 10, 1), IML_OK);
    assert_int_equal(run_checkpoint(&fixture, source, "best", 11, 1), IML_OK);
    return 0;
}

struct search {
    const char *name;
    char sha256[65];
    size_t count;
};

static bool look(void *context, const struct imld_checkpoint *checkpoint)
{
    struct search *search = context;
    search->count++;
    if (strcmp(checkpoint->name, search->name) == 0)
        memcpy(search->sha256, checkpoint->sha256, sizeof search->sha256);
    return true;
}

static struct imld_reader *reader(void)
{
    struct iml_error error = {0};
    struct imld_reader *taken = imld_reader_take(fixture.storage, &error);
    assert_non_null(taken);
    return taken;
}

/* The row as it is now; sha256 "": there is none. */
static struct search checkpoint(const char *name)
{
    struct iml_error error = {0};
    struct search search = {.name = name};
    struct imld_reader *taken = reader();
    assert_int_equal(imld_checkpoints_list(taken, source, look, &search, &error), IML_OK);
    imld_reader_give(taken);
    return search;
}

static enum iml_code start_from(const char *name, const char *sha256, int64_t *number)
{
    struct imld_job_create request = {.owner = "ann",
                                      .spec = "{\"algorithm\":\"iml\",\"seed\":2}",
                                      .best_metric = "m",
                                      .threads = 1,
                                      .origin_job = source,
                                      .origin_checkpoint = name,
                                      .origin_sha256 = sha256};
    imld_job_create_prepare(&request);
    const enum iml_code code = imld_storage_run(fixture.storage, &request.write);
    if (number) *number = request.number;
    return code;
}

/* A queued job that starts from that checkpoint as it is now. */
static int64_t child(const char *name)
{
    int64_t number = 0;
    assert_int_equal(start_from(name, checkpoint(name).sha256, &number), IML_OK);
    return number;
}

/* The tensor state/step tells which step the checkpoint was of. */
static void check_origin(int64_t job, const char *name, int64_t step)
{
    struct iml_error error = {0};
    struct imld_origin origin;
    struct imld_checkpoint_content content;
    struct imld_reader *taken = reader();
    const enum iml_code code = imld_origin_read(taken, job, &origin, &content, &error);
    imld_reader_give(taken);
    if (code != IML_OK) fail_msg("%s (%s)", error.what, error.where);
    uint64_t position = 0;
    for (size_t i = 0; i < content.tensor_count; i++)
        if (strcmp(content.tensors[i].name, "state/step") == 0)
            memcpy(&position, content.tensors[i].data, sizeof position);
    assert_int_equal(position, step);
    assert_int_equal(origin.source, source);
    assert_string_equal(origin.checkpoint.name, name);
    assert_int_equal(origin.checkpoint.step, step);
    assert_non_null(strstr(origin.spec, "\"seed\":1"));
    imld_checkpoint_content_clear(&content);
    imld_origin_clear(&origin);
}

static enum iml_code read_origin(int64_t job)
{
    struct iml_error error = {0};
    struct imld_origin origin;
    struct imld_checkpoint_content content;
    struct imld_reader *taken = reader();
    const enum iml_code code = imld_origin_read(taken, job, &origin, &content, &error);
    imld_reader_give(taken);
    imld_checkpoint_content_clear(&content);
    imld_origin_clear(&origin);
    return code;
}

static enum iml_code try_delete(int64_t number, struct iml_error *error)
{
    struct imld_job_delete request = {.number = number, .actor = "ann"};
    imld_job_delete_prepare(&request);
    const enum iml_code code = imld_storage_run(fixture.storage, &request.write);
    *error = request.write.error;
    return code;
}

static void cancel(int64_t number)
{
    assert_int_equal(run_verb(&fixture, number, IMLD_VERB_CANCEL, NULL), IML_OK);
    assert_int_equal(state_of(&fixture, number), IMLD_CANCELLED);
}

static void test_a_checkpoint_is_named_by_its_hash(void **state)
{
    (void)state;
    int64_t number = 0;
    char other[65];
    memset(other, 'a', 64);
    other[64] = '\0';
    check_origin(child("best"), "best", 11);
    check_origin(child("step-10"), "step-10", 10);
    assert_int_equal(start_from("best", other, NULL), IML_ERROR_NOT_FOUND);
    assert_int_equal(start_from("last", checkpoint("best").sha256, NULL), IML_ERROR_NOT_FOUND);
    assert_int_equal(start_from("step-10", checkpoint("best").sha256, &number),
                     IML_ERROR_NOT_FOUND);
    struct iml_error error = {0};
    struct imld_job job;
    struct imld_reader *taken = reader();
    assert_int_equal(imld_job_get(taken, source + 3, &job, &error), IML_ERROR_NOT_FOUND);
    imld_reader_give(taken);
    assert_int_equal(read_origin(source), IML_ERROR_NOT_FOUND); /* it starts from none */
}

static void test_pruning_passes_over_a_needed_one(void **state)
{
    (void)state;
    const int64_t job = child("step-10");
    for (int64_t step = 20; step <= 40; step += 10) {
        char name[32];
        (void)snprintf(name, sizeof name, "step-%lld", (long long)step);
        assert_int_equal(run_checkpoint(&fixture, source, name, step, 1), IML_OK);
    }
    assert_int_equal(checkpoint("").count, 3); /* step-10, step-40, best */
    check_origin(job, "step-10", 10);
    cancel(job);
    assert_int_equal(run_checkpoint(&fixture, source, "step-50", 50, 1), IML_OK);
    assert_int_equal(checkpoint("").count, 2);
    assert_int_equal(fixture_count_files(folder), 2);
    assert_int_equal(read_origin(job), IML_ERROR_DATA); /* retried, it would say so */
}

static void test_a_replaced_best_stays_as_a_file(void **state)
{
    (void)state;
    const int64_t one = child("best"), two = child("best");
    assert_int_equal(run_checkpoint(&fixture, source, "best", 30, 1), IML_OK);
    check_origin(one, "best", 11);
    fixture_close(&fixture); /* it is no orphan at a start */
    fixture_open(&fixture);
    check_origin(one, "best", 11);
    check_origin(child("best"), "best", 30);
    assert_int_equal(fixture_count_files(folder), 3);
    cancel(one);
    check_origin(two, "best", 11);
    cancel(two);
    assert_int_equal(fixture_count_files(folder), 2);
    assert_int_equal(read_origin(two), IML_ERROR_DATA);
    assert_int_equal(checkpoint("").count, 2);
}

static void test_the_source_is_not_deleted_while_it_is_needed(void **state)
{
    (void)state;
    struct iml_error error = {0};
    char id[IMLD_JOB_ID_MAX];
    const int64_t one = child("best"), two = child("step-10");
    assert_int_equal(run_end(&fixture, source, IMLD_VERB_FINISH), IML_OK);
    assert_int_equal(try_delete(source, &error), IML_ERROR_CONFLICT);
    imld_job_id(one, id);
    assert_non_null(strstr(error.what, id));
    imld_job_id(two, id);
    assert_non_null(strstr(error.what, id));
    assert_true(strlen(error.mend) > 0);
    cancel(one);
    assert_int_equal(run_verb(&fixture, two, IMLD_VERB_PAUSE, NULL), IML_OK);
    assert_int_equal(try_delete(source, &error), IML_ERROR_CONFLICT);
    imld_job_id(one, id);
    assert_null(strstr(error.what, id));
    cancel(two);
    assert_int_equal(try_delete(source, &error), IML_OK);
    assert_int_equal(fixture_count_files(folder), 0);
    assert_int_equal(read_origin(two), IML_ERROR_DATA);
    assert_int_equal(try_delete(two, &error), IML_OK); /* its origin goes with it */
    assert_int_equal(read_origin(two), IML_ERROR_NOT_FOUND);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_checkpoint_is_named_by_its_hash),
        TEST(test_pruning_passes_over_a_needed_one),
        TEST(test_a_replaced_best_stays_as_a_file),
        TEST(test_the_source_is_not_deleted_while_it_is_needed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
