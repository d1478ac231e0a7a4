/* test_image_nets.c: the nets of FIXMATCH §2: sizes, names, initial values, refusals; the same bits
 * for 1, 2 and 4 threads; an evaluator of values alone. tests/oracle proves their derivatives. */
#include <math.h>
#include <string.h>

#include "../check.h"
#include "engine/net/graph.h"
#include "imld/random.h"
#include "net_fixture.h"

static struct iml_net_options options_of(const char *model, size_t channels, size_t side,
                                         size_t outputs)
{
    return (struct iml_net_options){.model = iml_model_kind_find(model),
                                    .inputs = channels * side * side,
                                    .channels = channels,
                                    .height = side,
                                    .width = side,
                                    .outputs = outputs,
                                    .depth = 28,
                                    .widening = strcmp(model, "wrn") == 0 ? 2 : 0,
                                    .loss = IML_LOSS_CROSS_ENTROPY,
                                    .epsilon = 1e-3,
                                    .threads = 4};
}

static struct iml_net *new_net(const struct iml_net_options *options)
{
    struct iml_net *net = NULL;
    struct iml_error error = {0};
    if (iml_net_new(options, &net, &error) != IML_OK) fail_msg("%s", error.what);
    return net;
}

static void test_parameter_counts(void **state)
{
    (void)state;
    static const struct {
        const char *model;
        size_t channels, side, outputs, parameters, statistics, decayed;
    } rows[] = {
        {"cnn_small", 1, 28, 10, 140458, 640, 139808},
        {"cnn_small", 3, 32, 10, 141034, 640, 140384},
        {"wrn", 3, 32, 10, 1467610, 3616, 1463984},
        {"wrn", 3, 32, 6, 1467094, 3616, 1463472},
        {"resnet18", 3, 32, 10, 11173962, 9600, 11164352},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct iml_net_options options =
            options_of(rows[i].model, rows[i].channels, rows[i].side, rows[i].outputs);
        struct iml_net *net = new_net(&options);
        assert_int_equal(iml_net_parameters(net), rows[i].parameters);
        assert_int_equal(iml_net_statistics(net), rows[i].statistics);
        size_t kernels = 0;
        for (size_t b = 0; b < iml_net_block_count(net); b++) {
            const struct iml_block *block = iml_net_block(net, b);
            if (block->is_kernel) kernels += block->count;
        }
        assert_int_equal(kernels, rows[i].decayed);
        iml_net_free(net);
    }
    struct iml_net_options small = options_of("wrn", 3, 32, 10);
    small.depth = 10;
    small.widening = 1;
    struct iml_net *net = new_net(&small);
    assert_int_equal(iml_net_parameters(net), 77850);
    iml_net_free(net);
}

static void test_names_are_those_of_a_checkpoint(void **state)
{
    (void)state;
    const struct iml_net_options options = options_of("resnet18", 3, 32, 10);
    struct iml_net *net = new_net(&options);
    struct iml_registry registry;
    struct iml_error error = {0};
    static iml_real theta[11173962], statistics[9600];
    assert_int_equal(iml_registry_open(&registry, &error), IML_OK);
    assert_int_equal(iml_net_register(net, &registry, "parameters/", "", theta, &error), IML_OK);
    assert_int_equal(iml_net_register_statistics(net, &registry, "parameters/", statistics, &error),
                     IML_OK);
    const struct iml_item *item =
        iml_registry_find(&registry, "parameters/layer2.0.downsample.0.weight");
    assert_non_null(item);
    const size_t shape[4] = {128, 64, 1, 1};
    assert_int_equal(item->rank, 4);
    assert_memory_equal(item->shape, shape, sizeof shape);
    assert_non_null(iml_registry_find(&registry, "parameters/layer2.0.downsample.1.running_var"));
    assert_non_null(iml_registry_find(&registry, "parameters/fc.bias"));
    iml_registry_close(&registry);
    iml_net_free(net);
}

/* FIXMATCH 2.5: the mean square of each kernel, within 5 standard errors of a normal's. */
static void test_initial_values(void **state)
{
    (void)state;
    const struct iml_net_options options = options_of("cnn_small", 3, 32, 10);
    struct iml_net *net = new_net(&options);
    static iml_real theta[141034];
    iml_net_initialize(net, 3, theta);
    for (size_t b = 0; b < iml_net_block_count(net); b++) {
        const struct iml_block *block = iml_net_block(net, b);
        double sum = 0;
        for (size_t j = 0; j < block->count; j++)
            sum += (double)theta[block->offset + j] * (double)theta[block->offset + j];
        sum /= (double)block->count;
        double expected = block->is_scale ? 1 : 0;
        if (block->is_kernel && block->rank == 4) expected = 2.0 / (9.0 * (double)block->shape[0]);
        if (block->is_kernel && block->rank == 2)
            expected = 2.0 / (double)(block->shape[0] + block->shape[1]);
        const double error = block->is_kernel ? 5 * sqrt(2.0 / (double)block->count) : 0;
        assert_true(fabs(sum - expected) <= error * expected);
    }
    iml_net_free(net);
}

