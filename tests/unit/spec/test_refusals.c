/* test_refusals.c: bad documents, each with the pointers of all that is wrong with it. */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/check.h"
#include "tests/unit/spec/sets.h"

#define IML(rest) "{\"algorithm\":\"iml\",\"data\":{\"set\":\"fashion-mnist\"}," rest "}"
#define FEW(data) "{\"algorithm\":\"fixmatch\",\"data\":{\"set\":\"tiny\"," data "}}"
#define SUP(rest) "{\"algorithm\":\"supervised\",\"data\":{\"set\":\"fashion-mnist\"}," rest "}"
#define SYNTHETIC(rest)                                                                            \
    "{\"algorithm\":\"iml\",\"data\":{\"set\":\"synthetic\",\"synthetic\":{" rest "}}}"
#define DATA(rest) "{\"algorithm\":\"iml\",\"data\":{\"set\":\"fashion-mnist\"," rest "}}"

struct bad {
    const char *text;
    const char *pointers; /* in their order */
    const char *detail;   /* part of the first one's detail; NULL: not looked at */
};

/* clang-format off */
static const struct bad table[] = {
    /* the whole */
    {"{}", "/algorithm /data/set", "required"},
    {"[]", "(root)", "an object"},
    {"[{\"algorithm\":\"iml\"}]", "(root)", "a list of 1"},
    {"{\"algorithm\":\"iml\"}", "/data/set", "required"},
    {"{\"algorithm\":\"verify\"}", "/from", "missing; verify looks at another job's checkpoint"},
    {"{\"algorithm\":\"compare\",\"compare\":{\"solvers\":[{\"name\":\" cg\"},{\"name\":\"a b\"}]}}", "/compare/solvers/0/name /from", "begins or ends with a blank"},
    {"{\"data\":{\"set\":\"fashion-mnist\"}}", "/algorithm", "required"},
    {"{\"algorithm\":\"IML\",\"data\":{\"set\":\"fashion-mnist\"}}", "/algorithm", "did you mean \"iml\"?"},
    {"{\"algorithm\":\"evolution\",\"data\":{\"set\":\"fashion-mnist\"}}", "/algorithm", "supervised, iml"},
    {"{\"algorithm\":7,\"data\":{\"set\":\"fashion-mnist\"}}", "/algorithm", "found 7"},
    {"{\"algorithm\":null,\"data\":null}", "/algorithm /data", "found null"},
    {"{\"algorithm\":\"iml\",\"data\":\"fashion-mnist\"}", "/data", "an object"},
    {"{\"algorithm\":\"iml\",\"data\":[]}", "/data", "a list of 0"},
    {"{\"algorithm\":\"iml\",\"data\":{\"set\":\"fashion-mnist\"},\"checkpoint\":{\"best\":\"consistency/loss\"}}", "/checkpoint/best", "needed is one of train/accuracy, train/loss"},
    /* data sets */
    {"{\"algorithm\":\"iml\",\"data\":{\"set\":\"mnist\"}}", "/data/set", "no data root has it"},
    {"{\"algorithm\":\"iml\",\"data\":{\"set\":\"../etc\"}}", "/data/set", "name of a data set"},
    {"{\"algorithm\":\"iml\",\"data\":{\"set\":\"a..b\"}}", "/data/set", NULL},
    {"{\"algorithm\":\"iml\",\"data\":{\"set\":\"/etc/passwd\"}}", "/data/set", NULL},
    {"{\"algorithm\":\"iml\",\"data\":{\"set\":\"\"}}", "/data/set", NULL},
    {"{\"algorithm\":\"iml\",\"data\":{\"set\":\".hidden\"}}", "/data/set", NULL},
    {"{\"algorithm\":\"iml\",\"data\":{\"set\":[\"tiny\"]}}", "/data/set", "a list of 1"},
    {"{\"algorithm\":\"iml\",\"data\":{\"set\":\"trainless\"}}", "/data/set", "0 images"},
    {DATA("\"train\":59501"), "/data/train", "60000"},
    {DATA("\"train\":0"), "/data/train", "found 0"},
    {DATA("\"train\":-1"), "/data/train", "found -1"},
    {DATA("\"train\":1.5"), "/data/train", "found 1.5"},
    {DATA("\"train\":\"2000\""), "/data/train", "found \"2000\""},
    {DATA("\"train\":9223372036854775807"), "/data/train", NULL},
    {DATA("\"train\":1e300"), "/data/train", NULL},
    {DATA("\"validation\":60000"), "/data/validation", "at least one"},
    {DATA("\"validation\":0"), "/data/validation", NULL},
    {DATA("\"test\":10001"), "/data/test", "10000 images"},
    {DATA("\"test\":0"), "/data/test", "from 1 to 10000"},
    {DATA("\"pixels\":\"raw\""), "/data/pixels", NULL},
    {DATA("\"labels\":40"), "/data/labels", "not used by algorithm iml"},
    {FEW("\"train\":100"), "/data/train", "not used by algorithm fixmatch"},
    {FEW("\"views\":\"weak\""), "/data/views", "it is for supervised with data.labels"},
    {FEW("\"synthetic\":{}"), "/data/synthetic", "not used by algorithm fixmatch"},
    {FEW("\"mismatch\":{\"share\":1.5,\"known\":[1]}"), "/data/mismatch/known /data/mismatch/share", "a list of 2 to 255"},
    {FEW("\"train_on_validation\":1"), "/data/train_on_validation", "found 1"},
    {"{\"algorithm\":\"fixmatch\",\"data\":{\"set\":\"tiny\",\"train_on_validation\":true},\"checkpoint\":{\"best\":\"validation/loss\"},\"early_stopping\":[{\"rule\":\"patience\"}]}", "/checkpoint/best /early_stopping/0/metric", "no image is left"},
    {FEW("\"unlabeled_extra\":{\"count\":5}"), "/data/unlabeled_extra/set", "required"},
    {FEW("\"unlabeled_extra\":{\"set\":\"tiny\",\"count\":5,\"share\":0.5}"), "/data/unlabeled_extra/share", "not used where count is given"},
    {"{\"algorithm\":\"confidence\",\"data\":{\"set\":\"tiny\"},\"confidence\":{\"hidden\":[3]}}", "/confidence/hidden", "it needs shared in /confidence/form, or features|probabilities in /confidence/input"},
    {"{\"algorithm\":\"fixmatch\",\"data\":{\"set\":\"synthetic\"}}", "/data/set", "views of images"},
    {"{\"algorithm\":\"supervised\",\"data\":{\"set\":\"tiny\",\"labels\":4,\"train\":9}}", "/data/train", "not used by algorithm supervised with data.labels"},
    {SUP("\"inner\":{\"ema\":{}}"), "/inner/ema", "it is for fixmatch"},
    {DATA("\"tset\":40"), "/data/tset", "did you mean /data/"},
    {DATA("\"synthetic\":{}"), "/data/synthetic", "it needs synthetic in /data/set"},
    {"{\"algorithm\":\"iml\",\"data\":{\"set\":\"synthetic\"}}", "/data/synthetic", "required"},
    {SYNTHETIC("\"kind\":\"cubic\""), "/data/synthetic/kind", "quadratic, least_squares"},
    {SYNTHETIC("\"dimension\":0"), "/data/synthetic/dimension", "from 1"},
    {SYNTHETIC("\"condition\":0.5"), "/data/synthetic/condition", "from 1"},
    {SYNTHETIC("\"negative_mass\":0.6"), "/data/synthetic/negative_mass", "0.5"},
    {SYNTHETIC("\"rows\":10"), "/data/synthetic/rows", "it needs least_squares in /data/synthetic/kind"},
    {SYNTHETIC("\"kind\":\"least_squares\",\"distance\":1"), "/data/synthetic/distance", "quadratic"},
    /* the model */
    {IML("\"model\":{\"kind\":\"cnn\"}"), "/model/kind", "one of mlp, cnn_small, resnet18, wrn"},
    {IML("\"model\":{\"kind\":\"wrn\",\"depth\":9}"), "/model/depth", "10 to 58"},
    {IML("\"model\":{\"kind\":\"wrn\",\"depth\":20}"), "/model/depth", "6n + 4"},
    {IML("\"model\":{\"kind\":\"wrn\",\"hidden\":[3]}"), "/model/hidden", "needs mlp in /model/kind"},
    {IML("\"model\":{\"kind\":\"cnn_small\",\"depth\":28}"), "/model/depth", "needs wrn in /model/kind"},
    {IML("\"model\":{\"convolution\":\"direct\"}"), "/model/convolution", "needs cnn_small|resnet18|wrn in /model/kind"},
    {IML("\"model\":{\"hidden\":[0]}"), "/model/hidden/0", "an integer from 1 to 65536"},
    {IML("\"model\":{\"hidden\":[8,65537,\"x\"]}"), "/model/hidden/1 /model/hidden/2", "found 65537"},
    {IML("\"model\":{\"hidden\":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]}"), "/model/hidden", "a list of 17"},
    {IML("\"model\":{\"hidden\":128}"), "/model/hidden", "a list of at most 16"},
    {IML("\"model\":{\"activation\":\"rely\"}"), "/model/activation", "did you mean \"relu\"?"},
    {IML("\"model\":{\"width\":3}"), "/model/width", "needs wrn in /model/kind"},
    {IML("\"modle\":{}"), "/modle", "did you mean /model?"},
    /* inner */
    {IML("\"bacth\":3"), "/bacth", "did you mean /inner/batch?"},
    {IML("\"inner\":{\"batch\":0}"), "/inner/batch", NULL},
    {IML("\"inner\":{\"batch\":1000001}"), "/inner/batch", NULL},
    {IML("\"inner\":{\"batch\":59501}"), "/inner/batch", "at most 59500"},
    {IML("\"inner\":{\"steps\":10}"), "/inner/steps", "it is for supervised"},
    {IML("\"inner\":{\"optimizer\":{\"kind\":\"Adam\"}}"), "/inner/optimizer/kind", "did you mean \"adam\"?"},
    /* what depends on a wrong sibling is judged by its own rule alone */
    {IML("\"inner\":{\"optimizer\":{\"kind\":\"Adam\",\"momentum\":0.5}}"), "/inner/optimizer/kind", NULL},
    {IML("\"inner\":{\"optimizer\":{\"kind\":3,\"momentum\":2,\"rho\":0.5}}"), "/inner/optimizer/kind /inner/optimizer/momentum", NULL},
    {IML("\"early_stopping\":[{\"steps\":3,\"value\":\"x\"}]"), "/early_stopping/0/rule /early_stopping/0/value", "required"},
    {IML("\"inner\":{\"optimizer\":\"adam\"}"), "/inner/optimizer", "an object"},
    {IML("\"inner\":{\"optimizer\":{\"learning_rate\":-1}}"), "/inner/optimizer/learning_rate", NULL},
    {IML("\"inner\":{\"optimizer\":{\"learningrate\":1}}"), "/inner/optimizer/learningrate", "did you mean /inner/optimizer/learning_rate?"},
    {IML("\"inner\":{\"optimizer\":{\"momentum\":0.9}}"), "/inner/optimizer/momentum", "sgd in /inner/optimizer/kind"},
    {IML("\"inner\":{\"optimizer\":{\"kind\":\"sgd\",\"beta1\":0.9}}"), "/inner/optimizer/beta1", "needs adam"},
    {IML("\"inner\":{\"optimizer\":{\"kind\":\"sgd\",\"nesterov\":true}}"), "/inner/optimizer/nesterov", "momentum is 0"},
    {IML("\"inner\":{\"optimizer\":{\"kind\":\"sgd\",\"nesterov\":1}}"), "/inner/optimizer/nesterov", "true or false"},
    {IML("\"inner\":{\"optimizer\":{\"beta2\":1}}"), "/inner/optimizer/beta2", NULL},
    {IML("\"inner\":{\"optimizer\":{\"epsilon\":0}}"), "/inner/optimizer/epsilon", NULL},
    {IML("\"inner\":{\"warmup\":{\"steps\":1,\"until\":{\"gradient_norm\":1}}}"), "/inner/warmup/steps", "not both"},
    {IML("\"inner\":{\"steps_per_update\":1,\"until\":{\"remaining_ratio\":1}}"), "/inner/steps_per_update", "not both"},
    {IML("\"inner\":{\"until\":{}}"), "/inner/until", "gradient_norm, remaining_ratio, or both"},
    {IML("\"inner\":{\"until\":{\"remaining_ratio\":1,\"relative\":true}}"), "/inner/until/relative", "no gradient_norm"},
    {IML("\"inner\":{\"until\":{\"remaining_ratio\":1,\"min_steps\":9,\"max_steps\":8}}"), "/inner/until/min_steps", "above max_steps"},
    {IML("\"inner\":{\"until\":{\"remaining_ratio\":1,\"min_steps\":0}}"), "/inner/until/min_steps", "from 1"},
    {IML("\"inner\":{\"warmup\":{\"until\":{}}}"), "/inner/warmup/until/gradient_norm", "required"},
    {IML("\"inner\":{\"warmup\":{\"until\":0.1}}"), "/inner/warmup/until", "an object"},
    {IML("\"inner\":{\"warmup\":{\"until\":{\"gradient_norm\":1,\"min_steps\":9,\"max_steps\":8}}}"), "/inner/warmup/until/min_steps", "above max_steps"},
    {IML("\"inner\":{\"warmup\":{\"steps\":1000000001}}"), "/inner/warmup/steps", "found 1000000001"},
    {IML("\"inner\":{\"steps_per_update\":0}"), "/inner/steps_per_update", NULL},
    {SUP("\"inner\":{\"warmup\":{\"steps\":1}}"), "/inner/warmup", "not used by algorithm supervised"},
    {SUP("\"meta\":{}"), "/meta", "it is for iml"},
    {SUP("\"inner\":{\"steps\":0}"), "/inner/steps", NULL},
    /* meta */
    {IML("\"meta\":{\"updates\":0}"), "/meta/updates", NULL},
    {IML("\"meta\":{\"validation_batch\":501}"), "/meta/validation_batch", "at most 500"},
    {IML("\"meta\":{\"curvature\":{\"kind\":\"fisher\"}}"), "/meta/curvature/kind", "one of hessian, gauss_newton"},
    {IML("\"meta\":{\"curvature\":{\"dropout\":\"on\"}}"), "/meta/curvature/dropout", "one of off, fixed"},
    {IML("\"model\":{\"batch_norm\":true}"), "/model/batch_norm", "found true"},
    {IML("\"model\":{\"batch_norm\":{\"epsilon\":0}}"), "/model/batch_norm/epsilon", NULL},
    {IML("\"model\":{\"dropout\":1}"), "/model/dropout", NULL},
    {IML("\"model\":{\"slope\":0.1}"), "/model/slope", "leaky_relu"},
    {IML("\"meta\":{\"curvature\":{\"batch\":59501}}"), "/meta/curvature/batch", "at most 59500"},
    {IML("\"meta\":{\"knowledge\":{\"kind\":\"l2\"}}"), "/meta/knowledge/kind", NULL},
    {IML("\"meta\":{\"knowledge\":{\"initial\":0}}"), "/meta/knowledge/initial", NULL},
    {IML("\"meta\":{\"knowledge\":{\"clamp\":[1]}}"), "/meta/knowledge/clamp", "a list of 2"},
    {IML("\"meta\":{\"knowledge\":{\"clamp\":[1,0.5]}}"), "/meta/knowledge/clamp", "below the second"},
    {IML("\"meta\":{\"knowledge\":{\"clamp\":[1,2]}}"), "/meta/knowledge/initial", "outside the clamp"},
    {IML("\"meta\":{\"optimizer\":{\"beta1\":0.5}}"), "/meta/optimizer/beta1", "needs adam"},
    {IML("\"meta\":{\"solver\":{\"kind\":\"newton\"}}"), "/meta/solver/kind", "identity, neumann, cg, minres, nystrom, exact, auto"},
    {IML("\"meta\":{\"solver\":{\"kind\":\"identity\",\"terms\":3}}"), "/meta/solver/terms", "needs cg|minres|neumann in /meta/solver/kind"},
    {IML("\"meta\":{\"solver\":{\"kind\":\"minres\",\"step_size\":1,\"terms\":0}}"), "/meta/solver/step_size /meta/solver/terms", "needs cg|neumann"},
    {IML("\"meta\":{\"solver\":{\"step_size\":0}}"), "/meta/solver/step_size", "\"auto\" or a number"},
    {IML("\"meta\":{\"solver\":{\"step_size\":\"Auto\"}}"), "/meta/solver/step_size", NULL},
    {IML("\"meta\":{\"solver\":{\"terms\":10001}}"), "/meta/solver/terms", NULL},
    {IML("\"meta\":{\"solver\":{\"kind\":\"auto\",\"damping\":1}}"), "/meta/solver/damping", "it needs cg|exact|minres|neumann|nystrom in"},
    {IML("\"meta\":{\"solver\":{\"kind\":\"nystrom\",\"damping\":0,\"rank\":0}}"), "/meta/solver/damping /meta/solver/rank", "found 0"},
    {IML("\"meta\":{\"solver\":{\"kind\":\"exact\",\"max_parameters\":46341}}"), "/meta/solver/max_parameters", "46340"},
    {IML("\"meta\":{\"solver\":{\"kind\":\"auto\",\"max_products\":0,\"target_residual\":2}}"), "/meta/solver/max_products /meta/solver/target_residual", NULL},
    {IML("\"meta\":{\"solver\":{\"scale\":false,\"precondition\":\"l2\"}}"), "/meta/solver/scale", "no factor"},
    {IML("\"meta\":{\"solver\":{\"kind\":\"cg\",\"scale\":false}}"), "/meta/solver/scale", "needs neumann"},
    {IML("\"meta\":{\"solver\":{\"kind\":\"cg\",\"step_size\":0.5}}"), "/meta/solver/step_size", "only with precondition l2"},
    {IML("\"meta\":{\"on_failure\":\"stop\"}"), "/meta/on_failure", "use, identity, skip"},
    {IML("\"meta\":{\"gate\":{\"cosine_above\":2,\"norm_below\":0,\"residual_below\":0}}"), "/meta/gate/cosine_above /meta/gate/norm_below /meta/gate/residual_below", NULL},
    /* evaluation, stopping, checkpoints */
    {IML("\"evaluation\":{\"every_steps\":5}"), "/evaluation/every_steps", "supervised"},
    {SUP("\"evaluation\":{\"every_updates\":5}"), "/evaluation/every_updates", "iml"},
    {IML("\"evaluation\":{\"every_updates\":0}"), "/evaluation/every_updates", NULL},
    {IML("\"early_stopping\":{}"), "/early_stopping", "a list of at most 16 objects"},
    {IML("\"early_stopping\":[3,{}]"), "/early_stopping/0 /early_stopping/1/rule", "found 3"},
    {IML("\"early_stopping\":[{\"rule\":\"patience\",\"metric\":\"test/accuracy\"}]"), "/early_stopping/0/metric", "test images"},
    {IML("\"early_stopping\":[{\"rule\":\"patience\",\"metric\":\"validation/acuracy\"}]"), "/early_stopping/0/metric", "did you mean \"validation/accuracy\"?"},
    {IML("\"early_stopping\":[{\"rule\":\"patience\",\"evaluations\":0}]"), "/early_stopping/0/evaluations", NULL},
    {IML("\"early_stopping\":[{\"rule\":\"patience\",\"min_delta\":-1}]"), "/early_stopping/0/min_delta", NULL},
    {IML("\"early_stopping\":[{\"rule\":\"target\"}]"), "/early_stopping/0/value", "required"},
    {IML("\"early_stopping\":[{\"rule\":\"budget\"}]"), "/early_stopping/0", "seconds, steps"},
    {IML("\"early_stopping\":[{\"rule\":\"budget\",\"seconds\":0}]"), "/early_stopping/0/seconds", NULL},
    {IML("\"early_stopping\":[{\"rule\":\"divergence\"}]"), "/early_stopping/0/rule", "patience, target, budget"},
    {IML("\"early_stopping\":[{\"rule\":\"target\",\"value\":1,\"patience\":3}]"), "/early_stopping/0/patience", "unknown field"},
    {IML("\"early_stopping\":[{\"rule\":\"patience\",\"metrics\":1}]"), "/early_stopping/0/metrics", "did you mean /early_stopping/0/metric?"},
    {IML("\"checkpoint\":{\"best\":\"test/loss\"}"), "/checkpoint/best", "test images"},
    {IML("\"checkpoint\":{\"best\":\"meta/gradient_norm\"}"), "/checkpoint/best", NULL},
    {IML("\"checkpoint\":{\"best\":3,\"keep\":0,\"every_seconds\":-1}"), "/checkpoint/best /checkpoint/every_seconds /checkpoint/keep", NULL},
    /* the rest */
    {IML("\"resources\":{\"threads\":5}"), "/resources/threads", "--threads"},
    {IML("\"resources\":{\"threads\":0}"), "/resources/threads", NULL},
    {IML("\"seed\":-1"), "/seed", NULL},
    {IML("\"seed\":4294967296"), "/seed", "from 0 to 4294967295"},
    {IML("\"priority\":1"), "/priority", "admin"},
    {IML("\"name\":null"), "/name", "found null"},
    {IML("\"name\":true"), "/name", "found true"},
    {IML("\"tags\":[\"\"]"), "/tags/0", "a text of 1 to 64 characters"},
    {IML("\"tags\":[\"a\",\"b\",\"a\"]"), "/tags/2", "item 0"},
    {IML("\"tags\":\"paper\""), "/tags", NULL},
    {IML("\"a/b~c\":1"), "/a~1b~0c", "unknown field"},
    {IML("\"\":1"), "/", "unknown field"},
    {IML("\"-\":1,\"early_stopping/-\":1"), "/- /early_stopping~1-", "unknown field"},
    {IML("\"seed\":-1,\"inner\":{\"batch\":0},\"meta\":{\"solver\":{\"kind\":1}},\"x\":1"), "/inner/batch /meta/solver/kind /seed /x", NULL},
};
/* clang-format on */

