/* test_fixmatch.c: the trainer fixmatch and its baseline (FIXMATCH §1, §4), rule by rule; what they
 * tell: test_fixmatch_rows.c. That a step's loss, gradient and new state are PyTorch's:
 * tests/oracle/fixmatch_oracle.py. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/trainer/run.h"
#include "tests/unit/check.h"
#include "tests/unit/engine/trainer_case.h"

enum { FOREVER = 1000 };

/* FIXMATCH 1.7, 1.8 */
static void test_schedule_and_average(void **state)
{
    (void)state;
    struct iml_inner_options inner = {.optimizer = {.learning_rate = 0.03}, .steps = 1000};
    assert_true(iml_recipe_rate(&inner, 700) == 0.03);
    inner.schedule = IML_SCHEDULE_COSINE;
    assert_true(iml_recipe_rate(&inner, 0) == 0.03);
    check_close(iml_recipe_rate(&inner, 1000), 0.03 * 0.19509032201612825, 1e-12);
    struct iml_average_options average = {.is_on = true, .decay = 0.999};
    assert_true(iml_recipe_share(&average, 0) == 0.999);
    average.has_warmup = true;
    assert_true(iml_recipe_share(&average, 0) == 0.1);
    check_close(iml_recipe_share(&average, 90), 0.91, 1e-15);
    assert_true(iml_recipe_share(&average, 8989) < 0.999);
    assert_true(iml_recipe_share(&average, 8990) == 0.999);
}

/* FIXMATCH 1.8, 1.9 in a run: what a step makes of θ̄ and of δ's diagonal. */
static void test_a_step_moves_the_average(void **state)
{
    const struct iml_trainer_options options = case_fixmatch(*state);
    struct iml_trainer *trainer = case_open(&options, NULL);
    const size_t parameters = iml_net_parameters(trainer->net);
    assert_memory_equal(trainer->average, trainer->theta, parameters * sizeof(iml_real));
    iml_real *before = calloc(parameters, sizeof *before);
    assert_non_null(before);
    for (unsigned k = 0; k < 3; k++) {
        memcpy(before, trainer->average, parameters * sizeof *before);
        const double d = (1.0 + k) / (10.0 + k);
        check_close(iml_recipe_momentum(trainer), 1 - d, 1e-15); /* of the running statistics */
        case_step(trainer);
        for (size_t j = 0; j < parameters; j++)
            assert_true(trainer->average[j] ==
                        (iml_real)(d * (double)before[j] + (1 - d) * (double)trainer->theta[j]));
    }
    for (size_t b = 0; b < iml_net_block_count(trainer->net); b++) {
        const struct iml_block *block = iml_net_block(trainer->net, b);
        assert_true(trainer->decay[block->offset] ==
                    (block->is_kernel ? (iml_real)5e-4 : (iml_real)0));
    }
    free(before);
    iml_trainer_close(trainer);
}

/* FIXMATCH 1.1, 1.2, 3.4: rows [α(x); α(u); 𝒜(u)], each drawn apart, keyed by place and pass. */
static void check_view(const struct iml_trainer *trainer, const struct iml_images *images,
                       const struct iml_stream *stream, size_t row)
{
    enum { BYTES = IDX_SIDE * IDX_SIDE };
    const struct iml_view_shape shape = {.channels = 1, .height = IDX_SIDE, .width = IDX_SIDE};
    uint8_t view[BYTES], scratch[BYTES];
    struct iml_view_draw draw;
    iml_view_draw(&shape, IML_VIEW_FLIP_HALF, stream, &draw);
    const uint8_t *image = images->pixels + stream->index * (size_t)BYTES;
    if (stream->purpose == IML_PURPOSE_STRONG_POOL)
        iml_strong_view(&shape, &draw, image, scratch, view);
    else
        iml_weak_view(&shape, &draw, image, view);
    for (size_t i = 0; i < BYTES; i++) {
        const iml_real expected =
            (iml_real)view[i] * ((iml_real)2 / (iml_real)255) - (iml_real)1; /* FIXMATCH 1.11 */
        assert_true(trainer->maker.values[row * BYTES + i] == expected);
    }
}

