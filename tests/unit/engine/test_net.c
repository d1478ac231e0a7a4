/* test_net.c: a net's description, its initialization, what an evaluation counts, that NaN is not
 * hidden, tile shapes, and that no call allocates. */
#include <math.h>
#include <string.h>

#include "../check.h"
#include "engine/net/evaluator.h"
#include "imld/random.h"
#include "net_fixture.h"

/* --- allocations: the linker sends the engine's own through here (--wrap) --- */

static atomic_int allocations; /* of any thread */

void *__real_malloc(size_t bytes);                          /* NOLINT: the linker's names */
void *__real_calloc(size_t count, size_t size);             /* NOLINT */
void *__real_realloc(void *old, size_t bytes);              /* NOLINT */
void *__real_aligned_alloc(size_t alignment, size_t bytes); /* NOLINT */
void *__wrap_malloc(size_t bytes);                          /* NOLINT */
void *__wrap_calloc(size_t count, size_t size);             /* NOLINT */
void *__wrap_realloc(void *old, size_t bytes);              /* NOLINT */
void *__wrap_aligned_alloc(size_t alignment, size_t bytes); /* NOLINT */

void *__wrap_malloc(size_t bytes) /* NOLINT */
{
    atomic_fetch_add(&allocations, 1);
    return __real_malloc(bytes);
}

void *__wrap_calloc(size_t count, size_t size) /* NOLINT */
{
    atomic_fetch_add(&allocations, 1);
    return __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t bytes) /* NOLINT */
{
    atomic_fetch_add(&allocations, 1);
    return __real_realloc(old, bytes);
}

void *__wrap_aligned_alloc(size_t alignment, size_t bytes) /* NOLINT */
{
    atomic_fetch_add(&allocations, 1);
    return __real_aligned_alloc(alignment, bytes);
}

enum { ROWS = 130, INPUTS = 6, OUTPUTS = 3, P_MAX = 128 };

static const struct iml_net_options options = {
    .inputs = INPUTS,
    .hidden = {5},
    .hidden_count = 1,
    .outputs = OUTPUTS,
    .activation = IML_ACTIVATION_RELU,
    .loss = IML_LOSS_CROSS_ENTROPY,
    .has_bias = true,
};

static void test_blocks(void **state)
{
    (void)state;
    struct iml_net *net = NULL;
    struct iml_error error = {0};
    assert_int_equal(iml_net_new(&options, &net, &error), IML_OK);
    static const struct {
        const char *name;
        size_t layer, offset, count, rank, shape[2];
        bool is_kernel;
    } expected[] = {{"linear1.weight", 0, 0, 30, 2, {5, 6}, true},
                    {"linear1.bias", 0, 30, 5, 1, {5, 0}, false},
                    {"linear2.weight", 1, 35, 15, 2, {3, 5}, true},
                    {"linear2.bias", 1, 50, 3, 1, {3, 0}, false}};
    assert_int_equal(iml_net_block_count(net), 4);
    assert_int_equal(iml_net_parameters(net), 53);
    assert_int_equal(iml_net_layer_count(net), 2);
    assert_int_equal(iml_net_inputs(net), INPUTS);
    assert_int_equal(iml_net_outputs(net), OUTPUTS);
    for (size_t i = 0; i < 4; i++) {
        const struct iml_block *block = iml_net_block(net, i);
        assert_string_equal(block->name, expected[i].name);
        assert_int_equal(block->layer, expected[i].layer);
        assert_int_equal(block->offset, expected[i].offset);
        assert_int_equal(block->count, expected[i].count);
        assert_int_equal(block->rank, expected[i].rank);
        assert_memory_equal(block->shape, expected[i].shape, sizeof expected[i].shape);
        assert_int_equal(block->is_kernel, expected[i].is_kernel);
    }
    iml_net_free(net);
}

static void check_refused(const struct iml_net_options *wrong, enum iml_code code)
{
    struct iml_net *net = NULL;
    struct iml_error error = {0};
    assert_int_equal(iml_net_new(wrong, &net, &error), code);
    assert_null(net);
    assert_true(error.what[0] != '\0');
}

