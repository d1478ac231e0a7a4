/* test_confidence_options.c: what a confidence job may have beside its defaults (FIXMATCH §6):
 * frozen weights of another job's network, a schedule of λ's rate, other nets for images, and the
 * event of weights that are too small to divide by. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/trainer/run.h"
#include "tests/unit/check.h"
#include "tests/unit/engine/trainer_case.h"

enum { FOREVER = 1000 };

static void step(struct iml_trainer *trainer)
{
    struct iml_rows rows = {0};
    struct iml_error error = {0};
    assert_int_equal(iml_trainer_step(trainer, &rows, &error), IML_OK);
}

static struct case_log *new_log(void)
{
    struct case_log *log = calloc(1, sizeof *log);
    assert_non_null(log);
    return log;
}

/* --- frozen --- */

/* C has statistics, a wide last layer, and an unlike base net beside it. */
static struct iml_trainer_options case_source(const struct sets *sets)
{
    struct iml_trainer_options options = case_confidence(sets);
    options.confidence = (struct iml_weigher_options){.input = IML_WEIGHER_IMAGE};
    options.inner.steps = 9;
    return options;
}

static bool is_of_network(const struct iml_item *item)
{
    return strncmp(item->name, "knowledge/", 10) == 0;
}

/* The items of the network, from one run to another. */
static void give_network(const struct iml_trainer *from, struct iml_trainer *to)
{
    const struct iml_registry *theirs = iml_trainer_registry(from);
    const struct iml_registry *ours = iml_trainer_registry(to);
    struct iml_error error = {0};
    size_t given = 0;
    for (size_t i = 0; i < theirs->count; i++) {
        const struct iml_item *item = &theirs->items[i];
        for (size_t j = 0; is_of_network(item) && j < ours->count; j++) {
            const size_t bytes = iml_item_bytes(item);
            if (strcmp(item->name, ours->items[j].name) != 0) continue;
            void *state = malloc(bytes);
            assert_non_null(state);
            iml_item_export(item, state, bytes);
            iml_item_import(&ours->items[j], state, bytes);
            free(state);
            given++;
        }
    }
    assert_true(given > 10);
    assert_int_equal(iml_trainer_imported(to, &error), IML_OK);
}

/* The network's items as they are. */
static void *export_network(const struct iml_trainer *trainer, size_t *bytes)
{
    const struct iml_registry *registry = iml_trainer_registry(trainer);
    char *out = malloc(iml_registry_bytes(registry));
    assert_non_null(out);
    *bytes = 0;
    for (size_t i = 0; i < registry->count; i++) {
        const size_t count = iml_item_bytes(&registry->items[i]);
        if (!is_of_network(&registry->items[i])) continue;
        iml_item_export(&registry->items[i], out + *bytes, count);
        *bytes += count;
    }
    return out;
}

static struct iml_trainer *open_source(const struct sets *sets)
{
    const struct iml_trainer_options options = case_source(sets);
    struct iml_trainer *trainer = case_open(&options, NULL);
    while (!trainer->methods->is_finished(trainer)) step(trainer);
    return trainer;
}

static struct iml_trainer_options case_frozen(const struct sets *sets)
{
    struct iml_trainer_options options = case_source(sets);
    options.confidence.used = IML_WEIGHER_FROZEN;
    options.confidence.start = IML_WEIGHER_PRETRAINED; /* which nothing is fitted by */
    options.seed = 5;
    return options;
}

/* From the first step on the pool has the other job's weights; they never change, and no update is
 * made or told of. */
static void test_frozen_weights_are_used_and_stay(void **state)
{
    struct iml_trainer *source = open_source(*state);
    const struct iml_trainer_options options = case_frozen(*state);
    struct iml_trainer *trainer = case_open(&options, NULL);
    give_network(source, trainer);
    size_t bytes = 0, bytes_after = 0;
    void *before = export_network(trainer, &bytes);
    struct case_log *log = new_log();
    (void)case_act(trainer, log); /* the evaluation of step 0 */
    assert_true(case_last(log, "weight/deviation") > 0);
    step(trainer);
    const struct iml_consistency *consistency = &trainer->consistency;
    const iml_real *used = consistency->weights + consistency->labeled + consistency->unlabeled;
    size_t unequal = 0;
    for (size_t i = 0; i < consistency->unlabeled; i++) {
        const double w = trainer->weigher->weights.w[i];
        assert_true(used[i] == (consistency->masks[i] ? (iml_real)(consistency->weight * w) : 0));
        unequal += w != 1;
    }
    assert_true(unequal > 0);
    (void)case_finish(trainer, log, FOREVER);
    assert_int_equal(trainer->state->step, options.inner.steps);
    assert_int_equal(trainer->state->update, 0);
    for (size_t i = 0; i < log->count; i++)
        assert_false(log->entries[i].metric &&
                     (strncmp(log->entries[i].metric, "meta/", 5) == 0 ||
                      strncmp(log->entries[i].metric, "solver/", 7) == 0));
    void *after = export_network(trainer, &bytes_after);
    assert_int_equal(bytes, bytes_after);
    assert_memory_equal(before, after, bytes);
    free(before);
    free(after);
    free(log);
    iml_trainer_close(trainer);
    iml_trainer_close(source);
}

