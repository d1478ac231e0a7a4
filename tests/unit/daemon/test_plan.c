/* test_plan.c: each field of a resolved job reaches the engine's option that it names, and the
 * planned memory covers what a run takes. */
#include "tests/unit/check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/plan.h"
#include "daemon/snapshot.h"
#include "pool.h"
#include "spec/fields.h"
#include "spec/resolve.h"

static bool fashion(void *context, const char *name, struct imld_set_view *view, char why[512])
{
    (void)context;
    (void)name;
    (void)why;
    *view = (struct imld_set_view){60000, 10000, 10, 1, 28, 28, {0}};
    return true;
}

/* Text with ' for ". */
static json_t *resolve(const char *text)
{
    char *copy = strdup(text);
    for (char *c = copy; *c; c++) *c = (char)(*c == '\'' ? '"' : *c);
    json_t *document = json_loads(copy, 0, NULL);
    assert_non_null(document);
    const struct imld_resolve_context context = {.set_view = fashion, .threads_limit = 8};
    struct imld_problems problems = {0};
    json_t *spec = imld_spec_resolve(document, &context, &problems);
    if (!spec) fail_msg("%s: %s", problems.items[0].pointer, problems.items[0].detail);
    json_decref(document);
    free(copy);
    return spec;
}

static const char paper[] =
    "{'name': 'Neumann-3, L2 per parameter', 'algorithm': 'iml',"
    " 'data': {'set': 'fashion-mnist', 'train': 2000, 'validation': 500, 'test': 10000},"
    " 'model': {'kind': 'mlp', 'hidden': [128, 64], 'activation': 'tanh'},"
    " 'inner': {'optimizer': {'kind': 'adam', 'learning_rate': 1e-3}, 'batch': 128,"
    "           'warmup': {'steps': 1000}, 'steps_per_update': 11},"
    " 'meta': {'knowledge': {'kind': 'l2_per_parameter', 'initial': 1e-4},"
    "          'optimizer': {'kind': 'rmsprop', 'learning_rate': 0.05},"
    "          'updates': 300, 'validation_batch': 400, 'curvature': {'kind': 'hessian',"
    "          'batch': 450}, 'solver': {'kind': 'neumann', 'terms': 3, 'step_size': 'auto',"
    "          'precondition': 'l2'}},"
    " 'evaluation': {'every_updates': 10}, 'resources': {'threads': 2}, 'seed': 7}";

static void test_the_papers_job(void **state)
{
    (void)state;
    json_t *spec = resolve(paper);
    struct iml_trainer_options o;
    assert_int_equal(imld_plan_options(spec, &o, NULL), IML_OK);
    assert_string_equal(o.kind->name, "iml");
    assert_string_equal(o.data.set, "fashion-mnist");
    assert_int_equal(o.data.train, 2000);
    assert_int_equal(o.data.validation, 500);
    assert_int_equal(o.data.test, 10000);
    assert_int_equal(o.data.pixels, IML_PIXELS_STANDARDIZED);
    assert_int_equal(o.model.hidden_count, 2);
    assert_int_equal(o.model.hidden[0], 128);
    assert_int_equal(o.model.hidden[1], 64);
    assert_int_equal(o.model.activation, IML_ACTIVATION_TANH);
    assert_string_equal(o.inner.optimizer.kind->name, "adam");
    assert_true(o.inner.optimizer.learning_rate == 1e-3);
    assert_true(o.inner.optimizer.beta1 == 0.9 && o.inner.optimizer.beta2 == 0.999);
    assert_true(o.inner.optimizer.epsilon == 1e-8);
    assert_int_equal(o.inner.batch, 128);
    assert_int_equal(o.inner.warmup_steps, 1000);
    assert_true(o.inner.warmup_until.gradient_norm <= 0);
    assert_int_equal(o.inner.steps_per_update, 11);
    assert_string_equal(o.meta.knowledge.kind->name, "l2_per_parameter");
    assert_true(o.meta.knowledge.initial == 1e-4);
    assert_true(o.meta.knowledge.clamp_low <= 0 && o.meta.knowledge.clamp_high == HUGE_VAL);
    assert_string_equal(o.meta.optimizer.kind->name, "rmsprop");
    assert_true(o.meta.optimizer.learning_rate == 0.05 && o.meta.optimizer.rho == 0.99);
    assert_int_equal(o.meta.updates, 300);
    assert_int_equal(o.meta.validation_batch, 400);
    assert_int_equal(o.meta.curvature_batch, 450);
    assert_string_equal(o.meta.solver.kind->name, "neumann");
    assert_int_equal(o.meta.solver.terms, 3);
    assert_true(o.meta.solver.step_size <= 0);
    assert_int_equal(o.meta.solver.precondition, IML_PRECONDITION_L2);
    assert_int_equal(o.evaluation_every, 10);
    assert_int_equal(o.seed, 7);
    assert_int_equal(o.threads, 2);
    json_decref(spec);
}

