/* test_resolve.c: what a right document becomes: its own values, every default, and nothing else.
 */
#include <stdlib.h>
#include <string.h>

#include "spec/fields.h"
#include "spec/pointer.h"
#include "spec/suggest.h"
#include "tests/unit/check.h"
#include "tests/unit/spec/sets.h"

/* The document of DESIGN §4. */
static const char example[] =
    "{\"name\": \"Neumann-3, L2 per parameter\", \"algorithm\": \"iml\","
    " \"data\": {\"set\": \"fashion-mnist\", \"train\": 2000, \"validation\": 500, \"test\": "
    "10000},"
    " \"model\": {\"kind\": \"mlp\", \"hidden\": [128, 128], \"activation\": \"relu\"},"
    " \"inner\": {\"optimizer\": {\"kind\": \"adam\", \"learning_rate\": 1e-3}, \"batch\": 128,"
    "   \"warmup\": {\"steps\": 1000}, \"steps_per_update\": 10},"
    " \"meta\": {\"knowledge\": {\"kind\": \"l2_per_parameter\", \"initial\": 1e-4},"
    "   \"optimizer\": {\"kind\": \"rmsprop\", \"learning_rate\": 0.05}, \"updates\": 300,"
    "   \"validation_batch\": 500, \"curvature\": {\"kind\": \"hessian\", \"batch\": 500},"
    "   \"solver\": {\"kind\": \"neumann\", \"terms\": 3, \"step_size\": \"auto\","
    "     \"precondition\": \"l2\"}},"
    " \"evaluation\": {\"every_updates\": 10},"
    " \"early_stopping\": [{\"rule\": \"patience\", \"metric\": \"validation/accuracy\","
    "   \"evaluations\": 20, \"min_delta\": 0}],"
    " \"checkpoint\": {\"every_seconds\": 60, \"keep\": 3, \"best\": \"validation/accuracy\"},"
    " \"resources\": {\"threads\": 1}, \"seed\": 1, \"priority\": 0, \"tags\": [\"paper\"]}";

static json_t *resolve_or_fail(const char *text)
{
    struct imld_problems problems = {0};
    json_t *const spec = resolve_text(text, &problems);
    for (size_t i = 0; i < problems.count; i++)
        print_error("%s: %s\n", problems.items[i].pointer, problems.items[i].detail);
    assert_non_null(spec);
    return spec;
}

static json_t *at(const json_t *spec, const char *pointer)
{
    return imld_json_readable(imld_json_at(spec, pointer));
}

/* Every value of `part` stands in `whole`, at the same place. */
static void assert_within(const json_t *part, const json_t *whole)
{
    const char *name = NULL;
    json_t *value = NULL;
    if (!json_is_object(part)) {
        assert_true(json_equal(part, whole));
        return;
    }
    json_object_foreach(imld_json_readable(part), name, value)
    {
        assert_non_null(json_object_get(whole, name));
        assert_within(value, json_object_get(whole, name));
    }
}

static size_t leaves(const json_t *value)
{
    size_t count = 0;
    const char *name = NULL;
    json_t *item = NULL;
    if (!json_is_object(value)) return 1;
    json_object_foreach(imld_json_readable(value), name, item) count += leaves(item);
    return count;
}

static void test_the_example_gives_itself_plus_defaults(void **unused)
{
    (void)unused;
    json_t *const document = json_loads(example, 0, NULL);
    json_t *const spec = resolve_or_fail(example);
    assert_within(document, spec);
    /* pixels, note, of the optimizers beta1, beta2, epsilon and rho, epsilon, of the model dropout
     * and initialization, of the curvature batch_norm and dropout, of the solver damping and scale,
     * meta.on_failure
     */
    assert_int_equal(leaves(spec), leaves(document) + 14);
    assert_string_equal(json_string_value(at(spec, "/data/pixels")), "standardized");
    assert_true(json_real_value(at(spec, "/inner/optimizer/beta2")) == 0.999);
    assert_true(json_real_value(at(spec, "/meta/optimizer/rho")) == 0.99);
    json_decref(document);
    json_decref(spec);
}

