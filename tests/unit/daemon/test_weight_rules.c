/* test_weight_rules.c: the stop rules of learned weights: unstable_weights, collapsed_weights
 * (FIXMATCH 6.6), and that a recorded curve gives the same verdict as the live one (DESIGN §5). */
#include "tests/unit/check.h"

#include <math.h>

#include "tests/unit/daemon/rules_case.h"

static bool fires(const char *text, const struct imld_history *history, int64_t step)
{
    const struct imld_verdict verdict = rules_ask(text, history, step);
    json_decref(verdict.numbers);
    return verdict.rule != NULL;
}

static const char unstable[] =
    "[{\"rule\": \"unstable_weights\", \"oscillation_above\": 0.5, \"updates\": 3}]";
static const char collapsed[] = "[{\"rule\": \"collapsed_weights\", \"mean_below\": 0.05, "
                                "\"effective_size_below\": 0.25}]";

/* Updates at steps 100, 200, … */
static void fill(struct imld_history *history, size_t count, const float *values)
{
    for (size_t i = 0; i < count; i++)
        rules_put(history, "weight/oscillation", 100 * (int64_t)(i + 1), values[i]);
}

static void test_unstable_is_each_of_the_last_updates(void **state)
{
    (void)state;
    struct imld_history h = {0};
    const float values[] = {0.6f, 0.75f, 0.5f, 0.6f, 2.0f, 0.75f, 0.4f};
    fill(&h, sizeof values / sizeof values[0], values);
    assert_false(fires(unstable, &h, 350)); /* 0.5 is not above the bound */
    assert_false(fires(unstable, &h, 550)); /* two after it */
    const struct imld_verdict verdict = rules_ask(unstable, &h, 650);
    assert_string_equal(verdict.rule, "unstable_weights");
    assert_true(rules_number(verdict.numbers, "value") == 0.75);
    check_close(rules_number(verdict.numbers, "smallest"), 0.6, 1e-6);
    assert_true(rules_number(verdict.numbers, "oscillation_above") == 0.5);
    assert_true(rules_number(verdict.numbers, "updates") == 3);
    assert_true(rules_number(verdict.numbers, "since_step") == 400);
    json_decref(verdict.numbers);
    assert_false(fires(unstable, &h, 750)); /* calm again */
    imld_history_clear(&h);
}

/* At an evaluation of step 300 the update of step 300 has not been made. */
static void test_an_update_counts_after_its_step(void **state)
{
    (void)state;
    struct imld_history h = {0};
    const float values[] = {1.0f, 1.0f, 1.0f};
    fill(&h, 3, values);
    assert_false(fires(unstable, &h, 300));
    assert_true(fires(unstable, &h, 301));
    imld_history_clear(&h);
}

static void test_equal_weights_are_not_unstable(void **state)
{
    (void)state;
    struct imld_history h = {0};
    assert_false(fires(unstable, &h, 100)); /* no rows at all */
    const float values[] = {1.0f, NAN, 1.0f, INFINITY, 1.0f, 1.0f, 1.0f};
    fill(&h, sizeof values / sizeof values[0], values);
    for (int64_t step = 50; step < 700; step += 100) assert_false(fires(unstable, &h, step));
    assert_true(fires(unstable, &h, 750));
    imld_history_clear(&h);
}

static void test_collapsed_is_a_small_mean_or_few_images(void **state)
{
    (void)state;
    const struct {
        float mean, effective_size;
        bool does_fire;
    } cases[] = {
        {0.5f, 0.5f, false}, {0.0625f, 0.25f, false}, {0.04f, 0.9f, true}, {1.0f, 0.2f, true},
        {0.0f, NAN, true},   {NAN, NAN, false},       {-0.5f, 0.9f, true}, /* of linear */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct imld_history h = {0};
        rules_put(&h, "weight/mean", 200, cases[i].mean);
        rules_put(&h, "weight/effective_size", 200, cases[i].effective_size);
        if (fires(collapsed, &h, 200) != cases[i].does_fire) fail_msg("case %zu", i);
        imld_history_clear(&h);
    }
}

static void test_a_collapse_is_told_by_both_numbers(void **state)
{
    (void)state;
    struct imld_history h = {0};
    assert_false(fires(collapsed, &h, 0)); /* no rows */
    rules_put(&h, "weight/mean", 200, 0.5f);
    rules_put(&h, "weight/effective_size", 200, 1.0f);
    rules_put(&h, "weight/mean", 400, 0.03125f);
    rules_put(&h, "weight/effective_size", 400, 0.5f);
    assert_false(fires(collapsed, &h, 200)); /* later rows are not looked at */
    const struct imld_verdict verdict = rules_ask(collapsed, &h, 400);
    assert_string_equal(verdict.rule, "collapsed_weights");
    assert_true(rules_number(verdict.numbers, "mean") == 0.03125);
    assert_true(rules_number(verdict.numbers, "mean_below") == 0.05);
    assert_true(rules_number(verdict.numbers, "effective_size") == 0.5);
    assert_true(rules_number(verdict.numbers, "effective_size_below") == 0.25);
    json_decref(verdict.numbers);
    imld_history_clear(&h);
}

static float draw(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 28 == 0 ? (float)NAN : (float)(*seed >> 8) / 16777216.0f;
}

/* Live, an evaluation sees the rows of earlier updates; a recorded curve has those of its own step
 * and of all later ones. */
static void test_a_recorded_curve_gives_the_same_verdict_as_the_live_one(void **state)
{
    (void)state;
    enum { STEPS = 40 };
    const char *const lists[] = {unstable, collapsed};
    uint32_t seed = 11;
    size_t stops = 0;
    for (size_t trial = 0; trial < 200; trial++) {
        const char *const rules = lists[trial % 2];
        struct imld_history live = {0}, recorded = {0};
        struct imld_history *const both[] = {&live, &recorded};
        bool fired[STEPS] = {false};
        for (int64_t step = 0; step < STEPS; step++) {
            const float mean = draw(&seed), size = draw(&seed), oscillation = draw(&seed);
            for (size_t i = 0; step % 2 == 0 && i < 2; i++) {
                rules_put(both[i], "weight/mean", step, mean);
                rules_put(both[i], "weight/effective_size", step, size);
            }
            fired[step] = step % 2 == 0 && fires(rules, &live, step);
            for (size_t i = 0; i < 2; i++)
                rules_put(both[i], "weight/oscillation", step, oscillation);
        }
        for (int64_t step = 0; step < STEPS; step += 2) {
            assert_int_equal(fires(rules, &recorded, step), fired[step]);
            stops += fired[step];
        }
        imld_history_clear(&live);
        imld_history_clear(&recorded);
    }
    assert_true(stops > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unstable_is_each_of_the_last_updates),
        cmocka_unit_test(test_an_update_counts_after_its_step),
        cmocka_unit_test(test_equal_weights_are_not_unstable),
        cmocka_unit_test(test_collapsed_is_a_small_mean_or_few_images),
        cmocka_unit_test(test_a_collapse_is_told_by_both_numbers),
        cmocka_unit_test(test_a_recorded_curve_gives_the_same_verdict_as_the_live_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
