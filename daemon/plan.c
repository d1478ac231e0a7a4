/* plan.c: a table from JSON pointers to the engine's options; see plan.h. */
#include "daemon/plan.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>

#include "daemon/plan_readers.h"
#include "spec/resolve.h"

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
static const struct imld_binding solver_bindings[] = {
    {"/kind",             imld_read_solver_kind, AT_SOLVER(kind), NULL},
    {"/terms",            imld_read_unsigned,    AT_SOLVER(terms), NULL},
    {"/step_size",        imld_read_step_size,   AT_SOLVER(step_size), NULL},
    {"/precondition",     imld_read_choice,      AT_SOLVER(precondition), preconditions},
    {"/damping",          imld_read_double,      AT_SOLVER(damping), NULL},
    {"/target_residual",  imld_read_double,      AT_SOLVER(target_residual), NULL},
    {"/reorthogonalize",  imld_read_bool,        AT_SOLVER(reorthogonalize), NULL},
    {"/scale",            imld_read_negated,     AT_SOLVER(is_unscaled), NULL},
    {"/rank",             imld_read_unsigned,    AT_SOLVER(rank), NULL},
    {"/max_parameters",   imld_read_size,        AT_SOLVER(max_parameters), NULL},
    {"/eigenvalues",      imld_read_negated,     AT_SOLVER(skips_eigenvalues), NULL},
    {"/max_products",     imld_read_unsigned,    AT_SOLVER(terms), NULL},
};
static const struct imld_binding optimizer_bindings[] = {
    {"/kind",             imld_read_optimizer_kind, AT_OPTIMIZER(kind), NULL},
    {"/learning_rate",    imld_read_double,         AT_OPTIMIZER(learning_rate), NULL},
    {"/momentum",         imld_read_double,         AT_OPTIMIZER(momentum), NULL},
    {"/nesterov",         imld_read_bool,           AT_OPTIMIZER(nesterov), NULL},
    {"/beta1",            imld_read_double,         AT_OPTIMIZER(beta1), NULL},
    {"/beta2",            imld_read_double,         AT_OPTIMIZER(beta2), NULL},
    {"/rho",              imld_read_double,         AT_OPTIMIZER(rho), NULL},
    {"/epsilon",          imld_read_double,         AT_OPTIMIZER(epsilon), NULL},
};
static const struct imld_binding until_bindings[] = {
    {"/gradient_norm",    imld_read_double,      AT_UNTIL(gradient_norm), NULL},
    {"/relative",         imld_read_bool,        AT_UNTIL(is_relative), NULL},
    {"/remaining_ratio",  imld_read_double,      AT_UNTIL(remaining_ratio), NULL},
    {"/min_steps",        imld_read_size,        AT_UNTIL(min_steps), NULL},
    {"/max_steps",        imld_read_size,        AT_UNTIL(max_steps), NULL},
    {"/check_every",      imld_read_size,        AT_UNTIL(check_every), NULL},
};
/* v and H of an estimate. */
static const struct imld_binding estimate_bindings[] = {
    {"/validation_batch",     imld_read_size,    AT_META(validation_batch), NULL},
    {"/curvature/batch",      imld_read_size,    AT_META(curvature_batch), NULL},
    {"/curvature/kind",       imld_read_choice,  AT_META(curvature_kind), curvatures},
    {"/curvature/batch_norm", imld_read_choice,  AT_META(curvature_batch_norm), curvature_batch_norms},
    {"/curvature/dropout",    imld_read_choice,  AT_META(curvature_dropout), curvature_dropouts},
};
/* clang-format on */