static void test_a_minimal_document_gets_every_default(void **unused)
{
    (void)unused;
    json_t *const spec =
        resolve_or_fail("{\"algorithm\":\"iml\",\"data\":{\"set\":\"fashion-mnist\"}}");
    assert_int_equal(json_integer_value(at(spec, "/data/train")), 59500);
    assert_int_equal(json_integer_value(at(spec, "/data/validation")), 500);
    assert_int_equal(json_integer_value(at(spec, "/data/test")), 10000);
    assert_int_equal(json_integer_value(at(spec, "/inner/batch")), 128);
    assert_int_equal(json_integer_value(at(spec, "/inner/warmup/steps")), 1000);
    assert_int_equal(json_array_size(at(spec, "/model/hidden")), 2);
    assert_int_equal(json_array_size(at(spec, "/early_stopping")), 0);
    assert_null(at(spec, "/inner/steps"));
    assert_null(at(spec, "/model/batch_norm"));
    assert_null(at(spec, "/model/slope"));
    assert_null(at(spec, "/inner/warmup/until"));
    assert_null(at(spec, "/meta/knowledge/clamp"));
    assert_null(at(spec, "/evaluation/every_steps"));
    json_decref(spec);
}

static void test_supervised_has_no_meta(void **unused)
{
    (void)unused;
    json_t *const spec =
        resolve_or_fail("{\"algorithm\":\"supervised\",\"data\":{\"set\":\"fashion-mnist\"}}");
    assert_null(at(spec, "/meta"));
    assert_null(at(spec, "/inner/warmup"));
    assert_int_equal(json_integer_value(at(spec, "/inner/steps")), 4000);
    assert_int_equal(json_integer_value(at(spec, "/evaluation/every_steps")), 100);
    json_decref(spec);
}

static void test_a_net_of_images_has_its_own_fields(void **unused)
{
    (void)unused;
    json_t *const spec =
        resolve_or_fail("{\"algorithm\":\"iml\",\"data\":{\"set\":\"fashion-mnist\"},"
                        "\"model\":{\"kind\":\"wrn\"}}");
    assert_int_equal(json_integer_value(at(spec, "/model/depth")), 28);
    assert_int_equal(json_integer_value(at(spec, "/model/width")), 2);
    assert_true(json_number_value(at(spec, "/model/batch_norm/epsilon")) == 1e-3);
    assert_true(json_number_value(at(spec, "/model/batch_norm/momentum")) == 0.1);
    assert_string_equal(json_string_value(at(spec, "/model/convolution")), "auto");
    assert_int_equal(json_integer_value(at(spec, "/meta/curvature/batch")), 128);
    assert_null(at(spec, "/model/hidden"));
    assert_null(at(spec, "/model/activation"));
    assert_null(at(spec, "/model/slope"));
    json_decref(spec);
}

static void test_defaults_never_exceed_a_small_set(void **unused)
{
    (void)unused;
    json_t *const spec = resolve_or_fail("{\"algorithm\":\"iml\",\"data\":{\"set\":\"tiny\"}}");
    assert_int_equal(json_integer_value(at(spec, "/data/validation")), 20);
    assert_int_equal(json_integer_value(at(spec, "/data/train")), 20);
    assert_int_equal(json_integer_value(at(spec, "/inner/batch")), 20);
    assert_int_equal(json_integer_value(at(spec, "/meta/curvature/batch")), 20);
    assert_int_equal(json_integer_value(at(spec, "/meta/validation_batch")), 20);
    json_decref(spec);
}

