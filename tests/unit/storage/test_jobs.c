/* test_jobs.c: ids, creation with its idempotency key, PATCH, filters and cursors, deletion, kinds
 * of events (DESIGN §5, §7). */
#include "fixture.h"

#include <string.h>

static void test_ids_have_one_form(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",
                                        "j",
                                        "j42",
                                        "0000042",
                                        "j0000000",
                                        "j00000042",
                                        "J0000042",
                                        "j-000042",
                                        "j000004x",
                                        "j 000042",
                                        "j0000042 ",
                                        "j+000042",
                                        "j99999999999999999999"};
    char id[IMLD_JOB_ID_MAX];
    int64_t number = 0;
    imld_job_id(42, id);
    assert_string_equal(id, "j0000042");
    assert_true(imld_job_number("j0000042", &number));
    assert_int_equal(number, 42);
    imld_job_id(INT64_MAX, id);
    assert_true(imld_job_number(id, &number));
    assert_true(number == INT64_MAX);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_false(imld_job_number(wrong[i], &number));
}

static void test_a_created_job_is_stored_whole(void **state)
{
    (void)state;
    struct imld_job job;
    int64_t number = 0;
    assert_int_equal(run_create(&fixture, "Neumann-3", 2, &number), IML_OK);
    get_job(&fixture, number, &job);
    assert_int_equal(job.state, IMLD_QUEUED);
    assert_string_equal(job.owner, "ann");
    assert_string_equal(job.name, "Neumann-3");
    assert_string_equal(job.tags, "[\"paper\"]");
    assert_string_equal(job.program, "imld test");
    assert_string_equal(job.best_metric, "validation/accuracy");
    assert_null(job.reason);
    assert_null(job.split);
    assert_true(job.best_is_higher);
    assert_false(job.has_checkpoint);
    assert_int_equal(job.priority, 2);
    assert_int_equal(job.attempt, 1);
    assert_int_equal(job.created_ms, fixture_now_ms);
    assert_int_equal(job.started_ms, 0);
    assert_int_equal(job.intents, 0);
    imld_job_clear(&job);
    assert_int_equal(count_events(&fixture, number, "created"), 1);
}

static enum iml_code create_with_key(const char *owner, const char *key, unsigned char body,
                                     struct imld_job_create *request)
{
    *request = (struct imld_job_create){.owner = owner, .spec = "{}", .idempotency_key = key};
    memset(request->body_hash, body, sizeof request->body_hash);
    imld_job_create_prepare(request);
    return imld_storage_run(fixture.storage, &request->write);
}

static void test_an_idempotency_key_gives_the_same_job_for_30_days(void **state)
{
    (void)state;
    struct imld_job_create first;
    struct imld_job_create again;
    assert_int_equal(create_with_key("ann", "k", 1, &first), IML_OK);
    assert_false(first.is_replayed);
    fixture_now_ms += (int64_t)29 * 24 * 3600 * 1000;
    assert_int_equal(create_with_key("ann", "k", 1, &again), IML_OK);
    assert_true(again.is_replayed);
    assert_int_equal(again.number, first.number);
    assert_int_equal(create_with_key("ann", "k", 2, &again), IML_ERROR_CONFLICT);
    assert_int_equal(create_with_key("bob", "k", 2, &again), IML_OK);
    assert_false(again.is_replayed);
    fixture_now_ms += (int64_t)2 * 24 * 3600 * 1000;
    assert_int_equal(create_with_key("ann", "k", 2, &again), IML_OK);
    assert_false(again.is_replayed);
    assert_int_not_equal(again.number, first.number);
}

static void test_patch_changes_what_it_names(void **state)
{
    (void)state;
    struct imld_job job;
    int64_t number = 0;
    assert_int_equal(run_create(&fixture, "old", 0, &number), IML_OK);
    struct imld_job_patch request = {.number = number,
                                     .actor = "ann",
                                     .name = "new",
                                     .has_priority = true,
                                     .priority = 5,
                                     .if_revision = 1};
    imld_job_patch_prepare(&request);
    assert_int_equal(imld_storage_run(fixture.storage, &request.write), IML_OK);
    get_job(&fixture, number, &job);
    assert_string_equal(job.name, "new");
    assert_string_equal(job.tags, "[\"paper\"]");
    assert_int_equal(job.priority, 5);
    assert_int_equal(job.revision, request.revision);
    imld_job_clear(&job);
    request.if_revision = 1;
    assert_int_equal(imld_storage_run(fixture.storage, &request.write), IML_ERROR_CONFLICT);
    assert_int_equal(count_events(&fixture, number, "patched"), 1);
}

struct listed {
    int64_t numbers[16];
    size_t count;
};

static bool collect(void *context, const struct imld_job *job)
{
    struct listed *listed = context;
    listed->numbers[listed->count++] = job->number;
    return listed->count < 16;
}

