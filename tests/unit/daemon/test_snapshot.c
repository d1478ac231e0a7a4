/* test_snapshot.c: registry → tensors → registry gives the same bytes, and what does not fit is
 * refused with a text that names it. */
#include "tests/unit/check.h"

#include <string.h>

#include "daemon/snapshot.h"

/* A registry with one item of each kind: a transposed matrix, a scalar, a list. */
struct model {
    iml_real weight[6]; /* in × out in memory, out × in outside */
    uint64_t step;
    uint8_t flags[3];
    struct iml_registry registry;
};

static void add(struct model *model, const char *name, enum iml_item_type type, void *data,
                bool is_transposed, size_t rank, size_t first, size_t second)
{
    struct iml_item item = {.type = type,
                            .rank = rank,
                            .shape = {first, second},
                            .data = data,
                            .is_transposed = is_transposed};
    memcpy(item.name, name, strlen(name) + 1);
    assert_int_equal(iml_registry_add(&model->registry, &item, NULL), IML_OK);
}

static void open_model(struct model *model)
{
    *model = (struct model){.weight = {1, 2, 3, 4, 5, 6}, .step = 42, .flags = {7, 8, 9}};
    assert_int_equal(iml_registry_open(&model->registry, NULL), IML_OK);
    add(model, "parameters/linear1.weight", IML_ITEM_REAL, model->weight, true, 2, 2, 3);
    add(model, "state/step", IML_ITEM_U64, &model->step, false, 0, 0, 0);
    add(model, "state/flags", IML_ITEM_U8, model->flags, false, 1, 3, 0);
}

/* The snapshot's own tensors as what a checkpoint gives, in another order. */
static struct imld_checkpoint_content content_of(const struct imld_snapshot *snapshot,
                                                 struct imld_tensor tensors[4])
{
    const size_t n = snapshot->tensor_count;
    for (size_t i = 0; i < n; i++) tensors[i] = snapshot->tensors[n - 1 - i];
    return (struct imld_checkpoint_content){.tensors = tensors, .tensor_count = n};
}

static void test_round_trip(void **state)
{
    (void)state;
    struct model model;
    struct imld_snapshot saved;
    struct imld_snapshot loaded;
    open_model(&model);
    assert_int_equal(imld_snapshot_open(&saved, &model.registry, NULL), IML_OK);
    assert_int_equal(imld_snapshot_open(&loaded, &model.registry, NULL), IML_OK);
    assert_int_equal(saved.tensor_count, 3);
    assert_string_equal(saved.tensors[1].dtype, "U64");
    imld_snapshot_take(&saved, &model.registry);
    iml_real first_row[3]; /* outside: row 0 is memory's column 0 */
    memcpy(first_row, saved.tensors[0].data, sizeof first_row);
    assert_true(first_row[0] == 1 && first_row[1] == 3 && first_row[2] == 5);

    const struct model before = model;
    memset(model.weight, 0xA5, sizeof model.weight);
    model.step = 0;
    memset(model.flags, 0, sizeof model.flags);
    struct imld_tensor tensors[4];
    const struct imld_checkpoint_content content = content_of(&saved, tensors);
    assert_int_equal(imld_snapshot_load(&loaded, &content, NULL), IML_OK);
    imld_snapshot_give(&loaded, &model.registry);
    assert_memory_equal(model.weight, before.weight, sizeof model.weight);
    assert_true(model.step == before.step);
    assert_memory_equal(model.flags, before.flags, sizeof model.flags);
    imld_snapshot_close(&saved);
    imld_snapshot_close(&loaded);
    iml_registry_close(&model.registry);
}

/* Loads what `spoil` made of a good checkpoint; the error must speak of `text`, and nothing change.
 */
static void check_refused(void (*spoil)(struct imld_checkpoint_content *content), const char *text)
{
    struct model model;
    struct imld_snapshot saved;
    open_model(&model);
    assert_int_equal(imld_snapshot_open(&saved, &model.registry, NULL), IML_OK);
    imld_snapshot_take(&saved, &model.registry);
    struct imld_snapshot untouched;
    assert_int_equal(imld_snapshot_open(&untouched, &model.registry, NULL), IML_OK);
    struct imld_tensor tensors[4];
    struct imld_checkpoint_content content = content_of(&saved, tensors);
    spoil(&content);
    struct iml_error error = {0};
    assert_int_equal(imld_snapshot_load(&untouched, &content, &error), IML_ERROR_DATA);
    assert_non_null(strstr(error.what, text));
    const char *bytes = untouched.bytes;
    for (size_t i = 0; i < untouched.byte_count; i++) assert_int_equal(bytes[i], 0);
    imld_snapshot_close(&saved);
    imld_snapshot_close(&untouched);
    iml_registry_close(&model.registry);
}

static void drop_one(struct imld_checkpoint_content *content)
{
    content->tensor_count--; /* the weight: it stands last here */
}

static void add_one(struct imld_checkpoint_content *content)
{
    content->tensors[3] = content->tensors[0];
    memcpy(content->tensors[3].name, "state/else", sizeof "state/else");
    content->tensor_count = 4;
}

static void turn_shape(struct imld_checkpoint_content *content)
{
    content->tensors[2].shape[0] = 3;
    content->tensors[2].shape[1] = 2;
}

static void change_type(struct imld_checkpoint_content *content)
{
    content->tensors[1].dtype = "F64";
}

static void change_rank(struct imld_checkpoint_content *content)
{
    content->tensors[1].rank = 1;
    content->tensors[1].shape[0] = 1;
}

static void test_what_does_not_fit_is_refused_by_name(void **state)
{
    (void)state;
    check_refused(drop_one, "no tensor parameters/linear1.weight");
    check_refused(add_one, "state/else");
    check_refused(turn_shape, "[3, 2], but");
    check_refused(change_type, "state/step is F64 []");
    check_refused(change_rank, "state/step is U64 [1], but U64 [] is wanted");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_what_does_not_fit_is_refused_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
