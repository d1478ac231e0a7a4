/* test_confidence_retrained.c: dL_V/dω of a confidence network against central differences of L_V
 * at the retrained optimum (MATH §7.4, for §3.4): θ* is found by Newton's steps on one curvature
 * batch, H is positive definite there, and each retraining starts from it. In double. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/core/vector.h"
#include "engine/trainer/run.h"
#include "imld/random.h"
#include "tests/unit/check.h"
#include "tests/unit/engine/trainer_case.h"

enum { DIRECTIONS = 4, DESCENTS = 400, NEWTONS = 200 };

struct trial {
    struct iml_trainer *trainer;
    iml_real *direction, *omega, *best, *step;
    uint32_t *labels; /* pseudo labels at θ*: constants of the linearization, so they must stay */
    size_t label_count;
    double smallest_eigenvalue;
};

/* A decay on all parameters, biases too, so that H has no null direction; smooth activations; every
 * pseudo label counts. */
static struct iml_trainer_options job(const struct sets *sets)
{
    struct iml_trainer_options options = case_confidence(sets);
    options.model.hidden[0] = 4;
    options.model.hidden_count = 1;
    options.model.activation = IML_ACTIVATION_TANH;
    options.model.has_batch_norm = false;
    options.consistency.threshold = 0;
    options.inner.weight_decay = 0.5;
    options.meta.validation_batch = 30;
    options.seed = 2; /* of some others θ* is a saddle, or Newton's steps don't end */
    options.meta.curvature_batch = 35;
    options.meta.solver = (struct iml_solver_options){.kind = iml_solver_kind_find("exact")};
    return options;
}

static void trial_open(struct trial *self, const struct iml_trainer_options *options)
{
    struct iml_trainer *trainer = case_open(options, NULL);
    struct iml_error error = {0};
    const size_t parameters = iml_net_parameters(trainer->net), size = trainer->knowledge.size;
    *self = (struct trial){.trainer = trainer};
    self->direction = calloc(size, sizeof *self->direction);
    self->omega = calloc(size, sizeof *self->omega);
    self->best = calloc(parameters, sizeof *self->best);
    self->step = calloc(parameters, sizeof *self->step);
    self->label_count = 2 * trainer->curvature_consistency.unlabeled;
    self->labels = calloc(self->label_count, sizeof *self->labels);
    assert_true(self->direction && self->omega && self->best && self->step && self->labels);
    for (size_t j = 0; j < parameters; j++)
        trainer->decay[j] = (iml_real)options->inner.weight_decay;
    const struct iml_stream stream = {.seed = 3, .purpose = IML_PURPOSE_PROBE};
    iml_stream_uniform(&stream, -0.4, 0.4, size, trainer->knowledge.lambda);
    assert_int_equal(trainer->methods->begin(trainer, &error), IML_OK);
    memcpy(self->omega, trainer->knowledge.lambda, size * sizeof *self->omega);
}

static void trial_close(struct trial *self)
{
    iml_trainer_close(self->trainer);
    free(self->direction);
    free(self->omega);
    free(self->best);
    free(self->step);
    free(self->labels);
}

/* Linearizes at θ; ‖∇θ L_T‖. */
static double linearize(struct trial *self, const struct iml_curvature **curvature)
{
    struct iml_trainer *trainer = self->trainer;
    struct iml_error error = {0};
    assert_int_equal(iml_find_curvature(trainer, 0, trainer->gradient, curvature, &error), IML_OK);
    return sqrt(iml_norm_squared(iml_net_parameters(trainer->net), trainer->gradient));
}

/* θ* of the ω at hand, from the θ at hand. */
static void retrain(struct trial *self, size_t descents)
{
    struct iml_trainer *trainer = self->trainer;
    const size_t parameters = iml_net_parameters(trainer->net);
    const struct iml_curvature *curvature = NULL;
    struct iml_report report;
    for (size_t k = 0; k < descents; k++) {
        (void)linearize(self, &curvature);
        iml_axpy(parameters, -0.15, trainer->gradient, trainer->theta);
    }
    for (size_t k = 0; linearize(self, &curvature) > 1e-12; k++) {
        assert_true(k < NEWTONS);
        iml_solver_solve(&trainer->solver, curvature, trainer->gradient, self->step, &report);
        iml_axpy(parameters, -1, self->step, trainer->theta);
        self->smallest_eigenvalue = report.smallest_eigenvalue;
    }
}

static const uint32_t *labels_at_hand(const struct trial *self)
{
    const struct iml_consistency *consistency = &self->trainer->curvature_consistency;
    return consistency->labels + consistency->labeled;
}

static double validation_loss(struct trial *self)
{
    double loss = 0;
    struct iml_error error = {0};
    assert_int_equal(iml_find_v(self->trainer, 0, self->trainer->v, &loss, &error), IML_OK);
    return loss;
}

