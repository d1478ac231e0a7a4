/* test_trainer_state.c: the registry is all that a run needs to go on, and needs each of its items
 * (DESIGN §3, MATH §7.6). */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/check.h"
#include "tests/unit/engine/trainer_case.h"

typedef struct iml_trainer_options (*case_maker)(const struct sets *sets);
static const case_maker cases[] = {
    case_supervised,      case_iml,           case_iml_until,          case_iml_until_norm,
    case_iml_until_ratio, case_iml_synthetic, case_iml_normalized,     case_fixmatch,
    case_few_labels,      case_confidence,    case_confidence_through, case_confidence_free,
};
enum { CASES = sizeof cases / sizeof cases[0], ACTIONS_MAX = 128 };

/* An undisturbed run, with its state before each action. */
struct reference {
    struct case_log log;
    void *states[ACTIONS_MAX + 1]; /* owned; the last is the end's */
    size_t first_entry[ACTIONS_MAX + 1];
    size_t actions, bytes;
};

static struct reference *record(const struct iml_trainer_options *options)
{
    struct reference *reference = calloc(1, sizeof *reference);
    assert_non_null(reference);
    struct iml_trainer *trainer = case_open(options, NULL);
    for (;;) {
        assert_true(reference->actions < ACTIONS_MAX);
        const size_t n = reference->actions;
        reference->states[n] = case_export(trainer, &reference->bytes);
        reference->first_entry[n] = reference->log.count;
        if (!case_act(trainer, &reference->log)) break;
        reference->actions++;
    }
    iml_trainer_close(trainer);
    return reference;
}

static void reference_free(struct reference *reference)
{
    for (size_t i = 0; i <= reference->actions; i++) free(reference->states[i]);
    free(reference);
}

/* From state n, put into poisoned memory, `most` actions give what they gave undisturbed: the same
 * rows, and the same state. */
static void goes_on(struct iml_trainer *trainer, const struct reference *reference, size_t n,
                    size_t most, struct case_log *log)
{
    const bool is_to_the_end = most > reference->actions - n;
    const size_t end = is_to_the_end ? reference->actions : n + most;
    const size_t first = reference->first_entry[n];
    const size_t count =
        (is_to_the_end ? reference->log.count : reference->first_entry[end]) - first;
    struct iml_error error = {0};
    iml_trainer_poison(trainer, (n + n / 8) % 2 == 0 ? 0xFF : 0xA5);
    iml_registry_import(iml_trainer_registry(trainer), reference->states[n], reference->bytes);
    assert_int_equal(iml_trainer_restored(trainer, &error), IML_OK);
    log->count = 0;
    (void)case_finish(trainer, log, most);
    assert_int_equal(log->count, count);
    case_assert_begins(&reference->log, first, log);
    size_t bytes = 0;
    void *after = case_export(trainer, &bytes);
    assert_int_equal(bytes, reference->bytes);
    assert_memory_equal(after, reference->states[end], bytes);
    free(after);
}

/* Warm-up, right before and after each update, between inner steps, before and after evaluations:
 * every moment of these short runs. One action from each shows all: what an action needs and no
 * item holds is poison at its own turn, of either kind. Some go on to the end, as a resumed run
 * does. */
static void test_a_poisoned_run_goes_on_with_the_same_bits(void **state)
{
    struct case_log *log = calloc(1, sizeof *log);
    assert_non_null(log);
    for (size_t i = 0; i < CASES; i++) {
        struct iml_trainer_options options = cases[i](*state);
        struct reference *reference = record(&options);
        assert_true(reference->actions > 12);
        options.threads = 2; /* and with another number of threads */
        struct iml_trainer *trainer = case_open(&options, NULL);
        for (size_t n = 0; n <= reference->actions; n++)
            goes_on(trainer, reference, n, n % 8 == 3 ? ACTIONS_MAX : 1, log);
        iml_trainer_close(trainer);
        reference_free(reference);
    }
    free(log);
}

/* Imports all items but one, which keeps the value it has at the start of a run. */
static void import_all_but(const struct iml_registry *registry, const void *state, size_t dropped)
{
    const char *bytes = state;
    for (size_t i = 0; i < registry->count; i++) {
        const size_t count = iml_item_bytes(&registry->items[i]);
        if (i != dropped) iml_item_import(&registry->items[i], bytes, count);
        bytes += count;
    }
}

/* Whether two exported states differ in any item but that one. */
static bool differ_elsewhere(const struct iml_registry *registry, const void *a, const void *b,
                             size_t dropped)
{
    const char *x = a, *y = b;
    for (size_t i = 0; i < registry->count; i++) {
        const size_t count = iml_item_bytes(&registry->items[i]);
        if (i != dropped && memcmp(x, y, count) != 0) return true;
        x += count;
        y += count;
    }
    return false;
}