/* A job that starts from another has its images under any seed of its own. */
static void test_the_split_of_another_job(void **state)
{
    (void)state;
    json_t *spec = resolve(paper);
    struct iml_trainer_options options;
    assert_int_equal(imld_plan_options(spec, &options, NULL), IML_OK);
    assert_false(options.has_split_seed);
    json_t *from = json_pack("{s:s, s:I}", "job", "j0000001", "split_seed", (json_int_t)4294967295);
    assert_int_equal(json_object_set_new(spec, "from", from), 0);
    assert_int_equal(imld_plan_options(spec, &options, NULL), IML_OK);
    assert_true(options.has_split_seed && options.split_seed == UINT32_MAX && options.seed == 7);
    json_decref(spec);
}

/* Fields that are the daemon's own, or say nothing but what the engine has one of. */
static const char *const elsewhere[] = {"/checkpoint",
                                        "/early_stopping",
                                        "/from",
                                        "/name",
                                        "/note",
                                        "/priority",
                                        "/tags",
                                        "/model/kind",
                                        "/confidence/preset",
                                        "/confidence/from",
                                        "/consistency/strong"};

static bool is_elsewhere(const char *path)
{
    for (size_t i = 0; i < sizeof elsewhere / sizeof elsewhere[0]; i++)
        if (strncmp(path, elsewhere[i], strlen(elsewhere[i])) == 0) return true;
    return false;
}

/* A value that differs from `value`, of the same type. */
static json_t *other_value(const struct imld_field *field, const json_t *value)
{
    if (json_is_integer(value)) return json_integer(json_integer_value(value) + 1);
    if (json_is_real(value)) return json_real(json_number_value(value) / 2 + 0.001);
    if (json_is_boolean(value)) return json_boolean(!json_is_true(value));
    if (json_is_array(value)) {
        json_t *list = json_deep_copy(value);
        (void)json_array_set_new(list, 0,
                                 json_real(json_number_value(json_array_get(list, 0)) + 1));
        return list;
    }
    const char *text = json_string_value(value);
    if (strcmp(text, "auto") == 0) return json_real(0.25);
    if (!field->choices) return json_string("another");
    const char *choice = field->choices; /* the first that is not this one */
    size_t length = strcspn(choice, "|");
    if (strlen(text) == length && strncmp(choice, text, length) == 0) {
        choice += length + 1;
        length = strcspn(choice, "|");
    }
    return json_stringn(choice, length);
}

static void set_at(json_t *spec, const char *path, json_t *value)
{
    const char *slash = strrchr(path, '/');
    char parent[128];
    memcpy(parent, path, (size_t)(slash - path));
    parent[slash - path] = '\0';
    json_t *section = json_incref((json_t *)(uintptr_t)imld_json_at(spec, parent));
    assert_int_equal(json_object_set_new(section, slash + 1, value), 0);
    json_decref(section);
}

/* Each field of the table that is in this spec changes the options when it changes. */
static size_t check_each_field(const char *text)
{
    json_t *spec = resolve(text);
    struct iml_trainer_options before;
    assert_int_equal(imld_plan_options(spec, &before, NULL), IML_OK);
    size_t checked = 0;
    for (size_t i = 0; i < imld_field_count; i++) {
        const struct imld_field *field = &imld_fields[i];
        const json_t *value = imld_json_at(spec, field->path);
        if (!value || json_is_object(value) || is_elsewhere(field->path)) continue;
        json_t *changed = json_deep_copy(spec);
        set_at(changed, field->path, other_value(field, value));
        struct iml_trainer_options after;
        const enum iml_code code = imld_plan_options(changed, &after, NULL);
        /* the kind of an optimizer or solver may ask for other fields: then it was looked at too */
        if (code == IML_OK && memcmp(&before, &after, sizeof before) == 0)
            fail_msg("%s reaches no option", field->path);
        checked++;
        json_decref(changed);
    }
    json_decref(spec);
    return checked;
}