static void check_refused(const struct iml_net_options *options, const char *word)
{
    struct iml_net *net = NULL;
    struct iml_error error = {0};
    assert_int_equal(iml_net_new(options, &net, &error), IML_ERROR_ARGUMENT);
    assert_null(net);
    assert_non_null(strstr(error.what, word));
}

static void test_refused_nets(void **state)
{
    (void)state;
    struct iml_net_options options = options_of("wrn", 3, 32, 10);
    options.depth = 27;
    check_refused(&options, "depth");
    options.depth = 64;
    check_refused(&options, "depth");
    options = options_of("wrn", 3, 32, 10);
    options.widening = 0;
    check_refused(&options, "width");
    options = options_of("cnn_small", 3, 32, 10);
    options.inputs--;
    check_refused(&options, "pixels");
    options = options_of("resnet18", 3, 2, 10);
    check_refused(&options, "pixels");
    options = options_of("cnn_small", 3, 32, 10);
    options.epsilon = (double)NAN;
    check_refused(&options, "epsilon");
}

/* --- bits --- */

enum { ROWS = 37, SIDE = 7, INPUTS = SIDE * SIDE, P_MAX = 160000, STATISTICS_MAX = 4000 };

struct results {
    struct iml_batch_result result;
    iml_real losses[ROWS];
    iml_real gradient[P_MAX], product[P_MAX], gauss_newton[P_MAX];
};

static struct iml_batch batch_of(size_t rows, const iml_real *statistics,
                                 enum iml_batch_norm batch_norm)
{
    static iml_real inputs[ROWS * INPUTS];
    static uint32_t labels[ROWS];
    const struct iml_stream stream = {.seed = 5, .purpose = IML_PURPOSE_PROBE};
    iml_stream_uniform(&stream, -1, 1, ROWS * INPUTS, inputs);
    for (size_t i = 0; i < ROWS; i++) labels[i] = (uint32_t)(i % 4);
    return (struct iml_batch){
        .rows = rows,
        .inputs = inputs,
        .labels = labels,
        .divisor = (double)rows,
        .mode = {.batch_norm = batch_norm, .statistics = statistics},
    };
}

static struct iml_net_options small_of(const char *model)
{
    struct iml_net_options options = options_of(model, 1, SIDE, 4);
    options.depth = 10;
    options.widening = strcmp(model, "resnet18") == 0 ? 4 : 1;
    return options;
}

static void compute(const char *model, unsigned threads, enum iml_batch_norm batch_norm,
                    size_t rows, struct results *out)
{
    static iml_real theta[P_MAX], u[P_MAX], d[P_MAX], statistics[STATISTICS_MAX];
    const struct iml_net_options options = small_of(model);
    struct net_fixture fixture = net_fixture_open(&options, ROWS, threads, NULL);
    const size_t n = iml_net_parameters(fixture.net);
    struct iml_error error = {0};
    assert_true(n <= P_MAX && iml_net_statistics(fixture.net) <= STATISTICS_MAX);
    iml_net_initialize(fixture.net, 1, theta);
    iml_net_initialize_statistics(fixture.net, statistics);
    const struct iml_stream stream = {.seed = 6, .purpose = IML_PURPOSE_PROBE};
    iml_stream_uniform(&stream, -1, 1, n, u);
    iml_stream_uniform(&stream, 0, 0.1, n, d);
    const struct iml_batch batch = batch_of(rows, statistics, batch_norm);
    const struct iml_curvature *curvature = NULL;
    memset(out, 0, sizeof *out);
    assert_int_equal(
        iml_evaluate(fixture.evaluator, theta, &batch, &out->result, out->losses, NULL, &error),
        IML_OK);
    assert_int_equal(iml_linearize(fixture.evaluator, theta, &batch, d, out->gradient, &out->result,
                                   &curvature, &error),
                     IML_OK);
    curvature->apply(curvature, u, out->product);
    curvature = iml_linearized(fixture.evaluator, IML_CURVATURE_GAUSS_NEWTON);
    curvature->apply(curvature, u, out->gauss_newton);
    net_fixture_close(&fixture);
}

