/* test_verbs.c: every user's verb in every state against the table of spec/states.h (DESIGN §5). */
#include "fixture.h"

#include <string.h>

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_every_verb_in_every_state_is_as_the_table_says),
        FIXTURE_TEST(test_unknown_jobs_and_foreign_verbs_are_refused),
        FIXTURE_TEST(test_resume_takes_back_a_pause_that_was_not_obeyed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
