/* trainer_case.h: small jobs on a synthetic set, and a log of all that a run tells, for the tests
 * of trainers. */
#ifndef IMLD_TESTS_TRAINER_CASE_H
#define IMLD_TESTS_TRAINER_CASE_H

#include "imld/trainer.h"
#include "tests/unit/engine/sets.h"

/* For cmocka: a group's state is a fresh root (struct sets) with the set "small": 4 classes, 200
 * training and 60 test images. */
int case_set_up(void **state);
int case_tear_down(void **state);

/* supervised, sgd with momentum, 12 steps, evaluated every 4. */
struct iml_trainer_options case_supervised(const struct sets *sets);

/* iml, neumann auto preconditioned, λ per parameter by rmsprop: 6 steps of warm-up, 4 updates, 3
 * steps each, evaluated every 2 updates. */
struct iml_trainer_options case_iml(const struct sets *sets);

/* iml, cg, λ per layer by adam, warm-up to a relative gradient norm. */
struct iml_trainer_options case_iml_until(const struct sets *sets);

/* iml, inner steps until a relative gradient norm, and until a remaining ratio: some loops of each
 * end by their bound, some by max_steps. */
struct iml_trainer_options case_iml_until_norm(const struct sets *sets);
struct iml_trainer_options case_iml_until_ratio(const struct sets *sets);

/* iml on a net with batch norm, leaky_relu and dropout, with all of curvature's choices that are
 * not the default. */
struct iml_trainer_options case_iml_normalized(const struct sets *sets);

/* Every look, the residual at each update, the others at every so many. */
struct iml_diagnostics_options case_looks(size_t every);

/* Whether the metric is one that a look tells; NULL is none. */
bool case_is_a_look(const char *metric);

/* iml on a small net: so many updates; the same with looks. */
struct iml_trainer_options case_iml_small(const struct sets *sets, size_t updates);
struct iml_trainer_options case_iml_looking(const struct sets *sets, size_t updates, size_t every);

/* iml on a synthetic quadratic of 30 dimensions: rows of numbers with weights, squared errors. */
struct iml_trainer_options case_iml_synthetic(const struct sets *sets);

/* fixmatch with a class mismatch, on a net with batch norm, θ̄, decay and a schedule: 12 steps of 9
 * labeled and 27 pool images, evaluated every 4; some pseudo labels of each origin count and some
 * don't. And its baseline: supervised on the same 18 labeled images. */
struct iml_trainer_options case_fixmatch(const struct sets *sets);
struct iml_trainer_options case_few_labels(const struct sets *sets);

/* confidence on that: a head on the base net's features, 4 steps of warm-up, updates of λ before
 * steps 4 and 8; the same through the features; with a free weight for each image. */
struct iml_trainer_options case_confidence(const struct sets *sets);
struct iml_trainer_options case_confidence_through(const struct sets *sets);
struct iml_trainer_options case_confidence_free(const struct sets *sets);

struct iml_trainer *case_open(const struct iml_trainer_options *options, const atomic_bool *cancel);

/* Fails unless no run can be opened, for what is at that JSON pointer. */
void case_assert_refused(const struct iml_trainer_options *options, const char *pointer);

enum { CASE_ENTRIES_MAX = 8192 };

/* One row, or (metric NULL) one progress before an action; no padding: compared as bytes. */
struct case_entry {
    const char *metric;
    double value, first_loss, last_loss;
    uint64_t step, update, flags;
};

struct case_log {
    struct case_entry entries[CASE_ENTRIES_MAX];
    size_t count;
};

/* One action: an evaluation if one is due, else a step. false: the run has ended (nothing was
 * done). Rows of time are not logged. */
bool case_act(struct iml_trainer *trainer, struct case_log *log);

/* Acts until the run ends, at most `most` times; how often. */
size_t case_finish(struct iml_trainer *trainer, struct case_log *log, size_t most);

/* A log, to be freed; one step, which must succeed and is not logged. */
struct case_log *case_new_log(void);
void case_step(struct iml_trainer *trainer);

/* The last value of that metric in the log; fails the test if there is none. */
double case_last(const struct case_log *log, const char *metric);
bool case_has(const struct case_log *log, const char *metric, double value);

/* The exported registry, to be freed. */
void *case_export(const struct iml_trainer *trainer, size_t *bytes);

/* b is what a has from a_first on; the second: it is as much of that as b has. */
void case_assert_same(const struct case_log *a, size_t a_first, const struct case_log *b);
void case_assert_begins(const struct case_log *a, size_t a_first, const struct case_log *b);

#endif
