/* test_states.c: every verb from every state, against DESIGN §5 written out by hand. */
#include "spec/states.h"

#include <string.h>

#include "tests/unit/check.h"

/* To each state, in the order queued, running, paused, completed, failed, cancelled: "-" refused,
 * "=" holds already, else the state's first two letters. */
struct expected {
    enum imld_verb verb;
    bool has_checkpoint;
    const char *to[IMLD_STATES];
};

/* clang-format off */
static const struct expected table[] = {
    {IMLD_VERB_CLAIM,    true,  {"ru", "=",  "-",  "-",  "-",  "-"}},
    {IMLD_VERB_CLAIM,    false, {"ru", "=",  "-",  "-",  "-",  "-"}},
    {IMLD_VERB_PAUSE,    true,  {"pa", "pa", "=",  "-",  "-",  "-"}},
    {IMLD_VERB_PAUSE,    false, {"pa", "pa", "=",  "-",  "-",  "-"}},
    {IMLD_VERB_RESUME,   true,  {"=",  "-",  "qu", "-",  "-",  "-"}},
    {IMLD_VERB_RESUME,   false, {"=",  "-",  "qu", "-",  "-",  "-"}},
    {IMLD_VERB_STOP,     true,  {"co", "co", "co", "=",  "-",  "-"}},
    {IMLD_VERB_STOP,     false, {"ca", "co", "ca", "=",  "-",  "="}},
    {IMLD_VERB_CANCEL,   true,  {"ca", "ca", "ca", "-",  "-",  "="}},
    {IMLD_VERB_CANCEL,   false, {"ca", "ca", "ca", "-",  "-",  "="}},
    {IMLD_VERB_RETRY,    true,  {"=",  "-",  "-",  "-",  "qu", "qu"}},
    {IMLD_VERB_RETRY,    false, {"=",  "-",  "-",  "-",  "qu", "qu"}},
    {IMLD_VERB_SHUTDOWN, true,  {"=",  "qu", "-",  "-",  "-",  "-"}},
    {IMLD_VERB_SHUTDOWN, false, {"=",  "qu", "-",  "-",  "-",  "-"}},
    {IMLD_VERB_LOST,     true,  {"=",  "qu", "-",  "-",  "-",  "-"}},
    {IMLD_VERB_LOST,     false, {"=",  "qu", "-",  "-",  "-",  "-"}},
    {IMLD_VERB_FINISH,   true,  {"-",  "co", "-",  "=",  "-",  "-"}},
    {IMLD_VERB_FINISH,   false, {"-",  "co", "-",  "=",  "-",  "-"}},
    {IMLD_VERB_FAIL,     true,  {"-",  "fa", "-",  "-",  "=",  "-"}},
    {IMLD_VERB_FAIL,     false, {"-",  "fa", "-",  "-",  "=",  "-"}},
};
/* clang-format on */

static void test_every_verb_from_every_state(void **unused)
{
    (void)unused;
    assert_int_equal(sizeof table / sizeof table[0], 2 * IMLD_VERBS);
    for (size_t row = 0; row < sizeof table / sizeof table[0]; row++) {
        for (unsigned i = 0; i < IMLD_STATES; i++) {
            const enum imld_state from = (enum imld_state)i;
            const char *const expected = table[row].to[i];
            enum imld_state to = IMLD_STATES;
            const enum imld_transition found =
                imld_transition_find(table[row].verb, from, table[row].has_checkpoint, &to);
            if (expected[0] == '-') {
                assert_int_equal(found, IMLD_TRANSITION_ILLEGAL);
            } else if (expected[0] == '=') {
                assert_int_equal(found, IMLD_TRANSITION_HOLDS);
                assert_int_equal(to, from);
            } else {
                assert_int_equal(found, IMLD_TRANSITION_LEGAL);
                assert_memory_equal(imld_state_name(to), expected, 2);
            }
        }
    }
}

static void test_no_users_verb_leaves_completed(void **unused)
{
    (void)unused;
    for (unsigned v = 0; v < IMLD_VERBS; v++) {
        enum imld_state to = IMLD_STATES;
        if (!imld_verb_is_users((enum imld_verb)v)) continue;
        assert_int_not_equal(imld_transition_find((enum imld_verb)v, IMLD_COMPLETED, true, &to),
                             IMLD_TRANSITION_LEGAL);
    }
}

static void test_names_are_read_back(void **unused)
{
    (void)unused;
    for (unsigned i = 0; i < IMLD_STATES; i++) {
        enum imld_state state = IMLD_STATES;
        assert_true(imld_state_parse(imld_state_name((enum imld_state)i), &state));
        assert_int_equal(state, i);
        assert_int_equal(imld_state_has_ended(state), i >= IMLD_COMPLETED);
    }
    for (unsigned i = 0; i < IMLD_VERBS; i++) {
        enum imld_verb verb = IMLD_VERBS;
        assert_true(imld_verb_parse(imld_verb_name((enum imld_verb)i), &verb));
        assert_int_equal(verb, i);
    }
    enum imld_state state = IMLD_PAUSED;
    enum imld_verb verb = IMLD_VERB_STOP;
    assert_false(imld_state_parse("Queued", &state));
    assert_false(imld_verb_parse("", &verb));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_verb_from_every_state),
        cmocka_unit_test(test_no_users_verb_leaves_completed),
        cmocka_unit_test(test_names_are_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