static void test_rows_are_views(void **state)
{
    const struct iml_trainer_options options = case_fixmatch(*state);
    struct iml_trainer *trainer = case_open(&options, NULL);
    enum { B = 9, U = 27 };
    for (uint64_t k = 0; k < 4; k++) {
        uint32_t labeled[B], pool[U];
        case_step(trainer);
        iml_sampler_batch(&trainer->order, k, B, labeled);
        iml_sampler_batch(&trainer->pool_order, k, U, pool);
        for (size_t r = 0; r < B; r++) {
            const uint32_t pass = (uint32_t)((k * B + r) / 18);
            check_view(trainer, &trainer->train,
                       &(struct iml_stream){1, IML_PURPOSE_WEAK_LABELED, labeled[r], pass}, r);
            assert_int_equal(trainer->maker.labels[r], trainer->train.labels[labeled[r]]);
        }
        for (size_t i = 0; i < U; i++) {
            const uint32_t pass = (uint32_t)((k * U + i) / trainer->pool.count);
            check_view(trainer, &trainer->pool,
                       &(struct iml_stream){1, IML_PURPOSE_WEAK_POOL, pool[i], pass}, B + i);
            check_view(trainer, &trainer->pool,
                       &(struct iml_stream){1, IML_PURPOSE_STRONG_POOL, pool[i], pass}, B + U + i);
        }
    }
    iml_trainer_close(trainer);
}

/* FIXMATCH 4.7: origins and the pool's labels turned about: the same state after each step, other
 * tallies. */
static void test_origins_are_for_metrics_alone(void **state)
{
    const struct iml_trainer_options options = case_fixmatch(*state);
    struct iml_trainer *one = case_open(&options, NULL), *other = case_open(&options, NULL);
    const size_t parameters = iml_net_parameters(one->net), n = other->pool.count;
    for (size_t i = 0; i < n / 2; i++) {
        const struct iml_origin origin = other->origins[i];
        other->origins[i] = other->origins[n - 1 - i];
        other->origins[n - 1 - i] = origin;
    }
    for (size_t i = 0; i < n; i++) other->pool.labels[i] = (uint8_t)(255 - i % 3);
    for (int k = 0; k < 12; k++) {
        case_step(one);
        case_step(other);
        assert_memory_equal(one->gradient, other->gradient, parameters * sizeof(iml_real));
        assert_memory_equal(one->theta, other->theta, parameters * sizeof(iml_real));
        assert_memory_equal(one->average, other->average, parameters * sizeof(iml_real));
    }
    assert_true(one->state->tally.correct != other->state->tally.correct);
    iml_trainer_close(one);
    iml_trainer_close(other);
}

static void test_same_bits_for_any_number_of_threads(void **state)
{
    struct iml_trainer_options cases[] = {case_fixmatch(*state), case_few_labels(*state),
                                          case_fixmatch(*state)};
    cases[2].model.kind = iml_model_kind_find("cnn_small");
    cases[2].inner.steps = 2;
    for (size_t i = 0; i < 3; i++) {
        struct case_log *logs[2] = {case_new_log(), case_new_log()};
        for (unsigned threads = 1; threads <= 4; threads *= 2) {
            struct case_log *log = logs[threads > 1];
            log->count = 0;
            cases[i].threads = threads;
            struct iml_trainer *trainer = case_open(&cases[i], NULL);
            (void)case_finish(trainer, log, FOREVER);
            iml_trainer_close(trainer);
            if (threads > 1) case_assert_same(logs[0], 0, log);
        }
        free(logs[0]);
        free(logs[1]);
    }
}

static size_t part_bytes(const struct iml_trainer *trainer, const char *name)
{
    const struct iml_plan *plan = iml_trainer_memory(trainer);
    for (size_t i = 0; i < plan->count; i++)
        if (strcmp(plan->parts[i].name, name) == 0) return plan->parts[i].bytes;
    return 0;
}