#define AT(field) offsetof(struct iml_trainer_options, field)
/* clang-format off */
static const struct imld_binding bindings[] = {
    {"/algorithm",                         imld_read_trainer_kind,   AT(kind), NULL},
    {"/confidence/form",                   imld_read_form,           0, NULL},
    {"/confidence/input",                  imld_read_choice,         AT(confidence.input), weigher_inputs},
    {"/confidence/output",                 imld_read_choice,         AT(confidence.output), weigher_outputs},
    {"/confidence/normalize",              imld_read_choice,         AT(confidence.normalize), weigher_normalize},
    {"/confidence/model/depth",            imld_read_size,           AT(confidence.depth), NULL},
    {"/confidence/model/kind",             imld_read_model_kind,     AT(confidence.model), NULL},
    {"/confidence/model/width",            imld_read_size,           AT(confidence.widening), NULL},
    {"/confidence/last_layer",             imld_read_choice,         AT(confidence.start), weigher_starts},
    {"/confidence/weights",                imld_read_choice,         AT(confidence.used), weigher_used},
    {"/confidence/through_features",       imld_read_bool,           AT(confidence.through_features), NULL},
    {"/confidence/decay",                  imld_read_double,         AT(confidence.decay), NULL},
    {"/confidence/hidden",                 imld_read_weigher_hidden, AT(confidence), NULL},
    {"/confidence/activation",             imld_read_choice,         AT(confidence.activation), activations},
    {"/confidence/validation_from",        imld_read_choice,         AT(meta.validation_from), validation_from},
    {"/consistency/ratio",                 imld_read_size,           AT(consistency.ratio), NULL},
    {"/consistency/threshold",             imld_read_double,         AT(consistency.threshold), NULL},
    {"/consistency/weight",                imld_read_double,         AT(consistency.weight), NULL},
    {"/data/set",                          imld_read_text,           AT(data.set), NULL},
    {"/data/flip",                         imld_read_flip,           AT(data.flip), NULL},
    {"/data/labels",                       imld_read_size,           AT(data.pool.labels), NULL},
    {"/data/mismatch/known",               imld_read_classes,        AT(data), NULL},
    {"/data/mismatch/protocol",            imld_read_choice,         AT(data.pool.mismatch), mismatches},
    {"/data/mismatch/share",               imld_read_double,         AT(data.pool.share), NULL},
    {"/data/unlabeled",                    imld_read_size,           AT(data.pool.unlabeled), NULL},
    {"/data/unlabeled_extra/count",        imld_read_size,           AT(data.pool.extra_count), NULL},
    {"/data/unlabeled_extra/set",          imld_read_text,           AT(data.extra_set), NULL},
    {"/data/unlabeled_extra/share",        imld_read_double,         AT(data.pool.extra_share), NULL},
    {"/data/unlabeled_includes_labeled",   imld_read_negated,        AT(data.pool.leaves_out_labeled), NULL},
    {"/data/views",                        imld_read_choice,         AT(data.views), views},
    {"/data/train",                        imld_read_size,           AT(data.train), NULL},
    {"/data/train_on_validation",          imld_read_bool,           AT(data.trains_on_validation), NULL},
    {"/data/validation",                   imld_read_size,           AT(data.validation), NULL},
    {"/data/test",                         imld_read_size,           AT(data.test), NULL},
    {"/data/pixels",                       imld_read_choice,         AT(data.pixels), pixels},
    {"/data/synthetic/kind",               imld_read_choice,         AT(data.synthetic.kind), synthetic_kinds},
    {"/data/synthetic/coefficient",        imld_read_double,         AT(data.synthetic.coefficient), NULL},
    {"/data/synthetic/dimension",          imld_read_size,           AT(data.synthetic.dimension), NULL},
    {"/data/synthetic/condition",          imld_read_double,         AT(data.synthetic.condition), NULL},
    {"/data/synthetic/largest",            imld_read_double,         AT(data.synthetic.largest), NULL},
    {"/data/synthetic/negative_mass",      imld_read_double,         AT(data.synthetic.negative_mass), NULL},
    {"/data/synthetic/distance",           imld_read_double,         AT(data.synthetic.distance), NULL},
    {"/data/synthetic/rows",               imld_read_size,           AT(data.synthetic.rows), NULL},
    {"/data/synthetic/noise",              imld_read_double,         AT(data.synthetic.noise), NULL},
    {"/model/kind",                        imld_read_model_kind,     AT(model.kind), NULL},
    {"/model/depth",                       imld_read_size,           AT(model.depth), NULL},
    {"/model/width",                       imld_read_size,           AT(model.widening), NULL},
    {"/model/convolution",                 imld_read_choice,         AT(model.convolution), convolutions},
    {"/model/hidden",                      imld_read_hidden,         AT(model), NULL},
    {"/model/activation",                  imld_read_choice,         AT(model.activation), activations},
    {"/model/slope",                       imld_read_double,         AT(model.slope), NULL},
    {"/model/batch_norm",                  imld_read_presence,       AT(model.has_batch_norm), NULL},
    {"/model/batch_norm/epsilon",          imld_read_double,         AT(model.batch_norm_epsilon), NULL},
    {"/model/batch_norm/momentum",         imld_read_double,         AT(model.batch_norm_momentum), NULL},
    {"/model/dropout",                     imld_read_double,         AT(model.dropout), NULL},
    {"/model/initialization",              imld_read_choice,         AT(model.initialization), initializations},
    {"/inner/batch",                       imld_read_size,           AT(inner.batch), NULL},
    {"/inner/ema",                         imld_read_presence,       AT(inner.average.is_on), NULL},
    {"/inner/ema/decay",                   imld_read_double,         AT(inner.average.decay), NULL},
    {"/inner/ema/warmup",                  imld_read_bool,           AT(inner.average.has_warmup), NULL},
    {"/inner/schedule",                    imld_read_choice,         AT(inner.schedule), schedules},
    {"/inner/weight_decay",                imld_read_double,         AT(inner.weight_decay), NULL},
    {"/inner/steps",                       imld_read_size,           AT(inner.steps), NULL},
    {"/inner/steps_per_update",            imld_read_size,           AT(inner.steps_per_update), NULL},
    {"/inner/warmup/steps",                imld_read_size,           AT(inner.warmup_steps), NULL},
    {"/meta/knowledge/kind",               imld_read_knowledge_kind, AT(meta.knowledge.kind), NULL},
    {"/meta/knowledge/initial",            imld_read_double,         AT(meta.knowledge.initial), NULL},
    {"/meta/knowledge/clamp",              imld_read_clamp,          AT(meta.knowledge), NULL},
    {"/meta/schedule",                     imld_read_choice,         AT(meta.schedule), schedules},
    {"/meta/updates",                      imld_read_size,           AT(meta.updates), NULL},
    {"/meta/on_failure",                   imld_read_choice,         AT(meta.on_failure), on_failures},
    {"/meta/gate/residual_below",          imld_read_bound,          AT(meta.residual_below), NULL},
    {"/meta/gate/cosine_above",            imld_read_bound,          AT(meta.cosine_above), NULL},
    {"/meta/gate/norm_below",              imld_read_bound,          AT(meta.norm_below), NULL},
    {"/meta/gate/stalled_after",           imld_read_unsigned,       AT(meta.stalled_after), NULL},
    {"/diagnostics/lens/every_updates",     imld_read_size,           AT(diagnostics.lens.every_updates), NULL},
    {"/diagnostics/lens/steps",             imld_read_unsigned,       AT(diagnostics.lens.steps), NULL},
    {"/diagnostics/reference/every_updates",imld_read_size,           AT(diagnostics.reference.every_updates), NULL},
    {"/diagnostics/reference/max_parameters",imld_read_size,           AT(diagnostics.reference.max_parameters), NULL},
    {"/diagnostics/reference/max_products", imld_read_unsigned,       AT(diagnostics.reference.max_products), NULL},
    {"/diagnostics/reference/target_residual",imld_read_double,         AT(diagnostics.reference.target_residual), NULL},
    {"/diagnostics/residual/every_updates", imld_read_size,           AT(diagnostics.residual.every_updates), NULL},
    {"/diagnostics/spectrum/every_updates", imld_read_size,           AT(diagnostics.spectrum.every_updates), NULL},
    {"/diagnostics/spectrum/probes",        imld_read_unsigned,       AT(diagnostics.spectrum.probes), NULL},
    {"/diagnostics/spectrum/steps",         imld_read_unsigned,       AT(diagnostics.spectrum.steps), NULL},
    {"/diagnostics/spectrum/top",           imld_read_unsigned,       AT(diagnostics.spectrum.top), NULL},
    {"/diagnostics/variance/every_updates", imld_read_size,           AT(diagnostics.variance.every_updates), NULL},
    {"/diagnostics/variance/pairs",         imld_read_size,           AT(diagnostics.variance.pairs), NULL},
    {"/knowledge/kind",                    imld_read_known,          AT(meta.knowledge.kind), NULL},
    {"/knowledge/initial",                 imld_read_double,         AT(meta.knowledge.initial), NULL},
    {"/compare/reference/max_parameters",  imld_read_size,           AT(compare.max_parameters), NULL},
    {"/compare/reference/max_products",    imld_read_unsigned,       AT(compare.max_products), NULL},
    {"/compare/reference/target_residual", imld_read_double,         AT(compare.target_residual), NULL},
    {"/evaluation/every_steps",            imld_read_size,           AT(evaluation_every), NULL},
    {"/evaluation/every_updates",          imld_read_size,           AT(evaluation_every), NULL},
    {"/seed",                              imld_read_unsigned,       AT(seed), NULL},
    {"/from/split_seed",                   imld_read_split_seed,     0, NULL},
    {"/resources/threads",                 imld_read_unsigned,       AT(threads), NULL},
};

#define ROWS(table) (table), sizeof(table) / sizeof((table)[0])
static const struct section {
    const char *pointer;
    const struct imld_binding *table;
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
                                const struct imld_binding *table, size_t count, void *base,
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