static const char verify[] =
    "{'algorithm': 'verify', 'from': {'job': 'j0000001', 'split_seed': 3}, 'data': {'set': 'x'},"
    " 'knowledge': {'kind': 'l2_per_layer', 'initial': 1e-3}}";
static const char compare[] =
    "{'algorithm': 'compare', 'from': {'job': 'j0000001'}, 'data': {'set': 'x'},"
    " 'knowledge': {'kind': 'l2_per_layer'}, 'compare': {'solvers': ["
    "  {'name': 'cg', 'kind': 'cg', 'terms': 7, 'damping': 0.5},"
    "  {'name': 'all of H', 'kind': 'exact', 'max_parameters': 99}]}}";

static void test_the_solvers_that_are_compared(void **state)
{
    (void)state;
    json_t *spec = resolve(compare);
    struct iml_trainer_options o;
    struct iml_error error = {0};
    assert_int_equal(imld_plan_options(spec, &o, NULL), IML_OK);
    assert_string_equal(o.kind->name, "compare");
    assert_string_equal(o.meta.knowledge.kind->name, "l2_per_layer");
    assert_int_equal(o.compare.count, 2);
    assert_string_equal(o.compare.solvers[0].name, "cg");
    assert_string_equal(o.compare.solvers[0].solver.kind->name, "cg");
    assert_int_equal(o.compare.solvers[0].solver.terms, 7);
    assert_true(o.compare.solvers[0].solver.damping == 0.5);
    assert_string_equal(o.compare.solvers[1].name, "all of H");
    assert_int_equal(o.compare.solvers[1].solver.max_parameters, 99);
    assert_int_equal(o.compare.max_products, 1000);
    set_at(spec, "/compare/solvers/1/kind", json_string("excat"));
    assert_int_equal(imld_plan_options(spec, &o, &error), IML_ERROR_DATA);
    assert_string_equal(error.where, "/compare/solvers/1/kind");
    json_decref(spec);
}

/* Where the job that it starts from has no λ. */
static void test_a_report_without_knowledge(void **state)
{
    (void)state;
    json_t *spec =
        resolve("{'algorithm': 'verify', 'from': {'job': 'j0000001'}, 'data': {'set': 'x'}}");
    struct iml_trainer_options o;
    assert_int_equal(imld_plan_options(spec, &o, NULL), IML_OK);
    assert_null(o.meta.knowledge.kind);
    assert_int_equal(o.meta.curvature_batch, 500);
    json_decref(spec);
}

static void test_each_field_reaches_an_option(void **state)
{
    (void)state;
    assert_true(check_each_field(paper) >= 25);
    (void)check_each_field(
        "{'algorithm': 'iml', 'data': {'set': 'x'}, 'inner': {'optimizer': {'kind': 'sgd',"
        " 'momentum': 0.9, 'nesterov': true}, 'warmup': {'until': {'gradient_norm': 0.1}}},"
        " 'meta': {'optimizer': {'kind': 'adam'}, 'knowledge': {'kind': 'l2_per_layer',"
        " 'clamp': [1e-6, 10]}, 'solver': {'kind': 'cg', 'terms': 5}}}");
    (void)check_each_field("{'algorithm': 'iml', 'data': {'set': 'x'}, 'inner': {'optimizer':"
                           " {'kind': 'rmsprop'}}, 'meta': {'optimizer': {'kind': 'sgd',"
                           " 'momentum': 0.9, 'nesterov': true}, 'solver': {'step_size': 0.5}}}");
    (void)check_each_field("{'algorithm': 'iml', 'data': {'set': 'x'}, 'inner': {'until':"
                           " {'gradient_norm': 0.1, 'remaining_ratio': 2}}}");
    assert_true(check_each_field("{'algorithm': 'iml', 'data': {'set': 'x'}, 'meta': {'gate': {}},"
                                 " 'diagnostics': {'lens': {}, 'reference': {}, 'residual': {},"
                                 " 'spectrum': {}, 'variance': {}}}") >= 40);
    (void)check_each_field("{'algorithm': 'iml', 'data': {'set': 'synthetic', 'synthetic': {}}}");
    (void)check_each_field("{'algorithm': 'iml', 'data': {'set': 'synthetic', 'synthetic':"
                           " {'kind': 'least_squares'}}}");
    (void)check_each_field("{'algorithm': 'supervised', 'data': {'set': 'x'}, 'model':"
                           " {'activation': 'leaky_relu', 'batch_norm': {}, 'dropout': 0.1}}");
    assert_true(check_each_field("{'algorithm': 'confidence', 'data': {'set': 'x'}, 'confidence':"
                                 " {'model': {'kind': 'wrn'}}}") >= 50);
    (void)check_each_field("{'algorithm': 'confidence', 'data': {'set': 'x'}, 'confidence':"
                           " {'form': 'shared', 'activation': 'tanh'}, 'meta': {'schedule':"
                           " 'cosine'}}");
    assert_true(check_each_field(verify) >= 10);
    assert_true(check_each_field(compare) >= 10);
}

