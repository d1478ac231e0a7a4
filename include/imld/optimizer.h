/* optimizer.h: sgd, adam, rmsprop by PyTorch's published update rules (MATH §1). */
#ifndef IMLD_OPTIMIZER_H
#define IMLD_OPTIMIZER_H

#include "imld/net.h"

struct iml_optimizer_kind;

struct iml_optimizer_options {
    const struct iml_optimizer_kind *kind;
    double learning_rate;
    double momentum;     /* sgd; 0 = none */
    bool nesterov;       /* sgd */
    double beta1, beta2; /* adam: 0.9, 0.999 */
    double rho;          /* rmsprop: 0.99 */
    double epsilon;      /* adam, rmsprop: 1e-8, added outside the root */
};

struct iml_optimizer {
    struct iml_optimizer_options options;
    size_t size;
    iml_real *moments[2]; /* state; the kind says what they hold, NULL where unused */
    uint64_t *steps;      /* state: steps taken */
};

struct iml_optimizer_kind {
    const char *name;
    const char *moment_names[2]; /* NULL where unused, e.g. "square_average" */
    /* Whether moment i is kept under these options; NULL: whenever it has a name. */
    bool (*has_moment)(const struct iml_optimizer_options *options, size_t i);
    /* Moves elements first … end − 1, with the same bits however the range is cut; *steps counts
     * this step already. */
    void (*step)(const struct iml_optimizer *self, iml_real *x, const iml_real *gradient,
                 size_t first, size_t end);
};

extern const struct iml_optimizer_kind *const iml_optimizer_kinds[]; /* ends with NULL */
const struct iml_optimizer_kind *iml_optimizer_kind_find(const char *name);

void iml_optimizer_layout(struct iml_optimizer *self, const struct iml_optimizer_options *options,
                          size_t size, struct iml_arena *arena);

/* Moves x (size) by one step along the gradient. */
void iml_optimizer_step(struct iml_optimizer *self, iml_real *x, const iml_real *gradient);

/* The same in parts: counts the step; then moves elements first … first + count − 1, each once, in
 * any order and from any threads, with the same bits. */
void iml_optimizer_begin_step(struct iml_optimizer *self);
void iml_optimizer_move(const struct iml_optimizer *self, iml_real *x, const iml_real *gradient,
                        size_t first, size_t count);

/* Registers moments and step count under PREFIX ("optimizer/", "optimizer/knowledge/"). net: the
 * moments have θ's shape and are registered block by block; NULL: flat. */
IML_MUST_USE enum iml_code iml_optimizer_register(const struct iml_optimizer *self,
                                                  const char *prefix, const struct iml_net *net,
                                                  struct iml_registry *registry,
                                                  struct iml_error *error);

#endif