/* dL_V/dω·direction by the pull. */
static void find_hypergradient(struct trial *self)
{
    struct iml_trainer *trainer = self->trainer;
    const struct iml_curvature *curvature = NULL;
    struct iml_report report;
    (void)validation_loss(self);
    (void)linearize(self, &curvature);
    iml_solver_solve(&trainer->solver, curvature, trainer->v, trainer->q, &report);
    iml_knowledge_pull(&trainer->knowledge, trainer->theta, trainer->q, trainer->hypergradient);
    memcpy(self->labels, labels_at_hand(self), self->label_count * sizeof *self->labels);
}

/* The same by differences; θ is θ* before and after. */
static double difference(struct trial *self, double h)
{
    struct iml_trainer *trainer = self->trainer;
    const size_t size = trainer->knowledge.size;
    const size_t bytes = iml_net_parameters(trainer->net) * sizeof *self->best;
    double losses[2];
    memcpy(self->best, trainer->theta, bytes);
    for (size_t k = 0; k < 2; k++) {
        iml_axpy(size, k == 0 ? h : -h, self->direction, trainer->knowledge.lambda);
        retrain(self, 0);
        assert_memory_equal(labels_at_hand(self), self->labels,
                            self->label_count * sizeof *self->labels);
        losses[k] = validation_loss(self);
        memcpy(trainer->theta, self->best, bytes);
        memcpy(trainer->knowledge.lambda, self->omega, size * sizeof *self->omega);
    }
    return (losses[0] - losses[1]) / (2 * h);
}

/* The relative error of DIRECTIONS directional derivatives. */
static double error_of(const struct iml_trainer_options *options)
{
    struct trial trial;
    double pulled[DIRECTIONS], by_difference[2][DIRECTIONS];
    trial_open(&trial, options);
    const size_t size = trial.trainer->knowledge.size;
    retrain(&trial, DESCENTS);
    assert_true(trial.smallest_eigenvalue > 0);
    find_hypergradient(&trial);
    for (uint32_t i = 0; i < DIRECTIONS; i++) {
        const struct iml_stream stream = {.seed = 4, .purpose = IML_PURPOSE_PROBE, .index = i + 1};
        iml_stream_normal(&stream, 1, size, trial.direction);
        iml_scale(size, 1 / sqrt(iml_norm_squared(size, trial.direction)), trial.direction);
        pulled[i] = iml_dot(size, trial.trainer->hypergradient, trial.direction);
        by_difference[0][i] = difference(&trial, 2e-4);
        by_difference[1][i] = difference(&trial, 1e-4);
    }
    trial_close(&trial);
    check_vectors_close(DIRECTIONS, by_difference[0], by_difference[1], 1e-5);
    return relative_error(DIRECTIONS, pulled, by_difference[1]);
}

static void check(const struct iml_trainer_options *options)
{
    const double error = error_of(options);
    if (error > 1e-4) fail_msg("relative error %g", error);
}

/* w is no function of θ: the condition at the end of training is a gradient. */
static void test_a_network_of_its_own(void **state)
{
    struct iml_trainer_options options = job(*state);
    options.confidence = (struct iml_weigher_options){.input = IML_WEIGHER_IMAGE};
    check(&options);
    options.confidence.normalize = IML_WEIGHER_BATCH_MEAN;
    options.confidence.output = IML_WEIGHER_SIGMOID;
    check(&options);
}

/* linear is left out: weights may be negative, and L_T then has no minimum in general
 * (FIXMATCH 6.1).
 */
static void test_through_the_features(void **state)
{
    static const enum iml_weigher_output outputs[] = {IML_WEIGHER_TWO_SIGMOID, IML_WEIGHER_SIGMOID};
    struct iml_trainer_options options = job(*state);
    options.confidence.through_features = true;
    options.confidence.decay = 0;
    for (size_t i = 0; i < sizeof outputs / sizeof outputs[0]; i++) {
        options.confidence.output = outputs[i];
        options.confidence.normalize = IML_WEIGHER_PLAIN;
        check(&options);
        options.confidence.normalize = IML_WEIGHER_BATCH_MEAN;
        check(&options);
    }
}

/* The inner training takes w for a constant, and the solve H for the exact Jacobian (MATH §3.4): a
 * gap, told and not judged. */
static void test_the_gap_without(void **state)
{
    struct iml_trainer_options options = job(*state);
    options.confidence.decay = 0;
    print_message("features, w a constant of θ: relative error %.2g\n", error_of(&options));
    options.confidence.input = IML_WEIGHER_PROBABILITIES;
    print_message("probabilities, w a constant of θ: relative error %.2g\n", error_of(&options));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_network_of_its_own),
        cmocka_unit_test(test_through_the_features),
        cmocka_unit_test(test_the_gap_without),
    };
    return cmocka_run_group_tests(tests, case_set_up, case_tear_down);
}