static void test_each_field_of_each_solver_reaches_an_option(void **state)
{
    (void)state;
    for (size_t i = 0; iml_solver_kinds[i]; i++) {
        char text[256];
        (void)snprintf(text, sizeof text,
                       "{'algorithm': 'iml', 'data': {'set': 'x'}, 'meta': {'solver': {'kind':"
                       " '%s'}}}",
                       iml_solver_kinds[i]->name);
        (void)check_each_field(text);
    }
}

static struct iml_solver_options solver_of(const char *solver)
{
    char text[256];
    struct iml_trainer_options options;
    (void)snprintf(text, sizeof text,
                   "{'algorithm': 'iml', 'data': {'set': 'x'}, 'meta': {'solver': {%s}}}", solver);
    json_t *spec = resolve(text);
    assert_int_equal(imld_plan_options(spec, &options, NULL), IML_OK);
    json_decref(spec);
    return options.meta.solver;
}

/* The defaults of MATH §4, and what is not the default. */
static void test_the_solvers_options(void **state)
{
    (void)state;
    struct iml_solver_options o = solver_of("'kind': 'neumann'");
    assert_true(!o.is_unscaled && o.terms == 3 && o.damping <= 0 && o.step_size <= 0);
    o = solver_of("'kind': 'neumann', 'scale': false, 'damping': 0.5");
    assert_true(o.is_unscaled && o.damping == 0.5);
    o = solver_of("'kind': 'cg', 'precondition': 'l2', 'step_size': 0.25");
    assert_true(o.precondition == IML_PRECONDITION_L2 && o.step_size == 0.25);
    o = solver_of("'kind': 'minres', 'terms': 7, 'target_residual': 0.5, 'reorthogonalize': true");
    assert_true(o.terms == 7 && o.target_residual == 0.5 && o.reorthogonalize);
    o = solver_of("'kind': 'nystrom', 'rank': 6");
    assert_true(o.rank == 6 && o.damping == 1e-2 && !o.coordinates);
    o = solver_of("'kind': 'exact'");
    assert_true(o.max_parameters == 16384 && o.damping <= 0 && !o.skips_eigenvalues);
    o = solver_of("'kind': 'exact', 'eigenvalues': false");
    assert_true(o.skips_eigenvalues);
    o = solver_of("'kind': 'auto', 'max_products': 44, 'target_residual': 0.125");
    assert_true(o.terms == 44 && o.target_residual == 0.125 && o.reorthogonalize);
}