static const char *const right[] = {
    example,
    "{\"algorithm\":\"iml\",\"data\":{\"set\":\"fashion-mnist\"}}",
    "{\"algorithm\":\"supervised\",\"data\":{\"set\":\"tiny\"}}",
    "{\"algorithm\":\"supervised\",\"data\":{\"set\":\"testless\"}}",
    "{\"algorithm\":\"iml\",\"data\":{\"set\":\"testless\",\"test\":0}}",
    "{\"algorithm\":\"iml\",\"data\":{\"set\":\"tiny\"},\"inner\":{\"warmup\":{\"until\":"
    "{\"gradient_norm\":0.1,\"relative\":true}}}}",
    "{\"algorithm\":\"iml\",\"data\":{\"set\":\"synthetic\",\"synthetic\":{}}}",
    "{\"algorithm\":\"supervised\",\"data\":{\"set\":\"synthetic\",\"synthetic\":{\"kind\":"
    "\"least_squares\",\"rows\":30}}}",
    "{\"algorithm\":\"iml\",\"data\":{\"set\":\"tiny\"},\"inner\":{\"until\":"
    "{\"remaining_ratio\":1}}}",
    "{\"algorithm\":\"iml\",\"data\":{\"set\":\"tiny\"},\"meta\":{\"solver\":{\"kind\":\"cg\","
    "\"reorthogonalize\":true}}}",
    "{\"algorithm\":\"iml\",\"data\":{\"set\":\"tiny\"},\"meta\":{\"solver\":{\"kind\":"
    "\"identity\"},\"knowledge\":{\"kind\":\"l2_per_layer\",\"clamp\":[1e-6,1e-2]}}}",
    "{\"algorithm\":\"iml\",\"data\":{\"set\":\"tiny\"},\"meta\":{\"optimizer\":"
    "{\"learning_rate\":0},\"solver\":{\"step_size\":0.25}}}",
    "{\"algorithm\":\"iml\",\"data\":{\"set\":\"tiny\"},\"inner\":{\"optimizer\":{\"kind\":\"sgd\","
    "\"learning_rate\":1e6,\"momentum\":0.9,\"nesterov\":true}},\"model\":{\"hidden\":[]}}",
    "{\"algorithm\":\"supervised\",\"data\":{\"set\":\"tiny\"},\"early_stopping\":[{\"rule\":"
    "\"patience\"},{\"rule\":\"target\",\"value\":0.9},{\"rule\":\"budget\",\"steps\":100},"
    "{\"rule\":\"budget\",\"seconds\":0.5}],\"seed\":4294967295,\"priority\":-3,"
    "\"note\":\"Größe 🙂\",\"tags\":[\"a\",\"b\"]}",
    "{\"algorithm\":\"confidence\",\"data\":{\"set\":\"tiny\",\"labels\":6},\"confidence\":"
    "{\"form\":\"shared\"},\"early_stopping\":[{\"rule\":\"unstable_weights\"},{\"rule\":"
    "\"collapsed_weights\",\"mean_below\":0.1}]}",
    "{\"algorithm\":\"confidence\",\"data\":{\"set\":\"fashion-mnist\"},\"confidence\":"
    "{\"preset\":\"paper\"}}",
    "{\"algorithm\":\"supervised\",\"data\":{\"set\":\"fashion-mnist\"},"
    "\"model\":{\"kind\":\"resnet18\",\"batch_norm\":{\"momentum\":0.01}}}",
};

/* Both are spread evenly over the classes, so the smallest one says how many there can be. */
static void test_defaults_fit_the_smallest_class(void **unused)
{
    (void)unused;
    static const struct {
        const char *data;
        int validation, labels;
    } rows[] = {
        {"\"set\":\"uneven\"", 18, 18}, /* 6 and 6 of three classes, of the 12 of the smallest */
        {"\"set\":\"uneven\",\"validation\":4", 4, 30},  /* of the first class 2 */
        {"\"set\":\"uneven\",\"validation\":36", 36, 3}, /* none is left: refused later */
        {"\"set\":\"uneven\",\"mismatch\":{\"known\":[0,3]}", 40, 40},
        {"\"set\":\"tiny\"", 20, 50}, /* images of a class are not known */
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[256];
        (void)snprintf(text, sizeof text, "{\"algorithm\":\"fixmatch\",\"data\":{%s}}",
                       rows[i].data);
        json_t *const spec = resolve_or_fail(text);
        assert_int_equal(json_integer_value(at(spec, "/data/validation")), rows[i].validation);
        assert_int_equal(json_integer_value(at(spec, "/data/labels")), rows[i].labels);
        json_decref(spec);
    }
}

/* As a stored spec, sent again: also after it was printed and read. */
static void test_a_resolved_spec_resolves_to_itself(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof right / sizeof right[0]; i++) {
        json_t *const spec = resolve_or_fail(right[i]);
        char *const text = json_dumps(spec, JSON_COMPACT);
        json_t *const again = resolve_or_fail(text);
        char *const text_again = json_dumps(again, JSON_COMPACT);
        assert_true(json_equal(spec, again));
        assert_string_equal(text, text_again); /* the order too */
        free(text);
        free(text_again);
        json_decref(spec);
        json_decref(again);
    }
}