static void test_refused_nets(void **state)
{
    (void)state;
    struct iml_net_options wrong = options;
    wrong.inputs = 0;
    check_refused(&wrong, IML_ERROR_ARGUMENT);
    wrong = options;
    wrong.outputs = SIZE_MAX;
    check_refused(&wrong, IML_ERROR_ARGUMENT);
    wrong = options;
    wrong.hidden[0] = 0;
    check_refused(&wrong, IML_ERROR_ARGUMENT);
    wrong = options;
    wrong.hidden_count = IML_HIDDEN_MAX + 1;
    check_refused(&wrong, IML_ERROR_ARGUMENT);
    wrong = options;
    wrong.inputs = wrong.hidden[0] = 2147483647; /* P·8 bytes do not fit a size_t */
    check_refused(&wrong, IML_ERROR_MEMORY);
}

static void test_refused_batches(void **state)
{
    (void)state;
    struct net_fixture fixture = net_fixture_open(&options, ROWS, 1, NULL);
    const size_t wrong[] = {0, SIZE_MAX};
    for (size_t i = 0; i < 2; i++) {
        struct iml_arena measure;
        struct iml_evaluator *evaluator = NULL;
        struct iml_error error = {0};
        iml_arena_measure(&measure);
        assert_int_equal(
            iml_evaluator_new(fixture.net, wrong[i], true, NULL, &measure, &evaluator, &error),
            IML_ERROR_ARGUMENT);
        assert_null(evaluator);
    }
    net_fixture_close(&fixture);
}

/* Draw j of block i is word j of stream (seed, initialization, i), j in the outside's order. */
static void test_initialization(void **state)
{
    (void)state;
    struct net_fixture fixture = net_fixture_open(&options, ROWS, 1, NULL);
    iml_real theta[P_MAX], outside[P_MAX];
    iml_net_initialize(fixture.net, 77, theta);
    iml_net_export(fixture.net, theta, outside);
    for (uint32_t i = 0; i < 4; i++) {
        const struct iml_block *block = iml_net_block(fixture.net, i);
        const double bound = 1 / sqrt(i < 2 ? 6 : 5); /* fan_in of the layer, for its bias too */
        const struct iml_stream stream = {
            .seed = 77, .purpose = IML_PURPOSE_INITIALIZATION, .index = i};
        iml_real expected[P_MAX];
        iml_stream_uniform(&stream, -bound, bound, block->count, expected);
        assert_memory_equal(outside + block->offset, expected, block->count * sizeof *expected);
    }
    net_fixture_close(&fixture);
}

static void test_tiles(void **state)
{
    (void)state;
    static const size_t expected[][2] = {{1, 1},   {2, 2},   {7, 2},   {64, 2},  {128, 2},
                                         {129, 4}, {256, 4}, {257, 6}, {500, 8}, {10000, 158}};
    for (size_t k = 0; k < sizeof expected / sizeof expected[0]; k++) {
        const size_t n = expected[k][0], tiles = iml_tile_count(n, 64);
        assert_int_equal(tiles, expected[k][1]);
        size_t next = 0, smallest = n, largest = 0;
        for (size_t i = 0; i < tiles; i++) {
            size_t first = 0, count = 0;
            iml_tile_range(n, tiles, i, &first, &count);
            assert_int_equal(first, next);
            next = first + count;
            smallest = count < smallest ? count : smallest;
            largest = count > largest ? count : largest;
        }
        assert_int_equal(next, n);
        assert_true(largest - smallest <= 1 && smallest >= 1);
    }
}

/* --- evaluation --- */

struct problem {
    struct net_fixture fixture;
    iml_real theta[P_MAX], inputs[ROWS * INPUTS];
    uint32_t labels[ROWS];
    struct iml_batch batch;
};

static void problem_open(struct problem *self, unsigned threads)
{
    memset(self, 0, sizeof *self);
    self->fixture = net_fixture_open(&options, ROWS, threads, NULL);
    iml_net_initialize(self->fixture.net, 1, self->theta);
    const struct iml_stream stream = {.seed = 1, .purpose = IML_PURPOSE_PROBE};
    iml_stream_uniform(&stream, -1, 1, (size_t)ROWS * INPUTS, self->inputs);
    for (uint32_t i = 0; i < ROWS; i++) self->labels[i] = i % OUTPUTS;
    self->batch = (struct iml_batch){
        .rows = ROWS, .inputs = self->inputs, .labels = self->labels, .divisor = ROWS};
}

static struct iml_batch_result evaluate(struct problem *self, iml_real *losses, iml_real *logits)
{
    struct iml_batch_result result;
    struct iml_error error = {0};
    assert_int_equal(iml_evaluate(self->fixture.evaluator, self->theta, &self->batch, &result,
                                  losses, logits, &error),
                     IML_OK);
    return result;
}

