/* test_jobs.c: ids, creation with its idempotency key, every verb in every state against the table
 * of spec/states.h, claim order, recovery, filters, deletion (DESIGN §5, §7). */
#include "fixture.h"

#include <stdio.h>
#include <string.h>

static struct fixture fixture;

static int setup(void **state)
{
    (void)state;
    fixture_now_ms = 1700000000000;
    fixture_make(&fixture);
    fixture_open(&fixture);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fixture_remove(&fixture);
    return 0;
}

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

/* Brings a new job into a state by legal ways. */
static int64_t make_job_in(enum imld_state target, bool with_checkpoint)
{
    int64_t number = 0;
    if (target == IMLD_QUEUED && !with_checkpoint) {
        assert_int_equal(run_create(&fixture, "job", 0, &number), IML_OK);
        return number;
    }
    number = make_running(&fixture);
    if (with_checkpoint) assert_int_equal(run_checkpoint(&fixture, number, "step-5", 5, 3), IML_OK);
    static const enum imld_verb ends[IMLD_STATES] = {[IMLD_QUEUED] = IMLD_VERB_SHUTDOWN,
                                                     [IMLD_PAUSED] = IMLD_VERB_PAUSE,
                                                     [IMLD_COMPLETED] = IMLD_VERB_FINISH,
                                                     [IMLD_FAILED] = IMLD_VERB_FAIL,
                                                     [IMLD_CANCELLED] = IMLD_VERB_CANCEL};
    if (target != IMLD_RUNNING) assert_int_equal(run_end(&fixture, number, ends[target]), IML_OK);
    assert_int_equal(state_of(&fixture, number), target);
    return number;
}

static void check_verb(enum imld_verb verb, enum imld_state from, bool with_checkpoint)
{
    const int64_t number = make_job_in(from, with_checkpoint);
    struct imld_job before;
    struct imld_job after;
    struct imld_job_verb answer;
    enum imld_state to = from;
    const enum imld_transition expected = imld_transition_find(verb, from, with_checkpoint, &to);
    get_job(&fixture, number, &before);
    const enum iml_code code = run_verb(&fixture, number, verb, &answer);
    get_job(&fixture, number, &after);
    if (expected == IMLD_TRANSITION_ILLEGAL) {
        assert_int_equal(code, IML_ERROR_CONFLICT);
        assert_non_null(strstr(answer.write.error.what, imld_state_name(from)));
    } else {
        assert_int_equal(code, IML_OK);
    }
    if (expected != IMLD_TRANSITION_LEGAL) {
        assert_int_equal(after.state, from);
        assert_int_equal(after.revision, before.revision);
        assert_true(code != IML_OK || answer.holds);
    } else if (from == IMLD_RUNNING) { /* the run obeys */
        assert_true(answer.is_intent);
        assert_int_equal(after.state, IMLD_RUNNING);
        assert_int_equal(after.intents, 1u << verb);
        assert_int_equal(run_verb(&fixture, number, verb, &answer), IML_OK);
        assert_int_equal(count_events(&fixture, number, "intent"), 1);
        assert_int_equal(run_end(&fixture, number, verb), IML_OK);
        assert_int_equal(state_of(&fixture, number), to);
    } else {
        assert_int_equal(after.state, to);
        assert_int_equal(answer.state, to);
        assert_true(after.revision > before.revision);
        assert_int_equal(after.ended_ms != 0, imld_state_has_ended(to));
    }
    imld_job_clear(&before);
    imld_job_clear(&after);
    if (state_of(&fixture, number) == IMLD_QUEUED) /* out of the way of the next claim */
        assert_int_equal(run_verb(&fixture, number, IMLD_VERB_CANCEL, NULL), IML_OK);
}

static void test_every_verb_in_every_state_is_as_the_table_says(void **state)
{
    (void)state;
    for (unsigned verb = 0; verb < IMLD_VERBS; verb++) {
        if (!imld_verb_is_users((enum imld_verb)verb)) continue;
        for (unsigned from = 0; from < IMLD_STATES; from++) {
            check_verb((enum imld_verb)verb, (enum imld_state)from, false);
            check_verb((enum imld_verb)verb, (enum imld_state)from, true);
        }
    }
}

static void test_unknown_jobs_and_foreign_verbs_are_refused(void **state)
{
    (void)state;
    assert_int_equal(run_verb(&fixture, 99, IMLD_VERB_PAUSE, NULL), IML_ERROR_NOT_FOUND);
    const int64_t number = make_running(&fixture);
    assert_int_equal(run_verb(&fixture, number, IMLD_VERB_FINISH, NULL), IML_ERROR_ARGUMENT);
    assert_int_equal(run_end(&fixture, number, IMLD_VERB_FINISH), IML_OK);
    assert_int_equal(run_end(&fixture, number, IMLD_VERB_FINISH), IML_ERROR_CONFLICT);
    assert_int_equal(run_rows(&fixture, number, 1, 1), IML_ERROR_CONFLICT);
    assert_int_equal(run_checkpoint(&fixture, number, "step-1", 1, 3), IML_ERROR_CONFLICT);
}

static void test_resume_takes_back_a_pause_that_was_not_obeyed(void **state)
{
    (void)state;
    struct imld_job_verb answer;
    const int64_t number = make_running(&fixture);
    assert_int_equal(run_verb(&fixture, number, IMLD_VERB_PAUSE, &answer), IML_OK);
    assert_int_equal(run_verb(&fixture, number, IMLD_VERB_RESUME, &answer), IML_OK);
    struct imld_job job;
    get_job(&fixture, number, &job);
    assert_int_equal(job.intents, 0);
    assert_int_equal(job.state, IMLD_RUNNING);
    imld_job_clear(&job);
}

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

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ids_have_one_form),
        TEST(test_a_created_job_is_stored_whole),
        TEST(test_an_idempotency_key_gives_the_same_job_for_30_days),
        TEST(test_every_verb_in_every_state_is_as_the_table_says),
        TEST(test_unknown_jobs_and_foreign_verbs_are_refused),
        TEST(test_resume_takes_back_a_pause_that_was_not_obeyed),
        TEST(test_claims_follow_priority_then_number),
        TEST(test_a_lost_run_is_requeued_as_a_suspect),
        TEST(test_the_third_loss_of_a_suspect_that_ran_alone_fails_it),
        TEST(test_suspects_that_ran_together_are_not_failed),
        TEST(test_a_stored_intent_survives_the_process),
        TEST(test_shutdown_leaves_the_attempt),
        TEST(test_patch_changes_what_it_names),
        TEST(test_another_kernel_is_an_event),
        TEST(test_lists_filter_and_go_on_at_the_cursor),
        TEST(test_only_ended_jobs_are_deleted_with_all_they_have),
        TEST(test_unknown_event_kinds_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
