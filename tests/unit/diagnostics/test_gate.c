/* test_gate.c: failure policy, gate, and the warning of a locked run (MATH §5.6). */
#include <math.h>
#include <string.h>

#include "imld/diagnostics.h"
#include "tests/unit/check.h"

/* An estimate that nothing is wrong with. */
static struct iml_gate_facts good(void)
{
    return (struct iml_gate_facts){.is_finite = true,
                                   .promises_positive = true,
                                   .vq = 1,
                                   .residual = 0.5,
                                   .cosine = 0.9,
                                   .norm = 2};
}

static struct iml_gate_verdict judge_once(const struct iml_gate_options *options,
                                          const struct iml_gate_facts *facts)
{
    struct iml_gate_state state = {0};
    return iml_gate_judge(options, &state, facts);
}

static void test_what_is_not_finite_is_skipped_by_default(void **state)
{
    (void)state;
    struct iml_gate_options options = iml_gate_none();
    struct iml_gate_facts facts = good();
    facts.is_finite = false;
    struct iml_gate_verdict verdict = judge_once(&options, &facts);
    assert_int_equal(verdict.failure, IML_FAILURE_NOT_FINITE);
    assert_int_equal(verdict.action, IML_ON_FAILURE_SKIP);
    options.on_failure = IML_ON_FAILURE_IDENTITY;
    verdict = judge_once(&options, &facts);
    assert_int_equal(verdict.action, IML_ON_FAILURE_IDENTITY);
}

static void test_other_failures_are_used_by_default(void **state)
{
    (void)state;
    struct iml_gate_options options = iml_gate_none();
    struct iml_gate_facts facts = good();
    facts.vq = 0;
    struct iml_gate_verdict verdict = judge_once(&options, &facts);
    assert_int_equal(verdict.failure, IML_FAILURE_NOT_POSITIVE);
    assert_int_equal(verdict.action, IML_ON_FAILURE_USE);
    assert_true(verdict.is_first);
    options.on_failure = IML_ON_FAILURE_SKIP;
    verdict = judge_once(&options, &facts);
    assert_int_equal(verdict.action, IML_ON_FAILURE_SKIP);
    facts.promises_positive = false; /* neumann, minres on an indefinite H */
    verdict = judge_once(&options, &facts);
    assert_int_equal(verdict.failure, IML_FAILURE_NONE);
    assert_int_equal(verdict.action, IML_ON_FAILURE_USE);
    assert_false(verdict.is_first);
}

static void test_each_bound_is_asked_and_unset_ones_are_not(void **state)
{
    (void)state;
    struct iml_gate_facts facts = good();
    struct iml_gate_options options = iml_gate_none();
    facts.residual = 1e6;
    facts.cosine = -1;
    assert_int_equal(judge_once(&options, &facts).failure, IML_FAILURE_NONE);
    options.cosine_above = 0.2;
    assert_int_equal(judge_once(&options, &facts).failure, IML_FAILURE_COSINE);
    options.residual_below = 10;
    assert_int_equal(judge_once(&options, &facts).failure, IML_FAILURE_RESIDUAL);
    facts.residual = 10; /* below is below */
    assert_int_equal(judge_once(&options, &facts).failure, IML_FAILURE_RESIDUAL);
    facts.residual = 9.99;
    assert_int_equal(judge_once(&options, &facts).failure, IML_FAILURE_COSINE);
    facts.cosine = 0.2;
    assert_int_equal(judge_once(&options, &facts).failure, IML_FAILURE_COSINE);
    facts.cosine = 0.21;
    assert_int_equal(judge_once(&options, &facts).failure, IML_FAILURE_NONE);
}

/* The first update has no hypergradient before it, nystrom reports no residual. */
static void test_what_is_not_known_fails_nothing(void **state)
{
    (void)state;
    struct iml_gate_facts facts = good();
    struct iml_gate_options options = iml_gate_none();
    options.residual_below = 0.1;
    options.cosine_above = 0.99;
    facts.residual = nan("");
    facts.cosine = nan("");
    assert_int_equal(judge_once(&options, &facts).failure, IML_FAILURE_NONE);
}

static void test_norm_is_held_against_the_running_median(void **state)
{
    (void)state;
    struct iml_gate_options options = iml_gate_none();
    struct iml_gate_state run = {0};
    struct iml_gate_facts facts = good();
    options.norm_below = 3;
    options.on_failure = IML_ON_FAILURE_SKIP;
    const double norms[] = {1, 100, 2, 1, 2}; /* the first five are not judged; median 2 */
    for (size_t i = 0; i < 5; i++) {
        facts.norm = norms[i];
        assert_int_equal(iml_gate_judge(&options, &run, &facts).failure, IML_FAILURE_NONE);
    }
    facts.norm = 5.9;
    assert_int_equal(iml_gate_judge(&options, &run, &facts).failure, IML_FAILURE_NONE);
    facts.norm = 6.1; /* the median is still 2 */
    assert_int_equal(iml_gate_judge(&options, &run, &facts).failure, IML_FAILURE_NORM);
}

