/* plan.c: a table from JSON pointers to the engine's options; see plan.h. */
#include "daemon/plan.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "spec/resolve.h"

struct binding {
    const char *pointer;
    /* Reads the value into the field; false: it is of a type that can't be. */
    bool (*read)(const json_t *value, const struct binding *binding, void *field);
    size_t offset;            /* into struct iml_trainer_options */
    const char *const *names; /* of a choice, in the enum's order; ends with NULL */
};

/* ---- one reader a type ---- */

static bool read_size(const json_t *value, const struct binding *binding, void *field)
{
    (void)binding;
    const double number = json_number_value(value); /* an integral real is an integer here */
    if (!json_is_number(value) || number < 0 || number > 1e15) return false;
    *(size_t *)field = (size_t)number;
    return true;
}

static bool read_unsigned(const json_t *value, const struct binding *binding, void *field)
{
    size_t size = 0;
    if (!read_size(value, binding, &size) || size > UINT32_MAX) return false;
    *(uint32_t *)field = (uint32_t)size;
    return true;
}

static bool read_double(const json_t *value, const struct binding *binding, void *field)
{
    (void)binding;
    *(double *)field = json_number_value(value);
    return json_is_number(value);
}

static bool read_bool(const json_t *value, const struct binding *binding, void *field)
{
    (void)binding;
    *(bool *)field = json_is_true(value);
    return json_is_boolean(value);
}

/* The engine's word is the opposite of the job's. */
static bool read_negated(const json_t *value, const struct binding *binding, void *field)
{
    (void)binding;
    *(bool *)field = json_is_false(value);
    return json_is_boolean(value);
}

static bool read_text(const json_t *value, const struct binding *binding, void *field)
{
    (void)binding;
    *(const char **)field = json_string_value(value);
    return json_is_string(value);
}

static bool read_choice(const json_t *value, const struct binding *binding, void *field)
{
    const char *name = json_string_value(value);
    for (unsigned i = 0; name && binding->names[i]; i++) {
        if (strcmp(binding->names[i], name) != 0) continue;
        memcpy(field, &i, sizeof i); /* enums of the engine count from 0 and are unsigned */
        return true;
    }
    return false;
}

/* "auto" is 0 in the engine. */
static bool read_step_size(const json_t *value, const struct binding *binding, void *field)
{
    if (!json_is_string(value)) return read_double(value, binding, field);
    *(double *)field = 0;
    return strcmp(json_string_value(value), "auto") == 0;
}

static bool read_hidden(const json_t *value, const struct binding *binding, void *field)
{
    struct iml_model_options *model = field;
    model->hidden_count = json_array_size(value);
    if (!json_is_array(value) || model->hidden_count > IML_HIDDEN_MAX) return false;
    for (size_t i = 0; i < model->hidden_count; i++)
        if (!read_size(json_array_get(value, i), binding, &model->hidden[i])) return false;
    return true;
}

/* A section that switches something on by being there. */
static bool read_presence(const json_t *value, const struct binding *binding, void *field)
{
    (void)binding;
    *(bool *)field = json_is_object(value);
    return json_is_object(value);
}

/* Whether something is done half the time: an enum whose two values are the answers. */
static bool read_flip(const json_t *value, const struct binding *binding, void *field)
{
    (void)binding;
    *(enum iml_view_flip *)field = json_is_true(value) ? IML_VIEW_FLIP_HALF : IML_VIEW_FLIP_NEVER;
    return json_is_boolean(value);
}

/* Classes of the set; the pool's options point to the list beside them. */
static bool read_classes(const json_t *value, const struct binding *binding, void *field)
{
    struct iml_data_options *data = field;
    data->pool.known_count = json_array_size(value);
    if (!json_is_array(value) || data->pool.known_count > IML_CLASSES_MAX) return false;
    for (size_t i = 0; i < data->pool.known_count; i++) {
        size_t class_number = 0;
        if (!read_size(json_array_get(value, i), binding, &class_number) ||
            class_number >= IML_CLASSES_MAX)
            return false;
        data->known[i] = (uint8_t)class_number;
    }
    data->pool.known = data->known;
    return true;
}

static bool read_clamp(const json_t *value, const struct binding *binding, void *field)
{
    struct iml_knowledge_options *knowledge = field;
    return json_array_size(value) == 2 &&
           read_double(json_array_get(value, 0), binding, &knowledge->clamp_low) &&
           read_double(json_array_get(value, 1), binding, &knowledge->clamp_high);
}

