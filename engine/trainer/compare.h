/* compare.h: what a compare run has of its own (MATH §5.4, §5.7). Private to engine/trainer. */
#ifndef IMLD_ENGINE_TRAINER_COMPARE_H
#define IMLD_ENGINE_TRAINER_COMPARE_H

#include "engine/trainer/run.h"

/* What is kept of an estimate beside its q; all double, so that one item of the registry has it. */
enum iml_compare_column {
    IML_COMPARE_RESIDUAL, /* ‖v − Hq‖/‖v‖, by a product more; without the solver's δ */
    IML_COMPARE_RESIDUAL_REPORTED, /* the solver's own, of H_δ; NaN where it knows none */
    IML_COMPARE_Q_NORM,
    IML_COMPARE_VQ,
    IML_COMPARE_PRODUCTS,
    IML_COMPARE_SECONDS,
    IML_COMPARE_BYTES,
    IML_COMPARE_STEP_SIZE,
    IML_COMPARE_HYPERGRADIENT_NORM,
    IML_COMPARE_COSINE,           /* of the hypergradient and the reference's, */
    IML_COMPARE_RELATIVE_ERROR,   /* ‖g − g*‖/‖g*‖ */
    IML_COMPARE_Q_COSINE,         /* the same of q */
    IML_COMPARE_Q_RELATIVE_ERROR, /* */
    IML_COMPARE_END,              /* enum iml_end */
    IML_COMPARE_COLUMNS
};

enum { IML_ESTIMATES_MAX = IML_COMPARED_MAX + 1, IML_COMPARE_HEADLINE_BYTES = 500 };

/* Estimates: the job's solvers in their order, then the reference. */
struct iml_compare {
    size_t count; /* of estimates: the solvers and the reference */
    struct iml_solver_options options[IML_ESTIMATES_MAX];
    const char *names[IML_ESTIMATES_MAX]; /* the options'; the last one is "reference" */
    char *memory;                         /* of the solver at work: the most that one takes */
    size_t memory_bytes;
    iml_real *g, *other; /* M: hypergradients, remade from q where they are needed */
    iml_real *q;         /* state: count × P */
    double *table;       /* state: IML_COMPARE_COLUMNS × count */
    /* the report */
    const char *kinds[IML_ESTIMATES_MAX], *ends[IML_ESTIMATES_MAX];
    double q_cosines[IML_ESTIMATES_MAX * IML_ESTIMATES_MAX];
    double cosines[IML_ESTIMATES_MAX * IML_ESTIMATES_MAX];
    double numbers[2];
    char headline[IML_COMPARE_HEADLINE_BYTES];
    struct iml_artifact artifact;
};

/* A column of the table: count numbers. */
double *iml_compare_column(const struct iml_compare *compare, enum iml_compare_column column);

/* The estimate's hypergradient, from its q, into out (M). */
void iml_compare_pull(const struct iml_trainer *self, size_t estimate, iml_real *out);

/* compare_report.c: the artifact. */
void iml_compare_report(struct iml_trainer *self);

/* The solver whose hypergradient is nearest to the reference's; count: none has a cosine. */
size_t iml_compare_best(const struct iml_compare *compare);

#endif