static bool is_as_expected(const struct bad *bad)
{
    struct imld_problems problems = {0};
    assert_null(resolve_text(bad->text, &problems));
    char *const pointers = pointers_of(&problems);
    const char *const detail = problems.items[0].detail;
    const bool is_right =
        strcmp(pointers, bad->pointers) == 0 && (!bad->detail || strstr(detail, bad->detail));
    if (!is_right) print_error("%s\n  %s: %s\n", bad->text, pointers, detail);
    free(pointers);
    imld_problems_clear(&problems);
    return is_right;
}

static void test_each_bad_document_names_all_that_is_wrong(void **unused)
{
    (void)unused;
    size_t wrong = 0;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) wrong += !is_as_expected(&table[i]);
    assert_int_equal(wrong, 0);
    assert_true(sizeof table / sizeof table[0] >= 60);
}

static char *document_with(const char *field, size_t characters, const char *character)
{
    const size_t bytes = strlen(character);
    char *const text = calloc(1, characters * bytes + 256);
    assert_non_null(text);
    strcpy(text, "{\"algorithm\":\"iml\",\"data\":{\"set\":\"tiny\"},");
    strcat(text, field);
    char *end = text + strlen(text);
    for (size_t i = 0; i < characters; i++, end += bytes) memcpy(end, character, bytes);
    strcpy(end, "\"}");
    return text;
}

/* Characters are counted, not bytes. */
static void test_texts_are_bounded_in_characters(void **unused)
{
    (void)unused;
    static const struct {
        const char *field, *pointer;
        size_t maximum;
    } rows[] = {{"\"name\":\"", "/name", 200}, {"\"note\":\"", "/note", 10000}};
    for (size_t i = 0; i < 2; i++) {
        struct imld_problems problems = {0};
        char *text = document_with(rows[i].field, rows[i].maximum, "ß");
        json_t *const spec = resolve_text(text, &problems);
        assert_non_null(spec);
        json_decref(spec);
        free(text);
        text = document_with(rows[i].field, rows[i].maximum + 1, "ß");
        assert_null(resolve_text(text, &problems));
        assert_string_equal(problems.items[0].pointer, rows[i].pointer);
        imld_problems_clear(&problems);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_bad_document_names_all_that_is_wrong),
        cmocka_unit_test(test_texts_are_bounded_in_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
