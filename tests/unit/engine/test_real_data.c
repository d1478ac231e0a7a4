/* test_real_data.c: the job of DESIGN §4, cut short, on Fashion-MNIST. It looks for the set in
 * IMLD_TEST_DATA and in /usr/share/datasets (Debian's package dataset-fashion-mnist), and says what
 * it skips where neither has it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/data/set.h"
#include "imld/augment.h"
#include "tests/unit/check.h"
#include "tests/unit/engine/trainer_case.h"

/* NOLINTNEXTLINE(concurrency-mt-unsafe): read before any thread starts */
#define TEST_DATA getenv("IMLD_TEST_DATA")

static struct iml_set_roots roots(void)
{
    static const char *paths[2];
    size_t count = 0;
    if (TEST_DATA) paths[count++] = TEST_DATA;
    paths[count++] = "/usr/share/datasets";
    return (struct iml_set_roots){.paths = paths, .count = count};
}

/* Whether the set is there with a train split; says so if it is not. */
static bool is_present(const char *set)
{
    const struct iml_set_roots where = roots();
    struct iml_set_facts facts;
    struct iml_error error = {0};
    const enum iml_code code = iml_set_inspect(&where, set, &facts, &error);
    if (code == IML_OK && facts.train_images > 0) return true;
    assert_true(code == IML_OK ||
                code == IML_ERROR_NOT_FOUND); /* a broken set is no reason to skip */
    print_message("skipped: no train split of %s in IMLD_TEST_DATA or /usr/share/datasets\n", set);
    return false;
}

static struct iml_trainer_options job(const char *set)
{
    const struct sets here = {.roots = roots()};
    struct iml_trainer_options options = case_iml(&here);
    options.data =
        (struct iml_data_options){.set = set, .train = 1000, .validation = 250, .test = 500};
    options.model = (struct iml_model_options){
        .hidden = {64}, .hidden_count = 1, .activation = IML_ACTIVATION_RELU};
    options.inner.optimizer.learning_rate = 1e-3;
    options.inner.batch = 128;
    options.inner.warmup_steps = 80;
    options.inner.steps_per_update = 10;
    options.meta.knowledge.initial = 1e-4;
    options.meta.updates = 6;
    options.meta.validation_batch = 250;
    options.meta.curvature_batch = 250;
    options.evaluation_every = 3;
    options.threads = 2;
    return options;
}

struct known {
    const char *name;
    enum iml_set_form form;
    size_t channels, side, classes;
};

static void test_the_facts_of_known_sets(void **state)
{
    (void)state;
    static const struct known sets[] = {
        {"fashion-mnist", IML_SET_IDX, 1, 28, 10},
        {"mnist", IML_SET_IDX, 1, 28, 10},
        {"cifar10", IML_SET_CIFAR, 3, 32, 10},
    };
    size_t present = 0;
    for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++) {
        if (!is_present(sets[i].name)) continue;
        const struct iml_set_roots where = roots();
        struct iml_set_facts facts;
        struct iml_error error = {0};
        assert_int_equal(iml_set_inspect(&where, sets[i].name, &facts, &error), IML_OK);
        assert_int_equal(facts.form, sets[i].form);
        assert_int_equal(facts.channels, sets[i].channels);
        assert_int_equal(facts.height, sets[i].side);
        assert_int_equal(facts.width, sets[i].side);
        assert_int_equal(facts.classes, sets[i].classes);
        present++;
    }
    if (present == 0) skip();
}

/* FIXMATCH 3.5, of the first 10,000 training images: AutoContrast changes 8.2 % of Fashion-MNIST's
 * and 9.6 % of MNIST's. */
static void check_auto_contrast(const char *set, size_t right)
{
    enum { IMAGES = 10000, PIXELS = 28 * 28 };
    const struct iml_view_shape shape = {1, 28, 28};
    const struct iml_set_roots where = roots();
    struct iml_set opened;
    struct iml_error error = {0};
    uint32_t *chosen = calloc(IMAGES, sizeof *chosen);
    uint8_t *pixels = calloc(IMAGES, PIXELS), view[PIXELS];
    size_t changed = 0;
    assert_true(chosen && pixels && iml_operations[0].argument == NULL); /* AutoContrast */
    for (uint32_t i = 0; i < IMAGES; i++) chosen[i] = i;
    assert_int_equal(iml_set_open(&where, set, &opened, &error), IML_OK);
    assert_int_equal(iml_set_pixels(&opened, IML_SPLIT_TRAIN, chosen, IMAGES, pixels, &error),
                     IML_OK);
    iml_set_close(&opened);
    for (size_t i = 0; i < IMAGES; i++) {
        iml_operations[0].apply(&shape, 0, pixels + i * PIXELS, view);
        changed += memcmp(view, pixels + i * PIXELS, PIXELS) != 0 ? 1 : 0;
    }
    assert_in_range(changed, right - 5,
                    right + 5); /* the shares are given in tenths of a percent */
    free(chosen);
    free(pixels);
}

static void test_how_many_grey_images_auto_contrast_changes(void **state)
{
    (void)state;
    if (!is_present("fashion-mnist")) skip();
    check_auto_contrast("fashion-mnist", 820);
    if (is_present("mnist")) check_auto_contrast("mnist", 960);
}

static void test_the_job_trains_on_fashion_mnist(void **state)
{
    (void)state;
    if (!is_present("fashion-mnist")) skip();
    const struct iml_trainer_options options = job("fashion-mnist");
    struct iml_trainer *trainer = case_open(&options, NULL);
    struct case_log *log = calloc(1, sizeof *log);
    assert_non_null(log);
    (void)case_finish(trainer, log, 1000);
    for (size_t i = 0; i < log->count; i++) assert_true(isfinite(log->entries[i].value));
    assert_true(case_last(log, "train/loss") < 0.3 * log->entries[1].value); /* step 0's row */
    assert_true(case_last(log, "validation/accuracy") > 0.7);                /* chance: 0.1 */
    assert_true(case_last(log, "test/accuracy") > 0.7);
    assert_true(case_last(log, "meta/gradient_norm") > 0);
    iml_trainer_close(trainer);
    free(log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_facts_of_known_sets),
        cmocka_unit_test(test_how_many_grey_images_auto_contrast_changes),
        cmocka_unit_test(test_the_job_trains_on_fashion_mnist),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
