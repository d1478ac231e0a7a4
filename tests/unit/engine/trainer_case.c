/* trainer_case.c: small jobs and their logs; see trainer_case.h. */
#include "tests/unit/engine/trainer_case.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/check.h"

int case_set_up(void **state)
{
    if (sets_set_up(state) != 0) return -1;
    sets_write_idx(*state, "small", 200, 60);
    return 0;
}

int case_tear_down(void **state)
{
    return sets_tear_down(state);
}

struct iml_trainer_options case_supervised(const struct sets *sets)
{
    return (struct iml_trainer_options){
        .kind = iml_trainer_kind_find("supervised"),
        .data = {.set = "small", .train = 100, .validation = 40},
        .model = {.hidden = {12, 9}, .hidden_count = 2, .activation = IML_ACTIVATION_RELU},
        .inner = {.optimizer = {.kind = iml_optimizer_kind_find("sgd"),
                                .learning_rate = 0.05,
                                .momentum = 0.9,
                                .nesterov = true},
                  .batch = 24,
                  .steps = 12},
        .evaluation_every = 4,
        .seed = 1,
        .threads = 1,
        .roots = sets->roots,
    };
}

struct iml_trainer_options case_iml(const struct sets *sets)
{
    struct iml_trainer_options options = case_supervised(sets);
    options.kind = iml_trainer_kind_find("iml");
    options.inner =
        (struct iml_inner_options){.optimizer = {.kind = iml_optimizer_kind_find("adam"),
                                                 .learning_rate = 0.01,
                                                 .beta1 = 0.9,
                                                 .beta2 = 0.999,
                                                 .epsilon = 1e-8},
                                   .batch = 24,
                                   .warmup_steps = 6,
                                   .steps_per_update = 3};
    options.meta =
        (struct iml_meta_options){.knowledge = {.kind = iml_knowledge_kind_find("l2_per_parameter"),
                                                .initial = 1e-3,
                                                .clamp_high = HUGE_VAL},
                                  .optimizer = {.kind = iml_optimizer_kind_find("rmsprop"),
                                                .learning_rate = 0.05,
                                                .rho = 0.99,
                                                .epsilon = 1e-8},
                                  .updates = 4,
                                  .validation_batch = 32,
                                  .curvature_batch = 50,
                                  .solver = {.kind = iml_solver_kind_find("neumann"),
                                             .terms = 3,
                                             .precondition = IML_PRECONDITION_L2}};
    options.evaluation_every = 2;
    return options;
}

struct iml_trainer_options case_iml_until(const struct sets *sets)
{
    struct iml_trainer_options options = case_iml(sets);
    options.model.activation = IML_ACTIVATION_TANH;
    options.inner.warmup_until = (struct iml_until){
        .gradient_norm = 0.9, .is_relative = true, .min_steps = 4, .max_steps = 40};
    options.meta.knowledge.kind = iml_knowledge_kind_find("l2_per_layer");
    options.meta.optimizer = (struct iml_optimizer_options){.kind = iml_optimizer_kind_find("adam"),
                                                            .learning_rate = 0.05,
                                                            .beta1 = 0.9,
                                                            .beta2 = 0.999,
                                                            .epsilon = 1e-8};
    options.meta.solver =
        (struct iml_solver_options){.kind = iml_solver_kind_find("cg"), .terms = 5};
    return options;
}

struct iml_trainer_options case_iml_until_norm(const struct sets *sets)
{
    struct iml_trainer_options options = case_iml(sets);
    options.inner.steps_per_update = 0;
    options.inner.until = (struct iml_until){.gradient_norm = 0.9,
                                             .is_relative = true,
                                             .min_steps = 2,
                                             .max_steps = 9,
                                             .check_every = 3};
    return options;
}

