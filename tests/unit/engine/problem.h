/* problem.h: the problems of tests/fixtures as nets and batches, and their dense Hessians. Every
 * failure fails the running test. */
#ifndef IMLD_TESTS_PROBLEM_H
#define IMLD_TESTS_PROBLEM_H

#include <jansson.h>

#include "dense.h"
#include "imld/knowledge.h"
#include "net_fixture.h"

enum { PROBLEM_ROWS = 48, PROBLEM_INPUTS = 8, PROBLEM_OUTPUTS = 3 };

/* A batch with the memory behind it. */
struct problem_batch {
    iml_real inputs[PROBLEM_ROWS * PROBLEM_INPUTS], targets[PROBLEM_ROWS * PROBLEM_OUTPUTS];
    iml_real weights[PROBLEM_ROWS];
    uint32_t labels[PROBLEM_ROWS];
    struct iml_batch batch;
};

/* The nets: of one of mlp.json's, softmax regression, and linear regression without bias. */
struct iml_net_options mlp_options(const json_t *json);
struct iml_net_options logistic_options(void);
struct iml_net_options ridge_options(void);

/* Reads a batch; labels or targets and weights may be NULL, or name nothing. The divisor is the
 * number of rows. */
void batch_read(struct problem_batch *self, const json_t *json, const struct iml_net_options *net,
                const char *inputs, const char *labels, const char *targets, const char *weights);

/* Knowledge in memory of its own: λ read from `lambda` in the outside's order, d refreshed. Close
 * the arena. */
void knowledge_open(struct iml_knowledge *self, struct iml_arena *arena, const char *kind,
                    const struct iml_net *net, const double *lambda);

/* H by P products with unit vectors. products is borrowed. */
void dense_from_curvature(struct dense *self, const struct iml_curvature *curvature,
                          unsigned *products);

#endif
