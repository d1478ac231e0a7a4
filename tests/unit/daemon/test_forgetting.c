/* test_forgetting.c: the rule of lasting falls, on made and on recorded curves, and the deviation
 * of the last evaluations (DESIGN §5). */
#include "tests/unit/check.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "daemon/deviation.h"
#include "tests/unit/daemon/rules_case.h"

#define RULE(metric, drop, evaluations, steps)                                                     \
    "[{\"rule\": \"forgetting\", \"metric\": \"" metric "\", \"drop\": " #drop                     \
    ", \"evaluations\": " #evaluations ", \"steps\": " #steps "}]"
static const char *const usual = RULE("validation/accuracy", 0.05, 3, 300);

/* The first step of that metric's rows at which the list fires; 0: none. *numbers: to be freed. */
static int64_t first_stop(const char *text, const struct imld_history *history, const char *metric,
                          json_t **numbers)
{
    const struct imld_series *series = imld_history_find(history, metric);
    assert_non_null(series);
    for (size_t i = 0; i < series->count; i++) {
        struct imld_verdict verdict = rules_ask(text, history, series->steps[i]);
        if (!verdict.rule) continue;
        assert_string_equal(verdict.rule, "forgetting");
        *numbers = verdict.numbers;
        return series->steps[i];
    }
    *numbers = NULL;
    return 0;
}

static void assert_null_number(const json_t *numbers, const char *name)
{
    if (!json_is_null(json_object_get(numbers, name))) fail_msg("%s is not null", name);
}

/* Evaluations every 100 steps: of each value `times` many. */
struct stretch {
    float value;
    int times;
};
static void fill(struct imld_history *history, const char *metric, const struct stretch *stretches)
{
    int64_t step = 0;
    for (; stretches->times > 0; stretches++)
        for (int i = 0; i < stretches->times; i++)
            rules_put(history, metric, step += 100, stretches->value);
}

static void test_it_fires_when_the_fall_has_lasted(void **state)
{
    (void)state;
    struct imld_history h = {0};
    json_t *numbers = NULL;
    fill(&h, "validation/accuracy",
         (struct stretch[]){{0.8f, 3}, {0.9f, 2}, {0.86f, 4}, {0.84f, 8}, {0, 0}});
    /* best at 400; 0.86 is within the drop; below from 1000 on, for 300 steps at 1300 */
    assert_int_equal(first_stop(usual, &h, "validation/accuracy", &numbers), 1300);
    check_close(rules_number(numbers, "best"), 0.9, 1e-6);
    assert_int_equal(rules_number(numbers, "best_step"), 400); /* the first of equals */
    check_close(rules_number(numbers, "value"), 0.84, 1e-6);
    assert_int_equal(rules_number(numbers, "below_since_step"), 1000);
    assert_int_equal(rules_number(numbers, "evaluations_below"), 4);
    assert_int_equal(rules_number(numbers, "steps_below"), 300);
    json_decref(numbers);
    assert_int_equal(
        first_stop(RULE("validation/accuracy", 0.05, 7, 300), &h, "validation/accuracy", &numbers),
        1600); /* the count decides */
    json_decref(numbers);
    assert_int_equal(
        first_stop(RULE("validation/accuracy", 0.05, 1, 0), &h, "validation/accuracy", &numbers),
        1000); /* at once */
    json_decref(numbers);
    assert_int_equal(
        first_stop(RULE("validation/accuracy", 0.1, 1, 0), &h, "validation/accuracy", &numbers),
        0); /* never so far */
    imld_history_clear(&h);
}

static void test_a_recovery_begins_the_count_anew(void **state)
{
    (void)state;
    struct imld_history h = {0};
    json_t *numbers = NULL;
    fill(&h, "validation/accuracy",
         (struct stretch[]){{0.9f, 1},
                            {0.5f, 3},
                            {0.88f, 1},
                            {0.5f, 3},
                            {0.95f, 1},
                            {0.91f, 9},
                            {0.89f, 4},
                            {0, 0}});
    /* spikes of 200 steps; then a new best, against which 0.91 is within the drop and 0.89 is not
     */
    assert_int_equal(first_stop(usual, &h, "validation/accuracy", &numbers), 2200);
    check_close(rules_number(numbers, "best"), 0.95, 1e-6);
    assert_int_equal(rules_number(numbers, "below_since_step"), 1900);
    json_decref(numbers);
    imld_history_clear(&h);
}