struct iml_trainer_options case_iml_until_ratio(const struct sets *sets)
{
    struct iml_trainer_options options = case_iml(sets);
    options.inner.steps_per_update = 0;
    options.inner.until =
        (struct iml_until){.remaining_ratio = 6, .min_steps = 1, .max_steps = 9, .check_every = 2};
    options.meta.updates = 8;
    options.model.dropout = 0.2; /* the look has the mask of the update */
    options.meta.curvature_dropout = IML_CURVATURE_DROPOUT_FIXED;
    return options;
}

struct iml_trainer_options case_iml_normalized(const struct sets *sets)
{
    struct iml_trainer_options options = case_iml(sets);
    options.model.activation = IML_ACTIVATION_LEAKY_RELU;
    options.model.slope = 0.1;
    options.model.has_batch_norm = true;
    options.model.batch_norm_epsilon = 1e-5;
    options.model.batch_norm_momentum = 0.1;
    options.model.dropout = 0.2;
    options.model.initialization = IML_INITIALIZATION_KAIMING_NORMAL;
    options.meta.curvature_kind = IML_CURVATURE_GAUSS_NEWTON;
    options.meta.curvature_batch_norm = IML_CURVATURE_NORM_RUNNING;
    options.meta.curvature_dropout = IML_CURVATURE_DROPOUT_FIXED;
    return options;
}

struct iml_diagnostics_options case_looks(size_t every)
{
    return (struct iml_diagnostics_options){
        .residual = {.every_updates = 1},
        .lens = {.every_updates = every, .steps = 12},
        .spectrum = {.every_updates = every, .probes = 2, .steps = 9, .top = 4},
        .reference = {.every_updates = every, .max_parameters = 2000},
        .variance = {.every_updates = every, .pairs = 3}};
}

bool case_is_a_look(const char *metric)
{
    static const char *const looks[] = {
        "lens/",          "spectrum/",          "meta/variance",
        "meta/mean_cos",  "meta/cosine_to",     "meta/error_to",
        "meta/reference", "solver/residual_ex", "solver/residual_sc",
        "solver/q_vari",  "solver/q_mean"};
    for (size_t i = 0; metric && i < sizeof looks / sizeof looks[0]; i++)
        if (strncmp(metric, looks[i], strlen(looks[i])) == 0) return true;
    return false;
}

struct iml_trainer_options case_iml_small(const struct sets *sets, size_t updates)
{
    struct iml_trainer_options options = case_iml(sets);
    options.model.hidden_count = 1;
    options.model.hidden[0] = 5;
    options.meta.updates = updates;
    return options;
}

struct iml_trainer_options case_iml_looking(const struct sets *sets, size_t updates, size_t every)
{
    struct iml_trainer_options options = case_iml_small(sets, updates);
    options.diagnostics = case_looks(every);
    return options;
}

struct iml_trainer_options case_iml_synthetic(const struct sets *sets)
{
    struct iml_trainer_options options = case_iml(sets);
    options.data = (struct iml_data_options){.set = "synthetic",
                                             .train = 30,
                                             .validation = 30,
                                             .synthetic = {.kind = IML_SYNTHETIC_QUADRATIC,
                                                           .dimension = 30,
                                                           .condition = 100,
                                                           .coefficient = 1e-3,
                                                           .largest = 1,
                                                           .negative_mass = 0.1,
                                                           .distance = 1}};
    options.model.hidden_count = 0;
    options.meta.curvature_batch = options.meta.validation_batch = 30;
    return options;
}