/* A bound is asked where it is there, and only there. */
static void test_the_gates_options(void **state)
{
    (void)state;
    struct iml_trainer_options o;
    json_t *spec = resolve(paper);
    assert_int_equal(imld_plan_options(spec, &o, NULL), IML_OK);
    assert_int_equal(o.meta.on_failure, IML_ON_FAILURE_USE);
    assert_false(o.meta.residual_below.is_asked || o.meta.cosine_above.is_asked ||
                 o.meta.norm_below.is_asked);
    json_decref(spec);
    static const char text[] =
        "{'algorithm': 'iml', 'data': {'set': 'x'}, 'meta': {'on_failure': 'skip', 'gate':"
        " {'residual_below': 0.5, 'cosine_above': 0, 'norm_below': 3}}}";
    spec = resolve(text);
    assert_int_equal(imld_plan_options(spec, &o, NULL), IML_OK);
    assert_int_equal(o.meta.on_failure, IML_ON_FAILURE_SKIP);
    assert_true(o.meta.residual_below.is_asked && o.meta.residual_below.value == 0.5);
    assert_true(o.meta.cosine_above.is_asked && o.meta.cosine_above.value == 0);
    assert_true(o.meta.norm_below.is_asked && o.meta.norm_below.value == 3);
    json_decref(spec);
    (void)check_each_field(text);
}

/* Submission asks imld_plan_memory, and answers 422 with what it says at that pointer. */
static void test_exact_beyond_its_limit_is_refused_with_the_bytes(void **state)
{
    (void)state;
    struct pool pool;
    struct iml_trainer_options options;
    struct iml_set_facts facts;
    struct iml_plan plan;
    struct iml_error error = {0};
    pool_make(&pool);
    json_t *spec =
        resolve("{'algorithm': 'iml', 'data': {'set': 'tiny', 'train': 100, 'validation': 60,"
                " 'test': 80}, 'inner': {'batch': 20}, 'meta': {'curvature': {'batch': 50},"
                " 'validation_batch': 30, 'solver': {'kind': 'exact', 'max_parameters': 20}}}");
    assert_int_equal(imld_plan_options(spec, &options, NULL), IML_OK);
    options.roots = (struct iml_set_roots){.paths = pool.roots, .count = 1};
    assert_int_equal(iml_set_inspect(&options.roots, "tiny", &facts, NULL), IML_OK);
    assert_int_equal(imld_plan_memory(&options, &facts, &plan, &error), IML_ERROR_LIMIT);
    assert_string_equal(error.where, "/meta/solver");
    assert_non_null(strstr(error.what, "limited to 20 parameters"));
    assert_non_null(strstr(error.what, "bytes"));
    json_decref(spec);
    pool_remove(&pool);
}

/* A section that is there switches batch norm on, with its defaults; the rest of the model's. */
static void test_batch_norm_is_a_section(void **state)
{
    (void)state;
    struct iml_trainer_options o;
    json_t *spec = resolve(paper);
    assert_int_equal(imld_plan_options(spec, &o, NULL), IML_OK);
    assert_false(o.model.has_batch_norm);
    assert_true(o.model.dropout <= 0);
    assert_int_equal(o.model.initialization, IML_INITIALIZATION_PYTORCH);
    assert_int_equal(o.meta.curvature_kind, IML_CURVATURE_HESSIAN);
    assert_int_equal(o.meta.curvature_batch_norm, IML_CURVATURE_NORM_BATCH);
    assert_int_equal(o.meta.curvature_dropout, IML_CURVATURE_DROPOUT_OFF);
    json_decref(spec);
    spec = resolve("{'algorithm': 'iml', 'data': {'set': 'x'}, 'model': {'batch_norm': {},"
                   " 'activation': 'leaky_relu', 'initialization': 'xavier_normal'}, 'meta':"
                   " {'curvature': {'kind': 'gauss_newton', 'batch_norm': 'running',"
                   " 'dropout': 'fixed'}}}");
    assert_int_equal(imld_plan_options(spec, &o, NULL), IML_OK);
    assert_true(o.model.has_batch_norm);
    assert_true(o.model.batch_norm_epsilon == 1e-5 && o.model.batch_norm_momentum == 0.1);
    assert_int_equal(o.model.activation, IML_ACTIVATION_LEAKY_RELU);
    assert_true(o.model.slope == 0.01);
    assert_int_equal(o.model.initialization, IML_INITIALIZATION_XAVIER_NORMAL);
    assert_int_equal(o.meta.curvature_kind, IML_CURVATURE_GAUSS_NEWTON);
    assert_int_equal(o.meta.curvature_batch_norm, IML_CURVATURE_NORM_RUNNING);
    assert_int_equal(o.meta.curvature_dropout, IML_CURVATURE_DROPOUT_FIXED);
    json_decref(spec);
}