static size_t list(const struct imld_job_filter *filter, struct listed *listed)
{
    struct iml_error error = {0};
    struct imld_reader *reader = imld_reader_take(fixture.storage, &error);
    *listed = (struct listed){.count = 0};
    const enum iml_code code = imld_jobs_list(reader, filter, collect, listed, &error);
    imld_reader_give(reader);
    assert_int_equal(code, IML_OK);
    return listed->count;
}

static void test_lists_filter_and_go_on_at_the_cursor(void **state)
{
    (void)state;
    struct listed listed;
    int64_t numbers[5];
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(run_create(&fixture, i == 3 ? "Alpha Beta" : "gamma", 0, &numbers[i]),
                         IML_OK);
    assert_int_equal(run_verb(&fixture, numbers[1], IMLD_VERB_PAUSE, NULL), IML_OK);
    assert_int_equal(list(&(struct imld_job_filter){.limit = 2}, &listed), 2);
    assert_int_equal(listed.numbers[0], numbers[4]);
    assert_int_equal(
        list(&(struct imld_job_filter){.limit = 9, .before = listed.numbers[1]}, &listed), 3);
    assert_int_equal(
        list(&(struct imld_job_filter){.limit = 9, .states = 1u << IMLD_PAUSED}, &listed), 1);
    assert_int_equal(list(&(struct imld_job_filter){.limit = 9, .name = "a bE"}, &listed), 1);
    assert_int_equal(listed.numbers[0], numbers[3]);
    assert_int_equal(list(&(struct imld_job_filter){.limit = 9, .tag = "paper"}, &listed), 5);
    assert_int_equal(list(&(struct imld_job_filter){.limit = 9, .tag = "pape"}, &listed), 0);
    assert_int_equal(list(&(struct imld_job_filter){.limit = 9, .owner = "bob"}, &listed), 0);
    int64_t counts[IMLD_STATES];
    struct iml_error error = {0};
    struct imld_reader *reader = imld_reader_take(fixture.storage, &error);
    assert_int_equal(imld_jobs_count(reader, counts, &error), IML_OK);
    int64_t identical = 0;
    assert_int_equal(imld_job_identical(reader,
                                        "{\"seed\": 1, \"name\": \"other\", \"priority\": 9,"
                                        " \"algorithm\": \"iml\"}",
                                        &identical, &error),
                     IML_OK);
    imld_reader_give(reader);
    assert_int_equal(counts[IMLD_QUEUED], 4);
    assert_int_equal(counts[IMLD_PAUSED], 1);
    assert_int_equal(identical, numbers[4]);
}

static void test_only_ended_jobs_are_deleted_with_all_they_have(void **state)
{
    (void)state;
    char path[PATH_MAX];
    const int64_t number = make_running(&fixture);
    struct imld_job_delete request = {.number = number, .actor = "ann"};
    imld_job_delete_prepare(&request);
    assert_int_equal(run_checkpoint(&fixture, number, "step-5", 5, 3), IML_OK);
    assert_int_equal(imld_storage_run(fixture.storage, &request.write), IML_ERROR_CONFLICT);
    fixture_path(&fixture, "checkpoints", path);
    assert_int_equal(fixture_count_files(path), 1);
    assert_int_equal(run_end(&fixture, number, IMLD_VERB_FINISH), IML_OK);
    assert_int_equal(imld_storage_run(fixture.storage, &request.write), IML_OK);
    assert_int_equal(fixture_count_files(path), 0);
    assert_int_equal(run_verb(&fixture, number, IMLD_VERB_PAUSE, NULL), IML_ERROR_NOT_FOUND);
    assert_int_equal(count_events(&fixture, number, "created"), 0);
    assert_int_equal(count_events(&fixture, 0, "deleted"), 1);
    int64_t next = 0; /* numbers are never used again */
    assert_int_equal(run_create(&fixture, "next", 0, &next), IML_OK);
    assert_int_equal(next, number + 1);
}

static void test_unknown_event_kinds_are_refused(void **state)
{
    (void)state;
    struct imld_job_event request = {.kind = "nonsense"};
    imld_job_event_prepare(&request);
    assert_int_equal(imld_storage_run(fixture.storage, &request.write), IML_ERROR_ARGUMENT);
    for (size_t i = 0; i < imld_event_kind_count; i++) {
        assert_true(strlen(imld_event_kinds[i].help) > 10);
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(imld_event_kinds[i].name, imld_event_kinds[k].name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ids_have_one_form),
        FIXTURE_TEST(test_a_created_job_is_stored_whole),
        FIXTURE_TEST(test_an_idempotency_key_gives_the_same_job_for_30_days),
        FIXTURE_TEST(test_patch_changes_what_it_names),
        FIXTURE_TEST(test_lists_filter_and_go_on_at_the_cursor),
        FIXTURE_TEST(test_only_ended_jobs_are_deleted_with_all_they_have),
        FIXTURE_TEST(test_unknown_event_kinds_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
