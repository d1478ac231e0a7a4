/* net_fixture.c: a net with its memory; see net_fixture.h. */
#include "net_fixture.h"

#include "../check.h"

const struct iml_net_options net_fixture_modal = {
    .inputs = MODAL_INPUTS,
    .hidden = {MODAL_WIDTH},
    .hidden_count = 1,
    .outputs = MODAL_OUTPUTS,
    .activation = IML_ACTIVATION_TANH,
    .has_bias = true,
    .has_batch_norm = true,
    .epsilon = 1e-3,
    .dropout = 0.25,
};

struct iml_plan net_fixture_plan(const struct iml_net *net, size_t rows)
{
    struct iml_arena measure;
    struct iml_evaluator *evaluator = NULL;
    struct iml_error error = {0};
    iml_arena_measure(&measure);
    assert_int_equal(iml_evaluator_new(net, rows, true, NULL, &measure, &evaluator, &error),
                     IML_OK);
    iml_evaluator_free(evaluator);
    return measure.plan;
}

struct net_fixture net_fixture_open(const struct iml_net_options *options, size_t rows,
                                    unsigned threads, const atomic_bool *cancel)
{
    struct net_fixture self = {0};
    struct iml_error error = {0};
    struct iml_net_options own = *options;
    own.threads = threads;
    assert_int_equal(iml_net_new(&own, &self.net, &error), IML_OK);
    assert_int_equal(iml_team_open(threads, 0, cancel, &self.team, &error), IML_OK);
    const struct iml_plan plan = net_fixture_plan(self.net, rows);
    assert_int_equal(iml_arena_open(&self.arena, &plan, &error), IML_OK);
    assert_int_equal(
        iml_evaluator_new(self.net, rows, true, self.team, &self.arena, &self.evaluator, &error),
        IML_OK);
    assert_int_equal(self.arena.plan.total_bytes, plan.total_bytes);
    return self;
}

void net_fixture_close(struct net_fixture *self)
{
    iml_evaluator_free(self->evaluator);
    iml_team_close(self->team);
    iml_arena_close(&self->arena);
    iml_net_free(self->net);
    *self = (struct net_fixture){0};
}
