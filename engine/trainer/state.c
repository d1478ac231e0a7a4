/* state.c: what of a run must survive a restart, registered by one table of scalars and by the
 * parts that own vectors (DESIGN §3). */
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "engine/trainer/run.h"

/* Which runs have it. */
enum scope {
    ALL_RUNS,
    TRAINING_RUNS, /* with steps on θ */
    META_RUNS /* with λ */,
    RELATIVE_RUNS /* a relative gradient norm ends a loop */,
    GATED_RUNS /* with a gate or a policy */,
    RECIPE_RUNS /* with few labels */,
    POOL_RUNS /* with a pool */,
    COUNTED_RUNS /* with a warm-up of its own */,
    NETWORK_RUNS /* whose pool a network weighs */
};

struct scalar {
    const char *name;
    size_t offset; /* in struct iml_state */
    enum iml_item_type type;
    enum scope scope;
};

/* clang-format off */
static const struct scalar scalars[] = {
    {"state/step",              offsetof(struct iml_state, step),              IML_ITEM_U64, ALL_RUNS},
    {"state/is_evaluation_due", offsetof(struct iml_state, is_evaluation_due), IML_ITEM_U64, ALL_RUNS},
    {"state/seen_steps",        offsetof(struct iml_state, seen_steps),        IML_ITEM_U64, TRAINING_RUNS},
    {"state/seen_correct",      offsetof(struct iml_state, seen_correct),      IML_ITEM_U64, TRAINING_RUNS},
    {"state/seen_loss",         offsetof(struct iml_state, seen_loss),         IML_ITEM_F64, TRAINING_RUNS},
    {"state/first_loss",        offsetof(struct iml_state, first_loss),        IML_ITEM_F64, ALL_RUNS},
    {"state/last_loss",         offsetof(struct iml_state, last_loss),         IML_ITEM_F64, ALL_RUNS},
    {"state/update",            offsetof(struct iml_state, update),            IML_ITEM_U64, META_RUNS},
    {"state/steps_left",        offsetof(struct iml_state, steps_left),        IML_ITEM_U64, META_RUNS},
    {"state/is_warm",           offsetof(struct iml_state, is_warm),           IML_ITEM_U64, COUNTED_RUNS},
    {"state/last_gain",         offsetof(struct iml_state, last_gain),         IML_ITEM_F64, META_RUNS},
    {"state/q_norms_seen",      offsetof(struct iml_state, q_norms.seen),      IML_ITEM_U64, META_RUNS},
    {"state/monitored_norm",    offsetof(struct iml_state, monitored_norm),    IML_ITEM_F64, RELATIVE_RUNS},
    {"state/gradient_norm",         offsetof(struct iml_state, gradient_norm),         IML_ITEM_F64, RECIPE_RUNS},
    {"state/test_accuracies_seen",  offsetof(struct iml_state, test_accuracies.seen),  IML_ITEM_U64, RECIPE_RUNS},
    {"state/consistency/steps",          offsetof(struct iml_state, tally.steps),          IML_ITEM_U64, POOL_RUNS},
    {"state/consistency/correct",        offsetof(struct iml_state, tally.correct),        IML_ITEM_U64, POOL_RUNS},
    {"state/consistency/masked_correct", offsetof(struct iml_state, tally.masked_correct), IML_ITEM_U64, POOL_RUNS},
    {"state/consistency/confidence",     offsetof(struct iml_state, tally.confidence),     IML_ITEM_F64, POOL_RUNS},
    {"state/consistency/loss",           offsetof(struct iml_state, tally.loss),           IML_ITEM_F64, POOL_RUNS},
    {"state/confidence/is_ready",   offsetof(struct iml_state, is_ready),              IML_ITEM_U64, NETWORK_RUNS},
    {"state/gate/failures",         offsetof(struct iml_state, gate.failures),         IML_ITEM_U64, GATED_RUNS},
    {"state/gate/skipped_in_a_row", offsetof(struct iml_state, gate.skipped_in_a_row), IML_ITEM_U64, GATED_RUNS},
    {"state/gate/norms_seen",       offsetof(struct iml_state, gate.norms.seen),       IML_ITEM_U64, GATED_RUNS},
};
/* clang-format on */