static void test_frozen_weights_need_less_memory(void **state)
{
    const struct iml_trainer_options learned = case_source(*state), frozen = case_frozen(*state);
    struct iml_trainer *one = case_open(&learned, NULL), *other = case_open(&frozen, NULL);
    assert_true(iml_trainer_memory(other)->total_bytes < iml_trainer_memory(one)->total_bytes);
    iml_trainer_close(one);
    iml_trainer_close(other);
}

/* From a checkpoint of any moment: what was imported is state. */
static void test_a_restart_with_frozen_weights(void **state)
{
    struct iml_trainer *source = open_source(*state);
    const struct iml_trainer_options options = case_frozen(*state);
    struct iml_trainer *trainer = case_open(&options, NULL);
    give_network(source, trainer);
    struct case_log *whole = new_log(), *rest = new_log();
    (void)case_finish(trainer, whole, 4);
    size_t bytes = 0;
    struct iml_error error = {0};
    void *early = case_export(trainer, &bytes);
    const size_t first = whole->count;
    (void)case_finish(trainer, whole, FOREVER);
    struct iml_trainer *again = case_open(&options, NULL);
    iml_trainer_poison(again, 0xFF);
    iml_registry_import(iml_trainer_registry(again), early, bytes);
    assert_int_equal(iml_trainer_restored(again, &error), IML_OK);
    (void)case_finish(again, rest, FOREVER);
    case_assert_same(whole, first, rest);
    free(early);
    free(whole);
    free(rest);
    iml_trainer_close(again);
    iml_trainer_close(trainer);
    iml_trainer_close(source);
}

/* --- λ's rate --- */

/* sgd without momentum: Δλ is −η_k times the hypergradient, η_k = η(1 + cos(πk/U))/2. */
static void test_the_rate_falls_to_zero_over_the_updates(void **state)
{
    struct iml_trainer_options options = case_confidence(*state);
    options.meta.optimizer = (struct iml_optimizer_options){.kind = iml_optimizer_kind_find("sgd"),
                                                            .learning_rate = 0.5};
    options.meta.schedule = IML_SCHEDULE_COSINE;
    struct iml_trainer *trainer = case_open(&options, NULL);
    assert_int_equal(trainer->options.meta.updates, 2); /* at steps 4 and 8 of 12 */
    const double rates[] = {0.5, 0.25};
    const size_t size = trainer->knowledge.size;
    iml_real *before = calloc(size, sizeof *before);
    assert_non_null(before);
    for (uint64_t k = 0; k < 2; k++) {
        while (trainer->state->update == k) {
            memcpy(before, trainer->knowledge.lambda, size * sizeof *before);
            step(trainer);
        }
        for (size_t m = 0; m < size; m++) {
            const iml_real expected = before[m] - (iml_real)rates[k] * trainer->hypergradient[m];
            check_close((double)trainer->knowledge.lambda[m], (double)expected, 1e-6);
        }
    }
    free(before);
    iml_trainer_close(trainer);
}

/* --- no update --- */

/* A warm-up as long as the run leaves plain fixmatch, which the first step says; a frozen network
 * needs no update. */
static void test_a_run_without_an_update_says_so(void **state)
{
    struct iml_trainer_options options = case_confidence(*state);
    options.inner.warmup_steps = options.inner.steps;
    for (size_t i = 0; i < 2; i++) {
        size_t told = 0, count = 0;
        options.confidence.used = i == 0 ? IML_WEIGHER_LEARNED : IML_WEIGHER_FROZEN;
        struct iml_trainer *trainer = case_open(&options, NULL);
        while (!trainer->methods->is_finished(trainer)) {
            step(trainer);
            const struct iml_note *notes = iml_trainer_notes(trainer, &count);
            told += count;
            if (count > 0) assert_int_equal(notes[0].kind, IML_NOTE_WARNING);
            if (count > 0) assert_int_equal(trainer->state->step, 1);
        }
        assert_int_equal(told, i == 0);
        assert_int_equal(trainer->state->update, 0);
        iml_trainer_close(trainer);
    }
}

/* The evaluation at the end of the warm-up, which is no multiple of evaluation.every_steps, has the
 * norm of its own last step's gradient: that of the same run with a look at each step. */