/* FIXMATCH 4.8: the same split, the same first views; no pool in memory. */
static void test_the_baseline_has_the_same_split(void **state)
{
    const struct iml_trainer_options options[] = {case_fixmatch(*state), case_few_labels(*state)};
    struct iml_trainer *trainers[2];
    for (size_t i = 0; i < 2; i++) {
        trainers[i] = case_open(&options[i], NULL);
        case_step(trainers[i]);
    }
    assert_memory_equal(trainers[0]->train_indices, trainers[1]->train_indices,
                        18 * sizeof(uint32_t));
    assert_memory_equal(trainers[0]->validation_indices, trainers[1]->validation_indices,
                        30 * sizeof(uint32_t));
    assert_memory_equal(trainers[0]->maker.values, trainers[1]->maker.values,
                        (size_t)9 * IDX_PIXELS * sizeof(iml_real));
    assert_int_equal(trainers[1]->pool.count, 0);
    assert_true(trainers[1]->memory.total_bytes < trainers[0]->memory.total_bytes);
    for (size_t i = 0; i < 2; i++) iml_trainer_close(trainers[i]);
}

/* FIXMATCH 4.8: labeled and validation images together, in file order; the pool as it was. */
static void test_training_on_validation(void **state)
{
    struct iml_trainer_options options = case_few_labels(*state);
    struct iml_trainer *apart = case_open(&options, NULL);
    options.data.trains_on_validation = true;
    struct iml_trainer *joined = case_open(&options, NULL);
    const struct iml_split_view a = iml_trainer_split(apart), b = iml_trainer_split(joined);
    assert_int_equal(b.train_count, a.train_count + a.validation_count);
    assert_int_equal(b.validation_count, 0);
    for (size_t i = 0, labeled = 0, validation = 0; i < b.train_count; i++) {
        const bool is_labeled = labeled < a.train_count && b.train[i] == a.train[labeled];
        assert_true(is_labeled || b.train[i] == a.validation[validation]);
        const uint8_t label =
            is_labeled ? apart->train.labels[labeled] : apart->validation.labels[validation];
        assert_int_equal(joined->train.labels[i], label);
        labeled += is_labeled;
        validation += !is_labeled;
    }
    assert_int_equal(b.pool_count, a.pool_count);
    assert_memory_equal(b.pool, a.pool, a.pool_count * sizeof *a.pool);
    struct case_log *log = case_new_log();
    (void)case_finish(joined, log, FOREVER);
    assert_true(case_last(log, "train/loss") > 0);
    for (size_t i = 0; i < log->count; i++)
        assert_true(!log->entries[i].metric || !strstr(log->entries[i].metric, "validation/"));
    free(log);
    iml_trainer_close(apart);
    iml_trainer_close(joined);
}

/* The pool is part of the split: of the baseline as of fixmatch; the plan says what it takes. */
static void test_the_split_tells_the_pool(void **state)
{
    struct iml_trainer_options options[] = {case_fixmatch(*state), case_few_labels(*state)};
    struct iml_trainer *trainers[2];
    struct iml_split_view splits[2];
    for (size_t i = 0; i < 2; i++) {
        options[i].data.pool.unlabeled = 40;
        options[i].data.extra_set = "other";
        options[i].data.pool.extra_count = 25;
        trainers[i] = case_open(&options[i], NULL);
        splits[i] = iml_trainer_split(trainers[i]);
        assert_int_equal(splits[i].pool_count, 65);
        assert_int_equal(part_bytes(trainers[i], "pool") > 0, i == 0);
        assert_true(part_bytes(trainers[i], "views") > 0);
    }
    assert_memory_equal(splits[0].pool, splits[1].pool, 65 * sizeof *splits[0].pool);
    for (size_t i = 0; i < 2; i++) iml_trainer_close(trainers[i]);
}

/* FIXMATCH 4.6: images of a second set join the pool, whatever their labels. */
static void test_an_extra_set_joins_the_pool(void **state)
{
    struct iml_trainer_options options = case_fixmatch(*state);
    struct iml_set_facts facts;
    struct iml_error error = {0};
    assert_int_equal(iml_set_inspect(&options.roots, "other", &facts, &error), IML_OK);
    options.data.pool.mismatch = IML_MISMATCH_NONE;
    options.data.pool.labels = 20;
    options.data.pool.extra = &facts;
    options.data.pool.extra_count = 25;
    struct iml_trainer *trainer = case_open(&options, NULL);
    struct case_log *log = case_new_log();
    assert_int_equal(trainer->pool.count, 200 - 30 + 25);
    for (size_t i = 0; i < trainer->pool.count; i++)
        assert_int_equal(trainer->origins[i].is_extra, i >= 170);
    uint8_t pixels[IDX_PIXELS], label = 0;
    assert_int_equal(iml_set_read_image(&options.roots, "other", IML_SPLIT_TRAIN,
                                        trainer->pool_indices[194], pixels, sizeof pixels, &label,
                                        &error),
                     IML_OK);
    assert_memory_equal(trainer->pool.pixels + 194 * (size_t)IDX_PIXELS, pixels, IDX_PIXELS);
    (void)case_finish(trainer, log, FOREVER);
    assert_true(case_last(log, "consistency/images_in_distribution") <
                case_last(log, "consistency/images"));
    free(log);
    iml_trainer_close(trainer);
}

