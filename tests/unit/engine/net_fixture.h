/* net_fixture.h: a net with its memory for tests: θ-shaped vectors are the test's own, the rest is
 * opened and closed here. Every failure fails the running test. */
#ifndef IMLD_TESTS_NET_FIXTURE_H
#define IMLD_TESTS_NET_FIXTURE_H

#include "imld/curvature.h"

struct net_fixture {
    struct iml_net *net;
    struct iml_arena arena;
    struct iml_team *team;
    struct iml_evaluator *evaluator; /* wants products */
};

/* cancel may be NULL; borrowed. */
struct net_fixture net_fixture_open(const struct iml_net_options *options, size_t rows,
                                    unsigned threads, const atomic_bool *cancel);
void net_fixture_close(struct net_fixture *self);

/* A net with all that depends on a batch's mode: tanh, batch norm, dropout. */
enum { MODAL_INPUTS = 6, MODAL_WIDTH = 40, MODAL_OUTPUTS = 3, MODAL_PARAMETERS = 483 };
extern const struct iml_net_options net_fixture_modal;

/* The planned bytes of an evaluator of this net. */
struct iml_plan net_fixture_plan(const struct iml_net *net, size_t rows);

#endif