static void test_the_gradient_norm_where_the_warm_up_ends(void **state)
{
    struct iml_trainer_options options = case_confidence(*state);
    double norms[2];
    options.evaluation_every = 3;
    for (size_t i = 0; i < 2; i++) {
        struct iml_trainer *trainer = case_open(&options, NULL);
        struct case_log *log = new_log();
        while (trainer->state->step < 4 || trainer->state->is_evaluation_due)
            assert_true(case_act(trainer, log));
        norms[i] = case_last(log, "inner/gradient_norm");
        free(log);
        iml_trainer_close(trainer);
        options.evaluation_every = 1;
    }
    assert_true(norms[0] > 0);
    assert_true(norms[0] == norms[1]);
}

/* --- a gate --- */

/* Weights know no clamp, and no diagonal to precondition by. */
static void test_a_locked_gate_names_fields_of_this_algorithm(void **state)
{
    struct iml_trainer_options options = case_confidence(*state);
    size_t told = 0, count = 0;
    options.meta.residual_below = (struct iml_bound){.is_asked = true, .value = 1e-30};
    options.meta.on_failure = IML_ON_FAILURE_SKIP;
    options.meta.stalled_after = 1;
    struct iml_trainer *trainer = case_open(&options, NULL);
    while (!trainer->methods->is_finished(trainer)) {
        step(trainer);
        const struct iml_note *notes = iml_trainer_notes(trainer, &count);
        for (size_t i = 0; i < count; i++) {
            if (notes[i].kind != IML_NOTE_WARNING) continue;
            assert_non_null(strstr(notes[i].mend, "meta.curvature.batch"));
            assert_null(strstr(notes[i].mend, "clamp"));
            told++;
        }
    }
    assert_int_equal(told, 1);
    iml_trainer_close(trainer);
}

/* --- C of images --- */

static void test_a_deep_net_weighs_images(void **state)
{
    struct iml_trainer_options options = case_source(*state);
    options.confidence.model = iml_model_kind_find("wrn");
    options.confidence.depth = 10;
    options.confidence.widening = 1;
    options.inner.steps = 5;
    struct iml_trainer *trainer = case_open(&options, NULL);
    assert_int_equal(iml_net_outputs(trainer->weigher->net), 1);
    struct case_log *log = new_log();
    (void)case_finish(trainer, log, FOREVER);
    assert_int_equal(trainer->state->update, 1);
    assert_true(case_last(log, "weight/deviation") > 0);
    free(log);
    iml_trainer_close(trainer);
}

/* --- small weights --- */

/* Weights around 0 have no mean to divide by: w = 1, and the first step since an update says so,
 * and each update. */
static void test_a_mean_that_is_too_small_is_told(void **state)
{
    struct iml_trainer_options options = case_confidence(*state);
    options.confidence.normalize = IML_WEIGHER_BATCH_MEAN;
    options.confidence.output = IML_WEIGHER_LINEAR;
    struct iml_trainer *trainer = case_open(&options, NULL);
    const struct iml_net *net = trainer->weigher->net;
    const struct iml_block *bias = iml_net_block(net, iml_net_block_count(net) - 1);
    size_t told = 0;
    while (!trainer->methods->is_finished(trainer)) {
        size_t count = 0;
        const uint64_t update = trainer->state->update;
        if (update == 1) trainer->knowledge.lambda[bias->offset] = -1; /* all else is near 0 */
        step(trainer);
        const struct iml_note *notes = iml_trainer_notes(trainer, &count);
        for (size_t i = 0; i < count; i++) {
            if (notes[i].kind != IML_NOTE_SMALL_WEIGHTS) continue;
            assert_int_equal(update, 1);
            assert_non_null(strstr(notes[i].what, told == 0 ? "at step 5" : "at update 2"));
            assert_non_null(strstr(notes[i].what, "below 0.001"));
            assert_non_null(notes[i].mend);
            told++;
        }
    }
    assert_int_equal(told, 2);
    iml_trainer_close(trainer);
}

/* --- refusals --- */

static void test_what_frozen_weights_do_not_go_with(void **state)
{
    struct iml_trainer_options options = case_confidence_free(*state);
    options.confidence.used = IML_WEIGHER_FROZEN;
    case_assert_refused(&options, "/confidence/weights");
    options = case_confidence_through(*state);
    options.confidence.used = IML_WEIGHER_FROZEN;
    case_assert_refused(&options, "/confidence/weights");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frozen_weights_are_used_and_stay),
        cmocka_unit_test(test_frozen_weights_need_less_memory),
        cmocka_unit_test(test_a_restart_with_frozen_weights),
        cmocka_unit_test(test_the_rate_falls_to_zero_over_the_updates),
        cmocka_unit_test(test_a_run_without_an_update_says_so),
        cmocka_unit_test(test_the_gradient_norm_where_the_warm_up_ends),
        cmocka_unit_test(test_a_locked_gate_names_fields_of_this_algorithm),
        cmocka_unit_test(test_a_deep_net_weighs_images),
        cmocka_unit_test(test_a_mean_that_is_too_small_is_told),
        cmocka_unit_test(test_what_frozen_weights_do_not_go_with),
    };
    return cmocka_run_group_tests(tests, case_set_up, case_tear_down);
}