static bool read_trainer_kind(const json_t *value, const struct binding *binding, void *field)
{
    (void)binding;
    const struct iml_trainer_kind **kind = field;
    *kind = json_is_string(value) ? iml_trainer_kind_find(json_string_value(value)) : NULL;
    return *kind != NULL;
}

static bool read_optimizer_kind(const json_t *value, const struct binding *binding, void *field)
{
    (void)binding;
    const struct iml_optimizer_kind **kind = field;
    *kind = json_is_string(value) ? iml_optimizer_kind_find(json_string_value(value)) : NULL;
    return *kind != NULL;
}

static bool read_knowledge_kind(const json_t *value, const struct binding *binding, void *field)
{
    (void)binding;
    const struct iml_knowledge_kind **kind = field;
    *kind = json_is_string(value) ? iml_knowledge_kind_find(json_string_value(value)) : NULL;
    return *kind != NULL;
}

/* "none" is NULL in the engine. */
static bool read_known(const json_t *value, const struct binding *binding, void *field)
{
    const char *name = json_string_value(value);
    if (!name || strcmp(name, "none") != 0) return read_knowledge_kind(value, binding, field);
    *(const struct iml_knowledge_kind **)field = NULL;
    return true;
}

static bool read_solver_kind(const json_t *value, const struct binding *binding, void *field)
{
    (void)binding;
    const struct iml_solver_kind **kind = field;
    *kind = json_is_string(value) ? iml_solver_kind_find(json_string_value(value)) : NULL;
    return *kind != NULL;
}

static bool read_model_kind(const json_t *value, const struct binding *binding, void *field)
{
    (void)binding;
    const struct iml_model_kind **kind = field;
    *kind = json_is_string(value) ? iml_model_kind_find(json_string_value(value)) : NULL;
    return *kind != NULL;
}

/* What weighs the pool is λ's knowledge; a head on features is a network that reads them. */
static bool read_form(const json_t *value, const struct binding *binding, void *field)
{
    struct iml_trainer_options *options = field;
    const char *const name = json_string_value(value);
    (void)binding;
    if (!name) return false;
    const bool is_free = strcmp(name, "weights_per_example") == 0;
    options->meta.knowledge.kind = iml_knowledge_kind_find(is_free ? name : "confidence");
    if (strcmp(name, "shared") == 0) options->confidence.input = IML_WEIGHER_FEATURES;
    return is_free || strcmp(name, "shared") == 0 || strcmp(name, "separate") == 0;
}

static bool read_weigher_hidden(const json_t *value, const struct binding *binding, void *field)
{
    struct iml_weigher_options *weigher = field;
    weigher->hidden_count = json_array_size(value);
    if (!json_is_array(value) || weigher->hidden_count > IML_HIDDEN_MAX) return false;
    for (size_t i = 0; i < weigher->hidden_count; i++)
        if (!read_size(json_array_get(value, i), binding, &weigher->hidden[i])) return false;
    return true;
}

/* A bound is asked where it is there. */
static bool read_bound(const json_t *value, const struct binding *binding, void *field)
{
    struct iml_bound *bound = field;
    bound->is_asked = true;
    return read_double(value, binding, &bound->value);
}

/* The seed of another job's split. */
static bool read_split_seed(const json_t *value, const struct binding *binding, void *field)
{
    struct iml_trainer_options *options = field;
    options->has_split_seed = true;
    return read_unsigned(value, binding, &options->split_seed);
}

/* ---- the table ---- */

static const char *const pixels[] = {"standardized", "symmetric", "unit", NULL};
static const char *const synthetic_kinds[] = {"quadratic", "least_squares", NULL};
static const char *const mismatches[] = {"none", "fixed_pool", "fixed_in_distribution",
                                         "oliver2018", NULL};
static const char *const views[] = {"none", "weak", NULL};
static const char *const schedules[] = {"constant", "cosine", NULL};
static const char *const activations[] = {"relu", "tanh", "leaky_relu", NULL};
static const char *const initializations[] = {"pytorch",        "kaiming_uniform", "kaiming_normal",
                                              "xavier_uniform", "xavier_normal",   NULL};