#define PAPER(inside, rest)                                                                        \
    "{\"algorithm\":\"confidence\",\"data\":{\"set\":\"fashion-mnist\"},"                          \
    "\"confidence\":{\"preset\":\"paper\"" inside "}" rest "}"

/* FIXMATCH 6.3, main branch. */
static void test_the_papers_preset(void **unused)
{
    (void)unused;
    json_t *const spec = resolve_or_fail(PAPER("", ""));
    json_t *const wanted = json_loads(
        "{\"data\": {\"labels\": 250, \"validation\": 1000},"
        " \"model\": {\"kind\": \"wrn\", \"depth\": 28, \"width\": 2},"
        " \"inner\": {\"batch\": 64, \"steps\": 517120, \"steps_per_update\": 512,"
        "   \"warmup\": {\"steps\": 5120}, \"weight_decay\": 5e-4, \"schedule\": \"cosine\","
        "   \"optimizer\": {\"kind\": \"sgd\", \"learning_rate\": 0.03, \"momentum\": 0.9,"
        "     \"nesterov\": true}},"
        " \"consistency\": {\"ratio\": 7, \"threshold\": 0.95, \"weight\": 1},"
        " \"confidence\": {\"preset\": \"paper\", \"form\": \"separate\", \"input\": \"image\","
        "   \"model\": {\"kind\": \"wrn\", \"depth\": 28, \"width\": 2}, \"output\": \"linear\","
        "   \"normalize\": \"none\", \"last_layer\": \"pretrained\", \"decay\": 5e-4,"
        "   \"validation_from\": \"held_out\", \"weights\": \"learned\"},"
        " \"meta\": {\"schedule\": \"cosine\", \"validation_batch\": 1000,"
        "   \"curvature\": {\"kind\": \"hessian\", \"batch\": 128},"
        "   \"optimizer\": {\"kind\": \"sgd\", \"learning_rate\": 1e-3, \"momentum\": 0.9,"
        "     \"nesterov\": true},"
        "   \"solver\": {\"kind\": \"neumann\", \"terms\": 3, \"step_size\": 0.1,"
        "     \"scale\": false}}}",
        0, NULL);
    assert_non_null(wanted);
    assert_within(wanted, spec);
    json_decref(wanted);
    json_decref(spec);
}

/* What the document says stays, and decides which of the preset's values have a place. */
static void test_a_preset_gives_defaults_alone(void **unused)
{
    (void)unused;
    json_t *spec = resolve_or_fail(
        PAPER(",\"form\":\"shared\",\"output\":\"sigmoid\"",
              ",\"meta\":{\"solver\":{\"kind\":\"identity\"},\"optimizer\":{\"kind\":\"adam\"}},"
              "\"inner\":{\"batch\":16}"));
    assert_null(at(spec, "/confidence/model"));
    assert_null(at(spec, "/confidence/input"));
    assert_string_equal(json_string_value(at(spec, "/confidence/last_layer")), "zero");
    assert_int_equal(json_integer_value(at(spec, "/inner/batch")), 16);
    assert_null(at(spec, "/meta/solver/step_size"));
    assert_true(json_number_value(at(spec, "/meta/optimizer/learning_rate")) == 0.01);
    json_decref(spec);
    spec = resolve_or_fail(PAPER(",\"form\":\"weights_per_example\"", ""));
    assert_string_equal(json_string_value(at(spec, "/meta/optimizer/kind")), "adam");
    assert_null(at(spec, "/confidence/decay"));
    json_decref(spec);
    spec = resolve_or_fail(PAPER(",\"validation_from\":\"labeled\"", ""));
    assert_int_equal(json_integer_value(at(spec, "/meta/validation_batch")), 250);
    json_decref(spec);
    spec = resolve_or_fail("{\"algorithm\":\"confidence\",\"data\":{\"set\":\"fashion-mnist\","
                           "\"validation\":300},\"confidence\":{\"preset\":\"paper\"}}");
    assert_int_equal(json_integer_value(at(spec, "/meta/validation_batch")), 300);
    json_decref(spec);
}

