/* test_rules.c: exact semantics of the stop rules, and that a recorded curve gives the same verdict
 * as the live one (DESIGN §5). */
#include "tests/unit/check.h"

#include <math.h>

#include "tests/unit/daemon/rules_case.h"

/* Rows at steps 10, 20, … of one metric. */
static void fill(struct imld_history *history, const char *metric, size_t count,
                 const float *values)
{
    for (size_t i = 0; i < count; i++) rules_put(history, metric, 10 * (int64_t)(i + 1), values[i]);
}
#define FILL(history, metric, ...)                                                                 \
    fill((history), (metric), sizeof((float[]){__VA_ARGS__}) / sizeof(float),                      \
         (float[]){__VA_ARGS__})

/* The first of steps 10, 20, … at which a rule fires; 0: none up to `last`. */
static int64_t first_stop(const char *rules_text, const struct imld_history *history, int64_t last)
{
    int64_t found = 0;
    for (int64_t step = 10; step <= last && found == 0; step += 10) {
        const struct imld_verdict verdict = rules_ask(rules_text, history, step);
        if (verdict.rule) found = step;
        json_decref(verdict.numbers);
    }
    return found;
}

#define PATIENCE(n, delta)                                                                         \
    "[{\"rule\": \"patience\", \"metric\": \"validation/accuracy\", \"evaluations\": " #n          \
    ", \"min_delta\": " #delta "}]"

static void test_patience_fires_when_the_count_reaches_it(void **state)
{
    (void)state;
    struct imld_history h = {0};
    FILL(&h, "validation/accuracy", 0.5f, 0.6f, 0.6f, 0.6f, 0.6f);
    assert_int_equal(first_stop(PATIENCE(1, 0), &h, 50), 30);
    assert_int_equal(first_stop(PATIENCE(3, 0), &h, 50), 50); /* best at 20; 30, 40, 50 count */
    assert_int_equal(first_stop(PATIENCE(4, 0), &h, 50), 0);
    imld_history_clear(&h);
}

static void test_patience_wants_more_than_min_delta_and_the_first_of_equals(void **state)
{
    (void)state;
    struct imld_history h = {0};
    FILL(&h, "validation/accuracy", 0.5f, 0.75f, 1.0f, 1.0f);
    assert_int_equal(first_stop(PATIENCE(1, 0.25), &h, 40), 20); /* exactly min_delta better: no */
    assert_int_equal(first_stop(PATIENCE(2, 0.25), &h, 40), 0);  /* 1.0 at 30 is better by 0.5 */
    assert_int_equal(first_stop(PATIENCE(1, 0), &h, 40), 40);    /* an equal value is none */
    imld_history_clear(&h);
}

static void test_patience_knows_which_way_is_better(void **state)
{
    (void)state;
    struct imld_history h = {0};
    FILL(&h, "validation/loss", 1.0f, 0.5f, 0.25f, 0.5f, 0.75f);
    assert_int_equal(first_stop("[{\"rule\": \"patience\", \"metric\": \"validation/loss\", "
                                "\"evaluations\": 2, \"min_delta\": 0}]",
                                &h, 50),
                     50);
    imld_history_clear(&h);
}

static void test_values_that_are_not_finite_are_no_improvement(void **state)
{
    (void)state;
    struct imld_history h = {0};
    FILL(&h, "validation/accuracy", NAN, NAN, 0.5f, INFINITY, NAN, 0.4f);
    assert_int_equal(first_stop(PATIENCE(3, 0), &h, 60), 60); /* best at 30: 40, 50, 60 count */
    assert_int_equal(first_stop(PATIENCE(1, 0), &h, 60), 40); /* before the first finite: none */
    imld_history_clear(&h);
}

static void test_target_is_reached_in_the_better_direction(void **state)
{
    (void)state;
    struct imld_history h = {0};
    FILL(&h, "validation/accuracy", 0.5f, NAN, 0.75f, 0.5f);
    FILL(&h, "validation/loss", 2.0f, 1.0f, 0.5f, 3.0f);
    assert_int_equal(first_stop("[{\"rule\": \"target\", \"metric\": \"validation/accuracy\", "
                                "\"value\": 0.75}]",
                                &h, 40),
                     30);
    assert_int_equal(
        first_stop("[{\"rule\": \"target\", \"metric\": \"validation/loss\", \"value\": 1}]", &h,
                   40),
        20);
    assert_int_equal(
        first_stop("[{\"rule\": \"target\", \"metric\": \"validation/loss\", \"value\": 0.1}]", &h,
                   40),
        0);
    imld_history_clear(&h);
}

static void test_budget_counts_steps_and_seconds(void **state)
{
    (void)state;
    struct imld_history h = {0};
    FILL(&h, "run/seconds", 1.0f, 2.5f, 4.0f);
    assert_int_equal(first_stop("[{\"rule\": \"budget\", \"steps\": 20}]", &h, 30), 20);
    assert_int_equal(first_stop("[{\"rule\": \"budget\", \"steps\": 31}]", &h, 30), 0);
    assert_int_equal(first_stop("[{\"rule\": \"budget\", \"seconds\": 2.5}]", &h, 30), 20);
    assert_int_equal(first_stop("[{\"rule\": \"budget\", \"seconds\": 9, \"steps\": 30}]", &h, 30),
                     30);
    imld_history_clear(&h);
}