/* Files that are not what the job was planned with never reach memory that was planned for others.
 */
static void test_an_extra_set_that_has_changed(void **state)
{
    struct iml_trainer_options options = case_fixmatch(*state);
    struct iml_set_facts facts;
    struct iml_trainer *trainer = NULL;
    struct iml_error error = {0};
    assert_int_equal(iml_set_inspect(&options.roots, "large", &facts, &error), IML_OK);
    options.data.pool.extra = &facts;
    options.data.pool.extra_count = 5;
    facts.train_images = 20; /* of 400: more labels than there is room for */
    assert_int_equal(iml_trainer_open(&options, NULL, &trainer, &error), IML_ERROR_DATA);
    assert_non_null(strstr(error.what, "changed"));
    facts.train_images = 0; /* its test split, which has 10 */
    facts.test_images = 20;
    error = (struct iml_error){0};
    assert_int_equal(iml_trainer_open(&options, NULL, &trainer, &error), IML_ERROR_DATA);
    assert_null(trainer);
}

/* Batch norm sees the pool's rows, too; the baseline has none. */
static void test_one_labeled_image_is_a_batch(void **state)
{
    struct iml_trainer_options options[] = {case_fixmatch(*state), case_confidence(*state)};
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        options[i].inner.batch = options[i].consistency.ratio = 1;
        assert_true(options[i].model.has_batch_norm);
        struct iml_trainer *trainer = case_open(&options[i], NULL);
        struct case_log *log = case_new_log();
        (void)case_finish(trainer, log, 100);
        assert_int_equal(trainer->state->step, options[i].inner.steps);
        assert_true(isfinite(case_last(log, "train/loss")));
        assert_true(isfinite(case_last(log, "validation/loss")));
        free(log);
        iml_trainer_close(trainer);
    }
    struct iml_trainer_options baseline = case_few_labels(*state);
    baseline.inner.batch = 1;
    case_assert_refused(&baseline, "/inner/batch");
}

static void test_refusals(void **state)
{
    struct iml_trainer_options options = case_fixmatch(*state);
    options.data.pool.labels = 0;
    case_assert_refused(&options, "/data/labels");
    options.data.pool.labels = 20; /* no multiple of three */
    case_assert_refused(&options, "/data/labels");
    options = case_fixmatch(*state);
    options.consistency.ratio = 0;
    case_assert_refused(&options, "/consistency/ratio");
    options.consistency.ratio = SIZE_MAX / 8;
    case_assert_refused(&options, "/consistency/ratio");
    options = case_fixmatch(*state);
    options.data.test = 46;
    case_assert_refused(&options, "/data/test");
    options = case_fixmatch(*state);
    options.kind = iml_trainer_kind_find("iml");
    case_assert_refused(&options, "/data/labels");
}

static int set_up(void **state)
{
    if (case_set_up(state) != 0) return -1;
    sets_write_idx(*state, "other", 40, 10);
    sets_write_idx(*state, "large", 400, 10);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_schedule_and_average),
        cmocka_unit_test(test_a_step_moves_the_average),
        cmocka_unit_test(test_rows_are_views),
        cmocka_unit_test(test_origins_are_for_metrics_alone),
        cmocka_unit_test(test_same_bits_for_any_number_of_threads),
        cmocka_unit_test(test_the_baseline_has_the_same_split),
        cmocka_unit_test(test_training_on_validation),
        cmocka_unit_test(test_the_split_tells_the_pool),
        cmocka_unit_test(test_an_extra_set_joins_the_pool),
        cmocka_unit_test(test_an_extra_set_that_has_changed),
        cmocka_unit_test(test_one_labeled_image_is_a_batch),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, set_up, case_tear_down);
}