void iml_state_initialize(struct iml_trainer *self)
{
    *self->state = (struct iml_state){.is_evaluation_due = 1,
                                      .first_loss = nan(""),
                                      .last_loss = nan(""),
                                      .monitored_norm = nan(""),
                                      .gradient_norm = nan(""),
                                      .last_gain = nan("")};
    iml_net_initialize(self->net, self->options.seed, self->theta);
    if (iml_run_is_synthetic(self)) /* one linear layer with one output: one order inside and out */
        for (size_t j = 0; j < self->facts.width; j++)
            self->theta[j] = (iml_real)self->synthetic.start[j];
    iml_recipe_begin(self);
    iml_recipe_derive(self);
    if (self->statistics) iml_net_initialize_statistics(self->net, self->statistics);
    if (self->methods->is_report) self->state->is_evaluation_due = 0; /* its end is evaluated */
    if (iml_run_has_knowledge(self)) iml_knowledge_initialize(&self->knowledge, self->options.seed);
    for (size_t i = 0; i < self->weighed.previous_count; i++) self->weighed.previous[i] = 1;
    if (!self->methods->is_meta) return;
    /* no direction: its cosine is not known */
    memset(self->previous, 0, self->knowledge.size * sizeof *self->previous);
    if (iml_run_keeps_q(self)) memset(self->q, 0, iml_net_parameters(self->net) * sizeof *self->q);
}

static bool is_relative(const struct iml_until *until)
{
    return until->gradient_norm > 0 && until->is_relative;
}

static bool is_in_scope(const struct iml_trainer *self, enum scope scope)
{
    const struct iml_inner_options *inner = &self->options.inner;
    if (scope == ALL_RUNS) return true;
    if (scope == TRAINING_RUNS) return !self->methods->is_report;
    if (scope == RECIPE_RUNS) return iml_run_has_recipe(self);
    if (scope == POOL_RUNS) return self->methods->has_pool;
    if (!self->methods->is_meta) return false;
    if (scope == GATED_RUNS) return iml_run_has_gate(self);
    if (scope == COUNTED_RUNS) return !self->methods->has_pool;
    if (scope == NETWORK_RUNS) return iml_run_has_network(self);
    return scope == META_RUNS || is_relative(&inner->warmup_until) || is_relative(&inner->until);
}

static enum iml_code register_scalars(struct iml_trainer *self, struct iml_error *error)
{
    enum iml_code code = IML_OK;
    for (size_t i = 0; i < sizeof scalars / sizeof scalars[0] && code == IML_OK; i++) {
        const struct scalar *scalar = &scalars[i];
        if (!is_in_scope(self, scalar->scope)) continue;
        struct iml_item item = {.type = scalar->type, .data = (char *)self->state + scalar->offset};
        memcpy(item.name, scalar->name, strlen(scalar->name) + 1);
        code = iml_registry_add(&self->registry, &item, error);
    }
    return code;
}

static enum iml_code register_gate(struct iml_trainer *self, struct iml_error *error)
{
    const struct iml_item norms = {.name = "state/gate/norms",
                                   .type = IML_ITEM_F64,
                                   .rank = 1,
                                   .shape = {IML_RECENT_MAX},
                                   .data = self->state->gate.norms.values};
    return iml_run_has_gate(self) ? iml_registry_add(&self->registry, &norms, error) : IML_OK;
}

/* A list of numbers of the state. */
static enum iml_code register_list(struct iml_trainer *self, const char *name,
                                   enum iml_item_type type, size_t count, void *data,
                                   struct iml_error *error)
{
    struct iml_item item = {.type = type, .rank = 1, .shape = {count}, .data = data};
    memcpy(item.name, name, strlen(name) + 1);
    return iml_registry_add(&self->registry, &item, error);
}