static const char *const convolutions[] = {"auto", "direct", NULL};
static const char *const curvatures[] = {"hessian", "gauss_newton", NULL};
static const char *const curvature_batch_norms[] = {"batch", "running", NULL};
static const char *const curvature_dropouts[] = {"off", "fixed", NULL};
static const char *const preconditions[] = {"none", "l2", NULL};
static const char *const on_failures[] = {"use", "identity", "skip", NULL};

static const char *const weigher_inputs[] = {"image", "probabilities", "features", NULL};
static const char *const weigher_outputs[] = {"two_sigmoid", "linear", "sigmoid", NULL};
static const char *const weigher_normalize[] = {"none", "batch_mean", NULL};
static const char *const weigher_starts[] = {"zero", "pretrained", NULL};
static const char *const weigher_used[] = {"learned", "ones", "permuted", "frozen", NULL};
static const char *const validation_from[] = {"held_out", "labeled", NULL};

/* Of what stands in several places; pointers from there. */
#define AT_SOLVER(field) offsetof(struct iml_solver_options, field)
#define AT_OPTIMIZER(field) offsetof(struct iml_optimizer_options, field)
#define AT_UNTIL(field) offsetof(struct iml_until, field)
#define AT_META(field) offsetof(struct iml_meta_options, field)
/* clang-format off */
static const struct binding solver_bindings[] = {
    {"/kind",             read_solver_kind, AT_SOLVER(kind), NULL},
    {"/terms",            read_unsigned,    AT_SOLVER(terms), NULL},
    {"/step_size",        read_step_size,   AT_SOLVER(step_size), NULL},
    {"/precondition",     read_choice,      AT_SOLVER(precondition), preconditions},
    {"/damping",          read_double,      AT_SOLVER(damping), NULL},
    {"/target_residual",  read_double,      AT_SOLVER(target_residual), NULL},
    {"/reorthogonalize",  read_bool,        AT_SOLVER(reorthogonalize), NULL},
    {"/scale",            read_negated,     AT_SOLVER(is_unscaled), NULL},
    {"/rank",             read_unsigned,    AT_SOLVER(rank), NULL},
    {"/max_parameters",   read_size,        AT_SOLVER(max_parameters), NULL},
    {"/eigenvalues",      read_negated,     AT_SOLVER(skips_eigenvalues), NULL},
    {"/max_products",     read_unsigned,    AT_SOLVER(terms), NULL},
};
static const struct binding optimizer_bindings[] = {
    {"/kind",             read_optimizer_kind, AT_OPTIMIZER(kind), NULL},
    {"/learning_rate",    read_double,         AT_OPTIMIZER(learning_rate), NULL},
    {"/momentum",         read_double,         AT_OPTIMIZER(momentum), NULL},
    {"/nesterov",         read_bool,           AT_OPTIMIZER(nesterov), NULL},
    {"/beta1",            read_double,         AT_OPTIMIZER(beta1), NULL},
    {"/beta2",            read_double,         AT_OPTIMIZER(beta2), NULL},
    {"/rho",              read_double,         AT_OPTIMIZER(rho), NULL},
    {"/epsilon",          read_double,         AT_OPTIMIZER(epsilon), NULL},
};
static const struct binding until_bindings[] = {
    {"/gradient_norm",    read_double,      AT_UNTIL(gradient_norm), NULL},
    {"/relative",         read_bool,        AT_UNTIL(is_relative), NULL},
    {"/remaining_ratio",  read_double,      AT_UNTIL(remaining_ratio), NULL},
    {"/min_steps",        read_size,        AT_UNTIL(min_steps), NULL},
    {"/max_steps",        read_size,        AT_UNTIL(max_steps), NULL},
    {"/check_every",      read_size,        AT_UNTIL(check_every), NULL},
};
/* v and H of an estimate. */
static const struct binding estimate_bindings[] = {
    {"/validation_batch",     read_size,    AT_META(validation_batch), NULL},
    {"/curvature/batch",      read_size,    AT_META(curvature_batch), NULL},
    {"/curvature/kind",       read_choice,  AT_META(curvature_kind), curvatures},
    {"/curvature/batch_norm", read_choice,  AT_META(curvature_batch_norm), curvature_batch_norms},
    {"/curvature/dropout",    read_choice,  AT_META(curvature_dropout), curvature_dropouts},
};
/* clang-format on */