static void test_an_integral_real_is_an_integer(void **unused)
{
    (void)unused;
    json_t *const spec = resolve_or_fail(
        "{\"algorithm\":\"iml\",\"data\":{\"set\":\"fashion-mnist\",\"train\":4000.0},"
        "\"inner\":{\"warmup\":{\"steps\":1e3}},\"model\":{\"hidden\":[64.0]},\"seed\":-0.0}");
    assert_true(json_is_integer(at(spec, "/data/train")));
    assert_int_equal(json_integer_value(at(spec, "/data/train")), 4000);
    assert_int_equal(json_integer_value(at(spec, "/inner/warmup/steps")), 1000);
    assert_true(json_is_integer(at(spec, "/model/hidden/0")));
    assert_true(json_is_integer(at(spec, "/seed")));
    json_decref(spec);
}

static void test_rules_get_their_defaults(void **unused)
{
    (void)unused;
    json_t *const spec =
        resolve_or_fail("{\"algorithm\":\"iml\",\"data\":{\"set\":\"tiny\"},\"early_stopping\":"
                        "[{\"rule\":\"patience\"},{\"rule\":\"budget\",\"steps\":7}]}");
    assert_int_equal(json_integer_value(at(spec, "/early_stopping/0/evaluations")), 20);
    assert_string_equal(json_string_value(at(spec, "/early_stopping/0/metric")),
                        "validation/accuracy");
    assert_non_null(at(spec, "/early_stopping/0/min_delta"));
    assert_int_equal(json_object_size(at(spec, "/early_stopping/1")), 2);
    json_decref(spec);
}

/* Without a look at sets, what depends on them is left out, and the rest is there. */
static void test_sets_need_not_be_looked_at(void **unused)
{
    (void)unused;
    const struct imld_resolve_context context = {0};
    struct imld_problems problems = {0};
    json_t *const document =
        json_loads("{\"algorithm\":\"iml\",\"data\":{\"set\":\"any\"}}", 0, NULL);
    json_t *const spec = imld_spec_resolve(document, &context, &problems);
    assert_non_null(spec);
    assert_null(at(spec, "/data/train"));
    assert_int_equal(json_integer_value(at(spec, "/inner/batch")), 128);
    json_decref(spec);
    json_decref(document);
}

static void test_only_an_admin_raises_the_priority(void **unused)
{
    (void)unused;
    struct imld_resolve_context admin = test_context;
    struct imld_problems problems = {0};
    admin.may_raise_priority = true;
    json_t *const document =
        json_loads("{\"algorithm\":\"iml\",\"data\":{\"set\":\"tiny\"},\"priority\":5}", 0, NULL);
    json_t *const spec = imld_spec_resolve(document, &admin, &problems);
    assert_non_null(spec);
    assert_null(imld_spec_resolve(document, &test_context, &problems));
    assert_string_equal(problems.items[0].pointer, "/priority");
    imld_problems_clear(&problems);
    json_decref(spec);
    json_decref(document);
}

static json_t *patch_of(const char *job, const char *text, struct imld_problems *problems)
{
    json_t *const spec = resolve_or_fail(job);
    json_t *const document = json_loads(text, 0, NULL);
    json_t *const changes = imld_spec_resolve_patch(document, spec, &test_context, problems);
    assert_true((changes != NULL) == (problems->total == 0));
    json_decref(document);
    json_decref(spec);
    return changes;
}

static json_t *patch(const char *text, struct imld_problems *problems)
{
    return patch_of(example, text, problems);
}

static void test_a_patch_answers_only_what_it_has(void **unused)
{
    (void)unused;
    struct imld_problems problems = {0};
    json_t *changes =
        patch("{\"name\":\"n\",\"early_stopping\":[{\"rule\":\"patience\"}]}", &problems);
    assert_int_equal(json_object_size(changes), 2);
    assert_int_equal(json_object_size(at(changes, "/early_stopping/0")), 4);
    json_decref(changes);
    changes = patch("{}", &problems);
    assert_int_equal(json_object_size(changes), 0);
    json_decref(changes);
}