struct iml_trainer_options case_fixmatch(const struct sets *sets)
{
    static const uint8_t known[] = {0, 1, 3};
    struct iml_trainer_options options = case_supervised(sets);
    options.kind = iml_trainer_kind_find("fixmatch");
    options.data = (struct iml_data_options){.set = "small",
                                             .validation = 30,
                                             .pixels = IML_PIXELS_SYMMETRIC,
                                             .pool = {.labels = 18,
                                                      .mismatch = IML_MISMATCH_FIXED_POOL,
                                                      .share = 0.25,
                                                      .known = known,
                                                      .known_count = sizeof known},
                                             .views = IML_VIEWS_WEAK,
                                             .flip = IML_VIEW_FLIP_HALF};
    options.model.activation = IML_ACTIVATION_LEAKY_RELU;
    options.model.slope = 0.1;
    options.model.has_batch_norm = true;
    options.model.batch_norm_epsilon = 1e-3;
    options.inner.batch = 9;
    options.inner.weight_decay = 5e-4;
    options.inner.schedule = IML_SCHEDULE_COSINE;
    options.inner.average =
        (struct iml_average_options){.is_on = true, .has_warmup = true, .decay = 0.999};
    options.consistency =
        (struct iml_consistency_options){.ratio = 3, .threshold = 0.5, .weight = 1};
    return options;
}

struct iml_trainer_options case_few_labels(const struct sets *sets)
{
    struct iml_trainer_options options = case_fixmatch(sets);
    options.kind = iml_trainer_kind_find("supervised");
    options.consistency = (struct iml_consistency_options){0};
    return options;
}

struct iml_trainer_options case_confidence(const struct sets *sets)
{
    struct iml_trainer_options options = case_fixmatch(sets);
    options.kind = iml_trainer_kind_find("confidence");
    options.inner.warmup_steps = 4;
    options.inner.steps_per_update = 4;
    options.confidence = (struct iml_weigher_options){.input = IML_WEIGHER_FEATURES,
                                                      .decay = 1e-3,
                                                      .hidden = {6},
                                                      .hidden_count = 1,
                                                      .activation = IML_ACTIVATION_TANH};
    options.meta =
        (struct iml_meta_options){.knowledge = {.kind = iml_knowledge_kind_find("confidence")},
                                  .optimizer = {.kind = iml_optimizer_kind_find("adam"),
                                                .learning_rate = 0.05,
                                                .beta1 = 0.9,
                                                .beta2 = 0.999,
                                                .epsilon = 1e-8},
                                  .validation_batch = 24,
                                  .curvature_batch = 35,
                                  .solver = {.kind = iml_solver_kind_find("neumann"), .terms = 2}};
    return options;
}

struct iml_trainer_options case_confidence_through(const struct sets *sets)
{
    struct iml_trainer_options options = case_confidence(sets);
    options.confidence.through_features = true;
    options.confidence.normalize = IML_WEIGHER_BATCH_MEAN;
    options.meta.optimizer = (struct iml_optimizer_options){
        .kind = iml_optimizer_kind_find("sgd"), .learning_rate = 10, .momentum = 0.5};
    return options;
}

struct iml_trainer_options case_confidence_free(const struct sets *sets)
{
    struct iml_trainer_options options = case_confidence(sets);
    options.confidence = (struct iml_weigher_options){0};
    options.meta.knowledge.kind = iml_knowledge_kind_find("weights_per_example");
    options.meta.validation_from = IML_VALIDATION_LABELED;
    options.meta.validation_batch = 10;
    return options;
}

struct iml_trainer *case_open(const struct iml_trainer_options *options, const atomic_bool *cancel)
{
    struct iml_trainer *trainer = NULL;
    struct iml_error error = {0};
    if (iml_trainer_open(options, cancel, &trainer, &error) != IML_OK)
        fail_msg("%s (%s)", error.what, error.where);
    return trainer;
}

void case_assert_refused(const struct iml_trainer_options *options, const char *pointer)
{
    struct iml_trainer *trainer = NULL;
    struct iml_error error = {0};
    assert_int_not_equal(iml_trainer_open(options, NULL, &trainer, &error), IML_OK);
    assert_null(trainer);
    assert_string_equal(error.where, pointer);
}

static void add(struct case_log *log, const char *metric, double value,
                const struct iml_progress *progress)
{
    assert_true(log->count < CASE_ENTRIES_MAX);
    log->entries[log->count++] = (struct case_entry){
        .metric = metric,
        .value = value,
        .first_loss = progress->first_loss,
        .last_loss = progress->last_loss,
        .step = progress->step,
        .update = progress->update,
        .flags = (uint64_t)progress->is_evaluation_due | (uint64_t)progress->is_finished << 1};
}