/* Norms a hundred times as large for good: refused while they are news, not for ever. */
static void test_lasting_change_of_the_norm_passes_in_the_end(void **state)
{
    (void)state;
    struct iml_gate_options options = iml_gate_none();
    struct iml_gate_state run = {0};
    struct iml_gate_facts facts = good();
    options.norm_below = 3;
    options.on_failure = IML_ON_FAILURE_SKIP;
    for (int i = 0; i < 20; i++) (void)iml_gate_judge(&options, &run, &facts);
    facts.norm = 200;
    int refused = 0;
    for (int i = 0; i < 30; i++)
        refused += iml_gate_judge(&options, &run, &facts).failure == IML_FAILURE_NORM;
    assert_int_equal(refused, 10); /* then half of the 20 are new, and the median is between */
    facts.norm = 200;
    assert_int_equal(iml_gate_judge(&options, &run, &facts).failure, IML_FAILURE_NONE);
}

static void test_skips_in_a_row_warn_once(void **state)
{
    (void)state;
    struct iml_gate_options options = iml_gate_none();
    struct iml_gate_state run = {0};
    struct iml_gate_facts facts = good();
    options.residual_below = 0.1;
    options.on_failure = IML_ON_FAILURE_SKIP;
    options.stalled_after = 3;
    const bool expected[] = {false, false, true, false, false};
    for (size_t i = 0; i < 5; i++) {
        const struct iml_gate_verdict verdict = iml_gate_judge(&options, &run, &facts);
        assert_int_equal(verdict.is_stalled, expected[i]);
        assert_int_equal(verdict.is_first, i == 0);
    }
    assert_int_equal(run.failures, 5);
    facts.residual = 0.05; /* one that is used begins a new row */
    assert_int_equal(iml_gate_judge(&options, &run, &facts).action, IML_ON_FAILURE_USE);
    facts.residual = 1;
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(iml_gate_judge(&options, &run, &facts).is_stalled, i == 2);
}

static void test_ten_skips_warn_by_default_and_identity_never(void **state)
{
    (void)state;
    struct iml_gate_options options = iml_gate_none();
    struct iml_gate_state run = {0};
    struct iml_gate_facts facts = good();
    facts.is_finite = false;
    for (int i = 1; i <= 12; i++)
        assert_int_equal(iml_gate_judge(&options, &run, &facts).is_stalled, i == 10);
    run = (struct iml_gate_state){0};
    options.on_failure = IML_ON_FAILURE_IDENTITY;
    for (int i = 1; i <= 12; i++) assert_false(iml_gate_judge(&options, &run, &facts).is_stalled);
}

static void test_what_is_not_finite_does_not_enter_the_median(void **state)
{
    (void)state;
    struct iml_gate_options options = iml_gate_none();
    struct iml_gate_state run = {0};
    struct iml_gate_facts facts = good();
    facts.is_finite = false;
    facts.norm = HUGE_VAL;
    (void)iml_gate_judge(&options, &run, &facts);
    assert_int_equal(run.norms.seen, 0);
    facts = good();
    (void)iml_gate_judge(&options, &run, &facts);
    assert_int_equal(run.norms.seen, 1);
}

static void test_every_failure_has_a_name(void **state)
{
    (void)state;
    for (int i = IML_FAILURE_NONE; i <= IML_FAILURE_NORM; i++)
        assert_true(strlen(iml_failure_name((enum iml_failure)i)) > 0);
    assert_string_equal(iml_failure_name(IML_FAILURE_NOT_POSITIVE), "not_positive");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_not_finite_is_skipped_by_default),
        cmocka_unit_test(test_other_failures_are_used_by_default),
        cmocka_unit_test(test_each_bound_is_asked_and_unset_ones_are_not),
        cmocka_unit_test(test_what_is_not_known_fails_nothing),
        cmocka_unit_test(test_norm_is_held_against_the_running_median),
        cmocka_unit_test(test_lasting_change_of_the_norm_passes_in_the_end),
        cmocka_unit_test(test_skips_in_a_row_warn_once),
        cmocka_unit_test(test_ten_skips_warn_by_default_and_identity_never),
        cmocka_unit_test(test_what_is_not_finite_does_not_enter_the_median),
        cmocka_unit_test(test_every_failure_has_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
