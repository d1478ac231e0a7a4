/* diagnose.h: looks at an estimate beside an update of λ (MATH §5): one file a look, a table in
 * diagnose.c. They change nothing that an update or a step depends on: what they write is their own
 * memory, or the curvature evaluator and the batch's buffers, which the next update writes again.
 * Private to engine/trainer. */
#ifndef IMLD_ENGINE_TRAINER_DIAGNOSE_H
#define IMLD_ENGINE_TRAINER_DIAGNOSE_H

#include "imld/trainer.h"

enum {
    IML_LOOK_VECTORS = 3,
    IML_ARTIFACT_NUMBERS_MAX = 64,
    IML_DENSITY_POINTS = 256, /* of a spectrum's density */
};

/* Memory of all looks of a run, and the last artifacts' single numbers. */
struct iml_diagnosis {
    iml_real *vectors[IML_LOOK_VECTORS]; /* P each: scratch of the look at work */
    double numbers[IML_ARTIFACT_NUMBERS_MAX];
    size_t number_count;

    struct iml_lens lens;
    double *lens_curves; /* IML_LENS_SOLVERS × (m + 1) */

    struct iml_spectrum spectrum;
    double *spectrum_x, *spectrum_density; /* IML_DENSITY_POINTS each */

    bool is_own_reference; /* the job's own estimate is the exact one */
    struct iml_solver reference;
    iml_real *reference_gradient; /* M */

    iml_real *pair_gradients, *pair_q;     /* pairs × M, pairs × P */
    double *pair_norms, *pair_q_norms;     /* pairs each */
    double *pair_cosines, *pair_q_cosines; /* pairs × pairs */
};

/* What an update hands over: its estimate, before λ moves. */
struct iml_look {
    struct iml_trainer *trainer;
    const struct iml_curvature *curvature; /* linearized at the update's batch */
    const struct iml_report *report;
    uint32_t update; /* from 0 */
    struct iml_rows *rows;
};

struct iml_diagnostic {
    const char *name;
    size_t every;        /* where in struct iml_diagnostics_options: every_updates */
    bool makes_artifact; /* of that name */
    void (*layout)(struct iml_trainer *self, struct iml_arena *arena);
    /* v ≠ 0 and finite. Only IML_ERROR_CANCELLED is an error; a look that sees nothing finite adds
     * no row. artifact is empty, and left so where there is nothing to tell; NULL if the look makes
     * none. */
    enum iml_code (*look)(const struct iml_look *look, struct iml_artifact *artifact,
                          struct iml_error *error);
};

extern const struct iml_diagnostic iml_look_residual, iml_look_lens, iml_look_spectrum,
    iml_look_reference, iml_look_variance;

/* Takes memory for the looks that the job asks for. */
void iml_diagnose_layout(struct iml_trainer *self, struct iml_arena *arena);

/* Takes the looks that are due at the update at hand. */
IML_MUST_USE enum iml_code iml_diagnose(struct iml_trainer *self,
                                        const struct iml_curvature *curvature,
                                        const struct iml_report *report, struct iml_rows *rows,
                                        struct iml_error *error);

/* For looks: δ of H_δ = H + δI as the solver takes it (nystrom's ρ is none). */
double iml_look_damping(const struct iml_trainer *self);
IML_MUST_USE enum iml_code iml_look_cancelled(struct iml_error *error);

/* artifact.c: entries of an artifact; names are literals, lists are borrowed, a single number is
 * kept in the diagnosis. */
void iml_artifact_number(const struct iml_look *look, struct iml_artifact *artifact,
                         const char *name, double value);
/* count 0: a single number */
void iml_artifact_list(struct iml_artifact *artifact, const char *name, const double *values,
                       size_t count);
void iml_artifact_table(struct iml_artifact *artifact, const char *name, const double *values,
                        size_t rows, size_t columns);
void iml_artifact_text(struct iml_artifact *artifact, const char *name, const char *text);
void iml_artifact_texts(struct iml_artifact *artifact, const char *name, const char *const *texts,
                        size_t count);

#endif
