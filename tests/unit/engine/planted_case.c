/* planted_case.c: see planted_case.h. */
#include "tests/unit/engine/planted_case.h"

#include <stdio.h>
#include <stdlib.h>

#include "engine/trainer/run.h"
#include "imld/random.h"
#include "tests/unit/check.h"

enum {
    SIDE = 28,
    PIXELS = SIDE * SIDE,
    CLASSES = 3,
    BAND = 8,
    TRAIN = 660,
    TEST = 30,
    WRONG = 600
};
enum { GROUND = 40, WRONG_GROUND = 120, LEFT = 250, RIGHT = 190 }; /* of a byte */
enum { IMAGES_HEAD = 16, LABELS_HEAD = 8 };

static void put_word(uint8_t *bytes, uint32_t word)
{
    for (int i = 0; i < 4; i++) bytes[i] = (uint8_t)(word >> (24 - 8 * i));
}

/* A band of `level` in columns from … to − 1. */
static void put_band(uint8_t *image, size_t from, size_t to, size_t band, uint8_t level)
{
    for (size_t y = 2 + band * BAND; y < 2 + (band + 1) * BAND; y++)
        for (size_t x = from; x < to; x++) image[y * SIDE + x] = level;
}

static void put_image(uint8_t *image, size_t i, size_t left, size_t right, bool has_left)
{
    const struct iml_stream stream = {
        .seed = 11, .purpose = IML_PURPOSE_PROBE, .index = (uint32_t)i, .pass = (uint32_t)right};
    for (size_t j = 0; j < PIXELS; j++)
        image[j] = (uint8_t)((left == right ? GROUND : WRONG_GROUND) +
                             iml_word_below(iml_stream_word(&stream, j), 60));
    if (has_left) put_band(image, 0, SIDE / 2, left, LEFT);
    put_band(image, SIDE / 2, SIDE, right, RIGHT);
}

static void write_split(const struct sets *sets, const char *set, const char *part, size_t count,
                        bool is_wrong)
{
    uint8_t *images = calloc(IMAGES_HEAD + count * PIXELS, 1);
    uint8_t *labels = calloc(LABELS_HEAD + count, 1);
    char file[64];
    assert_true(images && labels);
    put_word(images, 0x803);
    put_word(images + 4, (uint32_t)count);
    put_word(images + 8, SIDE);
    put_word(images + 12, SIDE);
    put_word(labels, 0x801);
    put_word(labels + 4, (uint32_t)count);
    for (size_t i = 0; i < count; i++) {
        const size_t class = i % CLASSES;
        const bool has_left = is_wrong || i / CLASSES % 2 == 0;
        put_image(images + IMAGES_HEAD + i * PIXELS, i, class,
                  is_wrong ? (class + 1) % CLASSES : class, has_left);
        labels[LABELS_HEAD + i] = (uint8_t) class;
    }
    (void)snprintf(file, sizeof file, "%s-images-idx3-ubyte", part);
    sets_write(sets, set, file, images, IMAGES_HEAD + count * PIXELS);
    (void)snprintf(file, sizeof file, "%s-labels-idx1-ubyte", part);
    sets_write(sets, set, file, labels, LABELS_HEAD + count);
    free(images);
    free(labels);
}

struct iml_trainer_options planted_job(const struct sets *sets, struct iml_set_facts *wrong)
{
    struct iml_trainer_options options = case_confidence(sets);
    struct iml_error error = {0};
    assert_int_equal(iml_set_inspect(&sets->roots, "wrong", wrong, &error), IML_OK);
    options.data.set = "right";
    options.data.validation = 150;
    options.data.flip = IML_VIEW_FLIP_NEVER;
    options.data.pool = (struct iml_pool_options){.labels = 12, .extra = wrong, .extra_count = 510};
    options.model.hidden[0] = 24;
    options.model.hidden_count = 1;
    options.model.has_batch_norm = false;
    options.inner.batch = 12;
    options.inner.steps = 300;
    options.inner.warmup_steps = 60;
    options.inner.steps_per_update = 10;
    options.inner.optimizer.learning_rate = 0.03;
    options.consistency =
        (struct iml_consistency_options){.ratio = 4, .threshold = 0.6, .weight = 1};
    options.confidence = (struct iml_weigher_options){
        .input = IML_WEIGHER_FEATURES, .hidden = {64}, .hidden_count = 1};
    options.meta.optimizer.learning_rate = 0.01;
    options.meta.validation_batch = 150;
    options.meta.curvature_batch = 0;
    options.meta.solver =
        (struct iml_solver_options){.kind = iml_solver_kind_find("neumann"), .terms = 3};
    options.evaluation_every = 300;
    return options;
}

void planted_signs(struct iml_trainer_options *options)
{
    options->confidence.normalize = IML_WEIGHER_BATCH_MEAN;
    options->meta.optimizer.kind = iml_optimizer_kind_find("rmsprop");
    options->meta.optimizer.rho = 0;
}

void planted_more_updates(struct iml_trainer_options *options)
{
    options->inner.steps_per_update = 5;
    options->meta.curvature_batch = 180;
}

double planted_last(const struct iml_trainer_options *options, const char *metric)
{
    struct iml_trainer *trainer = case_open(options, NULL);
    struct case_log *log = calloc(1, sizeof *log);
    assert_non_null(log);
    (void)case_finish(trainer, log, 10000);
    if (options->data.pool.extra)
        assert_true(case_has(log, "weight/auroc", 0.5)); /* equal at the start */
    const double last = case_last(log, metric);
    free(log);
    iml_trainer_close(trainer);
    return last;
}

int planted_set_up(void **state)
{
    if (sets_set_up(state) != 0) return -1;
    const struct sets *sets = *state;
    write_split(sets, "right", "train", TRAIN, false);
    write_split(sets, "right", "t10k", TEST, false);
    write_split(sets, "wrong", "train", WRONG, true);
    return 0;
}