#define AT(field) offsetof(struct iml_trainer_options, field)
/* clang-format off */
static const struct binding bindings[] = {
    {"/algorithm",                         read_trainer_kind,   AT(kind), NULL},
    {"/confidence/form",                   read_form,           0, NULL},
    {"/confidence/input",                  read_choice,         AT(confidence.input), weigher_inputs},
    {"/confidence/output",                 read_choice,         AT(confidence.output), weigher_outputs},
    {"/confidence/normalize",              read_choice,         AT(confidence.normalize), weigher_normalize},
    {"/confidence/model/depth",            read_size,           AT(confidence.depth), NULL},
    {"/confidence/model/kind",             read_model_kind,     AT(confidence.model), NULL},
    {"/confidence/model/width",            read_size,           AT(confidence.widening), NULL},
    {"/confidence/last_layer",             read_choice,         AT(confidence.start), weigher_starts},
    {"/confidence/weights",                read_choice,         AT(confidence.used), weigher_used},
    {"/confidence/through_features",       read_bool,           AT(confidence.through_features), NULL},
    {"/confidence/decay",                  read_double,         AT(confidence.decay), NULL},
    {"/confidence/hidden",                 read_weigher_hidden, AT(confidence), NULL},
    {"/confidence/activation",             read_choice,         AT(confidence.activation), activations},
    {"/confidence/validation_from",        read_choice,         AT(meta.validation_from), validation_from},
    {"/consistency/ratio",                 read_size,           AT(consistency.ratio), NULL},
    {"/consistency/threshold",             read_double,         AT(consistency.threshold), NULL},
    {"/consistency/weight",                read_double,         AT(consistency.weight), NULL},
    {"/data/set",                          read_text,           AT(data.set), NULL},
    {"/data/flip",                         read_flip,           AT(data.flip), NULL},
    {"/data/labels",                       read_size,           AT(data.pool.labels), NULL},
    {"/data/mismatch/known",               read_classes,        AT(data), NULL},
    {"/data/mismatch/protocol",            read_choice,         AT(data.pool.mismatch), mismatches},
    {"/data/mismatch/share",               read_double,         AT(data.pool.share), NULL},
    {"/data/unlabeled",                    read_size,           AT(data.pool.unlabeled), NULL},
    {"/data/unlabeled_extra/count",        read_size,           AT(data.pool.extra_count), NULL},
    {"/data/unlabeled_extra/set",          read_text,           AT(data.extra_set), NULL},
    {"/data/unlabeled_extra/share",        read_double,         AT(data.pool.extra_share), NULL},
    {"/data/unlabeled_includes_labeled",   read_negated,        AT(data.pool.leaves_out_labeled), NULL},
    {"/data/views",                        read_choice,         AT(data.views), views},
    {"/data/train",                        read_size,           AT(data.train), NULL},
    {"/data/train_on_validation",          read_bool,           AT(data.trains_on_validation), NULL},
    {"/data/validation",                   read_size,           AT(data.validation), NULL},
    {"/data/test",                         read_size,           AT(data.test), NULL},
    {"/data/pixels",                       read_choice,         AT(data.pixels), pixels},
    {"/data/synthetic/kind",               read_choice,         AT(data.synthetic.kind), synthetic_kinds},
    {"/data/synthetic/coefficient",        read_double,         AT(data.synthetic.coefficient), NULL},
    {"/data/synthetic/dimension",          read_size,           AT(data.synthetic.dimension), NULL},
    {"/data/synthetic/condition",          read_double,         AT(data.synthetic.condition), NULL},
    {"/data/synthetic/largest",            read_double,         AT(data.synthetic.largest), NULL},
    {"/data/synthetic/negative_mass",      read_double,         AT(data.synthetic.negative_mass), NULL},
    {"/data/synthetic/distance",           read_double,         AT(data.synthetic.distance), NULL},
    {"/data/synthetic/rows",               read_size,           AT(data.synthetic.rows), NULL},
    {"/data/synthetic/noise",              read_double,         AT(data.synthetic.noise), NULL},
    {"/model/kind",                        read_model_kind,     AT(model.kind), NULL},
    {"/model/depth",                       read_size,           AT(model.depth), NULL},
    {"/model/width",                       read_size,           AT(model.widening), NULL},
    {"/model/convolution",                 read_choice,         AT(model.convolution), convolutions},
    {"/model/hidden",                      read_hidden,         AT(model), NULL},
    {"/model/activation",                  read_choice,         AT(model.activation), activations},
    {"/model/slope",                       read_double,         AT(model.slope), NULL},
    {"/model/batch_norm",                  read_presence,       AT(model.has_batch_norm), NULL},
    {"/model/batch_norm/epsilon",          read_double,         AT(model.batch_norm_epsilon), NULL},
    {"/model/batch_norm/momentum",         read_double,         AT(model.batch_norm_momentum), NULL},
    {"/model/dropout",                     read_double,         AT(model.dropout), NULL},
    {"/model/initialization",              read_choice,         AT(model.initialization), initializations},
    {"/inner/batch",                       read_size,           AT(inner.batch), NULL},
    {"/inner/ema",                         read_presence,       AT(inner.average.is_on), NULL},
    {"/inner/ema/decay",                   read_double,         AT(inner.average.decay), NULL},
    {"/inner/ema/warmup",                  read_bool,           AT(inner.average.has_warmup), NULL},
    {"/inner/schedule",                    read_choice,         AT(inner.schedule), schedules},
    {"/inner/weight_decay",                read_double,         AT(inner.weight_decay), NULL},
    {"/inner/steps",                       read_size,           AT(inner.steps), NULL},
    {"/inner/steps_per_update",            read_size,           AT(inner.steps_per_update), NULL},
    {"/inner/warmup/steps",                read_size,           AT(inner.warmup_steps), NULL},
    {"/meta/knowledge/kind",               read_knowledge_kind, AT(meta.knowledge.kind), NULL},
    {"/meta/knowledge/initial",            read_double,         AT(meta.knowledge.initial), NULL},
    {"/meta/knowledge/clamp",              read_clamp,          AT(meta.knowledge), NULL},
    {"/meta/schedule",                     read_choice,         AT(meta.schedule), schedules},
    {"/meta/updates",                      read_size,           AT(meta.updates), NULL},
    {"/meta/on_failure",                   read_choice,         AT(meta.on_failure), on_failures},
    {"/meta/gate/residual_below",          read_bound,          AT(meta.residual_below), NULL},
    {"/meta/gate/cosine_above",            read_bound,          AT(meta.cosine_above), NULL},
    {"/meta/gate/norm_below",              read_bound,          AT(meta.norm_below), NULL},
    {"/meta/gate/stalled_after",           read_unsigned,       AT(meta.stalled_after), NULL},
    {"/diagnostics/lens/every_updates",     read_size,           AT(diagnostics.lens.every_updates), NULL},
    {"/diagnostics/lens/steps",             read_unsigned,       AT(diagnostics.lens.steps), NULL},
    {"/diagnostics/reference/every_updates",read_size,           AT(diagnostics.reference.every_updates), NULL},
    {"/diagnostics/reference/max_parameters",read_size,           AT(diagnostics.reference.max_parameters), NULL},
    {"/diagnostics/reference/max_products", read_unsigned,       AT(diagnostics.reference.max_products), NULL},
    {"/diagnostics/reference/target_residual",read_double,         AT(diagnostics.reference.target_residual), NULL},
    {"/diagnostics/residual/every_updates", read_size,           AT(diagnostics.residual.every_updates), NULL},
    {"/diagnostics/spectrum/every_updates", read_size,           AT(diagnostics.spectrum.every_updates), NULL},
    {"/diagnostics/spectrum/probes",        read_unsigned,       AT(diagnostics.spectrum.probes), NULL},
    {"/diagnostics/spectrum/steps",         read_unsigned,       AT(diagnostics.spectrum.steps), NULL},
    {"/diagnostics/spectrum/top",           read_unsigned,       AT(diagnostics.spectrum.top), NULL},
    {"/diagnostics/variance/every_updates", read_size,           AT(diagnostics.variance.every_updates), NULL},
    {"/diagnostics/variance/pairs",         read_size,           AT(diagnostics.variance.pairs), NULL},
    {"/knowledge/kind",                    read_known,          AT(meta.knowledge.kind), NULL},
    {"/knowledge/initial",                 read_double,         AT(meta.knowledge.initial), NULL},
    {"/compare/reference/max_parameters",  read_size,           AT(compare.max_parameters), NULL},
    {"/compare/reference/max_products",    read_unsigned,       AT(compare.max_products), NULL},
    {"/compare/reference/target_residual", read_double,         AT(compare.target_residual), NULL},
    {"/evaluation/every_steps",            read_size,           AT(evaluation_every), NULL},
    {"/evaluation/every_updates",          read_size,           AT(evaluation_every), NULL},
    {"/seed",                              read_unsigned,       AT(seed), NULL},
    {"/from/split_seed",                   read_split_seed,     0, NULL},
    {"/resources/threads",                 read_unsigned,       AT(threads), NULL},
};