static void test_divergence_is_always_on(void **state)
{
    (void)state;
    struct imld_history h = {0};
    assert_int_equal(imld_history_put(&h, "train/loss", 0, 2.0f, NULL), IML_OK);
    FILL(&h, "train/loss", 1.0f, 2000.0f, 2001.0f);
    assert_int_equal(first_stop("[]", &h, 30), 30); /* above 1,000 times, not at it */
    imld_history_clear(&h);
    assert_true(imld_loss_diverges((float)NAN, 2.0f));
    assert_true(imld_loss_diverges((float)INFINITY, 2.0f));
    assert_false(imld_loss_diverges(2.0f, 2.0f));
    assert_false(imld_loss_diverges(9.0f, 0.0f)); /* a first loss below 0.01 counts as that */
    assert_true(imld_loss_diverges(11.0f, 0.0f));
    assert_false(imld_loss_diverges(9.0f, 2e-5f));
    assert_false(imld_loss_diverges(5.0f, -0.1f)); /* its size counts */
    assert_true(imld_loss_diverges(101.0f, -0.1f));
    assert_true(imld_loss_diverges((float)NAN, (float)NAN)); /* the first loss may be the bad one */
}

static void test_a_verdict_carries_its_numbers(void **state)
{
    (void)state;
    struct imld_history h = {0};
    FILL(&h, "validation/accuracy", 0.5f, 0.25f, NAN);
    const struct imld_verdict verdict = rules_ask(PATIENCE(2, 0), &h, 30);
    assert_string_equal(verdict.rule, "patience");
    assert_true(rules_number(verdict.numbers, "best") == 0.5);
    assert_true(rules_number(verdict.numbers, "best_step") == 10);
    assert_true(json_is_null(json_object_get(verdict.numbers, "value")));
    assert_true(rules_number(verdict.numbers, "evaluations_since_best") == 2);
    json_decref(verdict.numbers);
    imld_history_clear(&h);
}

#define FORGETTING                                                                                 \
    "[{\"rule\": \"forgetting\", \"metric\": \"validation/accuracy\", \"drop\": 0.3, "             \
    "\"evaluations\": 2, \"steps\": 10}]"

/* The live rule sees rows as they come; a back-test sees all of them. Both stop at the same step,
 * for every rule and many curves. */
static void test_a_recorded_curve_gives_the_same_verdict_as_the_live_one(void **state)
{
    (void)state;
    static const char *const lists[] = {
        PATIENCE(3, 0),
        PATIENCE(2, 0.05),
        "[{\"rule\": \"budget\", \"steps\": 70}]",
        "[{\"rule\": \"target\", \"metric\": \"validation/accuracy\", \"value\": 0.9}]",
        "[]",
        FORGETTING};
    enum { ROWS = 30 };
    uint32_t seed = 7;
    for (size_t trial = 0; trial < 200; trial++) {
        float values[ROWS];
        for (size_t i = 0; i < ROWS; i++) {
            seed = seed * 1664525u + 1013904223u;
            values[i] = seed >> 28 == 0 ? (float)NAN : (float)(seed >> 8) / 16777216.0f;
        }
        const char *rules = lists[trial % (sizeof lists / sizeof lists[0])];
        struct imld_history recorded = {0};
        struct imld_history live = {0};
        fill(&recorded, "validation/accuracy", ROWS, values);
        int64_t live_stop = 0;
        for (size_t i = 0; i < ROWS && live_stop == 0; i++) {
            const int64_t step = 10 * (int64_t)(i + 1);
            assert_int_equal(imld_history_put(&live, "validation/accuracy", step, values[i], NULL),
                             IML_OK);
            live_stop = first_stop(rules, &live, step) == step ? step : 0;
        }
        assert_int_equal(first_stop(rules, &recorded, 10 * ROWS), live_stop);
        imld_history_clear(&recorded);
        imld_history_clear(&live);
    }
}

static void test_the_table_names_each_rule_once(void **state)
{
    (void)state;
    for (size_t i = 0; imld_rules[i]; i++) {
        assert_non_null(imld_rules[i]->fires);
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(imld_rules[i]->name, imld_rules[j]->name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_patience_fires_when_the_count_reaches_it),
        cmocka_unit_test(test_patience_wants_more_than_min_delta_and_the_first_of_equals),
        cmocka_unit_test(test_patience_knows_which_way_is_better),
        cmocka_unit_test(test_values_that_are_not_finite_are_no_improvement),
        cmocka_unit_test(test_target_is_reached_in_the_better_direction),
        cmocka_unit_test(test_budget_counts_steps_and_seconds),
        cmocka_unit_test(test_divergence_is_always_on),
        cmocka_unit_test(test_a_verdict_carries_its_numbers),
        cmocka_unit_test(test_a_recorded_curve_gives_the_same_verdict_as_the_live_one),
        cmocka_unit_test(test_the_table_names_each_rule_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
