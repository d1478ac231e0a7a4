/* test_trainer_images.c: trainers on a net of images: planned memory, the same bits for any number
 * of threads and after a restart, v as a sum of parts (MATH §7.6, FIXMATCH §2). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/trainer/run.h"
#include "tests/unit/check.h"
#include "tests/unit/engine/trainer_case.h"

enum { FOREVER = 1000 };

/* Batches that are no multiple of a tile; the validation batch is larger than the curvature's. */
static struct iml_trainer_options image_job(const struct sets *sets, const char *model)
{
    struct iml_trainer_options options = case_iml(sets);
    options.model = (struct iml_model_options){.kind = iml_model_kind_find(model),
                                               .batch_norm_epsilon = 1e-3,
                                               .batch_norm_momentum = 0.1,
                                               .has_batch_norm = true,
                                               .depth = 10,
                                               .widening = 1};
    options.inner.warmup_steps = 2;
    options.inner.steps_per_update = 1;
    options.meta.updates = 2;
    options.meta.validation_batch = 39;
    options.meta.curvature_batch = 18;
    return options;
}

static struct case_log *whole_run(const struct iml_trainer_options *options)
{
    struct case_log *log = calloc(1, sizeof *log);
    assert_non_null(log);
    struct iml_trainer *trainer = case_open(options, NULL);
    (void)case_finish(trainer, log, FOREVER);
    iml_trainer_close(trainer);
    return log;
}

static void test_same_bits_for_any_number_of_threads(void **state)
{
    struct iml_trainer_options options = image_job(*state, "cnn_small");
    struct case_log *one = whole_run(&options);
    assert_true(isfinite(case_last(one, "meta/validation_loss")));
    for (options.threads = 2; options.threads <= 4; options.threads += 2) {
        struct case_log *more = whole_run(&options);
        case_assert_same(one, 0, more);
        free(more);
    }
    free(one);
}

/* Everything but the registry's items is lost at each action; the run goes on with more threads. */
static void test_a_restart_gives_the_same_bits(void **state)
{
    struct iml_trainer_options options = image_job(*state, "wrn");
    struct case_log *whole = calloc(1, sizeof *whole), *rest = calloc(1, sizeof *rest);
    assert_true(whole && rest);
    struct iml_trainer *first = case_open(&options, NULL);
    options.threads = 2;
    for (size_t action = 0;; action++) {
        size_t bytes = 0;
        void *saved = case_export(first, &bytes);
        const size_t seen = whole->count;
        const bool is_over = !case_act(first, whole);
        if (action % 4 == 1) { /* a quarter of all moments: each costs an open run */
            struct iml_trainer *again = case_open(&options, NULL);
            struct iml_error error = {0};
            iml_trainer_poison(again, 0xFF);
            iml_registry_import(iml_trainer_registry(again), saved, bytes);
            assert_int_equal(iml_trainer_restored(again, &error), IML_OK);
            rest->count = 0;
            (void)case_act(again, rest);
            assert_int_equal(rest->count, whole->count - seen);
            assert_memory_equal(rest->entries, whole->entries + seen,
                                rest->count * sizeof rest->entries[0]);
            iml_trainer_close(again);
        }
        free(saved);
        if (is_over) break;
    }
    iml_trainer_close(first);
    free(whole);
    free(rest);
}

/* In evaluation mode no row depends on another: the parts' sum is the whole batch's gradient. */
static void test_v_in_parts_is_v(void **state)
{
    struct iml_trainer_options options = image_job(*state, "cnn_small");
    struct iml_trainer *parts = case_open(&options, NULL);
    options.meta.curvature_batch = 39;
    struct iml_trainer *whole = case_open(&options, NULL);
    struct iml_error error = {0};
    double losses[2] = {0};
    assert_non_null(parts->v_part);
    assert_null(whole->v_part);
    assert_int_equal(iml_find_v(parts, 0, parts->v, &losses[0], &error), IML_OK);
    assert_int_equal(iml_find_v(whole, 0, whole->v, &losses[1], &error), IML_OK);
    check_close(losses[0], losses[1], 1e-6);
    const size_t n = iml_net_parameters(whole->net);
    double difference = 0, size = 0;
    for (size_t j = 0; j < n; j++) {
        difference += pow((double)parts->v[j] - (double)whole->v[j], 2);
        size += pow((double)whole->v[j], 2);
    }
    assert_true(difference <= 1e-10 * size);
    iml_trainer_close(parts);
    iml_trainer_close(whole);
}

/* dry_run shows these numbers, and a job above --memory is refused with them. */
static void test_memory_is_planned(void **state)
{
    struct iml_trainer_options options = image_job(*state, "resnet18");
    options.model.widening = 0;
    const struct iml_set_facts facts = {.name = "cifar10",
                                        .channels = 3,
                                        .height = 32,
                                        .width = 32,
                                        .classes = 10,
                                        .train_images = 10000,
                                        .test_images = 1000};
    struct iml_plan plan;
    struct iml_error error = {0};
    options.meta.curvature_batch = 128;
    options.data.train = 1000;
    options.inner.batch = 128;
    assert_int_equal(iml_trainer_plan(&options, &facts, &plan, &error), IML_OK);
    /* of floats; in the build for the checkers numbers have twice the bytes */
    const size_t gibibyte = ((size_t)1 << 30) * (sizeof(iml_real) / sizeof(float));
    assert_true(plan.total_bytes > gibibyte && plan.total_bytes < 6 * gibibyte);
    options.model.kind = iml_model_kind_find("wrn");
    options.model.depth = 27;
    options.model.widening = 2;
    assert_int_equal(iml_trainer_plan(&options, &facts, &plan, &error), IML_ERROR_ARGUMENT);
    assert_string_equal(error.where, "/model");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_bits_for_any_number_of_threads),
        cmocka_unit_test(test_a_restart_gives_the_same_bits),
        cmocka_unit_test(test_v_in_parts_is_v),
        cmocka_unit_test(test_memory_is_planned),
    };
    return cmocka_run_group_tests(tests, case_set_up, case_tear_down);
}