static void test_it_knows_which_way_is_better_and_what_is_not_finite(void **state)
{
    (void)state;
    struct imld_history h = {0};
    json_t *numbers = NULL;
    fill(&h, "validation/loss",
         (struct stretch[]){
             {NAN, 2}, {1.0f, 1}, {0.4f, 2}, {0.44f, 3}, {0.6f, 2}, {NAN, 2}, {0, 0}});
    assert_int_equal(
        first_stop(RULE("validation/loss", 0.05, 3, 300), &h, "validation/loss", &numbers), 1200);
    check_close(rules_number(numbers, "best"), 0.4, 1e-6);
    assert_null_number(numbers, "value");
    json_decref(numbers);
    imld_history_clear(&h);
    fill(&h, "validation/loss", (struct stretch[]){{NAN, 20}, {0, 0}}); /* no best to fall from */
    assert_int_equal(
        first_stop(RULE("validation/loss", 0.05, 3, 300), &h, "validation/loss", &numbers), 0);
    imld_history_clear(&h);
}

static void test_it_reports_null_where_nothing_is_known(void **state)
{
    (void)state;
    static const char *const names[] = {
        "train_accuracy_at_best", "train_accuracy", "q_norm_variance_at_best",
        "q_norm_variance",        "q_norm_max",     "hypergradient_variance_at_best",
        "hypergradient_variance", "q_norm_median",  "alpha_mu_max"};
    struct imld_history h = {0};
    json_t *numbers = NULL;
    fill(&h, "validation/accuracy", (struct stretch[]){{0.9f, 1}, {0.5f, 4}, {0, 0}});
    assert_int_equal(first_stop(usual, &h, "validation/accuracy", &numbers), 500);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        assert_null_number(numbers, names[i]);
    json_decref(numbers);
    imld_history_clear(&h);
}

static void test_it_reports_what_happened_since_the_best(void **state)
{
    (void)state;
    struct imld_history h = {0};
    fill(&h, "validation/accuracy", (struct stretch[]){{0.9f, 1}, {0.5f, 4}, {0, 0}});
    rules_put(&h, "train/accuracy", 100, 0.99f);
    rules_put(&h, "train/accuracy", 500, 1.0f);
    rules_put(&h, "train/accuracy", 600, 0.1f); /* later than the step at hand */
    /* updates of steps 50 … 500: those of 100 … 499 are since the best and known at 500 */
    static const struct {
        int64_t step;
        float q, variance, alpha, mu, lens;
    } rows[] = {{50, 900, 7, 1, 900, 900},    {100, 1, 0.1f, 0.5f, 4, 1},
                {200, 3, 0.2f, 0.5f, 16, 2},  {300, INFINITY, 0.3f, 0.5f, 2, 3},
                {400, 80, 0.4f, 0.25f, 8, 9}, {500, 5000, 0.5f, 1, 1000, 1000}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        rules_put(&h, "solver/q_norm", rows[i].step, rows[i].q);
        rules_put(&h, "solver/q_norm_variance", rows[i].step, rows[i].variance);
        rules_put(&h, "meta/variance", rows[i].step, 2 * rows[i].variance);
        rules_put(&h, "solver/step_size", rows[i].step, rows[i].alpha);
        if (rows[i].step != 300)
            rules_put(&h, "solver/largest_curvature", rows[i].step, rows[i].mu);
    }
    struct imld_verdict verdict = rules_ask(usual, &h, 500);
    assert_non_null(verdict.rule);
    check_close(rules_number(verdict.numbers, "train_accuracy_at_best"), 0.99, 1e-6);
    check_close(rules_number(verdict.numbers, "train_accuracy"), 1, 0);
    check_close(rules_number(verdict.numbers, "q_norm_variance_at_best"), 7, 0);
    check_close(rules_number(verdict.numbers, "q_norm_variance"), 0.4, 1e-6);
    check_close(rules_number(verdict.numbers, "hypergradient_variance_at_best"), 14, 0);
    check_close(rules_number(verdict.numbers, "hypergradient_variance"), 0.8, 1e-6);
    check_close(rules_number(verdict.numbers, "q_norm_max"), 80, 0);
    check_close(rules_number(verdict.numbers, "q_norm_median"), 3, 0);
    assert_int_equal(rules_number(verdict.numbers, "q_norm_not_finite"), 1);
    check_close(rules_number(verdict.numbers, "alpha_mu_max"), 8, 0);
    json_decref(verdict.numbers);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        rules_put(&h, "lens/alpha_mu_max", rows[i].step, rows[i].lens);
    verdict = rules_ask(usual, &h, 500);
    check_close(rules_number(verdict.numbers, "alpha_mu_max"), 9, 0);
    json_decref(verdict.numbers);
    imld_history_clear(&h);
}