static void test_counts_and_sums(void **state)
{
    (void)state;
    static struct problem problem;
    problem_open(&problem, 2);
    iml_real losses[ROWS], logits[ROWS * OUTPUTS], weights[ROWS];
    for (size_t i = 0; i < ROWS; i++) weights[i] = (iml_real)(i % 3);
    problem.batch.weights = weights;
    problem.batch.divisor = 11;
    const struct iml_batch_result result = evaluate(&problem, losses, logits);
    double sum = 0, weighted = 0;
    size_t correct = 0;
    for (size_t i = 0; i < ROWS; i++) {
        const iml_real *z = logits + i * OUTPUTS;
        const size_t best = z[0] >= z[1] && z[0] >= z[2] ? 0 : z[1] >= z[2] ? 1 : 2;
        correct += best == problem.labels[i];
        sum += (double)losses[i];
        weighted += (double)weights[i] * (double)losses[i] / 11;
    }
    check_close(result.loss, weighted, 1e-6);
    check_close(result.loss_sum, sum, 1e-6);
    assert_int_equal(result.correct, correct);
    net_fixture_close(&problem.fixture);
}

/* All logits equal: the first class is the answer, in each row. */
static void test_first_of_equals_is_the_answer(void **state)
{
    (void)state;
    static struct problem problem;
    problem_open(&problem, 1);
    memset(problem.theta, 0, sizeof problem.theta);
    struct iml_batch_result result = evaluate(&problem, NULL, NULL);
    assert_int_equal(result.correct, (ROWS + OUTPUTS - 1) / OUTPUTS);
    check_close(result.loss, log(3), 1e-6);
    iml_real targets[ROWS * OUTPUTS]; /* two largest targets: the first counts */
    for (size_t i = 0; i < ROWS; i++) {
        targets[i * OUTPUTS] = targets[i * OUTPUTS + 1] = (iml_real)0.5;
        targets[i * OUTPUTS + 2] = 0;
    }
    problem.batch.labels = NULL;
    problem.batch.targets = targets;
    result = evaluate(&problem, NULL, NULL);
    assert_int_equal(result.correct, ROWS);
    net_fixture_close(&problem.fixture);
}

static bool is_finite(double x)
{
    return isfinite(x);
}

/* What is not finite anywhere in θ or the inputs is not finite in the loss: `divergence` must see
 * it. */
static void test_nan_is_not_hidden(void **state)
{
    (void)state;
    static struct problem problem;
    problem_open(&problem, 1);
    for (size_t j = 0; j < iml_net_parameters(problem.fixture.net); j++) {
        const iml_real kept = problem.theta[j];
        problem.theta[j] = (iml_real)NAN;
        assert_false(is_finite(evaluate(&problem, NULL, NULL).loss));
        problem.theta[j] = kept;
    }
    problem.inputs[3] = (iml_real)HUGE_VAL;
    assert_false(is_finite(evaluate(&problem, NULL, NULL).loss));
    net_fixture_close(&problem.fixture);
}

static void test_nothing_is_allocated(void **state)
{
    (void)state;
    static struct problem problem;
    problem_open(&problem, 2);
    iml_real out[P_MAX], tangents[ROWS];
    struct iml_batch_result result;
    struct iml_error error = {0};
    const struct iml_curvature *curvature = NULL;
    struct iml_evaluator *evaluator = problem.fixture.evaluator;
    assert_true(atomic_load(&allocations) > 0); /* the wrapping works */
    atomic_store(&allocations, 0);
    (void)evaluate(&problem, NULL, NULL);
    enum iml_code code =
        iml_gradient(evaluator, problem.theta, &problem.batch, problem.theta, out, &result, &error);
    if (code == IML_OK)
        code = iml_linearize(evaluator, problem.theta, &problem.batch, problem.theta, out, &result,
                             &curvature, &error);
    if (code == IML_OK) {
        curvature->apply(curvature, problem.theta, out);
        code = iml_loss_tangents(evaluator, problem.theta, tangents, &error);
    }
    assert_int_equal(atomic_load(&allocations), 0);
    assert_int_equal(code, IML_OK);
    net_fixture_close(&problem.fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_blocks),
        cmocka_unit_test(test_refused_nets),
        cmocka_unit_test(test_refused_batches),
        cmocka_unit_test(test_initialization),
        cmocka_unit_test(test_tiles),
        cmocka_unit_test(test_counts_and_sums),
        cmocka_unit_test(test_first_of_equals_is_the_answer),
        cmocka_unit_test(test_nan_is_not_hidden),
        cmocka_unit_test(test_nothing_is_allocated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