#define ROWS(table) (table), sizeof(table) / sizeof((table)[0])
static const struct section {
    const char *pointer;
    const struct binding *table;
    size_t count, offset;
} sections[] = {
    {"",                    ROWS(bindings),           0},
    {"/compare",            ROWS(estimate_bindings),  AT(meta)},
    {"/inner/optimizer",    ROWS(optimizer_bindings), AT(inner.optimizer)},
    {"/inner/until",        ROWS(until_bindings),     AT(inner.until)},
    {"/inner/warmup/until", ROWS(until_bindings),     AT(inner.warmup_until)},
    {"/meta",               ROWS(estimate_bindings),  AT(meta)},
    {"/meta/optimizer",     ROWS(optimizer_bindings), AT(meta.optimizer)},
    {"/meta/solver",        ROWS(solver_bindings),    AT(meta.solver)},
    {"/verify",             ROWS(estimate_bindings),  AT(meta)},
};
/* clang-format on */

/* Whether all is there without which the engine can't begin. */
static bool is_resolved(const struct iml_trainer_options *options)
{
    const struct iml_meta_options *meta = &options->meta;
    if (!options->kind || !options->data.set || !options->threads) return false;
    if (options->kind == iml_trainer_kind_find("verify")) return meta->curvature_batch > 0;
    if (options->kind == iml_trainer_kind_find("compare")) return options->compare.count > 0;
    const bool needs_meta = options->kind == iml_trainer_kind_find("iml") ||
                            options->kind == iml_trainer_kind_find("confidence");
    return options->inner.optimizer.kind &&
           (!needs_meta || (meta->knowledge.kind && meta->optimizer.kind && meta->solver.kind));
}

