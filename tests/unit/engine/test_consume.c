/* test_consume.c: a product whose parts are consumed is the product without the regularizer's term,
 * each element given once; sums over parts and over chunks are the same bits for any number of
 * threads. */
#include <stdlib.h>
#include <string.h>

#include "../check.h"
#include "engine/core/chunks.h"
#include "engine/core/vector.h"
#include "imld/random.h"
#include "net_fixture.h"

enum { ROWS = 130, INPUTS = 40, OUTPUTS = 7, PARAMETERS = 40 * 300 + 300 + 300 * 7 + 7 };

static const struct iml_net_options options = {.inputs = INPUTS,
                                               .hidden = {300},
                                               .hidden_count = 1,
                                               .outputs = OUTPUTS,
                                               .activation = IML_ACTIVATION_TANH,
                                               .loss = IML_LOSS_CROSS_ENTROPY,
                                               .has_bias = true};

static void draw(uint32_t index, size_t count, iml_real *numbers)
{
    const struct iml_stream stream = {.seed = 3, .purpose = IML_PURPOSE_PROBE, .index = index};
    iml_stream_uniform(&stream, -1, 1, count, numbers);
}

/* What a consumer sees; parts run in any thread, but no two touch one element. */
struct seen {
    iml_real *u;
    unsigned char *times;
    iml_real *au;
};

static double take(void *context, size_t first, size_t count, iml_real *au)
{
    const struct seen *seen = context;
    for (size_t j = first; j < first + count; j++) {
        seen->times[j]++;
        seen->u[j] = 0; /* allowed: nothing reads it any more */
    }
    memcpy(seen->au + first, au, count * sizeof *au);
    return iml_norm_squared(count, au);
}

static double consume(unsigned threads, enum iml_curvature_kind kind)
{
    static iml_real theta[PARAMETERS], u[PARAMETERS], hu[PARAMETERS], again[PARAMETERS],
        given[PARAMETERS], inputs[ROWS * INPUTS];
    static uint32_t labels[ROWS];
    struct net_fixture fixture = net_fixture_open(&options, ROWS, threads, NULL);
    struct iml_error error = {0};
    struct iml_batch_result result;
    const struct iml_curvature *curvature = NULL;
    assert_int_equal(iml_net_parameters(fixture.net), PARAMETERS);
    iml_net_initialize(fixture.net, 1, theta);
    draw(1, PARAMETERS, u);
    draw(2, ROWS * INPUTS, inputs);
    for (size_t r = 0; r < ROWS; r++) labels[r] = (uint32_t)(r % OUTPUTS);
    const struct iml_batch batch = {
        .rows = ROWS, .inputs = inputs, .labels = labels, .divisor = ROWS};
    assert_int_equal(
        iml_linearize(fixture.evaluator, theta, &batch, theta, NULL, &result, &curvature, &error),
        IML_OK);
    curvature = iml_linearized(fixture.evaluator, kind);
    curvature->apply(curvature, u, hu);

    unsigned char *times = calloc(PARAMETERS, 1);
    assert_non_null(times);
    struct seen seen = {.u = u, .times = times, .au = given};
    const struct iml_consumer consumer = {take, &seen};
    const double sum = curvature->consume(curvature, u, again, &consumer);
    assert_memory_equal(given, again, sizeof again);
    for (size_t j = 0; j < PARAMETERS; j++) assert_int_equal(times[j], 1);
    check_close(sum, iml_norm_squared(PARAMETERS, again), 1e-12);
    draw(1, PARAMETERS, u);
    iml_add_product(PARAMETERS, curvature->diagonal, u, given);
    assert_memory_equal(given, hu, sizeof hu);
    /* the same parts where no vector takes them */
    memset(given, 0, sizeof given);
    const double same = curvature->consume(curvature, u, NULL, &consumer);
    assert_memory_equal(given, again, sizeof again);
    assert_memory_equal(&same, &sum, sizeof sum);
    for (size_t j = 0; j < PARAMETERS; j++) assert_int_equal(times[j], 2);
    free(times);
    net_fixture_close(&fixture);
    return sum;
}

static void test_each_element_is_given_once(void **state)
{
    (void)state;
    for (enum iml_curvature_kind kind = 0; kind < IML_CURVATURE_KINDS; kind++) {
        const double one = consume(1, kind), three = consume(3, kind);
        assert_memory_equal(&one, &three, sizeof one);
    }
}

static void test_chunks_are_the_same_for_any_team(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 16384, 16385, 1500000};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct iml_team *team = NULL;
        struct iml_error error = {0};
        iml_real *x = malloc(sizes[i] * sizeof *x);
        assert_non_null(x);
        draw((uint32_t)i, sizes[i], x);
        assert_int_equal(iml_team_open(3, 0, NULL, &team, &error), IML_OK);
        const double alone = iml_norm_squared_in_chunks(NULL, sizes[i], x);
        const double shared = iml_norm_squared_in_chunks(team, sizes[i], x);
        assert_memory_equal(&alone, &shared, sizeof alone);
        check_close(alone, iml_norm_squared(sizes[i], x), 1e-12);
        iml_team_close(team);
        free(x);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_element_is_given_once),
        cmocka_unit_test(test_chunks_are_the_same_for_any_team),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
