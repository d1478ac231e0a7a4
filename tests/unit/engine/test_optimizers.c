/* test_optimizers.c: the optimizers against 8 recorded steps (MATH §1), in double; the same bits
 * however a step is cut; what is registered. */
#include <math.h>
#include <string.h>

#include "../check.h"
#include "fixture.h"
#include "imld/optimizer.h"

enum { SIZE = 6, STEPS = 8, NUMBERS = 48 };

static double number_or(const json_t *run, const char *name, double otherwise)
{
    return fixture_has(run, name) ? fixture_number(run, name) : otherwise;
}

static struct iml_optimizer_options read_options(const json_t *run)
{
    const struct iml_optimizer_kind *kind = iml_optimizer_kind_find(fixture_text(run, "kind"));
    assert_non_null(kind);
    return (struct iml_optimizer_options){
        .kind = kind,
        .learning_rate = fixture_number(run, "learning_rate"),
        .momentum = number_or(run, "momentum", 0),
        .nesterov = fixture_has(run, "nesterov") && json_is_true(fixture_at(run, "nesterov")),
        .beta1 = number_or(run, "beta1", 0.9),
        .beta2 = number_or(run, "beta2", 0.999),
        .rho = number_or(run, "rho", 0.99),
        .epsilon = number_or(run, "epsilon", 1e-8),
    };
}

static void optimizer_open(struct iml_optimizer *optimizer, struct iml_arena *arena,
                           const struct iml_optimizer_options *options)
{
    struct iml_error error = {0};
    struct iml_arena plan;
    iml_arena_measure(&plan);
    iml_optimizer_layout(optimizer, options, SIZE, &plan);
    assert_int_equal(iml_arena_open(arena, &plan.plan, &error), IML_OK);
    iml_optimizer_layout(optimizer, options, SIZE, arena);
}

static void check_run(const json_t *root, const json_t *run)
{
    iml_real gradients[NUMBERS], x[SIZE], g[SIZE];
    double expected[NUMBERS], start[SIZE];
    struct iml_optimizer optimizer;
    struct iml_arena arena;
    const struct iml_optimizer_options options = read_options(run);
    /* an L2 term is part of the loss in imld: its gradient is added before the step */
    const double decay = number_or(run, "weight_decay", 0);
    fixture_reals(root, "gradients", NUMBERS, gradients);
    fixture_reals(root, "theta", SIZE, x);
    fixture_doubles(root, "theta", SIZE, start);
    fixture_doubles(run, "theta_after_step", NUMBERS, expected);
    optimizer_open(&optimizer, &arena, &options);
    for (size_t step = 0; step < STEPS; step++) {
        for (size_t j = 0; j < SIZE; j++)
            g[j] = gradients[step * SIZE + j] + (iml_real)decay * x[j];
        iml_optimizer_step(&optimizer, x, g);
        for (size_t j = 0; j < SIZE; j++) {
            /* relative to where it came from too: a step may land on 0 */
            const double scale = fmax(fabs(start[j]), fabs(expected[step * SIZE + j]));
            assert_true(fabs(x[j] - expected[step * SIZE + j]) <= 1e-13 * scale);
        }
    }
    assert_int_equal(*optimizer.steps, STEPS);
    iml_arena_close(&arena);
}

static void test_steps_are_those_recorded(void **state)
{
    (void)state;
    json_t *root = fixture_load("optimizers.json");
    const size_t runs = json_array_size(fixture_at(root, "runs"));
    assert_int_equal(runs, 8);
    for (size_t i = 0; i < runs; i++) check_run(root, json_array_get(fixture_at(root, "runs"), i));
    json_decref(root);
}

static void test_step_gives_the_same_bits_however_it_is_cut(void **state)
{
    (void)state;
    json_t *root = fixture_load("optimizers.json");
    for (size_t i = 0; i < json_array_size(fixture_at(root, "runs")); i++) {
        struct iml_optimizer whole, cut;
        struct iml_arena whole_arena, cut_arena;
        iml_real gradients[NUMBERS], x[SIZE], y[SIZE];
        const struct iml_optimizer_options options =
            read_options(json_array_get(fixture_at(root, "runs"), i));
        fixture_reals(root, "gradients", NUMBERS, gradients);
        fixture_reals(root, "theta", SIZE, x);
        memcpy(y, x, sizeof y);
        optimizer_open(&whole, &whole_arena, &options);
        optimizer_open(&cut, &cut_arena, &options);
        for (size_t step = 0; step < STEPS; step++) {
            const iml_real *g = gradients + step * SIZE;
            iml_optimizer_step(&whole, x, g);
            ++*cut.steps;
            options.kind->step(&cut, y, g, 4, SIZE);
            options.kind->step(&cut, y, g, 0, 1);
            options.kind->step(&cut, y, g, 1, 4);
        }
        assert_memory_equal(x, y, sizeof x);
        iml_arena_close(&cut_arena);
        iml_arena_close(&whole_arena);
    }
    json_decref(root);
}

static void test_everything_kept_is_registered(void **state)
{
    (void)state;
    for (const struct iml_optimizer_kind *const *kind = iml_optimizer_kinds; *kind; kind++) {
        const struct iml_optimizer_options options = {
            .kind = *kind, .momentum = 0.9, .beta1 = 0.9, .beta2 = 0.999, .rho = 0.99};
        struct iml_optimizer optimizer;
        struct iml_arena arena;
        struct iml_registry registry;
        struct iml_error error = {0};
        optimizer_open(&optimizer, &arena, &options);
        assert_int_equal(iml_registry_open(&registry, &error), IML_OK);
        assert_int_equal(iml_optimizer_register(&optimizer, "optimizer/", NULL, &registry, &error),
                         IML_OK);
        size_t bytes = sizeof(uint64_t);
        for (size_t i = 0; i < 2; i++) bytes += optimizer.moments[i] ? SIZE * sizeof(iml_real) : 0;
        assert_int_equal(iml_registry_bytes(&registry), bytes);
        assert_non_null(iml_registry_find(&registry, "optimizer/steps"));
        iml_registry_close(&registry);
        iml_arena_close(&arena);
        assert_ptr_equal(iml_optimizer_kind_find((*kind)->name), *kind);
    }
    assert_null(iml_optimizer_kind_find("nothing"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_steps_are_those_recorded),
        cmocka_unit_test(test_step_gives_the_same_bits_however_it_is_cut),
        cmocka_unit_test(test_everything_kept_is_registered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