static void test_same_bits_for_any_number_of_threads(void **state)
{
    (void)state;
    static const char *const models[] = {"cnn_small", "wrn", "resnet18"};
    static const unsigned threads[] = {2, 4};
    static struct results one, more;
    for (size_t i = 0; i < 3; i++) {
        const enum iml_batch_norm batch_norm =
            i == 0 ? IML_BATCH_NORM_RUNNING : IML_BATCH_NORM_BATCH;
        compute(models[i], 1, batch_norm, ROWS, &one);
        assert_true(isfinite(one.result.loss));
        for (size_t t = 0; t < 2; t++) {
            compute(models[i], threads[t], batch_norm, ROWS, &more);
            assert_memory_equal(&one, &more, sizeof one);
        }
    }
}

/* A small batch in large buffers: what an earlier, larger one has left is not seen. */
static void test_batch_smaller_than_the_buffers(void **state)
{
    (void)state;
    static struct results small, again;
    for (size_t rows = 1; rows <= 17; rows += 16) {
        compute("wrn", 1, IML_BATCH_NORM_BATCH, rows, &small);
        compute("wrn", 2, IML_BATCH_NORM_BATCH, rows, &again);
        assert_memory_equal(&small, &again, sizeof small);
    }
}

/* WRN-28-2 at batch 64: adjoints share arrays (decision 0131). PyTorch's resident memory grows by
 * 430 to 490 MB in a gradient, by 1.46 GB in neumann(3) (DESIGN §3, memory is planned). */
static void test_adjoints_share_memory(void **state)
{
    (void)state;
    struct iml_net_options options = options_of("wrn", 3, 32, 10);
    options.threads = 1;
    struct iml_net *net = new_net(&options);
    struct iml_arena arena;
    struct iml_evaluator *evaluator = NULL;
    struct iml_error error = {0};
    const size_t real = sizeof(iml_real) / sizeof(float), products = 1100, gradient = 470;
    iml_arena_measure(&arena);
    assert_int_equal(iml_evaluator_new(net, 64, false, NULL, &arena, &evaluator, &error), IML_OK);
    iml_evaluator_free(evaluator);
    assert_true(arena.plan.total_bytes < real * gradient * 1000 * 1000);
    assert_true(net_fixture_plan(net, 64).total_bytes < real * products * 1000 * 1000);
    iml_net_free(net);
}

static void test_values_alone_take_less_memory(void **state)
{
    (void)state;
    static const char *const models[] = {"cnn_small", "wrn", "resnet18"};
    static iml_real theta[P_MAX], statistics[STATISTICS_MAX], losses[ROWS];
    static struct results whole;
    for (size_t i = 0; i < 3; i++) {
        const struct iml_net_options options = small_of(models[i]);
        struct iml_net *net = new_net(&options);
        struct iml_team *team = NULL;
        struct iml_arena plan, arena;
        struct iml_evaluator *evaluator = NULL;
        struct iml_batch_result result;
        struct iml_error error = {0};
        iml_arena_measure(&plan);
        assert_int_equal(iml_team_open(1, 0, NULL, &team, &error), IML_OK);
        assert_int_equal(
            iml_evaluator_new_for(net, ROWS, IML_EVALUATOR_VALUES, NULL, &plan, &evaluator, &error),
            IML_OK);
        iml_evaluator_free(evaluator);
        assert_int_equal(iml_arena_open(&arena, &plan.plan, &error), IML_OK);
        assert_int_equal(iml_evaluator_new_for(net, ROWS, IML_EVALUATOR_VALUES, team, &arena,
                                               &evaluator, &error),
                         IML_OK);
        assert_true(3 * plan.plan.total_bytes < net_fixture_plan(net, ROWS).total_bytes);
        iml_net_initialize(net, 1, theta);
        iml_net_initialize_statistics(net, statistics);
        const struct iml_batch batch = batch_of(ROWS, statistics, IML_BATCH_NORM_RUNNING);
        assert_int_equal(iml_evaluate(evaluator, theta, &batch, &result, losses, NULL, &error),
                         IML_OK);
        compute(models[i], 1, IML_BATCH_NORM_RUNNING, ROWS, &whole);
        assert_memory_equal(losses, whole.losses, sizeof losses);
        iml_evaluator_free(evaluator);
        iml_team_close(team);
        iml_arena_close(&arena);
        iml_net_free(net);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parameter_counts),
        cmocka_unit_test(test_names_are_those_of_a_checkpoint),
        cmocka_unit_test(test_initial_values),
        cmocka_unit_test(test_refused_nets),
        cmocka_unit_test(test_same_bits_for_any_number_of_threads),
        cmocka_unit_test(test_batch_smaller_than_the_buffers),
        cmocka_unit_test(test_adjoints_share_memory),
        cmocka_unit_test(test_values_alone_take_less_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