/* Whether a run that goes on before action n without that item differs from the undisturbed one in
 * what it tells or in another item. */
static bool matters(const struct iml_trainer_options *options, const struct reference *reference,
                    size_t n, size_t dropped, struct case_log *log)
{
    struct iml_trainer *trainer = case_open(options, NULL);
    const struct iml_registry *registry = iml_trainer_registry(trainer);
    struct iml_error error = {0};
    import_all_but(registry, reference->states[n], dropped);
    assert_int_equal(iml_trainer_restored(trainer, &error), IML_OK);
    log->count = 0;
    (void)case_finish(trainer, log, reference->actions - n);
    /* what the reference tells in as many actions */
    const size_t first = reference->first_entry[n],
                 count = reference->first_entry[reference->actions] - first;
    bool differs = log->count < count || memcmp(log->entries, &reference->log.entries[first],
                                                count * sizeof log->entries[0]) != 0;
    size_t bytes = 0;
    void *end = case_export(trainer, &bytes);
    differs =
        differs || differ_elsewhere(registry, end, reference->states[reference->actions], dropped);
    free(end);
    iml_trainer_close(trainer);
    return differs;
}

/* Items that tell how far a run has come, but that it does not use: sgd and rmsprop have no bias
 * correction. They are kept so that all runs are stored alike. */
static bool is_a_mere_count(const struct iml_trainer_options *options, const char *name)
{
    if (strcmp(name, "optimizer/steps") == 0)
        return strcmp(options->inner.optimizer.kind->name, "adam") != 0;
    if (strcmp(name, "state/seen_correct") == 0) /* no classes, and so no accuracy */
        return iml_set_is_synthetic(options->data.set);
    if (strcmp(name, "optimizer/knowledge/steps") == 0)
        return strcmp(options->meta.optimizer.kind->name, "adam") != 0;
    return false;
}

/* A bias before batch norm has no gradient but rounding, and no decay: whether what it becomes in
 * these few steps is another number than what it was, and whether that shows, is rounding's, too.
 */
static bool is_rounding(const struct iml_trainer_options *options, const char *name)
{
    return options->data.pool.labels > 0 &&
           (strstr(name, "linear1.bias") || strstr(name, "linear2.bias"));
}

static void test_each_item_matters(void **state)
{
    struct case_log *log = calloc(1, sizeof *log);
    assert_non_null(log);
    for (size_t i = 0; i < CASES; i++) {
        const struct iml_trainer_options options = cases[i](*state);
        struct reference *reference = record(&options);
        struct iml_trainer *trainer = case_open(&options, NULL);
        const size_t items = iml_trainer_registry(trainer)->count;
        for (size_t item = 0; item < items; item++) {
            const char *name = iml_trainer_registry(trainer)->items[item].name;
            if (is_rounding(&options, name)) continue;
            bool does_matter = false;
            for (size_t n = 0; n < reference->actions && !does_matter; n++)
                does_matter = matters(&options, reference, n, item, log);
            if (does_matter == is_a_mere_count(&options, name))
                fail_msg("case %zu: %s %s", i, name, does_matter ? "matters" : "does not matter");
        }
        iml_trainer_close(trainer);
        reference_free(reference);
    }
    free(log);
}

/* The checker above must fail on a planted fault: an item that is changed by one bit is seen. */
static void test_the_checker_sees_a_single_bit(void **state)
{
    const struct iml_trainer_options options = case_iml(*state);
    struct reference *reference = record(&options);
    struct case_log *log = calloc(1, sizeof *log);
    assert_non_null(log);
    const size_t nothing = SIZE_MAX, n = reference->actions / 2;
    assert_false(matters(&options, reference, n, nothing, log));
    ((unsigned char *)reference->states[n])[2] ^= 1; /* a weight of the first layer */
    assert_true(matters(&options, reference, n, nothing, log));
    free(log);
    reference_free(reference);
}

static void test_flags_that_are_no_flags_are_refused(void **state)
{
    const struct iml_trainer_options options = case_iml(*state);
    struct iml_trainer *trainer = case_open(&options, NULL);
    struct iml_error error = {0};
    iml_trainer_poison(trainer, 0xA5); /* and nothing imported */
    assert_int_equal(iml_trainer_restored(trainer, &error), IML_ERROR_DATA);
    iml_trainer_close(trainer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_poisoned_run_goes_on_with_the_same_bits),
        cmocka_unit_test(test_each_item_matters),
        cmocka_unit_test(test_the_checker_sees_a_single_bit),
        cmocka_unit_test(test_flags_that_are_no_flags_are_refused),
    };
    return cmocka_run_group_tests(tests, case_set_up, case_tear_down);
}
