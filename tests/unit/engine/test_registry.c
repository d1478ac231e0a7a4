/* test_registry.c: items by name, sizes and types, and both orders of a transposed item. */
#include "imld/registry.h"

#include <stdio.h>
#include <string.h>

#include "../check.h"
#include "imld/net.h"

static struct iml_registry open_registry(void)
{
    struct iml_registry registry;
    struct iml_error error = {0};
    assert_int_equal(iml_registry_open(&registry, &error), IML_OK);
    return registry;
}

static void add(struct iml_registry *registry, const struct iml_item *item)
{
    struct iml_error error = {0};
    assert_int_equal(iml_registry_add(registry, item, &error), IML_OK);
}

static void test_transposed_round_trip(void **state)
{
    (void)state;
    /* outside 2 × 3: (1 2 3; 4 5 6); inside 3 × 2: (1 4; 2 5; 3 6) */
    iml_real inside[6] = {1, 4, 2, 5, 3, 6};
    const iml_real expected[6] = {1, 2, 3, 4, 5, 6};
    iml_real outside[6] = {0}, back[6] = {0};
    struct iml_item item = {.name = "w",
                            .type = IML_ITEM_REAL,
                            .rank = 2,
                            .shape = {2, 3},
                            .data = inside,
                            .is_transposed = true};
    iml_item_export(&item, outside, sizeof outside);
    assert_memory_equal(outside, expected, sizeof outside);
    item.data = back;
    iml_item_import(&item, outside, sizeof outside);
    assert_memory_equal(back, inside, sizeof back);
    item.data = inside;
    item.is_transposed = false;
    iml_item_export(&item, outside, sizeof outside);
    assert_memory_equal(outside, inside, sizeof outside);
}

static void test_all_items_in_order(void **state)
{
    (void)state;
    struct iml_registry registry = open_registry();
    iml_real w[6] = {1, 4, 2, 5, 3, 6};
    uint64_t steps = 77;
    uint32_t places[2] = {8, 9};
    uint8_t flag = 1;
    double sum = 0.5;
    add(&registry, &(struct iml_item){.name = "w",
                                      .type = IML_ITEM_REAL,
                                      .rank = 2,
                                      .shape = {2, 3},
                                      .data = w,
                                      .is_transposed = true});
    add(&registry, &(struct iml_item){.name = "steps", .type = IML_ITEM_U64, .data = &steps});
    add(&registry,
        &(struct iml_item){
            .name = "places", .type = IML_ITEM_U32, .rank = 1, .shape = {2}, .data = places});
    add(&registry, &(struct iml_item){.name = "flag", .type = IML_ITEM_U8, .data = &flag});
    add(&registry, &(struct iml_item){.name = "sum", .type = IML_ITEM_F64, .data = &sum});

    const size_t bytes = 6 * sizeof(iml_real) + 8 + 8 + 1 + 8;
    assert_int_equal(iml_registry_bytes(&registry), bytes);
    assert_int_equal(iml_item_bytes(iml_registry_find(&registry, "places")), 8);
    assert_null(iml_registry_find(&registry, "nothing"));
    assert_string_equal(iml_item_dtype(iml_registry_find(&registry, "w")),
                        sizeof(iml_real) == 8 ? "F64" : "F32");
    assert_string_equal(iml_item_dtype(iml_registry_find(&registry, "steps")), "U64");

    unsigned char image[128];
    iml_registry_export(&registry, image, bytes);
    const iml_real outside[6] = {1, 2, 3, 4, 5, 6}, inside[6] = {1, 4, 2, 5, 3, 6};
    assert_memory_equal(image, outside, sizeof outside);
    memset(w, 0xA5, sizeof w);
    memset(places, 0xA5, sizeof places);
    steps = 0;
    flag = 0;
    sum = 0;
    iml_registry_import(&registry, image, bytes);
    assert_memory_equal(w, inside, sizeof inside);
    assert_int_equal(steps, 77);
    assert_int_equal(places[1], 9);
    assert_int_equal(flag, 1);
    assert_true(sum == 0.5);
    iml_registry_close(&registry);
    iml_registry_close(&registry);
}

static void test_limit(void **state)
{
    (void)state;
    struct iml_registry registry = open_registry();
    uint8_t byte = 0;
    struct iml_item item = {.type = IML_ITEM_U8, .data = &byte};
    for (int i = 0; i < IML_ITEMS_MAX; i++) {
        (void)snprintf(item.name, sizeof item.name, "item%d", i);
        add(&registry, &item);
    }
    (void)snprintf(item.name, sizeof item.name, "one more");
    struct iml_error error = {0};
    assert_int_equal(iml_registry_add(&registry, &item, &error), IML_ERROR_LIMIT);
    iml_registry_close(&registry);
}

/* A net's vector: names, shapes and order as PyTorch's, and the same numbers as iml_net_export. */
static void test_net_vector(void **state)
{
    (void)state;
    const struct iml_net_options options = {.inputs = 3,
                                            .hidden = {2},
                                            .hidden_count = 1,
                                            .outputs = 4,
                                            .activation = IML_ACTIVATION_RELU,
                                            .loss = IML_LOSS_CROSS_ENTROPY,
                                            .has_bias = true};
    struct iml_net *net = NULL;
    struct iml_error error = {0};
    assert_int_equal(iml_net_new(&options, &net, &error), IML_OK);
    enum { P = 3 * 2 + 2 + 2 * 4 + 4 };
    assert_int_equal(iml_net_parameters(net), P);
    iml_real outside[P], theta[P], back[P], image[P];
    for (size_t j = 0; j < P; j++) outside[j] = (iml_real)j;
    iml_net_import(net, outside, theta);
    iml_net_export(net, theta, back);
    assert_memory_equal(back, outside, sizeof back);
    assert_true(theta[1] == outside[3]); /* W₁[1][0] lies beside W₁[0][0] */

    struct iml_registry registry = open_registry();
    assert_int_equal(iml_net_register(net, &registry, "parameters/", "", theta, &error), IML_OK);
    assert_int_equal(registry.count, 4);
    const struct iml_item *weight = iml_registry_find(&registry, "parameters/linear2.weight");
    assert_non_null(weight);
    assert_int_equal(weight->shape[0], 4);
    assert_int_equal(weight->shape[1], 2);
    assert_non_null(iml_registry_find(&registry, "parameters/linear1.bias"));
    assert_int_equal(iml_registry_bytes(&registry), sizeof image);
    iml_registry_export(&registry, image, sizeof image);
    assert_memory_equal(image, outside, sizeof image);
    iml_registry_close(&registry);
    iml_net_free(net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_transposed_round_trip),
        cmocka_unit_test(test_all_items_in_order),
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_net_vector),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