/* Metrics of time: they alone differ from run to run. */
static bool is_timed(const char *metric)
{
    static const char *const names[] = {"meta/seconds", "meta/share_of_step", "solver/seconds"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(metric, names[i]) == 0) return true;
    return false;
}

bool case_act(struct iml_trainer *trainer, struct case_log *log)
{
    const struct iml_progress before = iml_trainer_progress(trainer);
    struct iml_rows rows = {0};
    struct iml_error error = {0};
    add(log, NULL, 0, &before);
    if (before.is_finished && !before.is_evaluation_due) return false;
    const enum iml_code code = before.is_evaluation_due
                                   ? iml_trainer_evaluate(trainer, &rows, &error)
                                   : iml_trainer_step(trainer, &rows, &error);
    assert_int_equal(code, IML_OK);
    const struct iml_progress after = iml_trainer_progress(trainer);
    for (size_t i = 0; i < rows.count; i++)
        if (!is_timed(rows.rows[i].metric))
            add(log, rows.rows[i].metric, rows.rows[i].value, &after);
    return true;
}

size_t case_finish(struct iml_trainer *trainer, struct case_log *log, size_t most)
{
    size_t actions = 0;
    while (actions < most && case_act(trainer, log)) actions++;
    return actions;
}

struct case_log *case_new_log(void)
{
    struct case_log *log = calloc(1, sizeof *log);
    assert_non_null(log);
    return log;
}

void case_step(struct iml_trainer *trainer)
{
    struct iml_rows rows = {0};
    struct iml_error error = {0};
    assert_int_equal(iml_trainer_step(trainer, &rows, &error), IML_OK);
}

double case_last(const struct case_log *log, const char *metric)
{
    for (size_t i = log->count; i > 0; i--) {
        const struct case_entry *entry = &log->entries[i - 1];
        if (entry->metric && strcmp(entry->metric, metric) == 0) return entry->value;
    }
    fail_msg("no row of %s", metric);
    return 0;
}

bool case_has(const struct case_log *log, const char *metric, double value)
{
    for (size_t i = 0; i < log->count; i++) {
        const struct case_entry *entry = &log->entries[i];
        if (!entry->metric || strcmp(entry->metric, metric) != 0) continue;
        /* equality of bits is meant */
        /* NOLINTNEXTLINE(bugprone-suspicious-memory-comparison,cert-exp42-c,cert-flp37-c) */
        if (memcmp(&entry->value, &value, sizeof value) == 0) return true;
    }
    return false;
}

void *case_export(const struct iml_trainer *trainer, size_t *bytes)
{
    const struct iml_registry *registry = iml_trainer_registry(trainer);
    *bytes = iml_registry_bytes(registry);
    void *out = malloc(*bytes);
    assert_non_null(out);
    iml_registry_export(registry, out, *bytes);
    return out;
}

void case_assert_same(const struct case_log *a, size_t a_first, const struct case_log *b)
{
    assert_int_equal(a->count - a_first, b->count);
    case_assert_begins(a, a_first, b);
}

void case_assert_begins(const struct case_log *a, size_t a_first, const struct case_log *b)
{
    assert_true(b->count <= a->count - a_first);
    for (size_t i = 0; i < b->count; i++) {
        const struct case_entry *x = &a->entries[a_first + i], *y = &b->entries[i];
        /* equality of bits is meant */
        /* NOLINTNEXTLINE(bugprone-suspicious-memory-comparison,cert-exp42-c,cert-flp37-c) */
        if (memcmp(x, y, sizeof *x) == 0) continue;
        fail_msg("entry %zu: %s %.17g at step %lu, not %s %.17g at step %lu", i,
                 y->metric ? y->metric : "progress", y->value, (unsigned long)y->step,
                 x->metric ? x->metric : "progress", x->value, (unsigned long)x->step);
    }
}