static void test_what_is_no_resolved_spec_is_refused_with_its_pointer(void **state)
{
    (void)state;
    struct iml_trainer_options options;
    struct iml_error error = {0};
    json_t *spec = resolve(paper);
    set_at(spec, "/meta/solver/kind", json_string("another"));
    assert_int_equal(imld_plan_options(spec, &options, &error), IML_ERROR_DATA);
    assert_string_equal(error.where, "/meta/solver/kind");
    json_decref(spec);
    json_t *empty = json_object();
    assert_int_equal(imld_plan_options(empty, &options, NULL), IML_ERROR_DATA);
    assert_int_equal(imld_plan_options(NULL, &options, NULL), IML_ERROR_DATA);
    json_decref(empty);
}

/* The part "checkpoints" covers two states of a run that is open. */
static void test_the_plan_covers_the_daemons_own_memory(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{'algorithm': 'supervised', 'data': {'set': 'tiny', 'train': 100, 'validation': 60,"
        " 'test': 80}, 'inner': {'batch': 20}}",
        "{'algorithm': 'iml', 'data': {'set': 'tiny', 'train': 100, 'validation': 60,"
        " 'test': 80}, 'inner': {'batch': 20}, 'meta': {'curvature': {'batch': 50},"
        " 'validation_batch': 30, 'optimizer': {'kind': 'adam'}}}",
        /* q is state here, and little else */
        "{'algorithm': 'iml', 'data': {'set': 'tiny', 'train': 100, 'validation': 60, 'test': 80},"
        " 'inner': {'batch': 20, 'until': {'remaining_ratio': 1}, 'optimizer': {'kind': 'sgd'}},"
        " 'meta': {'curvature': {'batch': 50}, 'validation_batch': 30, 'optimizer': {'kind':"
        " 'sgd'}, 'knowledge': {'kind': 'l2_per_layer'}}}"};
    struct pool pool;
    pool_make(&pool);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        json_t *spec = resolve(texts[i]);
        struct iml_trainer_options options;
        struct iml_set_facts facts;
        struct iml_plan plan;
        struct iml_trainer *trainer = NULL;
        atomic_bool cancel = false;
        assert_int_equal(imld_plan_options(spec, &options, NULL), IML_OK);
        options.roots = (struct iml_set_roots){.paths = pool.roots, .count = 1};
        assert_int_equal(iml_set_inspect(&options.roots, "tiny", &facts, NULL), IML_OK);
        assert_int_equal(imld_plan_memory(&options, &facts, &plan, NULL), IML_OK);
        assert_int_equal(iml_trainer_open(&options, &cancel, &trainer, NULL), IML_OK);
        const struct iml_plan_part *own = &plan.parts[plan.count - 1];
        assert_string_equal(own->name, "checkpoints");
        assert_true(own->bytes >= 2 * iml_registry_bytes(iml_trainer_registry(trainer)));
        assert_true(plan.total_bytes == iml_trainer_memory(trainer)->total_bytes + own->bytes);
        json_t *json = imld_plan_json(&plan);
        assert_true((size_t)json_integer_value(json_object_get(json, "total_bytes")) ==
                    plan.total_bytes);
        json_int_t sum = 0;
        const char *name = NULL;
        json_t *bytes = NULL;
        json_object_foreach(json_object_get(json, "parts"), name, bytes) sum +=
            json_integer_value(bytes);
        assert_true((size_t)sum == plan.total_bytes);
        json_decref(json);
        iml_trainer_close(trainer);
        json_decref(spec);
    }
    pool_remove(&pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_papers_job),
        cmocka_unit_test(test_the_split_of_another_job),
        cmocka_unit_test(test_each_field_reaches_an_option),
        cmocka_unit_test(test_the_solvers_that_are_compared),
        cmocka_unit_test(test_a_report_without_knowledge),
        cmocka_unit_test(test_each_field_of_each_solver_reaches_an_option),
        cmocka_unit_test(test_the_solvers_options),
        cmocka_unit_test(test_the_gates_options),
        cmocka_unit_test(test_exact_beyond_its_limit_is_refused_with_the_bytes),
        cmocka_unit_test(test_batch_norm_is_a_section),
        cmocka_unit_test(test_what_is_no_resolved_spec_is_refused_with_its_pointer),
        cmocka_unit_test(test_the_plan_covers_the_daemons_own_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