/* θ̄, the ring of test accuracies, and the tally's counts by origin and class. */
static enum iml_code register_recipe(struct iml_trainer *self, struct iml_error *error)
{
    struct iml_state *state = self->state;
    enum iml_code code = IML_OK;
    if (self->average)
        code = iml_net_register(self->net, &self->registry, "ema/", "", self->average, error);
    if (code == IML_OK && iml_run_has_recipe(self))
        code = register_list(self, "state/test_accuracies", IML_ITEM_F64, IML_ACCURACIES_MAX,
                             state->test_accuracies.values, error);
    if (code != IML_OK || !self->methods->has_pool) return code;
    code = register_list(self, "state/consistency/images", IML_ITEM_U64, 2, state->tally.images,
                         error);
    if (code == IML_OK)
        code = register_list(self, "state/consistency/masked", IML_ITEM_U64, 2, state->tally.masked,
                             error);
    if (code == IML_OK)
        code = register_list(self, "state/consistency/classes", IML_ITEM_U64,
                             iml_net_outputs(self->net), state->tally.classes, error);
    return code;
}

/* What an update compares itself with: the hypergradient before it, and the last norms of q. */
static enum iml_code register_past(struct iml_trainer *self, struct iml_error *error)
{
    const struct iml_item previous = {.name = "state/previous_hypergradient",
                                      .type = IML_ITEM_REAL,
                                      .rank = 1,
                                      .shape = {self->knowledge.size},
                                      .data = self->previous};
    const struct iml_item q_norms = {.name = "state/q_norms",
                                     .type = IML_ITEM_F64,
                                     .rank = 1,
                                     .shape = {IML_RECENT_MAX},
                                     .data = self->state->q_norms.values};
    const enum iml_code code = iml_registry_add(&self->registry, &previous, error);
    return code == IML_OK ? iml_registry_add(&self->registry, &q_norms, error) : code;
}

static enum iml_code register_meta(struct iml_trainer *self, struct iml_error *error)
{
    struct iml_registry *registry = &self->registry;
    enum iml_code code = iml_knowledge_register(&self->knowledge, registry, error);
    const bool is_theta_shaped = self->knowledge.options.kind->is_theta_shaped;
    if (code == IML_OK && !self->knowledge.options.kind->move)
        code = iml_optimizer_register(&self->meta_optimizer, "optimizer/knowledge/",
                                      is_theta_shaped ? self->net : NULL, registry, error);
    if (code == IML_OK) code = iml_solver_register(&self->solver, self->net, registry, error);
    if (code == IML_OK) code = register_past(self, error);
    if (code == IML_OK && iml_run_weighs(self))
        code = register_list(self, "state/confidence/weights", IML_ITEM_F64,
                             self->weighed.previous_count, self->weighed.previous, error);
    if (code == IML_OK) code = register_gate(self, error);
    if (code == IML_OK && iml_run_keeps_q(self))
        code = iml_net_register(self->net, registry, "state/q/", "", self->q, error);
    return code;
}

enum iml_code iml_state_register(struct iml_trainer *self, struct iml_error *error)
{
    enum iml_code code =
        iml_net_register(self->net, &self->registry, "parameters/", "", self->theta, error);
    if (code == IML_OK && self->statistics)
        code = iml_net_register_statistics(self->net, &self->registry, "parameters/",
                                           self->statistics, error);
    if (code == IML_OK && !self->methods->is_report)
        code = iml_optimizer_register(&self->optimizer, "optimizer/", self->net, &self->registry,
                                      error);
    if (code == IML_OK) code = register_scalars(self, error);
    if (code == IML_OK) code = register_recipe(self, error);
    if (code == IML_OK && self->methods->is_report && iml_run_has_knowledge(self))
        code = iml_knowledge_register(&self->knowledge, &self->registry, error);
    if (code == IML_OK && self->methods->register_items)
        code = self->methods->register_items(self, error);
    if (code == IML_OK && self->methods->is_meta) code = register_meta(self, error);
    return code;
}