/* What a table binds of the object at a pointer of the job, into `base`. A field that is not there
 * is outside its `when`: the algorithm doesn't look at it. */
static enum iml_code read_table(const json_t *object, const char *pointer,
                                const struct binding *table, size_t count, void *base,
                                struct iml_error *error)
{
    for (size_t i = 0; i < count; i++) {
        const json_t *value = imld_json_at(object, table[i].pointer);
        if (!value || table[i].read(value, &table[i], (char *)base + table[i].offset)) continue;
        (void)iml_error_set(error, IML_ERROR_DATA, "the job's value is not one this program knows");
        iml_error_where(error, "%s%s", pointer, table[i].pointer);
        return IML_ERROR_DATA;
    }
    return IML_OK;
}

static enum iml_code read_compared(const json_t *spec, struct iml_compare_options *compare,
                                   struct iml_error *error)
{
    const json_t *list = imld_json_at(spec, "/compare/solvers");
    enum iml_code code = IML_OK;
    for (size_t i = 0; i < json_array_size(list) && code == IML_OK; i++) {
        char pointer[64];
        const json_t *item = json_array_get(list, i);
        (void)snprintf(pointer, sizeof pointer, "/compare/solvers/%zu", i);
        struct iml_compared compared = {.name = json_string_value(json_object_get(item, "name"))};
        code = read_table(item, pointer, ROWS(solver_bindings), &compared.solver, error);
        if (code != IML_OK) return code;
        if (i < IML_COMPARED_MAX && compared.name && compared.solver.kind) {
            compare->solvers[compare->count++] = compared;
            continue;
        }
        code = iml_error_set(error, IML_ERROR_DATA, "the solver is not one this program knows");
        iml_error_where(error, "%s", pointer);
    }
    return code;
}

enum iml_code imld_plan_options(const json_t *spec, struct iml_trainer_options *options,
                                struct iml_error *error)
{
    *options = (struct iml_trainer_options){.meta.knowledge.clamp_high = HUGE_VAL};
    enum iml_code code = IML_OK;
    for (size_t i = 0; i < sizeof sections / sizeof sections[0] && code == IML_OK; i++) {
        const struct section *const section = &sections[i];
        code = read_table(imld_json_at(spec, section->pointer), section->pointer, section->table,
                          section->count, (char *)options + section->offset, error);
    }
    if (code == IML_OK) code = read_compared(spec, &options->compare, error);
    if (code != IML_OK || is_resolved(options)) return code;
    return iml_error_set(error, IML_ERROR_DATA, "the job is not a resolved one");
}