/* As at submission: what the job never measures can't end it. */
static void test_a_patch_is_judged_by_the_jobs_data(void **unused)
{
    (void)unused;
    static const struct {
        const char *job, *metric;
    } rows[] = {
        {"{\"algorithm\":\"supervised\",\"data\":{\"set\":\"synthetic\",\"synthetic\":{}}}",
         "validation/accuracy"},
        {"{\"algorithm\":\"supervised\",\"data\":{\"set\":\"tiny\",\"labels\":6,"
         "\"train_on_validation\":true}}",
         "validation/loss"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct imld_problems problems = {0};
        char text[128];
        (void)snprintf(text, sizeof text,
                       "{\"early_stopping\":[{\"rule\":\"patience\",\"metric\":\"%s\"}]}",
                       rows[i].metric);
        assert_null(patch_of(rows[i].job, text, &problems));
        assert_int_equal(problems.count, 1);
        assert_string_equal(problems.items[0].pointer, "/early_stopping/0/metric");
        imld_problems_clear(&problems);
        json_t *const changes = patch_of(
            rows[i].job, "{\"early_stopping\":[{\"rule\":\"patience\",\"metric\":\"train/loss\"}]}",
            &problems);
        assert_int_equal(json_object_size(changes), 1);
        json_decref(changes);
    }
}

static void test_a_patch_refuses_what_can_not_change(void **unused)
{
    (void)unused;
    struct imld_problems problems = {0};
    assert_null(patch("{\"seed\":2,\"model\":{},\"nam\":\"x\",\"priority\":1,"
                      "\"early_stopping\":[{\"rule\":\"budget\"}]}",
                      &problems));
    char *const pointers = pointers_of(&problems);
    assert_string_equal(pointers, "/model /seed /nam /priority /early_stopping/0");
    free(pointers);
    imld_problems_clear(&problems);
    assert_null(patch("[]", &problems));
    imld_problems_clear(&problems);
}

static void test_schema_has_every_row(void **unused)
{
    (void)unused;
    json_t *const schema = imld_schema();
    assert_int_equal(json_array_size(at(schema, "/fields")), imld_field_count);
    assert_string_equal(json_string_value(at(schema, "/fields/0/path")), "/algorithm");
    assert_true(json_array_size(at(schema, "/metrics")) > 10);
    assert_int_equal(json_array_size(at(schema, "/states")), 6);
    char *const text = json_dumps(schema, 0);
    assert_non_null(text);
    free(text);
    json_decref(schema);
}

static void test_pointers_are_escaped_and_followed(void **unused)
{
    (void)unused;
    char pointer[IMLD_POINTER_BYTES];
    imld_pointer_join(pointer, "/a", "b/c~d");
    assert_string_equal(pointer, "/a/b~1c~0d");
    json_t *const document = json_loads("{\"a\":{\"b/c~d\":[7]}}", 0, NULL);
    assert_int_equal(json_integer_value(at(document, "/a/b~1c~0d/0")), 7);
    assert_null(at(document, "/a/b~1c~0d/1"));
    assert_null(at(document, "/a/b~1c~0d/x"));
    assert_ptr_equal(imld_json_at(document, ""), document);
    assert_null(at(document, "a"));
    json_decref(document);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_example_gives_itself_plus_defaults),
        cmocka_unit_test(test_a_minimal_document_gets_every_default),
        cmocka_unit_test(test_supervised_has_no_meta),
        cmocka_unit_test(test_a_net_of_images_has_its_own_fields),
        cmocka_unit_test(test_defaults_never_exceed_a_small_set),
        cmocka_unit_test(test_defaults_fit_the_smallest_class),
        cmocka_unit_test(test_a_resolved_spec_resolves_to_itself),
        cmocka_unit_test(test_the_papers_preset),
        cmocka_unit_test(test_a_preset_gives_defaults_alone),
        cmocka_unit_test(test_an_integral_real_is_an_integer),
        cmocka_unit_test(test_rules_get_their_defaults),
        cmocka_unit_test(test_sets_need_not_be_looked_at),
        cmocka_unit_test(test_only_an_admin_raises_the_priority),
        cmocka_unit_test(test_a_patch_answers_only_what_it_has),
        cmocka_unit_test(test_a_patch_is_judged_by_the_jobs_data),
        cmocka_unit_test(test_a_patch_refuses_what_can_not_change),
        cmocka_unit_test(test_schema_has_every_row),
        cmocka_unit_test(test_pointers_are_escaped_and_followed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