/* ---- recorded curves: see tests/fixtures/forgetting/README.md ---- */

/* metric,step,value,kind: what GET /v1/jobs/{id}/metrics gives as text/csv. */
static void load(struct imld_history *history, const char *name)
{
    char path[512], line[256];
    (void)snprintf(path, sizeof path, IMLD_FIXTURES "/forgetting/%s", name);
    FILE *file = fopen(path, "r");
    if (!file) fail_msg("%s is not there", path);
    assert_non_null(fgets(line, sizeof line, file));
    assert_string_equal(line, "metric,step,value,kind\n");
    size_t count = 0;
    for (; fgets(line, sizeof line, file); count++) {
        char *rest = strchr(line, ',');
        assert_non_null(rest);
        *rest++ = '\0';
        char *value = NULL;
        const int64_t step = strtoimax(rest, &value, 10);
        assert_int_equal(*value, ',');
        rules_put(history, line, step, strtof(value + 1, NULL));
    }
    assert_true(count > 100);
    (void)fclose(file);
}

static float lowest(const struct imld_history *history, const char *metric, int64_t from)
{
    const struct imld_series *series = imld_history_find(history, metric);
    float found = INFINITY;
    for (size_t i = 0; series && i < series->count; i++)
        if (series->steps[i] >= from) found = fminf(found, series->values[i]);
    return found;
}

static void test_a_recorded_forgetting_fires_with_train_accuracy_at_1(void **state)
{
    (void)state;
    struct imld_history h = {0};
    json_t *numbers = NULL;
    load(&h, "forgetting.csv");
    const int64_t step = first_stop(usual, &h, "validation/accuracy", &numbers);
    assert_int_equal(step, 4900); /* where the live rule stopped the job: its last row */
    assert_true(rules_number(numbers, "best") - rules_number(numbers, "value") > 0.05);
    assert_true(rules_number(numbers, "train_accuracy") > 0.999);
    assert_true(rules_number(numbers, "q_norm_max") > 100 * rules_number(numbers, "q_norm_median"));
    json_decref(numbers);
    imld_history_clear(&h);
}

static void test_a_recorded_spike_of_adam_does_not_fire(void **state)
{
    (void)state;
    struct imld_history h = {0};
    json_t *numbers = NULL;
    load(&h, "spike.csv");
    /* it is one: both fall together, far enough for the rule, were it not for the length */
    assert_true(lowest(&h, "train/accuracy", 2000) < 0.95f);
    assert_true(first_stop(RULE("validation/accuracy", 0.05, 1, 0), &h, "validation/accuracy",
                           &numbers) > 0);
    json_decref(numbers);
    assert_int_equal(first_stop(usual, &h, "validation/accuracy", &numbers), 0);
    imld_history_clear(&h);
}

/* ---- the deviation of the last evaluations ---- */

static void test_the_deviation_of_the_last_ten(void **state)
{
    (void)state;
    struct imld_history h = {0};
    double deviation = 0;
    assert_false(imld_deviation(&h, 1000, &deviation));
    fill(&h, "validation/accuracy", (struct stretch[]){{0.5f, 1}, {0.75f, 1}, {0.25f, 9}, {0, 0}});
    assert_false(imld_deviation(&h, 100, &deviation)); /* one alone */
    assert_true(imld_deviation(&h, 200, &deviation));
    check_close(deviation, sqrt(2 * 0.125 * 0.125), 1e-12);
    assert_true(imld_deviation(&h, 1100, &deviation)); /* 0.75 and nine of 0.25 */
    check_close(deviation, sqrt((0.45 * 0.45 + 9 * 0.05 * 0.05) / 9), 1e-12);
    assert_true(imld_deviation(&h, 299, &deviation)); /* later rows are not looked at */
    check_close(deviation, sqrt(2 * 0.125 * 0.125), 1e-12);
    imld_history_clear(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_fires_when_the_fall_has_lasted),
        cmocka_unit_test(test_a_recovery_begins_the_count_anew),
        cmocka_unit_test(test_it_knows_which_way_is_better_and_what_is_not_finite),
        cmocka_unit_test(test_it_reports_null_where_nothing_is_known),
        cmocka_unit_test(test_it_reports_what_happened_since_the_best),
        cmocka_unit_test(test_a_recorded_forgetting_fires_with_train_accuracy_at_1),
        cmocka_unit_test(test_a_recorded_spike_of_adam_does_not_fire),
        cmocka_unit_test(test_the_deviation_of_the_last_ten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
